//! What goes between a node and all others, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has gone between a node and all others since it started. Frames are
/// counted once, however often a broken connection has them sent.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Frames that were accepted for sending, and the bytes in them.
    pub frames_sent: u64,
    /// See `frames_sent`.
    pub bytes_sent: u64,
    /// Frames that were handed on, and the bytes in them.
    pub frames_received: u64,
    /// See `frames_received`.
    pub bytes_received: u64,
    /// Frames that were refused, since the peer was too far behind.
    pub refused: u64,
    /// Connections that broke.
    pub breaks: u64,
    /// Connections that could not be made.
    pub dials_failed: u64,
    /// Epochs that began.
    pub epochs: u64,
    /// Epochs that were lost, with what was under way in them.
    pub epochs_lost: u64,
}

/// The counts as they grow. On cache lines of their own: what is beside them
/// is read by everybody.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Counts {
    pub(crate) frames_sent: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) frames_received: Counter,
    pub(crate) bytes_received: Counter,
    pub(crate) refused: Counter,
    pub(crate) breaks: Counter,
    pub(crate) dials_failed: Counter,
    pub(crate) epochs: Counter,
    pub(crate) epochs_lost: Counter,
}

/// One count.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, many: usize) {
        self.0.fetch_add(many as u64, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    pub(crate) fn now(&self) -> Traffic {
        Traffic {
            frames_sent: self.frames_sent.now(),
            bytes_sent: self.bytes_sent.now(),
            frames_received: self.frames_received.now(),
            bytes_received: self.bytes_received.now(),
            refused: self.refused.now(),
            breaks: self.breaks.now(),
            dials_failed: self.dials_failed.now(),
            epochs: self.epochs.now(),
            epochs_lost: self.epochs_lost.now(),
        }
    }
}
