//! Async actors and drivers, against the fake host.
#![cfg(feature = "async")]

use std::cell::{Cell, RefCell};
use std::time::Duration;

use greenroom::prelude::*;
use greenroom::time::sleep;
use greenroom::{Cause, testing};

struct Adder;

#[actor]
impl Adder {
    fn new() -> Self {
        Adder
    }

    fn add(&self, left: i64, right: i64) -> i64 {
        left + right
    }
}

#[derive(Default)]
struct Station {
    in_progress: Cell<u32>,
    most: Cell<u32>,
    log: RefCell<Vec<String>>,
}

#[actor(max_concurrency = 3)]
impl Station {
    async fn new(warm_up: u64) -> Result<Self> {
        sleep(Duration::from_secs(warm_up)).await?;
        if warm_up > 10 { Err("too cold".into()) } else { Ok(Self::default()) }
    }

    async fn work(&self, seconds: u64) -> Result<u64> {
        self.in_progress.set(self.in_progress.get() + 1);
        self.most.set(self.most.get().max(self.in_progress.get()));
        sleep(Duration::from_secs(seconds)).await?;
        self.in_progress.set(self.in_progress.get() - 1);
        self.log.borrow_mut().push(format!("{seconds} s"));
        Ok(seconds)
    }

    /// An ordinary method of an async class.
    fn most(&self) -> u32 {
        self.most.get()
    }

    fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    async fn sums(&self, adder: Handle<Adder>) -> Result<(i64, i64, Vec<i64>)> {
        let one = adder.add(1, 2).remote()?;
        let two = adder.add(&one, 10).remote()?;
        let both = get_async([&one, &two]).await?.to_vec();
        Ok(((&one).await?, two.await?, both))
    }

    async fn panic(&self) {
        panic!("derailed");
    }

    async fn cancelled(&self) -> Result<()> {
        let slept = sleep(Duration::from_secs(100)).await;
        self.log.borrow_mut().push(format!("{slept:?} {}", context::is_cancelled()));
        slept
    }

    async fn itself(&self, depth: u32) -> Result<u32> {
        if depth == 0 {
            return Ok(0);
        }
        let me = context::me::<Station>()?;
        Ok(me.itself(depth - 1).remote()?.await? + 1)
    }
}

#[test]
fn calls_interleave_up_to_max_concurrency() {
    let station = Station::remote(1u64).unwrap();
    let calls: Vec<_> = (1..=5).rev().map(|n| station.work(n).remote().unwrap()).collect();
    assert_eq!(get(calls).unwrap(), [5, 4, 3, 2, 1]);
    assert_eq!(get(station.most().remote().unwrap()).unwrap(), 3);
    let log = get(station.log().remote().unwrap()).unwrap();
    assert_eq!(log, ["3 s", "4 s", "5 s", "2 s", "1 s"]);
    assert!(testing::elapsed() < Duration::from_secs(7));
}

#[test]
fn refs_can_be_awaited() {
    let station = Station::remote(0u64).unwrap();
    let sums = station.sums(Adder::remote().unwrap()).remote().unwrap();
    assert_eq!(get(sums).unwrap(), (3, 13, vec![3, 13]));
}

#[test]
fn an_async_actor_may_call_itself() {
    let station = Station::options().max_concurrency(10).remote(0u64).unwrap();
    assert_eq!(get(station.itself(5u32).remote().unwrap()).unwrap(), 5);
    let error = get(station.itself(50u32).remote().unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("a call cycle: "), "{error}");
}

#[test]
fn a_panic_takes_the_other_calls_along() {
    let station = Station::remote(0u64).unwrap();
    let other = station.work(10).remote().unwrap();
    let panic = station.panic().remote().unwrap();
    assert!(matches!(get(panic), Err(Error::Trapped(_))));
    assert!(matches!(get(other), Err(Error::Trapped(_))));
    match get(station.most().remote().unwrap()).unwrap_err() {
        Error::Died(death) => assert_eq!(death.cause, Cause::Crashed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_async_constructor_may_fail() {
    let station = Station::remote(11u64).unwrap();
    match get(station.most().remote().unwrap()).unwrap_err() {
        Error::Died(death) => assert_eq!(death.cause, Cause::ConstructorFailed),
        other => panic!("{other:?}"),
    }
    assert!(testing::elapsed() > Duration::from_secs(10));
}

#[test]
fn cancelling_wakes_only_the_call() {
    let station = Station::remote(0u64).unwrap();
    assert_eq!(get(station.most().remote().unwrap()).unwrap(), 0);
    let work = station.work(5).remote().unwrap();
    let cancelled = station.cancelled().remote().unwrap();
    testing::settle();
    cancel(&cancelled).unwrap();
    assert!(matches!(get(cancelled), Err(Error::Cancelled(_))));
    assert_eq!(get(work).unwrap(), 5);
    let log = get(station.log().remote().unwrap()).unwrap();
    assert!(log[0].starts_with("Err(Cancelled(") && log[0].ends_with("true"), "{log:?}");
}

/// Waits.
#[driver]
async fn main(args: Vec<String>) -> Result<()> {
    let station = Station::remote(0u64)?;
    let mut refs = vec![station.work(2).remote()?, station.work(1).remote()?];
    let mut order = Vec::new();
    while !refs.is_empty() {
        let (ready, rest) = wait_async(refs, 1, None).await?;
        order.extend(get_async(ready).await?);
        refs = rest;
    }
    let order: Vec<String> = order.iter().map(u64::to_string).collect();
    if order == args { Ok(()) } else { Err(Error::failed(order.join(" "))) }
}

#[test]
fn an_async_driver_runs() {
    assert_eq!(testing::run_driver(["1", "2"]), Ok(()));
    testing::block_on(async {
        let slow = Station::remote(0u64).unwrap().work(9).remote().unwrap();
        let late = greenroom::get_async_timeout(&slow, Duration::from_secs(3)).await;
        assert!(matches!(late, Err(Error::TimedOut(_))));
        assert_eq!(slow.await, Ok(9));
    });
}
