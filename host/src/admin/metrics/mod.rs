//! The page of metrics: what a node counts and what is seen of it at this
//! moment, as OpenMetrics text, which Prometheus reads.
//!
//! Labels are bounded: classes are the [`CLASSES`](super::limits::METRIC_CLASSES)
//! with most actors, all other labels are from lists of ours. Start with
//! [`Inner::metrics`].

mod page;
mod process;

use std::collections::HashMap;
use std::sync::Arc;

use host_core::resources::Resources;
use page::Page;

use super::ports::Numbers;
use super::{Inner, limits};
use crate::actor::{Snapshot, State};
use crate::meters::{CAUSES, Count, OUTCOMES, TIMED_ONE_OF, cause_label};

/// What an actor does, by the place in a count of actors.
const STATES: [&str; 5] = ["pending", "starting", "idle", "running", "dead"];

/// The class that stands for all that have no line of their own.
const OTHER: &str = "other";

impl Inner {
    /// The page of metrics, as text. It looks at every actor: not for a thread
    /// that guests run on.
    pub(super) fn metrics(self: &Arc<Inner>) -> Result<String, std::fmt::Error> {
        let admin = self.clone();
        page::text(move |page| {
            admin.node_lines(page)?;
            admin.actor_lines(page)?;
            admin.call_lines(page)?;
            admin.object_lines(page)?;
            cluster_lines(page, &admin.vitals.numbers())?;
            process::lines(page)
        })
    }

