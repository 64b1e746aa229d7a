//! The terminal, or whatever stands for it: what the host prints, and what
//! actors print through it.

use std::io::{self, IsTerminal, Write};

use host_core::id::Label;
use host_wasi::Stream;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::node::{LogLine, LogSink, Source};
use crate::sandbox::Level;

/// The class that a driver's label has.
const DRIVER: &str = "driver";

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

    /// Prints text that ends with a line's end to stderr. If that fails there
    /// is nobody left to tell.
    pub(super) fn err(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// A remark about what goes on, if people may want to see it.
    pub(super) fn progress(&self, text: &str) {
        if self.format == Format::Text && (self.verbose || io::stderr().is_terminal()) {
            self.err(&format!("{text}\n"));
        }
    }

    fn line_for_people(&self, line: &LogLine<'_>) {
        let text = line.text;
        let is_driver = &*line.actor.class == DRIVER;
        match line.source {
            Source::Stream(Stream::Stdout) if is_driver => self.out(&format!("{text}\n")),
            Source::Stream(Stream::Stderr) if is_driver => self.err(&format!("{text}\n")),
            Source::Stream(Stream::Stdout) => {
                self.out(&prefixed(line.actor, None, text, self.colour_stdout));
            }
            Source::Stream(Stream::Stderr) => {
                self.err(&prefixed(line.actor, None, text, self.colour_stderr));
            }
            Source::Log { level, .. } => {
                self.err(&prefixed(line.actor, Some(level), text, self.colour_stderr));
            }
        }
    }

    fn line_for_programs(&self, line: &LogLine<'_>) {
        let actor = line.actor.to_string();
        match line.source {
            Source::Stream(Stream::Stdout) => {
                let object = json!({"actor": actor, "stdout": line.text});
                self.out(&format!("{object}\n"));
            }
            Source::Stream(Stream::Stderr) => {
                let object = json!({"actor": actor, "stderr": line.text});
                self.err(&format!("{object}\n"));
            }
            Source::Log { level, target } => {
                let level = level_name(level);
                let object =
                    json!({"actor": actor, "level": level, "target": target, "log": line.text});
                self.err(&format!("{object}\n"));
            }
        }
    }
}

impl LogSink for Console {
    fn line(&self, line: &LogLine<'_>) {
        match self.format {
            Format::Text => self.line_for_people(line),
            Format::Json => self.line_for_programs(line),
        }
    }
}

/// `Counter(a7@n1) | text`, or with a level `Counter(a7@n1) warn | text`.
fn prefixed(actor: &Label, level: Option<Level>, text: &str, colour: bool) -> String {
    let mut prefix = actor.to_string();
    if colour {
        let code = COLOURS[actor.id.seq as usize % COLOURS.len()];
        prefix = format!("\x1b[{code}m{prefix}\x1b[0m");
    }
    match level {
        None => format!("{prefix} | {text}\n"),
        Some(level) => format!("{prefix} {} | {text}\n", shown_level(level, colour)),
    }
}

fn shown_level(level: Level, colour: bool) -> String {
    let name = level_name(level);
    match (level, colour) {
        (Level::Error, true) => format!("\x1b[31m{name}\x1b[0m"),
        (Level::Warn, true) => format!("\x1b[33m{name}\x1b[0m"),
        _ => name.into(),
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

#[cfg(test)]
mod tests {
    use host_core::{ActorId, NodeId};

    use super::*;

    fn label() -> Label {
        Label { class: "Counter".into(), id: ActorId { node: NodeId(1), seq: 7 } }
    }

    #[test]
    fn an_actors_line_says_whose_it_is() {
        assert_eq!(prefixed(&label(), None, "hello", false), "Counter(a7@n1) | hello\n");
        assert_eq!(
            prefixed(&label(), Some(Level::Warn), "hello", false),
            "Counter(a7@n1) warn | hello\n"
        );
    }

    #[test]
    fn colours_end_before_the_text() {
        let line = prefixed(&label(), Some(Level::Error), "hello", true);
        assert_eq!(line, "\x1b[33mCounter(a7@n1)\x1b[0m \x1b[31merror\x1b[0m | hello\n");
    }
}
