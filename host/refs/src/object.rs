//! An object: pending, then ready or failed, once and for all.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use host_core::{Error, ObjectId};
use parking_lot::Mutex;

use super::live::Live;
use super::wait::WaitSet;
use crate::{Target, Value};

/// How an object turned out.
pub type Outcome = Result<Value, Arc<Error>>;

/// A counted reference to an object. Cloning counts; the object goes with its
/// last reference.
#[derive(Clone)]
pub struct ObjectRef(Arc<Object>);

/// A reference to an object that does not count.
#[derive(Clone)]
pub struct WeakObjectRef(Weak<Object>);

impl WeakObjectRef {
    /// The object, if it is still there.
    pub fn upgrade(&self) -> Option<ObjectRef> {
        self.0.upgrade().map(ObjectRef)
    }
}

/// A value on its way into memory.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send + 'a>>;

/// Where an object's bytes are, when they are not in memory.
pub trait Fetch: Send + Sync {
    /// Brings the value into memory.
    fn fetch(&self) -> Fetching<'_>;
}

/// The actor whose call makes an object.
pub type Producer = Weak<dyn Target>;

struct Object {
    id: ObjectId,
    /// Who makes it: asked when it is cancelled, and when call cycles are
    /// looked for. None for `put`.
    producer: Option<Producer>,
    /// Of an object of another node: gives the borrow back when it is dropped.
    #[allow(dead_code, reason = "held for its drop")]
    borrow: Option<Box<dyn Send + Sync>>,
    /// Counts it; held for its drop.
    live: Live,
    /// A plain lock: it is held for a few instructions, never across a wait.
    state: Mutex<State>,
}

enum State {
    Pending(Waiters),
    Ready(Value, #[allow(dead_code, reason = "held for its drop")] Option<Box<dyn Send>>),
    Away(Arc<dyn Fetch>),
    Failed(Arc<Error>),
}

/// Who is told when the object is no longer pending.
#[derive(Default)]
enum Waiters {
    #[default]
    None,
    One(Waiter),
    Many(Vec<Waiter>),
}

pub(super) enum Waiter {
    Task(Waker),
    /// With how often it has the object.
    Set(Arc<WaitSet>, usize),
}

/// What a look at an object finds.
pub(super) enum Look {
    Pending,
    Ready(Value),
    Away(Arc<dyn Fetch>),
    Failed(Arc<Error>),
}

impl ObjectRef {
    /// A new object that `producer` will make.
    pub fn pending(id: ObjectId, producer: Producer) -> ObjectRef {
        let state = Mutex::new(State::Pending(Waiters::None));
        ObjectRef(Arc::new(Object {
            id,
            producer: Some(producer),
            borrow: None,
            live: Live::new(),
            state,
        }))
    }

    /// An object of another node, which will say how it turns out. `borrow`
    /// lives as long as there is a reference to it.
    pub fn borrowed(id: ObjectId, borrow: Box<dyn Send + Sync>) -> ObjectRef {
        let state = Mutex::new(State::Pending(Waiters::None));
        ObjectRef(Arc::new(Object {
            id,
            producer: None,
            borrow: Some(borrow),
            live: Live::new(),
            state,
        }))
    }

    /// A new object that is ready. `keep` lives as long as the bytes are in
    /// memory: the store's account of them.
    pub fn ready(id: ObjectId, value: Value, keep: Option<Box<dyn Send>>) -> ObjectRef {
        let state = Mutex::new(State::Ready(value, keep));
        ObjectRef(Arc::new(Object { id, producer: None, borrow: None, live: Live::new(), state }))
    }

    /// A reference that does not count.
    pub fn downgrade(&self) -> WeakObjectRef {
        WeakObjectRef(Arc::downgrade(&self.0))
    }

    /// The object's id.
    pub fn id(&self) -> ObjectId {
        self.0.id
    }