    fn node_lines(&self, page: &mut Page<'_>) -> std::fmt::Result {
        let info = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("node", &self.about.id.to_string()),
            ("name", &self.about.name),
        ];
        page.gauges(
            "greenroom_build_info",
            "The version of the host, and which node it is.",
            [(&info[..], 1.0)],
        )?;
        let uptime = self.node.uptime().as_secs_f64();
        page.gauge("greenroom_uptime_seconds", "Time since the node got its id.", uptime)?;
        let jobs = self.jobs.count() as f64;
        page.gauge("greenroom_jobs", "Jobs that clients run on this node.", jobs)?;
        let packages = self.node.package_count() as f64;
        page.gauge("greenroom_packages", "Packages that are loaded.", packages)?;
        let meters = self.node.meters();
        page.counters(
            "greenroom_compile_cache",
            "Packages that were loaded: with compiled code from disk (hit), or compiled (miss).",
            [
                (&[("result", "hit")][..], meters.total(Count::CacheHit)),
                (&[("result", "miss")], meters.total(Count::CacheMiss)),
            ],
        )?;
        let rooms = self.node.rooms();
        let labels: Vec<_> = rooms.iter().map(|(engine, _)| [("engine", *engine)]).collect();
        let rooms = || labels.iter().map(|labels| &labels[..]).zip(rooms.iter());
        page.gauges(
            "greenroom_instances",
            "Places in the pool of instances that are taken.",
            rooms().map(|(labels, (_, room))| (labels, f64::from(room.taken()))),
        )?;
        page.gauges(
            "greenroom_instances_max",
            "Places in the pool of instances (--max-actors).",
            rooms().map(|(labels, (_, room))| (labels, f64::from(room.places()))),
        )?;
        self.resource_lines(page)
    }

    fn resource_lines(&self, page: &mut Page<'_>) -> std::fmt::Result {
        let (total, free) = self.node.resources();
        let used = total.saturating_sub(&free);
        let lines = |resources: &Resources| {
            total.iter().map(|(name, _)| resources.get(name).as_f64()).collect::<Vec<_>>()
        };
        let labels: Vec<_> = total.iter().map(|(name, _)| [("resource", name)]).collect();
        let labels = || labels.iter().map(|labels| &labels[..]);
        page.gauges(
            "greenroom_resource_max",
            "What actors can reserve on this node; memory in bytes.",
            labels().zip(lines(&total)),
        )?;
        page.gauges(
            "greenroom_resource_used",
            "What actors have reserved on this node; memory in bytes.",
            labels().zip(lines(&used)),
        )
    }

    fn actor_lines(&self, page: &mut Page<'_>) -> std::fmt::Result {
        let actors = self.node.actors();
        let classes = by_class(&actors);
        let labels: Vec<_> = classes
            .iter()
            .flat_map(|(class, _)| {
                STATES.map(|state| [("class", class.as_str()), ("state", state)])
            })
            .collect();
        let counts = classes.iter().flat_map(|(_, counts)| *counts).map(|count| count as f64);
        let lines = labels.iter().map(|labels| &labels[..]).zip(counts);
        let lines = lines.filter(|(_, count)| *count > 0.0);
        page.gauges(
            "greenroom_actors",
            "Live actors by class and state; drivers are of the class driver. Classes with few \
             actors are counted as other.",
            lines,
        )?;
        let waiting = actors.iter().map(|actor| actor.waiting);
        let (sum, most) = (waiting.clone().sum::<usize>(), waiting.max().unwrap_or(0));
        page.gauge("greenroom_mailbox_calls", "Calls that wait in mailboxes.", sum as f64)?;
        page.gauge(
            "greenroom_mailbox_calls_largest",
            "Calls that wait in the fullest mailbox.",
            most as f64,
        )?;
        let meters = self.node.meters();
        let spawned = meters.total(Count::Spawned);
        page.counter("greenroom_actor_spawns", "Actors that were made on this node.", spawned)?;
        page.counter(
            "greenroom_actor_restarts",
            "Actors that were constructed anew here after a crash.",
            meters.total(Count::Restarted),
        )?;
        let labels = CAUSES.map(|cause| [("cause", cause_label(cause))]);
        let deaths = CAUSES.map(|cause| meters.total(Count::Died(cause)));
        page.counters(
            "greenroom_actor_deaths",
            "Actors that ended for good, by what ended them.",
            labels.iter().map(|labels| &labels[..]).zip(deaths),
        )
    }

    fn call_lines(&self, page: &mut Page<'_>) -> std::fmt::Result {
        let meters = self.node.meters();
        page.counter(
            "greenroom_calls_started",
            "Calls that began to run on this node; each try counts.",
            meters.total(Count::CallStarted),
        )?;
        let labels = OUTCOMES.map(|outcome| [("outcome", outcome)]);
        let ends: Vec<u64> =
            (0..OUTCOMES.len()).map(|at| meters.total(Count::CallFinished(at))).collect();
        page.counters(
            "greenroom_calls_finished",
            "Calls that had begun and ended, by how; each try counts.",
            labels.iter().map(|labels| &labels[..]).zip(ends),
        )?;
        let help = format!(
            "How long calls ran, waits for arguments left out: a sample of one call in \
             {TIMED_ONE_OF} of each thread."
        );
        page.histogram("greenroom_call_duration_seconds", &help, &meters.calls.seen())
    }

    fn object_lines(&self, page: &mut Page<'_>) -> std::fmt::Result {
        let (node, meters) = (&self.node, self.node.meters());
        let bytes = node.object_bytes() as f64;
        page.gauge("greenroom_object_store_bytes", "Bytes of objects in memory.", bytes)?;
        let max = node.object_bytes_max() as f64;
        let help = "Bytes of objects that memory may hold (--object-store-memory).";
        page.gauge("greenroom_object_store_max_bytes", help, max)?;
        let objects = node.object_count() as f64;
        let help = "Objects in memory that are accounted for: those of 4 KiB and more.";
        page.gauge("greenroom_object_store_objects", help, objects)?;
        let (files, bytes, ever) = node.spilled();
        page.gauge("greenroom_object_store_spilled_objects", "Objects on disk.", files as f64)?;
        let help = "Bytes of objects on disk.";
        page.gauge("greenroom_object_store_spilled_bytes", help, bytes as f64)?;
        let help = "Objects that were moved to disk.";
        page.counter("greenroom_object_store_spills", help, ever)?;
        let help = "Objects that were brought here from other nodes.";
        page.counter("greenroom_object_store_pulls", help, meters.total(Count::Pulled))?;
        let help = "Bytes of objects that were brought here from other nodes.";
        let bytes = meters.total(Count::PulledBytes);
        page.counter("greenroom_object_store_pulled_bytes", help, bytes)
    }
}

