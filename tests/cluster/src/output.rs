//! What a program printed, as far as it is kept.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

/// Lines that are kept; a host that logs more has its first ones forgotten.
const LINES_MAX: usize = 2_000;

/// Bytes of a line that are kept.
const LINE_MAX: usize = 4_096;

/// The last lines of a stream, read as they come.
#[derive(Default)]
pub(crate) struct Output {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<String>,
    ended: bool,
}

impl Output {
    /// Reads a stream to its end, on a thread of its own, so that nobody who
    /// writes to it ever waits.
    pub(crate) fn of(stream: impl Read + Send + 'static) -> Output {
        let output = Output::default();
        let kept = output.kept.clone();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while let Ok(1..) = stream.read_until(b'\n', &mut line) {
                line.truncate(LINE_MAX);
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                let mut kept = kept.lock();
                if kept.lines.len() == LINES_MAX {
                    kept.lines.pop_front();
                }
                kept.lines.push_back(text);
            }
            kept.lock().ended = true;
        });
        output
    }

    /// Of a stream that is not read here.
    pub(crate) fn none() -> Output {
        let output = Output::default();
        output.kept.lock().ended = true;
        output
    }

    /// The lines that are kept.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.kept.lock().lines.iter().cloned().collect()
    }

    /// Whether nothing more will come.
    pub(crate) fn has_ended(&self) -> bool {
        self.kept.lock().ended
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::until;

    #[test]
    fn first_lines_are_forgotten_and_long_ones_cut() {
        let numbers: String = (0..LINES_MAX + 5).map(|number| format!("{number}\n")).collect();
        let long = "x".repeat(3 * LINE_MAX);
        let output = Output::of(std::io::Cursor::new(numbers + &long));
        until("the end of the stream", Duration::from_secs(10), || {
            output.has_ended().then_some(()).ok_or_else(|| "it goes on".to_owned())
        });
        let lines = output.lines();
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines[0], "6");
        assert_eq!(lines[LINES_MAX - 1].len(), LINE_MAX);
    }
}