    /// Whether both refer to the same object.
    pub fn is(&self, other: &ObjectRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The actor whose call makes it, while it lives.
    pub fn producer(&self) -> Option<Arc<dyn Target>> {
        self.0.producer.as_ref().and_then(Weak::upgrade)
    }

    /// Makes it ready or failed. The first outcome stands; later ones are
    /// dropped, and the answer is false.
    pub fn settle(&self, outcome: Outcome, keep: Option<Box<dyn Send>>) -> bool {
        self.settle_as(match outcome {
            Ok(value) => State::Ready(value, keep),
            Err(error) => State::Failed(error),
        })
    }

    /// Makes it ready, with its bytes where `fetch` brings them from; else
    /// like [`ObjectRef::settle`].
    pub fn settle_away(&self, fetch: Arc<dyn Fetch>) -> bool {
        self.settle_as(State::Away(fetch))
    }

    fn settle_as(&self, next: State) -> bool {
        let failed = matches!(next, State::Failed(_));
        let waiters = {
            let mut state = self.0.state.lock();
            let State::Pending(waiters) = &mut *state else { return false };
            let waiters = std::mem::take(waiters);
            *state = next;
            waiters
        };
        match waiters {
            Waiters::None => {}
            Waiters::One(waiter) => waiter.tell(failed),
            Waiters::Many(all) => all.into_iter().for_each(|waiter| waiter.tell(failed)),
        }
        true
    }

    /// Moves a ready object's bytes out of memory: from now on `fetch` brings
    /// them. Nothing changes if it is not ready.
    pub fn put_away(&self, fetch: Arc<dyn Fetch>) {
        let mut state = self.0.state.lock();
        if matches!(*state, State::Ready(..)) {
            let before = std::mem::replace(&mut *state, State::Away(fetch));
            drop(state);
            drop(before);
        }
    }

    /// The bytes of a ready object that carries no references: what can be
    /// spilled.
    pub fn bytes_to_spill(&self) -> Option<bytes::Bytes> {
        match &*self.0.state.lock() {
            State::Ready(value, _) if value.attached.is_none() => Some(value.bytes.clone()),
            _ => None,
        }
    }

    /// Whether it is ready or failed.
    pub fn is_settled(&self) -> bool {
        !matches!(*self.0.state.lock(), State::Pending(_))
    }

    /// The outcome, if it is settled and in memory.
    pub fn outcome_now(&self) -> Option<Outcome> {
        match self.look() {
            Look::Ready(value) => Some(Ok(value)),
            Look::Failed(error) => Some(Err(error)),
            Look::Pending | Look::Away(_) => None,
        }
    }

    /// Wakes a task once it is settled; false if it is already.
    pub fn wake_when_settled(&self, waker: &Waker) -> bool {
        match &mut *self.0.state.lock() {
            State::Pending(waiters) => {
                waiters.add_task(waker);
                true
            }
            _ => false,
        }
    }

    /// The outcome, if it is settled and in memory; else the reference again.
    /// The last reference gives the value itself.
    pub fn into_outcome(self) -> Result<Outcome, ObjectRef> {
        match Arc::try_unwrap(self.0) {
            Ok(Object { id, producer, borrow, live, state }) => match state.into_inner() {
                State::Ready(value, _) => Ok(Ok(value)),
                State::Failed(error) => Ok(Err(error)),
                state => {
                    let state = Mutex::new(state);
                    Err(ObjectRef(Arc::new(Object { id, producer, borrow, live, state })))
                }
            },
            Err(shared) => {
                let object = ObjectRef(shared);
                object.outcome_now().ok_or(object)
            }
        }
    }

    /// Waits until it is settled, and brings its value into memory.
    pub async fn outcome(&self) -> Outcome {
        let look = std::future::poll_fn(|cx| self.poll_look(cx)).await;
        match look {
            Look::Ready(value) => Ok(value),
            Look::Failed(error) => Err(error),
            Look::Away(fetch) => fetch.fetch().await.map_err(Arc::new),
            Look::Pending => unreachable!("poll_look is pending then"),
        }
    }

    pub(super) fn look(&self) -> Look {
        match &*self.0.state.lock() {
            State::Pending(_) => Look::Pending,
            State::Ready(value, _) => Look::Ready(value.clone()),
            State::Away(fetch) => Look::Away(fetch.clone()),
            State::Failed(error) => Look::Failed(error.clone()),
        }
    }

    fn poll_look(&self, cx: &mut Context<'_>) -> Poll<Look> {
        let mut state = self.0.state.lock();
        match &mut *state {
            State::Pending(waiters) => {
                waiters.add_task(cx.waker());
                Poll::Pending
            }
            State::Ready(value, _) => Poll::Ready(Look::Ready(value.clone())),
            State::Away(fetch) => Poll::Ready(Look::Away(fetch.clone())),
            State::Failed(error) => Poll::Ready(Look::Failed(error.clone())),
        }
    }

    /// Adds a set to those that are told; false if it is settled already.
    pub(super) fn tell_set(&self, set: &Arc<WaitSet>) -> bool {
        match &mut *self.0.state.lock() {
            State::Pending(waiters) => {
                waiters.add_set(set);
                true
            }
            _ => false,
        }
    }

    /// How many are told when it is settled.
    #[cfg(test)]
    pub(super) fn waiters(&self) -> usize {
        match &*self.0.state.lock() {
            State::Pending(Waiters::None) => 0,
            State::Pending(Waiters::One(_)) => 1,
            State::Pending(Waiters::Many(all)) => all.len(),
            _ => 0,
        }
    }

    /// Takes a set that nobody waits on any more out again, so that polling
    /// with short time-outs does not pile up waiters.
    pub(super) fn forget_set(&self, set: &Arc<WaitSet>) {
        if let State::Pending(waiters) = &mut *self.0.state.lock() {
            waiters.remove_set(set);
        }
    }
}

impl Waiter {
    fn tell(self, failed: bool) {
        match self {
            Waiter::Task(waker) => waker.wake(),
            Waiter::Set(set, times) => set.settled(times, failed),
        }
    }
}

impl Waiters {
    fn add(&mut self, waiter: Waiter) {
        *self = match std::mem::take(self) {
            Waiters::None => Waiters::One(waiter),
            Waiters::One(first) => Waiters::Many(vec![first, waiter]),
            Waiters::Many(mut all) => {
                all.push(waiter);
                Waiters::Many(all)
            }
        }
    }

