//! `host list`: nodes, actors, objects, packages, jobs, GPUs, placement groups.

mod gpus;
mod groups;

use std::sync::Arc;
use std::time::Duration;

use host_core::NodeId;
use host_core::id::PackageId;
use host_core::resources::format_bytes;
use host_proto::admin as proto;
use serde_json::{Value as Json, json};

use super::client::{self, Client, ClientOptions, answer, caller};
use super::console::{Console, Format};
use super::failure::Failure;
use super::status::{node_for_programs, nodes_for_people};
use super::table::{laid_out, table};
use super::target::shown;
use super::text::one_line;
use super::time;
use crate::admin::wire;

/// Show what is in the cluster
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// What
    kind: Kind,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    #[command(flatten)]
    client: ClientOptions,
}

const EXAMPLES: &str = "\
Examples:
  host list nodes
  host list actors --format json | jq -r 'select(.state == \"pending\") | .id'

Objects are those of 4 KiB and more that are in memory, largest first; a line
says what there is besides.";

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Kind {
    /// The hosts of the cluster.
    Nodes,
    /// Live actors.
    Actors,
    /// Objects in memory, largest first.
    Objects,
    /// Packages that are loaded.
    Packages,
    /// Jobs that clients run.
    Jobs,
    /// GPUs, and the actors that have reserved them.
    Gpus,
    /// Placement groups, and why those that wait do.
    Groups,
}

/// What was found.
#[derive(Default)]
struct Found {
    answer: proto::ListAnswer,
    count: usize,
}

impl List {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.client, console, async |client| match self.kind {
            Kind::Nodes => nodes(client, console).await,
            Kind::Actors => self.list(client, console, proto::Kind::Actors).await,
            Kind::Objects => self.list(client, console, proto::Kind::Objects).await,
            Kind::Packages => self.list(client, console, proto::Kind::Packages).await,
            Kind::Jobs => self.list(client, console, proto::Kind::Jobs).await,
            Kind::Gpus => self.list(client, console, proto::Kind::Gpus).await,
            Kind::Groups => self.list(client, console, proto::Kind::Groups).await,
        })
    }

    async fn list(
        &self,
        client: Client,
        console: &Console,
        kind: proto::Kind,
    ) -> Result<(), Failure> {
        let Found { answer, .. } = self.all(client, kind).await?;
        match console.format {
            Format::Text => console.out(&for_people(&answer, kind)),
            Format::Json => console.out(&for_programs(&answer)),
        }
        if console.format == Format::Text {
            for proto::Unanswered { node, why } in &answer.unanswered {
                console.err(&format!(
                    "warning: {} did not answer: {}\n",
                    one_line(node),
                    one_line(why)
                ));
            }
            if answer.more {
                console.err(&format!("warning: there are more than {} (--limit)\n", self.limit));
            }
        }
        Ok(())
    }

    /// Page after page, up to the limit.
    async fn all(&self, mut client: Client, kind: proto::Kind) -> Result<Found, Failure> {
        let mut found = Found::default();
        let mut after = None;
        while found.count < self.limit {
            let limit = u32::try_from(self.limit - found.count).unwrap_or(u32::MAX);
            let request = proto::ListRequest { caller: caller(), kind: kind.into(), after, limit };
            let page = answer(client.list(request)).await?;
            after = last_of(&page);
            found.count += items(&page);
            let more = page.more && after.is_some();
            found.answer.actors.extend(page.actors);
            found.answer.objects.extend(page.objects);
            found.answer.packages.extend(page.packages);
            found.answer.jobs.extend(page.jobs);
            found.answer.gpus.extend(page.gpus);
            found.answer.groups.extend(page.groups);
            found.answer.object_totals = page.object_totals;
            found.answer.unanswered = page.unanswered;
            found.answer.more = more;
            if !more {
                break;
            }
        }
        Ok(found)
    }
}

fn items(page: &proto::ListAnswer) -> usize {
    let counted = page.actors.len() + page.objects.len() + page.packages.len();
    counted + page.jobs.len() + page.gpus.len() + page.groups.len()
}

fn last_of(page: &proto::ListAnswer) -> Option<proto::Id> {
    let actor = page.actors.last().and_then(|actor| actor.id);
    let object = page.objects.last().and_then(|object| object.id);
    let job = page.jobs.last().and_then(|job| job.id);
    let group = page.groups.last().and_then(|group| group.id);
    actor.or(object).or(job).or(group)
}

async fn nodes(mut client: Client, console: &Console) -> Result<(), Failure> {
    let status = answer(client.status(proto::StatusRequest { caller: caller() })).await?;
    match console.format {
        Format::Text => console.out(&nodes_for_people(&status.nodes)),
        Format::Json => console.out(&lines(status.nodes.iter().map(node_for_programs))),
    }
    Ok(())
}

fn lines(objects: impl Iterator<Item = Json>) -> String {
    objects.map(|object| format!("{object}\n")).collect()
}

