//! Where actors go that ask for a place, one line each.

use greenroom::prelude::*;

/// Says where it is.
struct Sitter {
    visits: u64,
}

#[actor(memory = "4MiB")]
impl Sitter {
    fn new() -> Self {
        Sitter { visits: 0 }
    }

    /// Its node's name, its node's zone, how often it was visited, and which
    /// life this is.
    fn visit(&mut self) -> (String, String, u64, u32) {
        self.visits += 1;
        let current = context::current();
        let zone = current.node_label("zone").unwrap_or("none").to_owned();
        (current.node_name, zone, self.visits, current.incarnation)
    }
}

fn told(sitter: &Handle<Sitter>) -> Result<String> {
    let (node, zone, visits, life) = get(sitter.visit().remote()?)?;
    Ok(format!("{node} {zone} {visits} {life}"))
}

/// Creates one actor for each that is wanted, `on=NODE`, `near=NODE`,
/// `labels:CONDITIONS` or `spread`, all alive at once; says where each is, or
/// why it is nowhere.
pub(crate) fn place(what: &[&str]) -> Result<()> {
    let created = what.iter().map(|what| {
        let options = Sitter::options();
        match (what.split_once('='), what.split_once(':')) {
            (_, Some(("labels", conditions))) => options.labels(conditions),
            (Some(("on", node)), _) => options.on_node(node),
            (Some(("near", node)), _) => options.near_node(node),
            _ => options.spread(),
        }
        .remote()
    });
    let created: Vec<_> = created.collect();
    for sitter in &created {
        match sitter {
            Ok(sitter) => println!("{}", told(sitter)?),
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}

/// Creates actors that take a CPU each, says that they are there, and then
/// where each is, in the order they were created.
pub(crate) fn wait(actors: usize) -> Result<()> {
    let created: Vec<_> =
        (0..actors).map(|_| Sitter::options().cpus(1.0).remote()).collect::<Result<_>>()?;
    println!("created");
    for sitter in &created {
        println!("{}", told(sitter)?);
    }
    Ok(())
}

/// Creates a detached actor with a name, rather on a node.
pub(crate) fn settle(name: &str, node: &str) -> Result<()> {
    let sitter = Sitter::options().name(name).detached().near_node(node).remote()?;
    println!("{}", told(&sitter)?);
    Ok(())
}

/// Says where a named actor is.
pub(crate) fn visit(name: &str) -> Result<()> {
    println!("{}", told(&Handle::<Sitter>::lookup(name)?)?);
    Ok(())
}
