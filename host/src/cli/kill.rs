//! `host kill`: the end of an actor or a job.

use std::sync::Arc;

use host_proto::admin as proto;
use serde_json::json;

use super::client::{self, ANSWER_TIME, Client, ClientOptions, answer_anywhere, caller};
use super::console::{Console, Format};
use super::failure::Failure;
use super::target::Target;

/// End an actor or a job, now
#[derive(clap::Args, Debug)]
pub(super) struct Kill {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    client: ClientOptions,
}

impl Kill {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.client, console, async |client| {
            let target = Some(self.target.wire());
            let request = proto::KillRequest { caller: caller(), target };
            let ask = |mut client: Client, request| async move { client.kill(request).await };
            let killed = answer_anywhere(&self.client, ANSWER_TIME, client, request, ask).await?;
            let what = killed.what;
            match console.format {
                Format::Text => console.out(&format!("killed {what}\n")),
                Format::Json => console.out(&format!("{}\n", json!({ "killed": what }))),
            }
            Ok(())
        })
    }
}
