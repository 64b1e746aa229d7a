//! Async actors: many calls of one actor in progress.

use greenroom::prelude::*;

/// Counts, with calls that interleave.
#[derive(Default)]
struct Tally {
    value: std::cell::Cell<i64>,
}

#[actor]
impl Tally {
    fn new() -> Self {
        Self::default()
    }

    async fn add(&self, amount: i64) -> i64 {
        self.value.set(self.value.get() + amount);
        self.value.get()
    }
}
