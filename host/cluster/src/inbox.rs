//! What comes to a member, worked off by whoever is at it.
//!
//! Events come from guests' threads, from connections and from timers. Whoever
//! brings one works off everything there is, unless somebody is at it already,
//! who then does it too. So no event waits for a thread to be woken, nothing
//! is done twice at once, and bringing an event from within the work is fine:
//! it comes behind the rest.

use std::collections::VecDeque;

use parking_lot::{Mutex, MutexGuard};

/// Events, and the state that they are for.
pub(crate) struct Inbox<E, S> {
    events: Mutex<VecDeque<E>>,
    /// Held by whoever is at it.
    state: Mutex<S>,
}

impl<E, S> Inbox<E, S> {
    pub(crate) fn new(state: S) -> Inbox<E, S> {
        Inbox { events: Mutex::default(), state: Mutex::new(state) }
    }

    /// Brings an event. `work` is called for each event that is there, in
    /// order, here or by whoever is at it.
    pub(crate) fn bring(&self, event: E, work: impl Fn(&mut S, E)) {
        self.leave(event);
        self.work(work);
    }

    /// Brings an event without working anything off: whoever is at it does, or
    /// calls [`Inbox::work`] next.
    pub(crate) fn leave(&self, event: E) {
        self.events.lock().push_back(event);
    }

    /// Works off what there is, unless somebody is at it.
    pub(crate) fn work(&self, work: impl Fn(&mut S, E)) {
        // Whoever is at it looks again after it let go: an event that came
        // behind its last look is found by one of the two.
        while let Some(state) = self.state.try_lock() {
            if self.work_off(state, &work) {
                return;
            }
        }
    }

    /// Looks at the state, once nobody is at it. Not to be called from within
    /// the work.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut S) -> R, work: impl Fn(&mut S, E)) -> R {
        let mut state = self.state.lock();
        let seen = look(&mut state);
        // Whoever brought an event meanwhile left it here.
        let mut state = Some(state);
        while let Some(held) = state {
            if self.work_off(held, &work) {
                break;
            }
            state = self.state.try_lock();
        }
        seen
    }

    /// Works off what is there, and lets go. Whether nothing came behind the
    /// last look.
    fn work_off(&self, mut state: MutexGuard<'_, S>, work: impl Fn(&mut S, E)) -> bool {
        loop {
            let next = self.events.lock().pop_front();
            let Some(event) = next else { break };
            work(&mut state, event);
        }
        drop(state);
        self.events.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn every_event_is_worked_off_once_and_in_the_order_of_its_thread() {
        let inbox = Inbox::new(Vec::new());
        thread::scope(|scope| {
            for thread in 0..4u32 {
                let inbox = &inbox;
                scope.spawn(move || {
                    for number in 0..10_000u32 {
                        inbox.bring((thread, number), |seen: &mut Vec<_>, event| seen.push(event));
                    }
                });
            }
        });
        let seen = inbox.look(std::mem::take, |_, _| unreachable!("all is worked off"));
        assert_eq!(seen.len(), 40_000);
        for thread in 0..4 {
            let numbers = seen.iter().filter(|(of, _)| *of == thread).map(|(_, number)| *number);
            assert!(numbers.eq(0..10_000));
        }
    }

    #[test]
    fn what_comes_during_a_look_is_not_left_lying() {
        let inbox = Inbox::new(0);
        let work = |sum: &mut u32, event: u32| *sum += event;
        let seen = inbox.look(
            |sum| {
                inbox.bring(5, work);
                *sum
            },
            work,
        );
        assert_eq!((seen, *inbox.state.lock()), (0, 5));
    }

    #[test]
    fn what_is_brought_from_within_comes_behind_the_rest() {
        let inbox = Inbox::new(Vec::new());
        fn work(inbox: &Inbox<u32, Vec<u32>>, seen: &mut Vec<u32>, event: u32) {
            if event < 3 {
                inbox.bring(event + 1, |seen, event| work(inbox, seen, event));
            }
            seen.push(event);
        }
        inbox.bring(0, |seen, event| work(&inbox, seen, event));
        assert_eq!(inbox.look(std::mem::take, |_, _| ()), [0, 1, 2, 3]);
    }
}
