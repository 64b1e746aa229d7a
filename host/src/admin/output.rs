//! What the drivers of a job have printed and its client has not taken.

use std::collections::VecDeque;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use host_wasi::{Output, Stream};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::limits;

/// A queue of bytes in the order printed. A driver that is far ahead of its
/// client waits; one that writes without asking whether there is room loses
/// what there is no room for.
#[derive(Default)]
pub(super) struct Printed {
    state: Mutex<State>,
    /// Told when something was printed.
    news: Notify,
    /// Told when something was taken.
    room: Notify,
}

#[derive(Default)]
struct State {
    parts: VecDeque<(Stream, BytesMut)>,
    bytes: usize,
}

impl Printed {
    /// The next part; waits until there is one. Cancel-safe.
    pub(super) async fn next(&self) -> (Stream, Bytes) {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            news.as_mut().enable();
            if let Some(part) = self.now() {
                return part;
            }
            news.await;
        }
    }

    /// The next part, if there is one.
    pub(super) fn now(&self) -> Option<(Stream, Bytes)> {
        let mut state = self.state.lock();
        let (stream, bytes) = state.parts.pop_front()?;
        state.bytes -= bytes.len();
        drop(state);
        self.room.notify_waiters();
        Some((stream, bytes.freeze()))
    }
}

impl Output for Printed {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut state = self.state.lock();
        // One write is let in whole: it was begun when there was room.
        if state.bytes >= limits::OUTPUT_BYTES {
            return;
        }
        state.bytes += bytes.len();
        match state.parts.back_mut() {
            Some((last, part))
                if *last == stream && part.len() + bytes.len() <= limits::OUTPUT_PART_BYTES =>
            {
                part.extend_from_slice(bytes);
            }
            _ => state.parts.push_back((stream, bytes.into())),
        }
        drop(state);
        self.news.notify_waiters();
    }

    fn has_room(&self) -> bool {
        self.state.lock().bytes < limits::OUTPUT_BYTES
    }

    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            loop {
                let mut taken = std::pin::pin!(self.room.notified());
                taken.as_mut().enable();
                if self.has_room() {
                    return;
                }
                taken.await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_writes_become_one_part_and_streams_keep_their_order() {
        let printed = Printed::default();
        printed.write(Stream::Stdout, b"a");
        printed.write(Stream::Stdout, b"b");
        printed.write(Stream::Stderr, b"c");
        assert_eq!(printed.next().await, (Stream::Stdout, Bytes::from_static(b"ab")));
        assert_eq!(printed.next().await, (Stream::Stderr, Bytes::from_static(b"c")));
        assert_eq!(printed.now(), None);
    }

    #[tokio::test]
    async fn a_driver_far_ahead_waits_and_goes_on_when_something_was_taken() {
        let printed = Printed::default();
        let part = vec![b'x'; limits::OUTPUT_PART_BYTES];
        while printed.has_room() {
            printed.write(Stream::Stdout, &part);
        }
        let full = printed.state.lock().bytes;
        printed.write(Stream::Stdout, b"lost");
        assert_eq!(printed.state.lock().bytes, full);
        let mut room = printed.room();
        assert!(futures_util::FutureExt::now_or_never(&mut room).is_none());
        assert!(printed.now().is_some());
        room.await;
    }
}
