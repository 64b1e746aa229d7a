//! `ActorPool`, against the fake host.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use greenroom::prelude::*;
use greenroom::testing;

#[derive(Default)]
struct Worker {
    done: u32,
}

#[actor]
impl Worker {
    fn new() -> Self {
        Self::default()
    }

    /// Takes as many seconds as asked.
    fn work(&mut self, seconds: u64) -> Result<u64> {
        if seconds == 13 {
            return Err(Error::failed("no luck"));
        }
        // Waits for a call to itself, which cannot begin.
        let never = context::me::<Worker>()?.done().remote()?;
        wait([&never], 1, Some(Duration::from_secs(seconds)))?;
        cancel(&never)?;
        self.done += 1;
        Ok(seconds)
    }

    fn done(&self) -> u32 {
        self.done
    }
}

fn pool(size: usize) -> (ActorPool<Worker, u64>, Vec<Handle<Worker>>) {
    let actors: Vec<_> = (0..size).map(|_| Worker::remote().expect("a worker")).collect();
    (ActorPool::new(actors.clone()), actors)
}

#[test]
fn map_answers_in_order_and_keeps_all_actors_busy() {
    let (mut pool, actors) = pool(2);
    let results: Result<Vec<u64>> = pool.map(|worker, n| worker.work(n), [4, 1, 1, 2]).collect();
    assert_eq!(results.unwrap(), [4, 1, 1, 2]);
    assert!(testing::elapsed() < Duration::from_millis(4001), "{:?}", testing::elapsed());
    let done: Vec<u32> =
        actors.iter().map(|actor| get(actor.done().remote().unwrap()).unwrap()).collect();
    assert_eq!(done, [1, 3]);
}

#[test]
fn map_unordered_answers_what_is_ready_first() {
    let (mut pool, _actors) = pool(2);
    let results: Result<Vec<u64>> =
        pool.map_unordered(|worker, n| worker.work(n), [4, 1, 1, 1]).collect();
    assert_eq!(results.unwrap(), [1, 1, 1, 4]);
}

#[test]
fn map_takes_from_its_input_only_what_it_needs() {
    let (mut pool, _actors) = pool(2);
    let taken = Rc::new(Cell::new(0));
    let counting = Rc::clone(&taken);
    let values = (0..1000).inspect(move |_| counting.set(counting.get() + 1));
    let mut results = pool.map(|worker, n: u64| worker.work(n % 2), values);
    assert_eq!(results.next(), Some(Ok(0)));
    assert!(taken.get() <= 4, "{}", taken.get());
    assert_eq!(results.next(), Some(Ok(1)));
    assert!(taken.get() <= 5, "{}", taken.get());
}

#[test]
fn submit_and_get_next_go_on_after_an_error() {
    let (mut pool, _actors) = pool(1);
    for seconds in [1, 13, 2] {
        pool.submit(|worker, n| worker.work(n), seconds);
    }
    assert!(!pool.has_free());
    assert_eq!(pool.get_next(), Ok(1));
    assert_eq!(pool.get_next(), Err(Error::failed("no luck")));
    assert_eq!(pool.get_next(), Ok(2));
    assert!(!pool.has_next() && pool.has_free());
    assert_eq!(pool.get_next(), Err(Error::Invalid("the pool has no results left".to_owned())));
}

#[test]
fn ordered_and_unordered_results_may_be_mixed() {
    let (mut pool, _actors) = pool(3);
    for seconds in [3, 1, 2] {
        pool.submit(|worker, n| worker.work(n), seconds);
    }
    assert_eq!(pool.get_next_unordered(), Ok(1));
    assert_eq!(pool.get_next(), Ok(3));
    assert_eq!(pool.get_next(), Ok(2));
    assert!(!pool.has_next());
}

#[test]
fn a_timeout_keeps_the_result_for_later() {
    let (mut pool, _actors) = pool(1);
    pool.submit(|worker, n| worker.work(n), 10);
    assert!(matches!(pool.get_next_timeout(Duration::from_secs(1)), Err(Error::TimedOut(_))));
    assert_eq!(pool.get_next(), Ok(10));
}

#[test]
fn actors_come_and_go() {
    let (mut pool, mut actors) = pool(0);
    pool.submit(|worker, n| worker.work(n), 1);
    assert_eq!(pool.get_next(), Err(Error::Invalid("the pool has work and no actors".to_owned())));
    actors.push(Worker::remote().unwrap());
    pool.push(actors[0].clone());
    assert_eq!(pool.get_next(), Ok(1));
    let idle = pool.pop_idle().unwrap();
    assert_eq!(Handle::id(&idle), Handle::id(&actors[0]));
    assert!(pool.pop_idle().is_none());
}
