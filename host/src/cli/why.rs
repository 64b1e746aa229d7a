//! `host explain`: why something is as it is.

use std::sync::Arc;

use host_proto::admin as proto;
use serde_json::json;

use super::client::{self, ClientOptions, answer, caller};
use super::console::{Console, Format};
use super::failure::Failure;
use super::target::Target;
use super::text::one_line;

/// Say why an actor, a job or an object is as it is
#[derive(clap::Args, Debug)]
pub(super) struct Explain {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    client: ClientOptions,
}

impl Explain {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.client, console, async |mut client| {
            let target = Some(self.target.wire());
            let request = proto::ExplainRequest { caller: caller(), target };
            let lines = answer(client.explain(request)).await?.lines;
            match console.format {
                Format::Text => {
                    let lines = lines.iter().map(|line| format!("{}\n", one_line(line)));
                    console.out(&lines.collect::<String>());
                }
                Format::Json => console.out(&format!("{}\n", json!({ "explanation": lines }))),
            }
            Ok(())
        })
    }
}