fn for_people(list: &proto::ListAnswer, kind: proto::Kind) -> String {
    if kind == proto::Kind::Gpus {
        return gpus::for_people(&list.gpus);
    }
    if kind == proto::Kind::Groups {
        return groups::for_people(&list.groups);
    }
    let mut rows = table();
    match kind {
        proto::Kind::Actors => rows.set_header([
            "ACTOR", "CLASS", "NAME", "NODE", "STATE", "WAITING", "DONE", "RESTARTS", "JOB",
        ]),
        proto::Kind::Objects => rows.set_header(["OBJECT", "NODE", "SIZE"]),
        proto::Kind::Packages => rows.set_header(["PACKAGE", "NODE", "CLASSES", "DRIVER", "SDK"]),
        proto::Kind::Jobs => rows.set_header(["JOB", "NODE", "OWNER", "WHAT", "ACTORS", "AGE"]),
        proto::Kind::Gpus | proto::Kind::Groups | proto::Kind::Unknown => &mut rows,
    };
    for actor in &list.actors {
        let why = match actor.why.is_empty() {
            true => state(actor.state()).into(),
            false => format!("{}: {}", state(actor.state()), one_line(&actor.why)),
        };
        rows.add_row([
            shown('a', actor.id),
            one_line(&actor.class),
            one_line(&name(actor)),
            NodeId(actor.node).to_string(),
            why,
            actor.waiting.to_string(),
            actor.done.to_string(),
            actor.restarts.to_string(),
            shown('j', actor.job),
        ]);
    }
    for object in &list.objects {
        let node = NodeId(object.node).to_string();
        rows.add_row([shown('o', object.id), node, format_bytes(object.bytes)]);
    }
    let rest = list.object_totals.as_ref().map(|totals| rest_for_people(list, totals));
    for package in &list.packages {
        let classes = one_line(&package.classes.join(", "));
        let driver = if package.driver { "yes" } else { "no" };
        rows.add_row([
            package_id(&package.id),
            NodeId(package.node).to_string(),
            classes,
            driver.into(),
            one_line(&package.sdk),
        ]);
    }
    for job in &list.jobs {
        rows.add_row([
            shown('j', job.id),
            NodeId(job.node).to_string(),
            one_line(&job.owner),
            one_line(&job.what),
            job.actors.to_string(),
            time::show(Duration::from_millis(job.age_ms)),
        ]);
    }
    laid_out(&rows) + &rest.unwrap_or_default()
}

/// Objects in memory that are not listed, and their bytes.
fn unlisted(list: &proto::ListAnswer, totals: &proto::ObjectTotals) -> (u64, u64) {
    let bytes = list.objects.iter().map(|object| object.bytes).sum();
    (totals.count.saturating_sub(list.objects.len() as u64), totals.bytes.saturating_sub(bytes))
}

fn rest_for_people(list: &proto::ListAnswer, totals: &proto::ObjectTotals) -> String {
    let (count, bytes) = unlisted(list, totals);
    format!(
        "besides: {count} more in memory with {}, {} small or not ready, {} on disk with {}\n",
        format_bytes(bytes),
        totals.small,
        totals.on_disk,
        format_bytes(totals.on_disk_bytes)
    )
}

fn for_programs(list: &proto::ListAnswer) -> String {
    let object = |object: &proto::Object| {
        json!({
            "id": shown('o', object.id),
            "node": NodeId(object.node).to_string(),
            "bytes": object.bytes,
        })
    };
    let package = |package: &proto::Package| {
        json!({
            "id": package_id(&package.id),
            "node": NodeId(package.node).to_string(),
            "classes": package.classes,
            "driver": package.driver,
            "sdk": package.sdk,
        })
    };
    let job = |job: &proto::Job| {
        json!({
            "id": shown('j', job.id),
            "node": NodeId(job.node).to_string(),
            "owner": job.owner,
            "what": job.what,
            "package": package_id(&job.package),
            "actors": job.actors,
            "age_ms": job.age_ms,
        })
    };
    let unanswered = |unanswered: &proto::Unanswered| json!({"unanswered": unanswered.node, "why": unanswered.why});
    let rest = list.object_totals.as_ref().map(|totals| {
        let (count, bytes) = unlisted(list, totals);
        json!({"besides": {
            "in_memory": count,
            "in_memory_bytes": bytes,
            "small": totals.small,
            "on_disk": totals.on_disk,
            "on_disk_bytes": totals.on_disk_bytes,
        }})
    });
    let all = list.actors.iter().map(actor_for_programs);
    let all = all.chain(list.objects.iter().map(object)).chain(list.packages.iter().map(package));
    lines(
        all.chain(list.jobs.iter().map(job))
            .chain(list.gpus.iter().map(gpus::for_programs))
            .chain(list.groups.iter().map(groups::for_programs))
            .chain(rest)
            .chain(list.unanswered.iter().map(unanswered)),
    )
}

/// An actor for programs.
pub(super) fn actor_for_programs(actor: &proto::Actor) -> Json {
    json!({
        "id": shown('a', actor.id),
        "class": actor.class,
        "name": Some(&actor.name).filter(|name| !name.is_empty()),
        "namespace": actor.namespace,
        "node": NodeId(actor.node).to_string(),
        "state": state(actor.state()),
        "why": Some(&actor.why).filter(|why| !why.is_empty()),
        "waiting": actor.waiting,
        "done": actor.done,
        "restarts": actor.restarts,
        "handles": actor.handles,
        "job": shown('j', actor.job),
    })
}

/// What an actor is doing, in a word.
pub(super) fn state(state: proto::ActorState) -> &'static str {
    match state {
        proto::ActorState::Unknown => "unknown",
        proto::ActorState::Pending => "pending",
        proto::ActorState::Starting => "starting",
        proto::ActorState::Idle => "idle",
        proto::ActorState::Running => "running",
        proto::ActorState::Dead => "dead",
    }
}

/// An actor's name, with its namespace unless that is the default.
pub(super) fn name(actor: &proto::Actor) -> String {
    match (actor.name.as_str(), actor.namespace.as_str()) {
        ("", _) => "-".into(),
        (name, host_core::spec::DEFAULT_NAMESPACE) => name.into(),
        (name, namespace) => format!("{namespace}/{name}"),
    }
}

/// A package's id as people read it.
pub(super) fn package_id(id: &[u8]) -> String {
    wire::package_id_from(id).as_ref().map_or_else(|| "?".into(), PackageId::to_string)
}
