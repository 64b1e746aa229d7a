//! What there is to see while it counts: lines on standard error.

use std::time::{Duration, Instant};

use crate::Mapped;

const INTERVAL: Duration = Duration::from_secs(1);

/// How far the mappers are.
pub(crate) struct Progress {
    started: Instant,
    shown: Instant,
    files: usize,
    bytes: u64,
    skipped: usize,
}

impl Progress {
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Progress { started: now, shown: now, files: 0, bytes: 0, skipped: 0 }
    }

    /// Adds a batch; says so once in a while.
    pub(crate) fn add(&mut self, mapped: &Mapped) {
        self.files += mapped.files;
        self.bytes += mapped.bytes;
        self.skipped += mapped.skipped.len();
        for skipped in &mapped.skipped {
            eprintln!("skipped {skipped}");
        }
        if self.shown.elapsed() >= INTERVAL {
            self.shown = Instant::now();
            self.show();
        }
    }

    pub(crate) fn show(&self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let megabytes = self.bytes as f64 / 1e6;
        eprintln!(
            "{seconds:5.1} s: {} files, {megabytes:.0} MB, {:.0} MB/s, {} skipped",
            self.files,
            megabytes / seconds,
            self.skipped,
        );
    }
}
