//! The terminal, or whatever stands for it: what the host prints, and what
//! actors print through it.

use std::io::{self, IsTerminal, Write};

use host_core::Level;
use host_wasi::{Output, Stream};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::log::{Record, Sink, Source};

/// A driver's line that is longer reaches programs in pieces.
const DRIVER_LINE_BYTES: usize = 1 << 20;

/// Colours of actors' prefixes: those that are readable on black and white.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// For whom the output is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, clap::ValueEnum)]
pub(super) enum Format {
    /// People.
    #[default]
    Text,
    /// Programs: one JSON object per line.
    Json,
}

/// Where everything is printed.
pub(super) struct Console {
    /// For whom.
    pub(super) format: Format,
    /// Whether people want to know more.
    pub(super) verbose: bool,
    /// Cancelled once nobody reads stdout any more.
    pub(super) unread: CancellationToken,
    colour_stdout: bool,
    colour_stderr: bool,
    /// The beginning of the driver's line, of each stream: for programs.
    partial: Mutex<[Vec<u8>; 2]>,
}

impl Console {
    /// The process's standard streams.
    pub(super) fn new(format: Format, verbose: bool) -> Console {
        // https://no-color.org: set and not empty.
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = |terminal: bool| !plain && format == Format::Text && terminal;
        Console {
            format,
            verbose,
            unread: CancellationToken::new(),
            colour_stdout: colour(io::stdout().is_terminal()),
            colour_stderr: colour(io::stderr().is_terminal()),
            partial: Mutex::default(),
        }
    }

    /// Prints text that ends with a line's end to stdout.
    pub(super) fn out(&self, text: &str) {
        self.write_out(text.as_bytes());
    }

    /// Prints bytes to stdout.
    pub(super) fn write_out(&self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        if written.is_err() {
            // Mostly `| head`: there is no use in going on.
            self.unread.cancel();
        }
    }

    /// Prints text that ends with a line's end to stderr.
    pub(super) fn err(&self, text: &str) {
        self.write_err(text.as_bytes());
    }

    /// Prints bytes to stderr. If that fails there is nobody left to tell.
    fn write_err(&self, bytes: &[u8]) {
        let _ = io::stderr().lock().write_all(bytes);
    }

    /// Whether somebody sits there who wants to see what goes on.
    pub(super) fn wants_progress(&self) -> bool {
        self.verbose || io::stderr().is_terminal()
    }

    /// A remark about what goes on, if people may want to see it.
    pub(super) fn progress(&self, text: &str) {
        if self.format == Format::Text && self.wants_progress() {
            self.err(&format!("{text}\n"));
        }
    }

    /// What a driver prints is the program's output: as it is for people, as
    /// lines for programs.
    fn driver_wrote(&self, stream: Stream, bytes: &[u8]) {
        match (self.format, stream) {
            (Format::Text, Stream::Stdout) => self.write_out(bytes),
            (Format::Text, Stream::Stderr) => self.write_err(bytes),
            (Format::Json, _) => {
                let mut partial = self.partial.lock();
                let partial = &mut partial[usize::from(stream == Stream::Stderr)];
                for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                    partial.extend_from_slice(piece);
                    if piece.ends_with(b"\n") || partial.len() > DRIVER_LINE_BYTES {
                        self.driver_line(stream, &std::mem::take(partial));
                    }
                }
            }
        }
    }

    fn driver_line(&self, stream: Stream, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        match stream {
            Stream::Stdout => self.out(&format!("{}\n", json!({"stdout": text}))),
            Stream::Stderr => self.err(&format!("{}\n", json!({"stderr": text}))),
        }
    }

    /// Prints what waits for the end of its line.
    pub(super) fn finish(&self) {
        let partial = std::mem::take(&mut *self.partial.lock());
        for (stream, line) in [Stream::Stdout, Stream::Stderr].into_iter().zip(&partial) {
            if !line.is_empty() {
                self.driver_line(stream, line);
            }
        }
    }
}

