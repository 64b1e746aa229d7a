//! A placement group over three nodes, and the loss of one of them.

use std::time::Duration;

use greenroom::prelude::*;
use greenroom::{Bundle, PlacementGroup};

/// Longer than the loss of a node takes to be seen.
const READY_MAX: Duration = Duration::from_secs(60);

struct Member;

#[actor(cpus = 3, memory = "4MiB")]
impl Member {
    fn new() -> Self {
        Member
    }

    fn place(&self) -> String {
        context::current().node_name
    }

    /// Does not come to an end by itself.
    fn hold(&self) {
        loop {
            std::thread::sleep(Duration::from_secs(60));
        }
    }
}

fn bundle() -> Bundle {
    Bundle::cpus(3.0).and_memory("64MiB")
}

/// Puts an actor into each of three bundles on three nodes and says where they
/// are. Once a node is lost, says how each of them ended, and reserves as much
/// again on the two that are left.
pub(crate) fn group() -> Result<()> {
    let group = PlacementGroup::strict_spread([bundle(), bundle(), bundle()])?;
    get_timeout(group.ready()?, READY_MAX)?;
    let join = |bundle| Member::options().in_bundle(&group, bundle).remote();
    let members: Vec<_> = (0..3).map(join).collect::<Result<_>>()?;
    let mut held = Vec::new();
    for member in &members {
        println!("{}", get(member.place().remote()?)?);
        held.push(member.hold().remote()?);
    }
    println!("held");
    for (member, call) in members.iter().zip(held) {
        let mut over = get(call);
        // For some seconds its node is only not reached.
        while let Err(Error::Unavailable(_)) = over {
            std::thread::sleep(Duration::from_millis(100));
            over = get(member.place().remote()?).map(drop);
        }
        match over {
            Err(Error::Died(death)) => println!("{:?}", death.cause),
            other => println!("{other:?}"),
        }
    }
    let again = PlacementGroup::strict_spread([bundle(), bundle()])?;
    get_timeout(again.ready()?, READY_MAX)?;
    println!("again");
    let never = PlacementGroup::strict_spread([bundle(), bundle(), bundle()]);
    println!("{}", never.map(|_| String::new()).unwrap_or_else(|error| error.to_string()));
    Ok(())
}