    /// A set that has the object more than once is told once, with a count.
    fn add_set(&mut self, set: &Arc<WaitSet>) {
        let last = match self {
            Waiters::None => None,
            Waiters::One(waiter) => Some(waiter),
            Waiters::Many(all) => all.last_mut(),
        };
        match last {
            Some(Waiter::Set(known, times)) if Arc::ptr_eq(known, set) => *times += 1,
            _ => self.add(Waiter::Set(set.clone(), 1)),
        }
    }

    /// A task that looks again does not need a second place.
    fn add_task(&mut self, waker: &Waker) {
        let known = |waiter: &Waiter| matches!(waiter, Waiter::Task(w) if w.will_wake(waker));
        let present = match self {
            Waiters::None => false,
            Waiters::One(waiter) => known(waiter),
            Waiters::Many(all) => all.iter().any(known),
        };
        if !present {
            self.add(Waiter::Task(waker.clone()));
        }
    }

    fn remove_set(&mut self, set: &Arc<WaitSet>) {
        let same = |waiter: &Waiter| matches!(waiter, Waiter::Set(s, _) if Arc::ptr_eq(s, set));
        match self {
            Waiters::One(waiter) if same(waiter) => *self = Waiters::None,
            Waiters::Many(all) => all.retain(|waiter| !same(waiter)),
            _ => {}
        }
    }
}

impl std::fmt::Debug for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ObjectRef({})", self.id())
    }
}