impl Output for Console {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        self.driver_wrote(stream, bytes);
    }
}

impl Console {
    /// Prints a line to stdout, however it came: for commands whose output are
    /// lines.
    pub(super) fn show_line(&self, record: &Record<'_>) {
        self.out(&match self.format {
            Format::Json => for_programs(record),
            Format::Text => for_people(record, self.colour_stdout),
        });
    }
}

/// What actors print, a line at a time: stdout to stdout, the rest to stderr.
impl Sink for Console {
    fn line(&self, record: &Record<'_>) {
        let to_stdout = record.source == Source::Stdout;
        let line = match self.format {
            Format::Json => for_programs(record),
            Format::Text if to_stdout => for_people(record, self.colour_stdout),
            Format::Text => for_people(record, self.colour_stderr),
        };
        if to_stdout { self.out(&line) } else { self.err(&line) }
    }
}

/// `Counter(a7@n1) | text`, or with a level `Counter(a7@n1) warn | text`.
fn for_people(record: &Record<'_>, colour: bool) -> String {
    let mut prefix = record.actor.to_string();
    if colour {
        let code = COLOURS[record.actor.id.seq as usize % COLOURS.len()];
        prefix = format!("\x1b[{code}m{prefix}\x1b[0m");
    }
    match record.source {
        Source::Stdout | Source::Stderr | Source::Host => format!("{prefix} | {}\n", record.text),
        Source::Log(level) => {
            format!("{prefix} {} | {}\n", shown_level(level, colour), record.text)
        }
    }
}

fn for_programs(record: &Record<'_>) -> String {
    let source = match record.source {
        Source::Log(_) => "log".to_string(),
        source => source.to_string(),
    };
    let mut object = Map::new();
    object.insert("actor".into(), record.actor.to_string().into());
    if let Source::Log(level) = record.source {
        object.insert("level".into(), level.to_string().into());
    }
    object.insert(source, record.text.into());
    format!("{}\n", Json::Object(object))
}

fn shown_level(level: Level, colour: bool) -> String {
    match (level, colour) {
        (Level::Error, true) => format!("\x1b[31m{level}\x1b[0m"),
        (Level::Warn, true) => format!("\x1b[33m{level}\x1b[0m"),
        _ => level.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use host_core::id::Label;
    use host_core::{ActorId, JobId, NodeId};

    use super::*;

    const JOB: JobId = JobId { node: NodeId(1), seq: 3 };

    fn check(source: Source, colour: bool, expected: &str) {
        let actor = Label { class: "Counter".into(), id: ActorId { node: NodeId(1), seq: 7 } };
        let record = Record { actor: &actor, job: JOB, source, text: "hello" };
        assert_eq!(for_people(&record, colour), expected);
    }

    #[test]
    fn an_actors_line_says_whose_it_is() {
        check(Source::Stdout, false, "Counter(a7@n1) | hello\n");
        check(Source::Stderr, false, "Counter(a7@n1) | hello\n");
        check(Source::Log(Level::Warn), false, "Counter(a7@n1) warn | hello\n");
    }

    #[test]
    fn colours_end_before_the_text() {
        check(
            Source::Log(Level::Error),
            true,
            "\x1b[33mCounter(a7@n1)\x1b[0m \x1b[31merror\x1b[0m | hello\n",
        );
    }

    #[test]
    fn programs_get_an_object() {
        let actor = Label { class: "Counter".into(), id: ActorId { node: NodeId(1), seq: 7 } };
        let source = Source::Log(Level::Warn);
        let line = for_programs(&Record { actor: &actor, job: JOB, source, text: "\"hello\"" });
        let object: Json = serde_json::from_str(&line).unwrap();
        assert_eq!(object, json!({"actor": "Counter(a7@n1)", "level": "warn", "log": "\"hello\""}));
    }
}
