//! Stand-in until the SDK has its `ActorPool`.
#![allow(missing_docs, reason = "goes away")]
use greenroom::prelude::*;
use greenroom::Call;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;

pub(crate) struct ActorPool<A: Actor> { workers: Vec<Handle<A>> }
impl<A: Actor> ActorPool<A> {
    pub(crate) fn new(workers: impl IntoIterator<Item = Handle<A>>) -> Self { ActorPool { workers: workers.into_iter().collect() } }
    pub(crate) fn map_unordered<J, T: DeserializeOwned, I: IntoIterator<Item = J>>(
        &self, jobs: I, call: impl for<'a> Fn(&'a Handle<A>, J) -> Call<'a, T>,
    ) -> impl Iterator<Item = Result<T>> {
        let mut jobs = jobs.into_iter();
        let mut idle: VecDeque<usize> = (0..self.workers.len()).chain(0..self.workers.len()).collect();
        let mut busy: Vec<(usize, ObjectRef<T>)> = Vec::new();
        std::iter::from_fn(move || {
            while let Some(worker) = idle.pop_front() {
                let Some(job) = jobs.next() else { idle.clear(); break };
                match call(&self.workers[worker], job).remote() {
                    Ok(sent) => busy.push((worker, sent)),
                    Err(e) => return Some(Err(e)),
                }
            }
            if busy.is_empty() { return None; }
            if let Err(e) = wait(busy.iter().map(|(_, r)| r), 1, None) { return Some(Err(e)); }
            let ready = match wait(busy.iter().map(|(_, r)| r), 1, None) { Ok((ready, _)) => ready[0].id(), Err(e) => return Some(Err(e)) };
            let at = busy.iter().position(|(_, r)| r.id() == ready).unwrap();
            let (worker, result) = busy.remove(at);
            idle.push_back(worker);
            Some(get(result))
        })
    }
}
