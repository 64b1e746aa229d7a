//! Dropping long chains without deep recursion.
//!
//! A guest can put an object into an object into an object, a million deep,
//! and let go of the last. Dropped naively, each would drop the next inside
//! its own drop, until the host's stack is gone. Here what is dropped inside
//! a drop waits in a list, and the outermost drop works the list off.

use std::any::Any;
use std::cell::RefCell;

thread_local! {
    /// What waits to be dropped; none while nothing is being dropped.
    static WAITING: RefCell<Option<Vec<Box<dyn Any>>>> = const { RefCell::new(None) };
}

/// Drops `thing`, and whatever that drops through here, one after the other.
pub fn flat<T: 'static>(thing: T) {
    let outermost = WAITING.with_borrow_mut(|waiting| match waiting {
        Some(list) => {
            list.push(Box::new(thing));
            None
        }
        None => {
            *waiting = Some(Vec::new());
            Some(thing)
        }
    });
    let Some(thing) = outermost else { return };
    drop(thing);
    while let Some(next) = WAITING.with_borrow_mut(|waiting| waiting.as_mut()?.pop()) {
        drop(next);
    }
    WAITING.set(None);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Chain(Option<Box<Chain>>);

    impl Drop for Chain {
        fn drop(&mut self) {
            if let Some(next) = self.0.take() {
                flat(next);
            }
        }
    }

    #[test]
    fn a_chain_of_a_million_is_dropped_on_a_small_stack() {
        let chain = (0..1_000_000).fold(Chain(None), |next, _| Chain(Some(Box::new(next))));
        let small = std::thread::Builder::new().stack_size(64 << 10);
        small.spawn(move || drop(chain)).unwrap().join().unwrap();
    }
}
