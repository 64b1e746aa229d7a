//! What an actor prints and logs becomes its log lines.

use std::sync::Arc;

use host_core::Level;
use host_wasi::{Output, Stream};

use super::{Actor, Role};
use crate::log::{Entry, Line, Source};

impl Actor {
    /// Where what it prints goes: a driver's is its job's, other actors' becomes
    /// log lines.
    pub(super) fn output(self: &Arc<Self>) -> Arc<dyn Output> {
        match &self.role {
            Role::Driver { output, .. } => output.clone(),
            Role::Class { .. } => self.clone(),
        }
    }

    /// Adds a message to its log. `target` is what in the guest wrote it.
    pub fn log(&self, level: Level, target: &str, message: &str) {
        if target.is_empty() {
            self.log.log(self.entry(), level, message);
        } else {
            self.log.log(self.entry(), level, &format!("{target}: {message}"));
        }
    }

    /// The last lines of its log, oldest first.
    pub fn log_tail(&self) -> Vec<Line> {
        self.log.tail()
    }

    /// Lets out what waits for the end of its line.
    pub(super) fn finish_log(&self) {
        self.log.finish(self.entry());
    }

    fn entry(&self) -> Entry<'_> {
        let (sink, now) = (self.env.sink(), self.env.now());
        Entry { actor: &self.label, job: self.job, sink, now }
    }
}

impl Output for Actor {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        let source = match stream {
            Stream::Stdout => Source::Stdout,
            Stream::Stderr => Source::Stderr,
        };
        self.log.write(self.entry(), source, bytes);
    }
}
