//! What guests print, line by line, on its way to whoever reads it.

use std::sync::Arc;

use host_core::id::Label;
use host_core::limits;
use host_wasi::{Output, Stream};
use parking_lot::Mutex;

use crate::actor::Actor;
use crate::sandbox::Level;

/// A line of a guest's output.
pub struct LogLine<'a> {
    /// Who wrote it.
    pub actor: &'a Label,
    /// How it was written.
    pub source: Source<'a>,
    /// The line, without its end.
    pub text: &'a str,
}

/// How a line was written.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// To a standard stream.
    Stream(Stream),
    /// Through the log.
    Log {
        /// How much it matters.
        level: Level,
        /// What in the guest wrote it.
        target: &'a str,
    },
}

/// Takes lines. Called on guests' threads: it must not block for long.
pub trait LogSink: Send + Sync {
    /// Takes a line.
    fn line(&self, line: &LogLine<'_>);
}

/// One actor's output on its way to the sink.
pub(super) struct ActorLog {
    label: Label,
    sink: Arc<dyn LogSink>,
    /// The line that is not complete yet, of each stream.
    partial: Mutex<[Vec<u8>; 2]>,
}

impl ActorLog {
    pub(super) fn new(actor: &Actor, sink: Arc<dyn LogSink>) -> ActorLog {
        ActorLog { label: actor.label.clone(), sink, partial: Mutex::default() }
    }

    fn line(&self, stream: Stream, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let source = Source::Stream(stream);
        self.sink.line(&LogLine { actor: &self.label, source, text: &text });
    }
}

impl Output for ActorLog {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut partial = self.partial.lock();
        let partial = &mut partial[usize::from(stream == Stream::Stderr)];
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            partial.extend_from_slice(piece);
            if partial.last() == Some(&b'\n') || partial.len() > limits::LOG_LINE_BYTES {
                let end = partial.strip_suffix(b"\n").unwrap_or(partial);
                self.line(stream, end);
                partial.clear();
            }
        }
    }
}

impl Drop for ActorLog {
    fn drop(&mut self) {
        let partial = std::mem::take(self.partial.get_mut());
        for (stream, bytes) in [Stream::Stdout, Stream::Stderr].into_iter().zip(&partial) {
            if !bytes.is_empty() {
                self.line(stream, bytes);
            }
        }
    }
}
