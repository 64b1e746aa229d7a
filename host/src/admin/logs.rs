//! Streams of log lines.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt};
use host_proto::admin as proto;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tonic::{Response, Status};

use super::find::{Place, Thing};
use super::lines::{Follower, Of};
use super::{Inner, answers, cluster, limits, wire};

/// The stream of an answer.
pub(super) type Answers =
    Pin<Box<dyn Stream<Item = Result<proto::LogsAnswer, Status>> + Send + 'static>>;

impl Inner {
    /// The lines that a request asks for, from wherever they are.
    pub(super) async fn logs(
        self: &Arc<Inner>,
        request: proto::LogsRequest,
        this_node: bool,
    ) -> Result<Answers, Status> {
        let thing = Thing::of(request.target.clone())?;
        let of = match &thing {
            Thing::Object(_) => return Err(Status::invalid_argument(thing.missing())),
            Thing::Job(id) => {
                let elsewhere = (id.node != self.about.id && !this_node)
                    .then(|| self.peers.nodes().into_iter().find(|node| node.id == id.node));
                if let Some(node) = elsewhere.flatten() {
                    return self.logs_from(&node, request).await;
                }
                Of::Job(*id)
            }
            Thing::Actor(id) if self.here(&thing).is_some() || self.lines.knows(*id) => {
                Of::Actor(*id)
            }
            Thing::Actor(_) | Thing::Named { .. } => match self.locate(&thing, this_node).await? {
                Place::Here(actor) => Of::Actor(actor.label.id),
                Place::There(node, _) => return self.logs_from(&node, request).await,
            },
        };
        let place = self.followers.clone().try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "{} clients read logs on this node, the most there may be; try again",
                limits::FOLLOWERS
            ))
        })?;
        let tail = match request.tail {
            0 => usize::MAX,
            tail => tail as usize,
        };
        let follower = self.lines.follow(of, tail);
        let until = if request.follow { Until::Ended } else { Until::Line(self.lines.next()) };
        Ok(Reading { admin: self.clone(), of, follower, until, _place: place }.answers())
    }

    /// The same from another node, passed on as it comes.
    async fn logs_from(
        &self,
        node: &super::NodeSummary,
        request: proto::LogsRequest,
    ) -> Result<Answers, Status> {
        let request = proto::LogsRequest { caller: answers::caller(), ..request };
        let asked = async {
            cluster::client(&self.peers, node).await?.logs(request).await.map(Response::into_inner)
        };
        let late = |_| Status::unavailable(format!("node {} did not answer", node.name));
        Ok(timeout(limits::PEER_TIME, asked).await.map_err(late)??.boxed())
    }

    fn has_ended(&self, of: Of) -> bool {
        let gone = match of {
            Of::Actor(id) => self.node.actor(id).is_none(),
            Of::Job(id) => self.jobs.get(id).is_none() && self.node.actors_of(id) == 0,
        };
        gone || self.ended.is_cancelled()
    }
}

/// How long lines are read.
#[derive(Clone, Copy)]
enum Until {
    /// Up to this line of the node.
    Line(u64),
    /// Until what is followed has ended.
    Ended,
}

/// A client that reads lines. It is asked for more only when the last was
/// taken, so a slow one holds up nobody.
struct Reading {
    admin: Arc<Inner>,
    of: Of,
    follower: Follower,
    until: Until,
    _place: OwnedSemaphorePermit,
}

impl Reading {
    fn answers(self) -> Answers {
        Box::pin(stream::unfold(self, |mut reading| async move {
            let batch = match reading.until {
                Until::Line(end) => reading.follower.now_until(end),
                Until::Ended => loop {
                    // Looked at first: what it printed at its end is read.
                    let ended = reading.admin.has_ended(reading.of);
                    let batch = reading.follower.now();
                    if ended || !batch.lines.is_empty() {
                        break batch;
                    }
                    let next = timeout(limits::FOLLOW_TICK, reading.follower.next()).await;
                    if let Ok(batch) = next {
                        break batch;
                    }
                },
            };
            let more = !batch.lines.is_empty();
            more.then(|| (Ok(wire::lines_to(batch)), reading))
        }))
    }
}
