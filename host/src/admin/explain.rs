//! Why something is as it is, in sentences.

use host_core::resources::{MEMORY, Resources, format_bytes};
use host_core::spec::Tries;
use host_core::{ActorId, JobId, ObjectId, limits as core_limits};

use host_core::NodeId;
use host_proto::admin as proto;
use tokio::time::timeout;
use tonic::{Response, Status};

use super::find::{Place, Thing};
use super::jobs::Entry;
use super::{Inner, NodeSummary, answers, cluster, limits};
use crate::actor::{Actor, State};

impl Inner {
    /// Why something is as it is, from the node that knows.
    pub(super) async fn explain(
        &self,
        thing: &Thing,
        this_node: bool,
    ) -> Result<Vec<String>, Status> {
        let ours = |node: NodeId| this_node || node == self.about.id;
        let there = |node: NodeId| self.peers.nodes().into_iter().find(|peer| peer.id == node);
        let known = match thing {
            Thing::Object(id) if ours(id.node) => Some(self.explain_object(*id)),
            Thing::Job(id) => self.jobs.get(*id).map(|entry| self.explain_job(*id, &entry)),
            Thing::Actor(id) if self.here(thing).is_none() => self.explain_ended(*id),
            Thing::Object(_) | Thing::Actor(_) | Thing::Named { .. } => None,
        };
        if let Some(lines) = known {
            return Ok(lines);
        }
        let born = match thing {
            Thing::Object(id) => there(id.node),
            Thing::Job(id) if !ours(id.node) => there(id.node),
            Thing::Job(_) => None,
            Thing::Actor(_) | Thing::Named { .. } => match self.locate(thing, this_node).await? {
                Place::Here(actor) => return Ok(self.explain_actor(&actor)),
                Place::There(node, _) => Some(node),
            },
        };
        let node = born.ok_or_else(|| Status::not_found(thing.missing()))?;
        self.explained_by(&node, thing).await
    }

    async fn explained_by(&self, node: &NodeSummary, thing: &Thing) -> Result<Vec<String>, Status> {
        let target = Some(thing.target());
        let request = proto::ExplainRequest { caller: answers::caller(), target };
        let asked = async {
            cluster::client(&self.peers, node)
                .await?
                .explain(request)
                .await
                .map(Response::into_inner)
        };
        let late = |_| Status::unavailable(format!("node {} did not answer", node.name));
        Ok(timeout(limits::PEER_TIME, asked).await.map_err(late)??.lines)
    }

    /// A live actor of this node.
    pub(super) fn explain_actor(&self, actor: &Actor) -> Vec<String> {
        let label = &actor.label;
        let snapshot = actor.snapshot();
        let mut lines = vec![match &snapshot.state {
            State::Pending(why) if why.is_empty() => format!("{label} waits for its resources"),
            State::Pending(why) => format!("{label} is not running yet: {why}"),
            State::Starting => format!("{label} is being constructed"),
            State::Idle => format!("{label} waits for a call"),
            State::Running if actor.is_driver() => format!("{label} is running"),
            State::Running => format!("{label} is in a call"),
            State::Dead(why) => why.clone(),
        }];
        lines.extend(self.node.why_not(actor).into_iter().take(limits::PAGE_ITEMS));
        let waits = self.node.waits_of(label.id);
        if !waits.is_empty() {
            lines.push(format!("it waits for {}", waits.join(", ")));
        }
        if snapshot.waiting > 0 {
            let most = actor.spec.max_pending_calls;
            lines.push(format!("{} of at most {most} calls wait in its mailbox", snapshot.waiting));
        }
        lines.push(self.placed(actor));
        lines.extend(asked_place(actor));
        if snapshot.restarts > 0 {
            let most = match actor.spec.max_restarts {
                Tries::AtMost(most) => format!("of {most}"),
                Tries::Unbounded => "of any number".into(),
            };
            lines.push(format!(
                "it was constructed anew {} times, after crashes ({most} restarts) or since its \
                 node was drained",
                snapshot.restarts
            ));
        }
        lines.push(kept_alive_by(actor, snapshot.handles));
        lines
    }

    fn placed(&self, actor: &Actor) -> String {
        let node = format!("{} ({})", self.about.name, self.about.id);
        let asked = &actor.spec.resources;
        if asked.is_empty() {
            return format!("it is on node {node} and reserves nothing");
        }
        let (_, free) = self.node.resources();
        format!(
            "it is on node {node}, where it asks for {}; free are {}",
            amounts(asked, asked),
            amounts(&free, asked)
        )
    }

    /// An actor that ended on this node, if that is remembered.
    pub(super) fn explain_ended(&self, id: ActorId) -> Option<Vec<String>> {
        let (_, death) = self.node.ended(id)?;
        Some(vec![death])
    }

    /// A job of this node.
    pub(super) fn explain_job(&self, id: JobId, entry: &Entry) -> Vec<String> {
        let Entry { owner, what, since, .. } = entry;
        let actors = self.node.actors_of(id);
        vec![
            format!("{owner} has been running {id} ({what}) for {} s", since.elapsed().as_secs()),
            format!("{actors} live actors belong to it"),
            "it ends with its driver, or when its client goes away; detached actors stay".into(),
        ]
    }

    /// An object.
    pub(super) fn explain_object(&self, id: ObjectId) -> Vec<String> {
        match self.node.object_size(id) {
            Some(bytes) => vec![format!(
                "{id} is in this node's memory and has {}; it stays as long as anybody holds a ref",
                format_bytes(bytes)
            )],
            None => vec![format!(
                "{id} is in no list of this node: only objects from {} on that are in memory are; \
                 it may be smaller, on disk, not made yet, or gone",
                format_bytes(core_limits::ACCOUNTED_OBJECT_BYTES as u64)
            )],
        }
    }
}

/// What it asks of its node besides room, if anything.
fn asked_place(actor: &Actor) -> Option<String> {
    let request = actor.spec.request();
    if request.is_plain() {
        return None;
    }
    let labels: Vec<_> = request.required.iter().map(ToString::to_string).collect();
    let labels = if labels.is_empty() { "any labels".into() } else { labels.join(", ") };
    Some(format!("its strategy is {}, on nodes with {labels}", request.strategy))
}

fn kept_alive_by(actor: &Actor, handles: usize) -> String {
    if actor.is_driver() {
        return format!("it lives as long as its job {} wants it", actor.job);
    }
    if actor.spec.detached {
        return "it is detached: it lives until it is killed".into();
    }
    let job = actor.job;
    format!("it lives as long as anybody holds a handle ({handles} now) and its job {job} runs")
}

/// The amounts of those resources that are asked for.
fn amounts(of: &Resources, asked: &Resources) -> String {
    let amount = |(name, _)| match (name, of.get(name)) {
        (MEMORY, amount) => format!("{} of memory", format_bytes(amount.floor())),
        (name, amount) => format!("{} {name}", amount.as_f64()),
    };
    asked.iter().map(amount).collect::<Vec<_>>().join(", ")
}
