//! Waiting for several objects with one wake-up, however many there are.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Poll, Waker};

use parking_lot::Mutex;

use super::object::Look;
use crate::ObjectRef;

/// Counts down as objects settle, and wakes one task at the end.
pub(super) struct WaitSet(Mutex<Countdown>);

struct Countdown {
    /// Objects still to settle before the task is woken.
    missing: usize,
    /// Whether one failure ends the wait.
    failure_ends: bool,
    /// How often the set was told.
    told: usize,
    waker: Option<Waker>,
}

impl WaitSet {
    /// An object is settled that is in the set `times` times.
    pub(super) fn settled(&self, times: usize, failed: bool) {
        let waker = {
            let mut countdown = self.0.lock();
            countdown.told += times;
            countdown.missing = countdown.missing.saturating_sub(times);
            if failed && countdown.failure_ends {
                countdown.missing = 0;
            }
            if countdown.missing > 0 {
                return;
            }
            countdown.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut countdown = self.0.lock();
        if countdown.missing == 0 {
            return Poll::Ready(());
        }
        countdown.waker = Some(waker.clone());
        Poll::Pending
    }
}

/// Takes the set out of every object that is still pending when the wait
/// ends.
struct Registered<'a> {
    set: Arc<WaitSet>,
    objects: &'a [ObjectRef],
    /// How many objects had the set added.
    added: usize,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        if self.set.0.lock().told == self.added {
            return;
        }
        // Once for each object, however often it is in the list: each looks
        // through all who wait on the object.
        let mut seen = HashSet::new();
        let distinct = self.objects.iter().filter(|object| seen.insert(object.id()));
        distinct.for_each(|object| object.forget_set(&self.set));
    }
}

/// Waits until all are settled, or one has failed. Cancel-safe.
pub async fn all_ready(objects: &[ObjectRef]) {
    settle(objects, objects.len(), true).await;
}

/// Waits until at least `count` are settled. Cancel-safe.
pub async fn some_ready(objects: &[ObjectRef], count: usize) {
    settle(objects, count.min(objects.len()), false).await;
}

async fn settle(objects: &[ObjectRef], count: usize, failure_ends: bool) {
    let countdown = Countdown { missing: usize::MAX, failure_ends, told: 0, waker: None };
    let set = Arc::new(WaitSet(Mutex::new(countdown)));
    let mut registered = Registered { set: set.clone(), objects, added: 0 };
    registered.added = objects.iter().filter(|object| object.tell_set(&set)).count();
    let already = objects.len() - registered.added;
    {
        // What settled while the objects were visited has been counted down
        // from the top; what was settled before has not.
        let mut countdown = set.0.lock();
        if countdown.missing > 0 {
            let meanwhile = usize::MAX - countdown.missing;
            countdown.missing = count.saturating_sub(already + meanwhile);
        }
    }
    let failed = |object: &ObjectRef| matches!(object.look(), Look::Failed(_));
    if failure_ends && objects.iter().any(failed) {
        return;
    }
    std::future::poll_fn(|cx| set.poll(cx.waker())).await;
    drop(registered);
}

#[cfg(test)]
mod tests {
    use host_core::{Error, NodeId, ObjectId};

    use super::*;
    use crate::Value;

    fn pending(seq: u64) -> ObjectRef {
        let nobody: std::sync::Weak<NoTarget> = std::sync::Weak::new();
        ObjectRef::pending(ObjectId { node: NodeId(1), seq }, nobody)
    }

    /// A producer that is never there.
    struct NoTarget;

    impl crate::Target for NoTarget {
        fn id(&self) -> host_core::ActorId {
            unreachable!("never made")
        }
        fn class(&self) -> &str {
            unreachable!("never made")
        }
        fn send(&self, _: crate::Call, _: bool) -> Result<(), Error> {
            unreachable!("never made")
        }
        fn wake(&self) {}
        fn run_inline(self: Arc<Self>, _: &ObjectRef, _: &mut std::task::Context<'_>) {}
        fn cancel(&self, _: &ObjectRef, _: Error) {}
        fn kill(&self, _: bool) {}
        fn retain(&self) {}
        fn release(self: Arc<Self>) {}
        fn method_index(&self, _: &str) -> Result<u32, Error> {
            unreachable!("never made")
        }
        fn is_sequential(&self) -> bool {
            true
        }
    }

