//! `host stop` and `host drain`: the end of a node, at once or in order.

use std::sync::Arc;
use std::time::Duration;

use host_proto::admin as proto;
use serde_json::json;
use tokio::time::timeout;

use super::client::{self, ANSWER_TIME, ClientOptions, answer, caller, refused};
use super::console::{Console, Format};
use super::failure::Failure;
use super::text::one_line;
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
#[command(after_help = AFTER_DRAIN)]
pub(super) struct Drain {
    /// Its name or id, such as n2
    node: String,
    /// What is there after so long is ended
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    deadline: Duration,
    #[command(flatten)]
    client: ClientOptions,
}

const AFTER_DRAIN: &str = "\
Actors that are detached or may restart end the calls they have, and start anew
on other nodes, without their state; it counts as no restart. Others live until
they end by themselves, or until the deadline. Then the node leaves the cluster
and its process ends; the objects it made are lost.";

impl Drain {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.client, console, async |mut client| {
            let request = proto::DrainRequest {
                caller: caller(),
                node: self.node.clone(),
                deadline_ms: u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX),
            };
            let mut events = answer(client.drain(request)).await?;
            let mut shown = None;
            loop {
                // The node tells each change, and ends what takes too long.
                let event = timeout(self.deadline + ANSWER_TIME, events.message()).await;
                let event = event.map_err(|_| self.unfinished())?;
                let event = event.map_err(|status| refused(&status))?;
                let event = event.ok_or_else(|| self.unfinished())?;
                if event.over {
                    console.out(&match console.format {
                        Format::Text => done(&self.node, &event),
                        Format::Json => format!("{}\n", done_for_programs(&self.node, &event)),
                    });
                    return Ok(());
                }
                let step = (event.left, event.moved, event.ended);
                if shown.replace(step) != Some(step) {
                    console.progress(&under_way(&self.node, &event));
                }
            }
        })
    }

    fn unfinished(&self) -> Failure {
        let node = &self.node;
        Failure::set_up(format!(
            "nothing is heard of the drain of {node} any more; `host status` shows how it is"
        ))
    }
}

fn under_way(node: &str, event: &proto::DrainEvent) -> String {
    let proto::DrainEvent { moved, ended, left, rest_ms, .. } = event;
    let rest = rest_ms.div_ceil(1_000);
    format!("node {node}: {left} actors left, {moved} moved, {ended} ended; {rest} s to go")
}

fn done(node: &str, event: &proto::DrainEvent) -> String {
    let proto::DrainEvent { moved, ended, objects_lost, orphans, .. } = event;
    let mut text = format!(
        "node {node} is drained and leaves: {moved} actors moved, {ended} ended, {objects_lost} \
         objects lost that others hold\n"
    );
    if *orphans > 0 {
        text += &format!("{orphans} actors on other nodes were created there, and end with it\n");
    }
    for (what, count, first) in
        [("moved", *moved, &event.first_moved), ("ended", *ended, &event.first_ended)]
    {
        for label in first {
            text += &format!("  {what}  {}\n", one_line(label));
        }
        let more = count.saturating_sub(first.len() as u64);
        if more > 0 {
            text += &format!("  {what}  {more} more\n");
        }
    }
    text
}

fn done_for_programs(node: &str, event: &proto::DrainEvent) -> serde_json::Value {
    let proto::DrainEvent { moved, ended, first_moved, first_ended, objects_lost, orphans, .. } =
        event;
    json!({
        "drained": node, "moved": moved, "ended": ended, "first_moved": first_moved,
        "first_ended": first_ended, "objects_lost": objects_lost, "orphans": orphans,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_drain_names_what_became_of_whom() {
        let event = proto::DrainEvent {
            moved: 1,
            ended: 3,
            first_moved: vec!["Counter(a1@n2)".into()],
            first_ended: vec!["Journal(a2@n2)".into(), "driver(a3@n2)".into()],
            objects_lost: 2,
            orphans: 4,
            over: true,
            ..Default::default()
        };
        let text = "node beta is drained and leaves: 1 actors moved, 3 ended, 2 objects lost that \
                    others hold\n4 actors on other nodes were created there, and end with it\n  \
                    moved  Counter(a1@n2)\n  ended  Journal(a2@n2)\n  ended  driver(a3@n2)\n  \
                    ended  1 more\n";
        assert_eq!(done("beta", &event), text);
    }
}
