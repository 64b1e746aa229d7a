//! Async actors: many calls of one actor in progress.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use greenroom::prelude::*;
use greenroom::time::sleep;

/// Counts who is in, with calls that interleave where they await.
#[derive(Default)]
struct Room {
    inside: Cell<u32>,
    most: Cell<u32>,
    entries: RefCell<Vec<String>>,
}

#[actor]
impl Room {
    fn new() -> Self {
        Self::default()
    }

    /// Stays until the object is there.
    async fn stay(&self, object: (ObjectRef<i64>,)) -> Result<i64> {
        self.inside.set(self.inside.get() + 1);
        self.most.set(self.most.get().max(self.inside.get()));
        println!("in");
        let got = get_async(&object.0).await;
        self.inside.set(self.inside.get() - 1);
        got
    }

    async fn inside(&self) -> u32 {
        self.inside.get()
    }

    async fn most(&self) -> u32 {
        self.most.get()
    }

    async fn nap(&self, name: String, millis: u64) -> Result<String> {
        sleep(Duration::from_millis(millis)).await?;
        self.entries.borrow_mut().push(name.clone());
        Ok(name)
    }

    async fn entries(&self) -> Vec<String> {
        self.entries.borrow().clone()
    }

    async fn panics(&self, object: (ObjectRef<i64>,)) -> Result<i64> {
        let value = get_async(&object.0).await?;
        panic!("woken with {value}");
    }

    /// Waits for the first of these, whichever it is.
    async fn first_of(&self, objects: Vec<ObjectRef<i64>>) -> Result<i64> {
        let (ready, _) = wait_async(objects, 1, None).await?;
        let values = get_async(ready).await?;
        values.first().copied().ok_or_else(|| Error::failed("none is ready"))
    }

    async fn spins(&self) {
        loop {
            std::hint::black_box(());
        }
    }
}

/// Calls whoever is next, async.
#[derive(Default)]
struct AsyncLink {
    next: RefCell<Option<Handle<AsyncLink>>>,
}

#[actor]
impl AsyncLink {
    fn new() -> Self {
        Self::default()
    }

    async fn set_next(&self, next: Handle<AsyncLink>) {
        *self.next.borrow_mut() = Some(next);
    }

    async fn pass_on(&self, hops: u32) -> Result<u32> {
        let next = self.next.borrow().clone();
        let Some(next) = next.filter(|_| hops > 0) else { return Ok(hops) };
        Ok(1 + get_async(next.pass_on(hops - 1).remote()?).await?)
    }
}

/// Runs one call at a time, in the world of async actors.
#[derive(Default)]
struct Plain {
    value: i64,
}

#[actor]
impl Plain {
    fn new() -> Self {
        Self::default()
    }

    fn add(&mut self, amount: i64) -> i64 {
        self.value += amount;
        self.value
    }
}

/// Several calls at once, from a driver.
#[driver]
async fn main() -> Result<()> {
    let room = Room::remote()?;
    let naps = ["a", "b", "c"].map(|name| room.nap(name, 5).remote());
    let [a, b, c] = naps;
    println!("{}", get_async([a?, b?, c?]).await?.join(" "));
    Ok(())
}
