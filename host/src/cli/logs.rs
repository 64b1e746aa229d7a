//! `host logs`: what actors printed.

use std::sync::Arc;

use host_core::id::Label;
use host_core::{JobId, NodeId};
use host_proto::admin as proto;

use super::client::{self, ClientOptions, answer, caller, refused};
use super::console::{Console, Format};
use super::failure::Failure;
use super::target::Target;
use super::text::{is_harmless, one_line};
use crate::admin::wire;
use crate::log::{Record, Sink};

/// Show what an actor, or the actors of a job, printed
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Logs {
    #[command(flatten)]
    target: Target,
    /// Go on with what it prints until it ends
    #[arg(long, short)]
    follow: bool,
    /// Begin with the last N lines [default: all that are kept]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tail: Option<u32>,
    #[command(flatten)]
    client: ClientOptions,
}

const EXAMPLES: &str = "\
Examples:
  host logs a7@n1
  host logs -f --tail 10 hits

A node keeps the last 64 KiB of each actor's lines, also of one that has ended.";

impl Logs {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.client, console, async |mut client| {
            let request = proto::LogsRequest {
                caller: caller(),
                target: Some(self.target.wire()),
                tail: self.tail.unwrap_or(0),
                follow: self.follow,
            };
            let mut answers = answer(client.logs(request)).await?;
            // A node that has gone is noticed by the connection.
            while let Some(lines) = answers.message().await.map_err(|status| refused(&status))? {
                each(console, &lines, |record| console.show_line(record));
            }
            Ok(())
        })
    }
}

/// Prints lines as `host run` does.
pub(super) fn show(console: &Console, answer: &proto::LogsAnswer) {
    each(console, answer, |record| console.line(record));
}

fn each(console: &Console, answer: &proto::LogsAnswer, print: impl Fn(&Record<'_>)) {
    if answer.skipped > 0 && console.format == Format::Text {
        console.err(&format!("… at least {} lines skipped\n", answer.skipped));
    }
    for line in &answer.lines {
        let id = wire::actor_id_from(line.actor.unwrap_or_default());
        let actor = Label { class: one_line(&line.class).into(), id };
        // The node has cleaned it. A hostile one would not have.
        let text: String = line.text.chars().filter(|c| *c == '\t' || is_harmless(*c)).collect();
        // Not shown.
        let job = JobId { node: NodeId(0), seq: 0 };
        let source = wire::source_from(line.source());
        print(&Record { actor: &actor, job, source, text: &text });
    }
}
