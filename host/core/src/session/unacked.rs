//! What was sent and may have to be sent again.

use std::collections::VecDeque;

use super::Room;
use crate::limits;

/// The frames of one epoch that the peer has not acknowledged, in order.
#[derive(Clone, Debug)]
pub(super) struct Unacked<P> {
    frames: VecDeque<(P, usize)>,
    bytes: usize,
    /// The number of the first of them, or of the next to be sent.
    first: u64,
}

impl<P> Default for Unacked<P> {
    fn default() -> Unacked<P> {
        Unacked { frames: VecDeque::new(), bytes: 0, first: 1 }
    }
}

impl<P> Unacked<P> {
    /// Whether one more of so many bytes may be kept. One frame always may:
    /// its size is bounded elsewhere.
    pub(super) fn has_room(&self, bytes: usize, room: Room) -> bool {
        let times = match room {
            Room::New => 1,
            Room::Answer => 2,
        };
        let frames = self.frames.len() < limits::SESSION_FRAMES * times;
        let bytes = self.bytes.saturating_add(bytes) <= limits::SESSION_BYTES * times;
        self.frames.is_empty() || (frames && bytes)
    }

    pub(super) fn is_half_empty(&self) -> bool {
        self.frames.len() <= limits::SESSION_FRAMES / 2 && self.bytes <= limits::SESSION_BYTES / 2
    }

    /// Keeps a frame and gives it its number.
    pub(super) fn push(&mut self, payload: P, bytes: usize) -> u64 {
        self.frames.push_back((payload, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        self.next() - 1
    }

    /// Forgets all up to `received`. False if that was never sent; less than
    /// before is no news.
    pub(super) fn acked(&mut self, received: u64) -> bool {
        if received >= self.next() {
            return false;
        }
        while self.first <= received {
            let (_, bytes) = self.frames.pop_front().expect("first is below next");
            self.bytes -= bytes;
            self.first += 1;
        }
        true
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &P)> {
        (self.first..).zip(self.frames.iter().map(|(payload, _)| payload))
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn next(&self) -> u64 {
        self.first + self.frames.len() as u64
    }
}