    fn value() -> Value {
        Value::plain(&b"\x01"[..])
    }

    #[tokio::test]
    async fn all_wakes_once_when_the_last_settles() {
        let objects: Vec<_> = (0..3).map(pending).collect();
        let mut wait = tokio_test_task(all_ready(&objects));
        assert!(!wait.poll());
        objects[0].settle(Ok(value()), None);
        objects[2].settle(Ok(value()), None);
        assert!(!wait.woken());
        objects[1].settle(Ok(value()), None);
        assert!(wait.woken() && wait.poll());
    }

    #[tokio::test]
    async fn a_failure_ends_a_wait_for_all_but_not_for_some() {
        let objects: Vec<_> = (0..3).map(pending).collect();
        let mut all = tokio_test_task(all_ready(&objects));
        let mut two = tokio_test_task(some_ready(&objects, 2));
        assert!(!all.poll() && !two.poll());
        objects[1].settle(Err(Arc::new(Error::Cancelled("x".into()))), None);
        assert!(all.woken() && all.poll());
        assert!(!two.poll());
        objects[0].settle(Ok(value()), None);
        assert!(two.poll());
    }

    #[tokio::test]
    async fn an_abandoned_wait_leaves_nothing_behind() {
        let object = pending(1);
        for _ in 0..100 {
            let objects = [object.clone()];
            let mut wait = tokio_test_task(all_ready(&objects));
            assert!(!wait.poll());
        }
        let set = Arc::new(WaitSet(Mutex::new(Countdown {
            missing: 1,
            failure_ends: false,
            told: 0,
            waker: None,
        })));
        object.tell_set(&set);
        object.settle(Ok(value()), None);
        assert_eq!(Arc::strong_count(&set), 1);
    }

    #[tokio::test]
    async fn a_wait_that_is_over_leaves_nothing_behind() {
        let never = pending(1);
        for seq in 2..100 {
            let soon = pending(seq);
            let objects = [never.clone(), soon.clone(), never.clone(), never.clone()];
            let mut one = tokio_test_task(some_ready(&objects, 1));
            let mut all = tokio_test_task(all_ready(&objects));
            assert!(!one.poll() && !all.poll());
            assert_eq!(never.waiters(), 2);
            soon.settle(Err(Arc::new(Error::Cancelled("x".into()))), None);
            assert!(one.poll() && all.poll());
            drop((one, all));
            assert_eq!(never.waiters(), 0);
        }
    }

    #[tokio::test]
    async fn an_object_counts_as_often_as_it_is_waited_for() {
        let (one, two) = (pending(1), pending(2));
        let objects = [one.clone(), one.clone(), two.clone(), one.clone()];
        let mut three = tokio_test_task(some_ready(&objects, 3));
        let mut four = tokio_test_task(some_ready(&objects, 4));
        assert!(!three.poll() && !four.poll());
        one.settle(Ok(value()), None);
        assert!(three.poll() && !four.poll());
        two.settle(Ok(value()), None);
        assert!(four.poll());
    }

    #[test]
    fn the_first_outcome_stands() {
        let object = pending(1);
        assert!(object.settle(Ok(value()), None));
        assert!(!object.settle(Err(Arc::new(Error::Cancelled("late".into()))), None));
        assert!(object.outcome_now().is_some_and(|outcome| outcome.is_ok()));
    }

    struct Probe<F> {
        future: std::pin::Pin<Box<F>>,
        flag: Arc<Flag>,
    }

    struct Flag(std::sync::atomic::AtomicBool);

    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }

    fn tokio_test_task<F: Future<Output = ()>>(future: F) -> Probe<F> {
        let flag = Arc::new(Flag(std::sync::atomic::AtomicBool::new(false)));
        Probe { future: Box::pin(future), flag }
    }

    impl<F: Future<Output = ()>> Probe<F> {
        fn poll(&mut self) -> bool {
            let waker = Waker::from(self.flag.clone());
            let mut cx = std::task::Context::from_waker(&waker);
            self.future.as_mut().poll(&mut cx).is_ready()
        }

        fn woken(&self) -> bool {
            self.flag.0.load(std::sync::atomic::Ordering::SeqCst)
        }
    }
}
