//! The actors that the benches call: ordinary programs, like any user's.

mod far;

use greenroom::prelude::*;

/// Answers with what it is given.
#[derive(Default)]
struct Echo;

#[actor]
impl Echo {
    fn new() -> Self {
        Echo
    }

    fn echo(&mut self, data: Bytes) -> Bytes {
        data
    }

    fn len(&mut self, data: Bytes) -> u64 {
        data.len() as u64
    }

    /// Where it is.
    fn node(&mut self) -> String {
        context::current().node
    }
}

/// Calls others, as often as it is told.
#[derive(Default)]
struct Caller {
    /// To be put, again and again.
    data: Bytes,
}

#[actor]
impl Caller {
    fn new() -> Self {
        Self::default()
    }

    /// One call after the other, each waited for.
    fn one_by_one(&mut self, target: Handle<Echo>, bytes: u32, calls: u32) -> Result<u64> {
        let data = Bytes::from(vec![7; bytes as usize]);
        let mut total = 0;
        for _ in 0..calls {
            total += get(target.echo(&data).remote()?)?.len() as u64;
        }
        Ok(total)
    }

    /// Calls in batches: all are sent, then all are waited for.
    fn batches(&mut self, targets: Vec<Handle<Echo>>, batch: u32, batches: u32) -> Result<u64> {
        let data = Bytes::from(vec![7; 16]);
        let mut total = 0;
        for _ in 0..batches {
            let mut refs = Vec::with_capacity(batch as usize);
            for target in targets.iter().cycle().take(batch as usize) {
                refs.push(target.echo(&data).remote()?);
            }
            total += get(refs)?.len() as u64;
        }
        Ok(total)
    }

    /// Calls with an object ref as the argument.
    fn with_ref(&mut self, target: Handle<Echo>, bytes: u32, calls: u32) -> Result<u64> {
        let data = put(&Bytes::from(vec![7; bytes as usize]))?;
        let mut total = 0;
        for _ in 0..calls {
            total += get(target.len(&data).remote()?)?;
        }
        Ok(total)
    }

    /// Creates an actor, calls it, lets it go.
    fn spawn_call_drop(&mut self, actors: u32) -> Result<u64> {
        let data = Bytes::from(vec![7; 16]);
        let mut total = 0;
        for _ in 0..actors {
            let actor = Echo::remote()?;
            total += get(actor.echo(&data).remote()?)?.len() as u64;
        }
        Ok(total)
    }

    /// Puts a value and gets it back.
    fn put_get(&mut self, bytes: u32, rounds: u32) -> Result<u64> {
        let data = Bytes::from(vec![7; bytes as usize]);
        let mut total = 0;
        for _ in 0..rounds {
            total += get(put(&data)?)?.len() as u64;
        }
        Ok(total)
    }

    /// Makes the value that `put_it` puts.
    fn prepare(&mut self, bytes: u32) {
        self.data = Bytes::from(vec![7; bytes as usize]);
    }

    /// Puts the value and answers with its ref.
    fn put_it(&mut self) -> Result<ObjectRef<Bytes>> {
        put(&self.data)
    }

    /// Gets a value that another put.
    fn get_it(&mut self, object: ObjectRef<Bytes>) -> Result<u64> {
        Ok(get(object)?.len() as u64)
    }
}

/// A small actor, as there are many of.
#[derive(Default)]
struct Counter {
    value: u64,
}

#[actor]
impl Counter {
    fn new() -> Self {
        Self::default()
    }

    fn increment(&mut self) -> u64 {
        self.value += 1;
        self.value
    }
}
