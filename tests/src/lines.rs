//! What guests print and log, remembered.

use host::log::{Record, Sink, Source};
use host_wasi::{Output, Stream};
use parking_lot::Mutex;

/// A line of an actor's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `Class(id)`.
    pub actor: String,
    /// How it came.
    pub source: Source,
    /// The line.
    pub text: String,
}

/// Everything that was logged, and what drivers printed.
#[derive(Default)]
pub struct Lines {
    lines: Mutex<Vec<Line>>,
    driver: Mutex<[Vec<u8>; 2]>,
}

impl Lines {
    /// All lines so far.
    pub fn all(&self) -> Vec<Line> {
        self.lines.lock().clone()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.lock().len()
    }

    /// Whether nothing was logged.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The texts of all lines, in order.
    pub fn texts(&self) -> Vec<String> {
        self.lines.lock().iter().map(|line| line.text.clone()).collect()
    }

    /// Whether a line is exactly this.
    pub fn has(&self, text: &str) -> bool {
        self.lines.lock().iter().any(|line| line.text == text)
    }

    /// What drivers wrote to standard output.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.driver.lock()[0]).into_owned()
    }
}

impl Sink for Lines {
    fn line(&self, record: &Record<'_>) {
        self.lines.lock().push(Line {
            actor: record.actor.to_string(),
            source: record.source,
            text: record.text.to_owned(),
        });
    }
}

impl Output for Lines {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut driver = self.driver.lock();
        driver[usize::from(stream == Stream::Stderr)].extend_from_slice(bytes);
    }
}
