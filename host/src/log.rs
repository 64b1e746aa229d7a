//! What actors print, made into log lines.
//!
//! [`LineLog`] takes an actor's bytes and lines, bounds them in length and
//! rate, makes them safe to show on a terminal, hands them to a [`Sink`], and
//! keeps the last few for whoever asks later. It knows nothing of files,
//! terminals or clocks.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::time::Duration;

use host_core::id::Label;
use host_core::rate::Limiter;
use host_core::{JobId, Level, limits};
use parking_lot::Mutex;

/// What one actor's kept lines may cost together. Ten thousand chatty actors
/// keep 160 MB.
const KEPT_BYTES: usize = 16 << 10;

/// What a kept line costs beside its text: its record and the allocation.
const KEPT_LINE_BYTES: usize = mem::size_of::<Line>() + 16;

/// Ends a line that was cut.
const CUT: &str = " … (cut)";

/// How a line came into the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// The actor's standard output.
    Stdout,
    /// The actor's standard error.
    Stderr,
    /// The actor's logger.
    Log(Level),
    /// The host, about this log.
    Host,
}

/// One line, as a [`Sink`] gets it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Whose it is.
    pub actor: &'a Label,
    /// The job it belongs to.
    pub job: JobId,
    /// How it came.
    pub source: Source,
    /// The line, without its end, safe to show on a terminal.
    pub text: &'a str,
}

/// Takes finished lines. It is called with the log locked: it must not block
/// and must not ask the same log for anything.
pub trait Sink: Send + Sync {
    /// Takes one line.
    fn line(&self, record: &Record<'_>);
}

/// One line that was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When it came, from the same origin as [`Entry::now`].
    pub at: Duration,
    /// How it came.
    pub source: Source,
    /// The line.
    pub text: Box<str>,
}

/// Where lines go and when: what every entry into a log has in common. It is
/// handed over each time, so that an actor that never logs need not keep it
/// twice.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Whose log it is.
    pub actor: &'a Label,
    /// The job that the actor belongs to.
    pub job: JobId,
    /// Where finished lines go.
    pub sink: &'a dyn Sink,
    /// The time, from any fixed origin.
    pub now: Duration,
}

/// The log of one actor. Until it logs, it costs a pointer and a lock byte.
#[derive(Default)]
pub struct LineLog {
    state: Mutex<Option<Box<State>>>,
}

struct State {
    stdout: Partial,
    stderr: Partial,
    limiter: Limiter,
    /// Lines not let through since the last one that was.
    dropped: u64,
    kept: VecDeque<Line>,
    /// The sum of what `kept` costs.
    kept_bytes: usize,
}

/// The beginning of a line whose end has not come.
#[derive(Default)]
struct Partial {
    /// At most [`limits::LOG_LINE_BYTES`].
    bytes: Vec<u8>,
    /// Whether more came than `bytes` may hold.
    cut: bool,
}

impl LineLog {
    /// Takes bytes that the actor printed; `source` is one of the streams.
    pub fn write(&self, entry: Entry<'_>, source: Source, mut bytes: &[u8]) {
        let mut state = self.state.lock();
        let state = state.get_or_insert_with(State::new);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            let partial = state.partial(source);
            if partial.is_empty() {
                state.line(entry, source, line, false);
            } else {
                partial.extend(line);
                let whole = mem::take(partial);
                state.line(entry, source, &whole.bytes, whole.cut);
            }
            bytes = rest;
        }
        state.partial(source).extend(bytes);
    }

    /// Takes a message of the actor's logger; each of its lines is one.
    pub fn log(&self, entry: Entry<'_>, level: Level, message: &str) {
        let mut state = self.state.lock();
        let state = state.get_or_insert_with(State::new);
        for line in message.split('\n') {
            state.line(entry, Source::Log(level), line.as_bytes(), false);
        }
    }

    /// The actor has ended: lets out what waits for the end of its line, and
    /// the count of dropped lines. What was kept stays.
    pub fn finish(&self, entry: Entry<'_>) {
        let mut state = self.state.lock();
        let Some(state) = state.as_mut() else { return };
        for source in [Source::Stdout, Source::Stderr] {
            let partial = mem::take(state.partial(source));
            if !partial.is_empty() {
                state.line(entry, source, &partial.bytes, partial.cut);
            }
        }
        state.report_dropped(entry);
    }

    /// The last lines, oldest first.
    pub fn tail(&self) -> Vec<Line> {
        let state = self.state.lock();
        state.as_ref().map_or_else(Vec::new, |state| state.kept.iter().cloned().collect())
    }
}

impl State {
    fn new() -> Box<State> {
        Box::new(State {
            stdout: Partial::default(),
            stderr: Partial::default(),
            limiter: Limiter::new(limits::LOG_BURST_LINES, limits::LOG_LINES_PER_SECOND),
            dropped: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
        })
    }

    fn partial(&mut self, source: Source) -> &mut Partial {
        match source {
            Source::Stdout => &mut self.stdout,
            Source::Stderr | Source::Log(_) | Source::Host => &mut self.stderr,
        }
    }

    /// One line has come; `cut` says that it was longer.
    fn line(&mut self, entry: Entry<'_>, source: Source, line: &[u8], cut: bool) {
        if !self.limiter.take(entry.now) {
            self.dropped += 1;
            return;
        }
        self.report_dropped(entry);
        let text = printable(line, cut);
        self.show(entry, source, text);
    }

    fn report_dropped(&mut self, entry: Entry<'_>) {
        match mem::take(&mut self.dropped) {
            0 => {}
            1 => self.show(entry, Source::Host, "… 1 line dropped".into()),
            n => self.show(entry, Source::Host, format!("… {n} lines dropped")),
        }
    }

    fn show(&mut self, entry: Entry<'_>, source: Source, text: String) {
        let Entry { actor, job, sink, now } = entry;
        sink.line(&Record { actor, job, source, text: &text });
        self.kept_bytes += text.len() + KEPT_LINE_BYTES;
        self.kept.push_back(Line { at: now, source, text: text.into() });
        while self.kept_bytes > KEPT_BYTES {
            let oldest = self.kept.pop_front().expect("kept_bytes counts what is kept");
            self.kept_bytes -= oldest.text.len() + KEPT_LINE_BYTES;
        }
    }
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.cut
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = limits::LOG_LINE_BYTES - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut |= bytes.len() > room;
    }
}

/// `line` as text that is safe on a terminal: invalid UTF-8 replaced, and
/// without the characters that move the cursor, change colours or reverse the
/// writing direction. A line too long is cut, and marked.
fn printable(line: &[u8], cut: bool) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let shown = &line[..line.len().min(limits::LOG_LINE_BYTES)];
    let cut = cut || shown.len() < line.len();
    let shown = if cut { whole_characters(shown) } else { shown };
    let mut text = String::from_utf8_lossy(shown).into_owned();
    text.retain(harmless);
    if cut {
        text.push_str(CUT);
    }
    text
}

/// `bytes` without the first bytes of a character that was cut in two.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        Ok(_) | Err(_) => bytes,
    }
}

fn harmless(character: char) -> bool {
    match character {
        '\t' => true,
        // Line and paragraph separators; direction overrides and isolates.
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        character => !character.is_control(),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Stdout => f.pad("stdout"),
            Source::Stderr => f.pad("stderr"),
            Source::Log(level) => level.fmt(f),
            Source::Host => f.pad("host"),
        }
    }
}

#[cfg(test)]
mod tests;
