//! As many actors as are asked for, each of which does little.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use greenroom::prelude::*;

use crate::line::Line;
use crate::print;

/// Calls under way at once.
const WINDOW: usize = 256;

#[derive(Default)]
struct Small {
    calls: u64,
}

#[actor(cpus = 0.0, memory = "2MiB")]
impl Small {
    fn new() -> Self {
        Self::default()
    }

    /// How many calls there were, and where.
    fn call(&mut self) -> (u64, String) {
        self.calls += 1;
        (self.calls, context::current().node)
    }
}

/// Creates actors, calls each twice, tells where they are, and keeps them for
/// some time.
pub(crate) fn many(actors: usize, seconds: u64) -> Result<()> {
    let actors = (0..actors).map(|_| Small::remote()).collect::<Result<Vec<_>>>()?;
    let mut nodes = BTreeMap::<String, u64>::new();
    for round in 1..=2 {
        for some in actors.chunks(WINDOW) {
            let calls = some.iter().map(|actor| actor.call().remote());
            for (calls, node) in get(calls.collect::<Result<Vec<_>>>()?)? {
                if calls != round {
                    return Err(Error::failed(format!("call {round} was counted as {calls}")));
                }
                if round == 1 {
                    *nodes.entry(node).or_default() += 1;
                }
            }
        }
    }
    print(&Line::Spread { nodes: nodes.into_iter().collect() });
    thread::sleep(Duration::from_secs(seconds));
    Ok(())
}
