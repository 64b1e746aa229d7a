//! Work spread over several actors.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::class::Actor;
use crate::error::{Error, Result};
use crate::get::{get, wait};
use crate::handle::Handle;
use crate::object::ObjectRef;

/// Actors that share work: each does one call at a time, and the next piece of
/// work goes to the first that is free.
///
/// As many calls are in flight as there are actors; what is submitted beyond
/// that waits here. [`map`](ActorPool::map) is never more than two calls for
/// each actor ahead of what is taken from it.
///
/// ```
/// use greenroom::prelude::*;
/// use greenroom::ActorPool;
/// # struct Doubler;
/// # #[actor]
/// # impl Doubler {
/// #     fn new() -> Self { Doubler }
/// #     fn double(&self, number: i64) -> i64 { number * 2 }
/// # }
///
/// # fn main() -> Result<()> {
/// let actors = [Doubler::remote()?, Doubler::remote()?];
/// let mut pool = ActorPool::new(actors);
/// let doubled: Result<Vec<i64>> = pool.map(|actor, n| actor.double(n), 1..=4).collect();
/// assert_eq!(doubled?, [2, 4, 6, 8]);
/// # Ok(())
/// # }
/// ```
pub struct ActorPool<A: Actor, T> {
    idle: VecDeque<Handle<A>>,
    /// Work for which no actor is free, with its place in the order submitted.
    waiting: VecDeque<(u64, Work<A, T>)>,
    /// By the order submitted. In flight, or finished and not yet asked for.
    sent: BTreeMap<u64, Sent<A, T>>,
    next_submitted: u64,
    /// The one that `get_next` answers next.
    next_returned: u64,
}

/// Sends one piece of work to an actor.
type Work<A, T> = Box<dyn FnOnce(&Handle<A>) -> Result<ObjectRef<T>>>;

struct Sent<A: Actor, T> {
    /// Or why it could not be sent.
    object: Result<ObjectRef<T>>,
    /// The actor that does it, until it is known to have finished.
    actor: Option<Handle<A>>,
}