fn cluster_lines(page: &mut Page<'_>, numbers: &Numbers) -> std::fmt::Result {
    let Numbers { members, lease_left, references, peers, traffic, store, store_times } = numbers;
    page.gauge("greenroom_members", "Nodes that are members, this one included.", *members as f64)?;
    page.gauge(
        "greenroom_lease_left_seconds",
        "How long this node's lease surely lasts unless it is renewed.",
        lease_left.as_secs_f64(),
    )?;
    let labels: Vec<_> = references.iter().map(|(kind, _)| [("kind", *kind)]).collect();
    let counts = references.iter().map(|(_, count)| *count as f64);
    page.gauges(
        "greenroom_references",
        "What this node keeps for others, or they for it, by kind.",
        labels.iter().map(|labels| &labels[..]).zip(counts),
    )?;
    let help = "Nodes that there is a session with.";
    page.gauge("greenroom_session_peers", help, *peers as f64)?;
    let (sent, received) = (&[("direction", "sent")][..], &[("direction", "received")][..]);
    page.counters(
        "greenroom_session_frames",
        "Frames between this node and others; once each, however often they are sent.",
        [(sent, traffic.frames_sent), (received, traffic.frames_received)],
    )?;
    page.counters(
        "greenroom_session_bytes",
        "Bytes in these frames.",
        [(sent, traffic.bytes_sent), (received, traffic.bytes_received)],
    )?;
    for (name, help, count) in [
        (
            "greenroom_session_refused",
            "Frames that were not sent, since the peer was too far behind.",
            traffic.refused,
        ),
        ("greenroom_session_breaks", "Connections of sessions that broke.", traffic.breaks),
        (
            "greenroom_session_dial_failures",
            "Connections of sessions that could not be made.",
            traffic.dials_failed,
        ),
        ("greenroom_session_epochs", "Epochs of sessions that began.", traffic.epochs),
        (
            "greenroom_session_epochs_lost",
            "Epochs of sessions that were lost, with what was under way.",
            traffic.epochs_lost,
        ),
    ] {
        page.counter(name, help, count)?;
    }
    let labels: Vec<_> = store
        .iter()
        .map(|(operation, outcome, _)| [("operation", *operation), ("outcome", *outcome)])
        .collect();
    page.counters(
        "greenroom_control_requests",
        "Requests of this node to the control store, by operation and outcome.",
        labels.iter().map(|labels| &labels[..]).zip(store.iter().map(|(_, _, count)| *count)),
    )?;
    let help = "How long the control store took to answer this node.";
    page.histogram("greenroom_control_request_duration_seconds", help, store_times)
}

/// How many actors of each class do what; the classes with most actors first,
/// and last what is left over.
fn by_class(actors: &[Snapshot]) -> Vec<(String, [usize; STATES.len()])> {
    let mut counts: HashMap<&str, [usize; STATES.len()]> = HashMap::new();
    for actor in actors {
        let state = match actor.state {
            State::Pending(_) => 0,
            State::Starting => 1,
            State::Idle => 2,
            State::Running => 3,
            State::Dead(_) => 4,
        };
        counts.entry(&actor.label.class).or_default()[state] += 1;
    }
    let mut classes: Vec<_> = counts.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
    classes.sort_unstable_by(|(a, in_a), (b, in_b)| {
        let (in_a, in_b) = (in_a.iter().sum::<usize>(), in_b.iter().sum::<usize>());
        in_b.cmp(&in_a).then_with(|| a.cmp(b))
    });
    // A class that is called so is counted there too: no line comes twice.
    let at = limits::METRIC_CLASSES.min(classes.len());
    let mut rest = classes.split_off(at);
    if let Some(named) = classes.iter().position(|(name, _)| name == OTHER) {
        rest.push(classes.remove(named));
    }
    let mut other = [0; STATES.len()];
    for (_, counts) in rest {
        other.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    classes.push((OTHER.into(), other));
    classes
}

#[cfg(test)]
mod tests {
    use host_core::id::Label;
    use host_core::{ActorId, NodeId};

    use super::*;

    fn actor(class: &str, seq: u64, state: State) -> Snapshot {
        let id = ActorId { node: NodeId(1), seq };
        let label = Label { class: class.into(), id };
        Snapshot { label, state, waiting: 0, done: 0, restarts: 0, handles: 0 }
    }

    #[test]
    fn classes_past_the_bound_are_counted_together() {
        let mut actors = vec![actor("Big", 1, State::Idle), actor("Big", 2, State::Running)];
        let small = 2 * limits::METRIC_CLASSES as u64;
        actors.extend((0..small).map(|n| actor(&format!("C{n}"), 3 + n, State::Idle)));
        let classes = by_class(&actors);
        assert_eq!(classes.len(), limits::METRIC_CLASSES + 1);
        assert_eq!(classes[0], ("Big".into(), [0, 0, 1, 1, 0]));
        let (name, other) = classes.last().unwrap();
        assert_eq!((name.as_str(), other[2]), (OTHER, limits::METRIC_CLASSES + 1));
        let all: usize = classes.iter().flat_map(|(_, counts)| counts).sum();
        assert_eq!(all, actors.len());
    }

    #[test]
    fn a_class_that_is_called_other_is_no_second_line() {
        let actors = [actor(OTHER, 1, State::Idle), actor("A", 2, State::Starting)];
        let classes = by_class(&actors);
        let names: Vec<_> = classes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", OTHER]);
        assert_eq!(classes[1].1[2], 1);
    }
}
