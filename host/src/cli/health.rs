//! `host health`: whether a node can do work, for scripts and probes.

use std::sync::Arc;

use host_core::NodeId;
use host_proto::admin as proto;
use serde_json::json;

use super::client::{self, ClientOptions, answer, caller};
use super::console::{Console, Format};
use super::failure::Failure;
use super::status::health_for_programs;
use super::text::one_line;

/// Say whether a node can do work: exit with 0 if so, else with 4
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Health {
    #[command(flatten)]
    client: ClientOptions,
}

const AFTER_HELP: &str = "\
The node makes an actor and calls it, asks the control store, and looks at its
lease. The same is at http://HOST:PORT/ready, for whoever may look at the
cluster; on the node's own machine with its owner's token.";

impl Health {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.client, console, async |mut client| {
            let this_node = caller().map(|caller| proto::Caller { this_node: true, ..caller });
            let request = proto::StatusRequest { caller: this_node };
            let status = answer(client.status(request)).await?;
            let node = status.nodes.into_iter().next();
            let node = node.ok_or_else(|| Failure::set_up("the node says nothing of itself"))?;
            let health = node.health.clone().unwrap_or_default();
            match console.format {
                Format::Text => console.out(&for_people(&node, &health)),
                Format::Json => {
                    let mut object = health_for_programs(&health);
                    object["node"] = NodeId(node.id).to_string().into();
                    object["name"] = json!(node.name);
                    console.out(&format!("{object}\n"));
                }
            }
            if health.ready {
                return Ok(());
            }
            Err(Failure::set_up(format!("node {} is not ready", one_line(&node.name))))
        })
    }
}

fn for_people(node: &proto::Node, health: &proto::Health) -> String {
    let state = if health.ready { "ready" } else { "not ready" };
    let mut text = format!("node {} ({}) is {state}\n", one_line(&node.name), NodeId(node.id));
    for check in &health.checks {
        let how = if check.ok { "ok".into() } else { one_line(&check.why) };
        text += &format!("  {}: {how}\n", one_line(&check.name));
    }
    text
}