impl<A: Actor, T: DeserializeOwned + 'static> ActorPool<A, T> {
    /// A pool of these actors.
    pub fn new(actors: impl IntoIterator<Item = Handle<A>>) -> Self {
        ActorPool {
            idle: actors.into_iter().collect(),
            waiting: VecDeque::new(),
            sent: BTreeMap::new(),
            next_submitted: 0,
            next_returned: 0,
        }
    }

    /// Gives a piece of work to the first actor that is free, now or later.
    ///
    /// ```
    /// # use greenroom::prelude::*;
    /// # use greenroom::ActorPool;
    /// # struct Doubler;
    /// # #[actor]
    /// # impl Doubler {
    /// #     fn new() -> Self { Doubler }
    /// #     fn double(&self, number: i64) -> i64 { number * 2 }
    /// # }
    /// # fn main() -> Result<()> {
    /// let mut pool = ActorPool::new([Doubler::remote()?]);
    /// pool.submit(|actor, n| actor.double(n), 1);
    /// pool.submit(|actor, n| actor.double(n), 2);
    /// assert_eq!(pool.get_next()?, 2);
    /// assert_eq!(pool.get_next()?, 4);
    /// assert!(!pool.has_next());
    /// # Ok(())
    /// # }
    /// ```
    pub fn submit<V: 'static>(
        &mut self,
        call: impl FnOnce(&Handle<A>, V) -> Call<'_, T> + 'static,
        value: V,
    ) {
        let order = self.next_submitted;
        self.next_submitted += 1;
        let work: Work<A, T> = Box::new(move |actor| call(actor, value).remote());
        self.waiting.push_back((order, work));
        self.send_waiting();
    }

    /// Whether results are still to be asked for.
    pub fn has_next(&self) -> bool {
        !self.sent.is_empty() || !self.waiting.is_empty()
    }

    /// Whether an actor is free.
    pub fn has_free(&self) -> bool {
        !self.idle.is_empty()
    }

    /// The next result in the order submitted. The error may be the call's
    /// own; the pool goes on either way.
    pub fn get_next(&mut self) -> Result<T> {
        self.get_next_until(None)
    }

    /// [`get_next`](ActorPool::get_next) that answers [`Error::TimedOut`] if
    /// no call of the pool ends for so long; the result is then still to be
    /// asked for.
    pub fn get_next_timeout(&mut self, timeout: Duration) -> Result<T> {
        self.get_next_until(Some(timeout))
    }

    fn get_next_until(&mut self, timeout: Option<Duration>) -> Result<T> {
        if !self.has_next() {
            return Err(nothing_left());
        }
        // An unordered get may have answered this one already.
        let next = self.sent.range(self.next_returned..).next().map(|(order, _)| *order);
        let waiting = self.waiting.front().map(|(order, _)| *order);
        let Some(order) = next.into_iter().chain(waiting).min() else {
            return Err(nothing_left());
        };
        while self.sent.get(&order).is_none_or(|sent| sent.actor.is_some()) {
            self.await_one(timeout)?;
        }
        self.next_returned = order + 1;
        self.answer(order)
    }

    /// The next result that is ready, whatever its place.
    pub fn get_next_unordered(&mut self) -> Result<T> {
        self.get_next_unordered_until(None)
    }

    /// [`get_next_unordered`](ActorPool::get_next_unordered) that answers
    /// [`Error::TimedOut`] if no call of the pool ends for so long.
    pub fn get_next_unordered_timeout(&mut self, timeout: Duration) -> Result<T> {
        self.get_next_unordered_until(Some(timeout))
    }

    fn get_next_unordered_until(&mut self, timeout: Option<Duration>) -> Result<T> {
        if !self.has_next() {
            return Err(nothing_left());
        }
        let finished = |sent: &BTreeMap<u64, Sent<A, T>>| {
            sent.iter().find(|(_, sent)| sent.actor.is_none()).map(|(order, _)| *order)
        };
        let order = match finished(&self.sent) {
            Some(order) => order,
            None => {
                self.await_one(timeout)?;
                finished(&self.sent).ok_or_else(nothing_left)?
            }
        };
        self.answer(order)
    }

    /// The results of one call for each value, in order. Calls are sent as
    /// results are taken.
    pub fn map<V: 'static, I: IntoIterator<Item = V>>(
        &mut self,
        call: impl FnOnce(&Handle<A>, V) -> Call<'_, T> + Clone + 'static,
        values: I,
    ) -> impl Iterator<Item = Result<T>> {
        Mapped { pool: self, values: values.into_iter(), call, next: ActorPool::get_next }
    }

    /// The results of one call for each value, as they become ready.
    pub fn map_unordered<V: 'static, I: IntoIterator<Item = V>>(
        &mut self,
        call: impl FnOnce(&Handle<A>, V) -> Call<'_, T> + Clone + 'static,
        values: I,
    ) -> impl Iterator<Item = Result<T>> {
        Mapped { pool: self, values: values.into_iter(), call, next: ActorPool::get_next_unordered }
    }

    /// Adds an actor.
    pub fn push(&mut self, actor: Handle<A>) {
        self.idle.push_back(actor);
        self.send_waiting();
    }

    /// Takes an actor out that has nothing to do; none if all are busy.
    pub fn pop_idle(&mut self) -> Option<Handle<A>> {
        self.idle.pop_front()
    }

    fn send_waiting(&mut self) {
        while !self.waiting.is_empty() {
            let Some(actor) = self.idle.pop_front() else { return };
            let Some((order, work)) = self.waiting.pop_front() else { return };
            let object = work(&actor);
            let busy = match &object {
                Ok(_) => Some(actor),
                Err(_) => {
                    self.idle.push_front(actor);
                    None
                }
            };
            self.sent.insert(order, Sent { object, actor: busy });
        }
    }

    /// Waits until one more of the calls in flight has finished, and sends the
    /// next.
    fn await_one(&mut self, timeout: Option<Duration>) -> Result<()> {
        let in_flight = self.sent.iter().filter(|(_, sent)| sent.actor.is_some());
        let in_flight: Vec<(u64, &ObjectRef<T>)> = in_flight
            .filter_map(|(order, sent)| Some((*order, sent.object.as_ref().ok()?)))
            .collect();
        if in_flight.is_empty() {
            return Err(Error::Invalid("the pool has work and no actors".to_owned()));
        }
        let objects = in_flight.iter().map(|(_, object)| *object);
        let (ready, _) = wait(objects, 1, timeout)?;
        let Some(ready) = ready.first() else {
            return Err(Error::TimedOut("no actor of the pool answered in time".to_owned()));
        };
        let place = in_flight.iter().find(|(_, object)| std::ptr::eq(*object, *ready));
        if let Some((order, _)) = place.copied() {
            self.set_free(order);
        }
        Ok(())
    }

    /// The calls that may be under way, or done and not asked for, while
    /// [`map`](ActorPool::map) runs: enough to keep every actor busy while an
    /// early call takes long.
    fn has_room(&self) -> bool {
        let busy = self.sent.values().filter(|sent| sent.actor.is_some()).count();
        let outstanding = self.sent.len() + self.waiting.len();
        outstanding < 2 * (self.idle.len() + busy).max(1)
    }

    fn set_free(&mut self, order: u64) {
        let actor = self.sent.get_mut(&order).and_then(|sent| sent.actor.take());
        self.idle.extend(actor);
        self.send_waiting();
    }

    fn answer(&mut self, order: u64) -> Result<T> {
        match self.sent.remove(&order) {
            Some(sent) => get(sent.object?),
            None => Err(nothing_left()),
        }
    }
}

fn nothing_left() -> Error {
    Error::Invalid("the pool has no results left".to_owned())
}

/// See [`ActorPool::map`].
struct Mapped<'a, A: Actor, T, I, F> {
    pool: &'a mut ActorPool<A, T>,
    values: I,
    call: F,
    next: fn(&mut ActorPool<A, T>) -> Result<T>,
}

impl<A, T, V, I, F> Iterator for Mapped<'_, A, T, I, F>
where
    A: Actor,
    T: DeserializeOwned + 'static,
    V: 'static,
    I: Iterator<Item = V>,
    F: FnOnce(&Handle<A>, V) -> Call<'_, T> + Clone + 'static,
{
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while self.pool.has_room() {
            match self.values.next() {
                Some(value) => self.pool.submit(self.call.clone(), value),
                None => break,
            }
        }
        if !self.pool.has_next() {
            return None;
        }
        Some((self.next)(self.pool))
    }
}
