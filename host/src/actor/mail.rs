//! The calls that wait for an actor, in order and within bounds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use host_core::{ActorId, Error, limits};

use host_refs::{Call, ObjectRef};

/// A waiting call and how often it was begun before.
pub(super) struct Queued {
    pub(super) call: Call,
    pub(super) attempts: u32,
}

/// A mailbox.
pub(super) struct Mail {
    queue: VecDeque<Queued>,
    /// Argument bytes of all calls in the queue.
    weight: u64,
    calls_max: u32,
}

impl Mail {
    pub(super) fn new(calls_max: u32) -> Mail {
        Mail { queue: VecDeque::new(), weight: 0, calls_max }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds a call at the end, if there is room. `whose` is for the error.
    pub(super) fn push(&mut self, call: Call, whose: impl Fn() -> String) -> Result<(), Error> {
        if self.queue.len() >= self.calls_max as usize {
            return Err(Error::MailboxFull(format!(
                "the mailbox of {} has {} calls waiting, the most it may (max_pending_calls)",
                whose(),
                self.queue.len()
            )));
        }
        let weight = self.weight.saturating_add(call.args.weight() as u64);
        // A single call of any size may pass an empty mailbox.
        if weight > limits::MAILBOX_BYTES && !self.queue.is_empty() {
            return Err(Error::MailboxFull(format!(
                "the mailbox of {} has {} bytes of arguments waiting; with this call it would \
                 pass {} bytes; pass large values as object refs (put)",
                whose(),
                self.weight,
                limits::MAILBOX_BYTES
            )));
        }
        self.weight = weight;
        self.queue.push_back(Queued { call, attempts: 0 });
        Ok(())
    }

    /// Puts calls that were begun back to the front, in their order.
    pub(super) fn put_back(&mut self, calls: Vec<Queued>) {
        for queued in calls.into_iter().rev() {
            self.weight = self.weight.saturating_add(queued.call.args.weight() as u64);
            self.queue.push_front(queued);
        }
    }

    /// Whether the next call is the one that makes `object`, with its
    /// arguments there.
    pub(super) fn is_next(&self, object: &ObjectRef) -> bool {
        self.queue.front().is_some_and(|queued| {
            queued.call.result.as_ref().is_some_and(|result| result.is(object))
                && queued.call.args.awaited().next().is_none()
        })
    }

    /// Takes the next call out: the first whose arguments are there and which
    /// no earlier call of the same caller holds up. `waker` is woken when one
    /// that was passed over may be ready.
    pub(super) fn pop(&mut self, waker: &Waker) -> Option<Queued> {
        let mut held_up: Vec<Option<ActorId>> = Vec::new();
        let mut found = None;
        for (index, queued) in self.queue.iter().enumerate() {
            let caller = queued.call.caller;
            if held_up.contains(&caller) {
                continue;
            }
            if wait_for_args(&queued.call, waker) {
                held_up.push(caller);
                continue;
            }
            found = Some(index);
            break;
        }
        self.take(found?)
    }

    /// Takes the next call out for an actor that runs many at once: there
    /// each call waits for its own arguments.
    pub(super) fn pop_front(&mut self) -> Option<Queued> {
        self.take(0)
    }

    /// Takes the call that makes `object` out.
    pub(super) fn remove(&mut self, object: &ObjectRef) -> Option<Queued> {
        let makes =
            |queued: &Queued| queued.call.result.as_ref().is_some_and(|result| result.is(object));
        self.take(self.queue.iter().position(makes)?)
    }

    /// Takes all calls out.
    pub(super) fn drain(&mut self) -> Vec<Queued> {
        self.weight = 0;
        self.queue.drain(..).collect()
    }

    fn take(&mut self, index: usize) -> Option<Queued> {
        let queued = self.queue.remove(index)?;
        self.weight = self.weight.saturating_sub(queued.call.args.weight() as u64);
        Some(queued)
    }
}

/// Whether the call has to wait for an argument, which then wakes `waker`.
fn wait_for_args(call: &Call, waker: &Waker) -> bool {
    let mut waits = false;
    for object in call.args.awaited() {
        waits |= object.wake_when_settled(waker);
    }
    waits
}

/// Settles calls that will not run with one error.
pub(super) fn refuse(calls: Vec<Queued>, error: &Arc<Error>) {
    calls.into_iter().for_each(|queued| queued.call.refuse(error.clone()));
}
