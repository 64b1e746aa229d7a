//! `host status`: the cluster at a glance.

use std::sync::Arc;
use std::time::Duration;

use host_core::NodeId;
use host_core::resources::{MEMORY, format_bytes};
use host_proto::admin as proto;
use serde_json::{Map, Value as Json, json};

use super::client::{self, ClientOptions, answer, caller};
use super::console::{Console, Format};
use super::failure::Failure;
use super::table::{laid_out, table};
use super::text::one_line;
use super::time;

/// Show the cluster at a glance
#[derive(clap::Args, Debug)]
pub(super) struct Status {
    #[command(flatten)]
    client: ClientOptions,
}

impl Status {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.client, console, async |mut client| {
            let request = proto::StatusRequest { caller: caller() };
            let status = answer(client.status(request)).await?;
            match console.format {
                Format::Text => console.out(&for_people(&status)),
                Format::Json => console.out(&format!("{}\n", for_programs(&status))),
            }
            Ok(())
        })
    }
}

fn for_people(status: &proto::StatusAnswer) -> String {
    let alive = status.nodes.iter().filter(|node| node.state() != proto::NodeState::Silent);
    let (alive, all) = (alive.count(), status.nodes.len());
    let plural = if all == 1 { "" } else { "s" };
    let cluster = match status.cluster.is_empty() {
        true => "a node that is alone".into(),
        false => format!("cluster {}: {alive} of {all} node{plural} answered", status.cluster),
    };
    format!("{cluster}\n{}", nodes_for_people(&status.nodes))
}

fn for_programs(status: &proto::StatusAnswer) -> Json {
    json!({
        "cluster": Some(&status.cluster).filter(|id| !id.is_empty()),
        "answered_by": NodeId(status.answered_by).to_string(),
        "nodes": status.nodes.iter().map(node_for_programs).collect::<Vec<_>>(),
    })
}

/// A table of nodes.
pub(super) fn nodes_for_people(nodes: &[proto::Node]) -> String {
    let mut rows = table();
    rows.set_header([
        "NODE", "NAME", "ADDRESS", "STATE", "READY", "ACTORS", "JOBS", "OBJECTS", "FREE", "UP",
    ]);
    for node in nodes {
        let known = node.state() != proto::NodeState::Silent;
        let known = |text: String| if known { text } else { "?".into() };
        let state = match node.why.is_empty() {
            true => state(node).into(),
            false => format!("{}: {}", state(node), one_line(&node.why)),
        };
        rows.add_row([
            NodeId(node.id).to_string(),
            one_line(&node.name),
            one_line(&node.address),
            state,
            known(ready(node)),
            known(node.actors.to_string()),
            known(node.jobs.to_string()),
            known(format!(
                "{} of {}",
                format_bytes(node.object_bytes),
                format_bytes(node.object_bytes_max)
            )),
            known(free(node)),
            known(time::show(Duration::from_millis(node.uptime_ms))),
        ]);
    }
    laid_out(&rows)
}

/// Whether a node can do work; else why not.
fn ready(node: &proto::Node) -> String {
    let Some(health) = &node.health else { return "?".into() };
    if health.ready {
        return "yes".into();
    }
    let failed = health.checks.iter().filter(|check| !check.ok);
    let failed = failed.map(|check| format!("{}: {}", one_line(&check.name), one_line(&check.why)));
    format!("no: {}", failed.collect::<Vec<_>>().join("; "))
}

/// The same for programs.
pub(super) fn health_for_programs(health: &proto::Health) -> Json {
    let check = |check: &proto::HealthCheck| {
        let why = Some(&check.why).filter(|why| !why.is_empty());
        json!({ "check": check.name, "ok": check.ok, "why": why })
    };
    let checks: Vec<_> = health.checks.iter().map(check).collect();
    json!({ "ready": health.ready, "checks": checks })
}

fn free(node: &proto::Node) -> String {
    let resource = |resource: &proto::Resource| {
        let proto::Resource { name, total, free } = resource;
        match name.as_str() {
            MEMORY => {
                format!("{} of {} memory", format_bytes(*free as u64), format_bytes(*total as u64))
            }
            name => format!("{free} of {total} {}", one_line(name)),
        }
    };
    node.resources.iter().map(resource).collect::<Vec<_>>().join(", ")
}

/// A node for programs.
pub(super) fn node_for_programs(node: &proto::Node) -> Json {
    let resource = |resource: &proto::Resource| {
        (resource.name.clone(), json!({"total": resource.total, "free": resource.free}))
    };
    let mut object = json!({
        "node": NodeId(node.id).to_string(),
        "name": node.name,
        "address": node.address,
        "state": state(node),
    });
    let fields = object.as_object_mut().expect("it was just made");
    if node.state() == proto::NodeState::Silent {
        fields.insert("why".into(), node.why.clone().into());
        return object;
    }
    if let Some(health) = &node.health {
        fields.insert("health".into(), health_for_programs(health));
    }
    fields.extend([
        ("version".into(), node.version.clone().into()),
        ("uptime_ms".into(), node.uptime_ms.into()),
        ("actors".into(), node.actors.into()),
        ("packages".into(), node.packages.into()),
        ("jobs".into(), node.jobs.into()),
        ("object_bytes".into(), node.object_bytes.into()),
        ("object_bytes_max".into(), node.object_bytes_max.into()),
        (
            "resources".into(),
            Json::Object(node.resources.iter().map(resource).collect::<Map<_, _>>()),
        ),
    ]);
    object
}

fn state(node: &proto::Node) -> &'static str {
    match node.state() {
        proto::NodeState::Unknown => "unknown",
        proto::NodeState::Alive => "alive",
        proto::NodeState::Draining => "draining",
        proto::NodeState::Silent => "silent",
    }
}
