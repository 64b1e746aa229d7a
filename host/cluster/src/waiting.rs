//! Actors that wait here for resources, and may find them elsewhere.
//!
//! An actor that must wait has a record, and so can move. It stands in line
//! at the node that could hold it best, where what it asks for gathers, so
//! that it gets its turn there in any case. Whenever another node says that
//! it has room, those that wait are looked at again, in the order they came:
//! one that fits there goes there. Later ones may overtake it so, elsewhere,
//! but never here.

use std::collections::BTreeMap;
use std::time::Duration;

use host_core::ActorId;
use host_core::calls::CalleeEvent;
use host_core::control::ActorRecord;
use host_core::directory::Event as DirectoryEvent;
use host_core::placement::{Decision, NodeView, Request, decide};

use crate::machines::Machines;

/// How long one that has moved stays in line before it may move again: the
/// news that sent it may have been old, and it must not go to and fro.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// How often those that wait are looked at, at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Different requests that are remembered as fitting nowhere, within one look.
const REFUSED_MAX: usize = 64;

/// Those that wait here, in the order they came.
#[derive(Default)]
pub(crate) struct Waiting {
    line: BTreeMap<u64, Waiter>,
    tickets: BTreeMap<ActorId, u64>,
    next: u64,
    looked: Option<Duration>,
}

struct Waiter {
    actor: ActorId,
    request: Request,
    /// It stays here at least until then.
    settled: Duration,
}

impl Waiting {
    /// One more, behind the others.
    fn add(&mut self, actor: ActorId, request: Request, settled: Duration) {
        self.remove(actor);
        self.next += 1;
        self.tickets.insert(actor, self.next);
        self.line.insert(self.next, Waiter { actor, request, settled });
    }

    /// It waits no longer.
    pub(crate) fn remove(&mut self, actor: ActorId) {
        if let Some(ticket) = self.tickets.remove(&actor) {
            self.line.remove(&ticket);
        }
    }

    /// Those that wait, or have got their turn just now, in the order they
    /// came.
    pub(crate) fn actors(&self) -> Vec<ActorId> {
        self.line.values().map(|waiter| waiter.actor).collect()
    }

    /// When to look again.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        let looked = self.looked.filter(|_| !self.line.is_empty())?;
        Some(looked.saturating_add(SETTLE_TIME))
    }
}

impl Machines {
    /// A life of an actor found no room here, and stands in line.
    pub(crate) fn waits_here(&mut self, record: &ActorRecord, life: u32) {
        // One that has just come may have been sent by an old view.
        let settled = match life {
            0 => self.now,
            _ => self.now.saturating_add(SETTLE_TIME),
        };
        self.waiting.add(record.id, record.request.clone(), settled);
        self.look_elsewhere();
    }

    /// Sends those that wait here, and fit elsewhere now, there.
    pub(crate) fn look_elsewhere(&mut self) {
        let due = self.waiting.looked.is_none_or(|at| at + LOOK_INTERVAL <= self.now);
        if self.waiting.line.is_empty() || !due {
            return;
        }
        self.waiting.looked = Some(self.now);
        let mut others = self.node_views();
        others.retain(|node| node.id != self.shared.id);
        let mut refused: Vec<Request> = Vec::new();
        let mut found = Vec::new();
        for waiter in self.waiting.line.values() {
            if waiter.settled > self.now || refused.contains(&waiter.request) {
                continue;
            }
            match decide(&waiter.request, &others) {
                Decision::Place(node) => {
                    let at = others.iter_mut().find(|view| view.id == node);
                    at.into_iter().for_each(|view| take(view, &waiter.request));
                    found.push((waiter.actor, node, waiter.request.resources.clone()));
                }
                Decision::Wait(_) | Decision::Never(_) if refused.len() < REFUSED_MAX => {
                    refused.push(waiter.request.clone());
                }
                Decision::Wait(_) | Decision::Never(_) => {}
            }
        }
        for (actor, node, resources) in found {
            if self.move_waiting(actor) {
                self.placed(node, &resources);
            }
        }
    }

    /// Sends one that waits here elsewhere; false if it has got its turn.
    pub(crate) fn move_waiting(&mut self, id: ActorId) -> bool {
        self.waiting.remove(id);
        if !self.shared.local.withdraw(id) {
            return false;
        }
        tracing::info!(actor = %id, "it waits for resources, and goes where there are some");
        drop(self.actors.guests.remove(&id));
        // Not one call has begun.
        self.callee(CalleeEvent::Stopped(id));
        self.directory(DirectoryEvent::NoRoom(id));
        true
    }
}

/// What is placed on a node within one look counts for the rest of it.
fn take(view: &mut NodeView, request: &Request) {
    view.free = view.free.saturating_sub(&request.resources);
    view.actors = view.actors.saturating_add(1);
}
