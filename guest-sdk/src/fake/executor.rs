//! Async actors and async drivers: tasks of one thread that interleave where
//! they await.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::actor::{Outcome, arguments, finish, panicked, take_call};
use super::state::WaitId;
use super::{Call, ObjectId, Parked, State, Stored, Until, Wait, Who, Work, World};
use super::{here, must_end};
use crate::class::Class;
use crate::entry;
use crate::error::Result;
use crate::host::store;
use crate::task::BoxFuture;

/// Calls in progress at once where the actor does not say; as on a real host.
const CONCURRENCY: u32 = 1000;

thread_local! {
    /// The waits of this thread's tasks, and whom to wake.
    static LEAVES: RefCell<Vec<(WaitId, Waker)>> = const { RefCell::new(Vec::new()) };
}

/// A wait inside an async call.
pub(crate) struct Leaf<F> {
    refs: Vec<ObjectId>,
    until: Until,
    timeout: Option<u64>,
    ready: F,
    /// Set while it waits.
    wait: Option<WaitId>,
}

impl<F> Leaf<F> {
    pub(crate) fn new(refs: Vec<ObjectId>, until: Until, timeout: Option<u64>, ready: F) -> Self {
        Leaf { refs, until, timeout, ready, wait: None }
    }

    fn stop(&mut self, state: &mut State) -> Option<Wait> {
        let id = self.wait.take()?;
        LEAVES.with_borrow_mut(|leaves| leaves.retain(|(leaf, _)| *leaf != id));
        state.waits.remove(&id)
    }
}

impl<R, F: Fn(&State, &Wait) -> R + Unpin> Future for Leaf<F> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        let (world, who) = here();
        let mut state = world.lock();
        let id = match self.wait {
            Some(id) => id,
            None => {
                let refs = self.refs.clone();
                let wait = state.new_wait(who, refs, self.until, self.timeout);
                let id = state.add_wait(wait);
                self.wait = Some(id);
                id
            }
        };
        if state.waits.get(&id).is_some_and(|wait| !state.is_over(wait)) {
            let waker = cx.waker().clone();
            LEAVES.with_borrow_mut(|leaves| {
                leaves.retain(|(leaf, _)| *leaf != id);
                leaves.push((id, waker));
            });
            return Poll::Pending;
        }
        let Some(wait) = self.stop(&mut state) else { return Poll::Pending };
        Poll::Ready(state.outcome(&wait, &self.ready))
    }
}

impl<F> Drop for Leaf<F> {
    fn drop(&mut self) {
        if self.wait.is_some() {
            let (world, _) = here();
            self.stop(&mut world.lock());
        }
    }
}

/// Set when a task should be polled.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Wakes the tasks whose waits are over; whether there are any.
fn wake_leaves(world: &World) -> bool {
    let over: Vec<Waker> = {
        let state = world.lock();
        LEAVES.with_borrow_mut(|leaves| {
            let is_over = |id: &WaitId| state.waits.get(id).is_none_or(|wait| state.is_over(wait));
            let over = leaves.iter().filter(|(id, _)| is_over(id));
            let over = over.map(|(_, waker)| waker.clone()).collect();
            leaves.retain(|(id, _)| !is_over(id));
            over
        })
    };
    let any = !over.is_empty();
    over.into_iter().for_each(Waker::wake);
    any
}

/// Runs a future on this thread, with everything it waits for.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let (world, who) = here();
    let mut future = pin!(future);
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    loop {
        while flag.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
        }
        if wake_leaves(&world) {
            continue;
        }
        let state = world.lock();
        drop(world.yield_turn(state, who, Parked::Polling { accepts: false }));
        let woken = wake_leaves(&world) || flag.0.load(Ordering::Relaxed);
        assert!(woken, "the future waits for something that no actor does");
    }
}

/// A call of an async actor in progress.
struct Task {
    call: Call,
    flag: Arc<Flag>,
    future: BoxFuture<Result<Stored>>,
}

impl Task {
    fn begin(call: Call, class: &'static Class) -> Self {
        let args = arguments(&call);
        let (id, work) = (call.id.0, call.work);
        let future = Box::pin(async move {
            match work {
                Work::Construct => {
                    entry::construct_async(class, args).await.map(|()| Stored::default())
                }
                Work::Method(method) => entry::invoke_async(id, method, args).await.map(store),
                Work::Exit => Ok(Stored::default()),
            }
        });
        Task { call, flag: Arc::new(Flag(AtomicBool::new(true))), future }
    }

    /// Goes on with it if it was woken; how it ended, if it did.
    fn poll(&mut self) -> Option<Outcome> {
        if !self.flag.0.swap(false, Ordering::Relaxed) {
            return None;
        }
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut cx = Context::from_waker(&waker);
        match catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(&mut cx))) {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(answer)) => Some(Outcome::Answered(answer)),
            Err(payload) => Some(panicked(&*payload)),
        }
    }

    fn is_constructor(&self) -> bool {
        self.call.work == Work::Construct
    }
}

/// The life of an async actor.
pub(super) fn run_actor(world: &Arc<World>, who: Who, class: &'static Class) {
    let mut tasks: Vec<Task> = Vec::new();
    loop {
        let room = {
            let state = world.lock();
            let options = state.actor(who).map(|actor| actor.options.clone());
            options.and_then(|options| options.max_concurrency).unwrap_or(CONCURRENCY)
        };
        let mut changed = admit(world, who, class, room as usize, &mut tasks);
        wake_leaves(world);
        let mut place = 0;
        while place < tasks.len() {
            let Some(outcome) = tasks[place].poll() else {
                place += 1;
                continue;
            };
            changed = true;
            let call = tasks.remove(place).call;
            finish(world, who, class, call, outcome);
            if must_end(&world.lock(), who) {
                break;
            }
        }
        if must_end(&world.lock(), who) {
            // Destructors of calls that were in progress are guest code too.
            drop(catch_unwind(AssertUnwindSafe(|| drop(tasks))));
            return;
        }
        let woken = tasks.iter().any(|task| task.flag.0.load(Ordering::Relaxed));
        if !changed && !woken {
            let accepts = accepts(&tasks, room as usize);
            let mut state = world.lock();
            state.end_released(who);
            if !must_end(&state, who) {
                drop(world.yield_turn(state, who, Parked::Polling { accepts }));
            }
        }
    }
}

fn accepts(tasks: &[Task], room: usize) -> bool {
    tasks.len() < room && !tasks.iter().any(Task::is_constructor)
}

/// Begins the calls there is room for; whether there were any.
fn admit(
    world: &World,
    who: Who,
    class: &'static Class,
    room: usize,
    tasks: &mut Vec<Task>,
) -> bool {
    let before = tasks.len();
    while accepts(tasks, room) {
        let taken = take_call(&mut world.lock(), who);
        match taken {
            Some(call) => tasks.push(Task::begin(call, class)),
            None => break,
        }
    }
    tasks.len() > before
}
