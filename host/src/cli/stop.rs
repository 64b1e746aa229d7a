//! `host stop` and `host drain`: the end of a node, at once or in order.

use std::sync::Arc;
use std::time::Duration;

use host_proto::admin as proto;
use serde_json::json;

use super::client::{self, ANSWER_TIME, ClientOptions, answer, answer_within, caller};
use super::console::{Console, Format};
use super::failure::Failure;
use super::time;

/// Stop a node
#[derive(clap::Args, Debug)]
#[command(after_help = "The jobs that clients run on it end, and its actors with them.")]
pub(super) struct Stop {
    #[command(flatten)]
    client: ClientOptions,
}

impl Stop {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.client, console, async |mut client| {
            let name = answer(client.stop(proto::StopRequest { caller: caller() })).await?.name;
            match console.format {
                Format::Text => console.out(&format!("node {name} stops\n")),
                Format::Json => console.out(&format!("{}\n", json!({ "stops": name }))),
            }
            Ok(())
        })
    }
}

/// Take a node out of use: its actors go elsewhere, and nothing comes to it
#[derive(clap::Args, Debug)]
pub(super) struct Drain {
    /// Its name or id, such as n2
    node: String,
    /// What is there after so long is ended
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    deadline: Duration,
    #[command(flatten)]
    client: ClientOptions,
}

impl Drain {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.client, console, async |mut client| {
            let request = proto::DrainRequest {
                caller: caller(),
                node: self.node.clone(),
                deadline_ms: self.deadline.as_millis() as u64,
            };
            let drained = answer_within(self.deadline + ANSWER_TIME, client.drain(request)).await?;
            let proto::DrainAnswer { moved, ended } = drained;
            match console.format {
                Format::Text => console.out(&format!(
                    "node {} is drained: {moved} actors moved, {ended} ended\n",
                    self.node
                )),
                Format::Json => console.out(&format!(
                    "{}\n",
                    json!({ "drained": self.node, "moved": moved, "ended": ended })
                )),
            }
            Ok(())
        })
    }
}
