//! `host get actor`: one actor in full.

use std::sync::Arc;

use host_core::NodeId;
use host_core::resources::{MEMORY, format_bytes};
use host_proto::admin as proto;
use serde_json::{Map, Value as Json, json};

use super::client::{self, ClientOptions, answer, caller};
use super::console::{Console, Format};
use super::explain::signature;
use super::failure::Failure;
use super::list::{actor_for_programs, name, package_id, state};
use super::table::facts;
use super::target::{Target, shown};
use super::text::one_line;
use crate::admin::wire;

/// Show one thing in full
#[derive(clap::Args, Debug)]
pub(super) struct Get {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// An actor: its options, where it is, what it does
    Actor(GetActor),
}

#[derive(clap::Args, Debug)]
struct GetActor {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    client: ClientOptions,
}

impl Get {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        let What::Actor(GetActor { target, client }) = self.what;
        client::with_client(&client, console, async |mut client| {
            let target = Some(target.wire());
            let request = proto::GetActorRequest { caller: caller(), target };
            let actor = answer(client.get_actor(request)).await?;
            match console.format {
                Format::Text => console.out(&for_people(&actor)),
                Format::Json => console.out(&format!("{}\n", for_programs(&actor))),
            }
            Ok(())
        })
    }
}

fn for_people(full: &proto::GetActorAnswer) -> String {
    let actor = full.actor.clone().unwrap_or_default();
    let state = match actor.why.is_empty() {
        true => state(actor.state()).into(),
        false => format!("{}: {}", state(actor.state()), one_line(&actor.why)),
    };
    let resource = |amount: &proto::Amount| match amount.name.as_str() {
        MEMORY => format!("{} memory", format_bytes(amount.amount as u64)),
        name => format!("{} {}", amount.amount, one_line(name)),
    };
    let resources: Vec<_> = full.resources.iter().map(resource).collect();
    let tries =
        |tries: Option<u32>| tries.map_or_else(|| "any number".into(), |tries| tries.to_string());
    let methods = full.methods.iter().cloned().map(wire::method_from);
    let methods: Vec<_> = methods.map(|method| one_line(&signature(&method))).collect();
    facts([
        ("actor", shown('a', actor.id)),
        ("class", one_line(&actor.class)),
        ("name", one_line(&name(&actor))),
        ("node", NodeId(actor.node).to_string()),
        ("state", state),
        ("job", shown('j', actor.job)),
        (
            "lives",
            if full.detached {
                "until it is killed".into()
            } else {
                "as long as its job and handles".into()
            },
        ),
        ("handles", actor.handles.to_string()),
        (
            "calls",
            format!(
                "{} done, {} waiting of {} at most",
                actor.done, actor.waiting, full.max_pending_calls
            ),
        ),
        ("at once", full.max_concurrency.to_string()),
        ("restarts", format!("{} of {}", actor.restarts, tries(full.max_restarts))),
        ("retries", tries(full.max_retries)),
        ("reserves", if resources.is_empty() { "nothing".into() } else { resources.join(", ") }),
        ("placed", placing(full)),
        ("memory", format!("{} at most", format_bytes(full.memory_bytes_max))),
        ("isolation", one_line(&full.isolation)),
        ("package", package_id(&full.package)),
        ("methods", methods.join("\n")),
    ])
}

/// Which of several nodes it asks for.
fn placing(full: &proto::GetActorAnswer) -> String {
    let labels: Vec<_> = full.labels.iter().map(|label| one_line(label)).collect();
    match labels.is_empty() {
        true => one_line(&full.strategy),
        false => format!("{}, where {}", one_line(&full.strategy), labels.join(", ")),
    }
}

fn for_programs(full: &proto::GetActorAnswer) -> Json {
    let actor = full.actor.clone().unwrap_or_default();
    let mut object = actor_for_programs(&actor);
    let amount = |amount: &proto::Amount| (amount.name.clone(), json!(amount.amount));
    let fields = object.as_object_mut().expect("an actor is an object");
    fields.extend([
        ("isolation".into(), full.isolation.as_str().into()),
        ("package".into(), package_id(&full.package).into()),
        ("resources".into(), full.resources.iter().map(amount).collect::<Map<_, _>>().into()),
        ("memory_bytes_max".into(), full.memory_bytes_max.into()),
        ("strategy".into(), full.strategy.as_str().into()),
        ("labels".into(), json!(full.labels)),
        ("max_restarts".into(), json!(full.max_restarts)),
        ("max_retries".into(), json!(full.max_retries)),
        ("max_concurrency".into(), full.max_concurrency.into()),
        ("max_pending_calls".into(), full.max_pending_calls.into()),
        ("detached".into(), full.detached.into()),
        (
            "methods".into(),
            full.methods.iter().map(|method| Json::from(method.name.clone())).collect(),
        ),
    ]);
    object
}
