//! An actor that is called all the time while others misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host_core::Error;

use crate::world::Actor;

/// Between two calls: the victim is an actor in use, not a load of its own.
const PAUSE: Duration = Duration::from_millis(2);

/// A thread that calls a counter and measures.
pub struct Victim {
    stop: Arc<AtomicBool>,
    caller: JoinHandle<Report>,
}

/// What the victim's caller saw.
#[derive(Debug)]
pub struct Report {
    /// How long each call took, shortest first.
    pub latencies: Vec<Duration>,
}

impl Victim {
    /// Calls `counter`, whose method `increment` counts from one. The caller
    /// has a thread and a runtime to itself: it notices when the host's are
    /// held up.
    pub fn start(counter: Actor) -> Victim {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let caller = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime can be made");
            runtime.block_on(call_until(&seen, &counter))
        });
        Victim { stop, caller }
    }

    /// Stops calling.
    pub fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        match self.caller.join() {
            Ok(report) => report,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

async fn call_until(stop: &AtomicBool, counter: &Actor) -> Report {
    /// Calls after the attack is over.
    const AFTER: usize = 50;
    let mut latencies = Vec::new();
    let mut left = AFTER;
    while left > 0 {
        if stop.load(Ordering::Relaxed) {
            left -= 1;
        }
        let begun = Instant::now();
        let counted: Result<i64, Error> = counter.ask("increment", ()).await;
        latencies.push(begun.elapsed());
        assert_eq!(counted, Ok(latencies.len() as i64), "the victim was disturbed");
        tokio::time::sleep(PAUSE).await;
    }
    latencies.sort_unstable();
    Report { latencies }
}

impl Report {
    /// The latency that one call in a hundred passes.
    pub fn p99(&self) -> Duration {
        self.latencies[self.latencies.len() * 99 / 100]
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        self.latencies.last().copied().unwrap_or_default()
    }
}
