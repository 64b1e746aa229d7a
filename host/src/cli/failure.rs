//! How a command ends that does not end well: its exit code, its one line,
//! and what programs get instead.

use std::sync::Arc;

use host_core::Error;
use serde_json::{Map, json};

use super::console::{Console, Format};
use super::text::one_line;
use super::values;
use crate::sandbox::LoadError;

/// Lines of a guest's backtrace that are shown without `--verbose`.
const BACKTRACE_LINES: usize = 8;

/// What a process's exit code says. `--help` lists them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exit {
    /// The driver or an invoked method failed.
    Work = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The package cannot be built or loaded.
    Package = 3,
    /// Something the host needs is not there.
    SetUp = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
    /// The error of the call that failed, if one did.
    cause: Option<Arc<Error>>,
    /// What follows the line, for people: already laid out.
    more: Option<String>,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), cause: None, more: None }
    }

    /// The command line makes no sense.
    pub(super) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// The package cannot be built or loaded.
    pub(super) fn package(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Package, message)
    }

    /// A file is not a package that can run here.
    pub(super) fn load(name: &str, error: &LoadError) -> Failure {
        Failure::package(format!("{name}: {error}"))
    }

    /// Something the host needs is not there.
    pub(super) fn set_up(message: impl Into<String>) -> Failure {
        Failure::new(Exit::SetUp, message)
    }

    /// What the command is about is not there.
    pub(super) fn missing(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Work, message)
    }

    /// Somebody pressed Ctrl-C.
    pub(super) fn interrupted(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Interrupted, message)
    }

    /// A call, or the driver, failed. `what` is what was asked for.
    pub(super) fn call(what: &str, error: impl Into<Arc<Error>>) -> Failure {
        let error = error.into();
        let exit = match &*error {
            Error::Unplaceable(_) => Exit::SetUp,
            _ => Exit::Work,
        };
        let message = format!("{what}: {error}");
        Failure { cause: Some(error), ..Failure::new(exit, message) }
    }

    /// With text to follow the line.
    pub(super) fn with_more(self, more: String) -> Failure {
        Failure { more: Some(more), ..self }
    }

    /// The code to exit with.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells it: a line for people on stderr, or an object for programs on
    /// stdout.
    pub(super) fn report(&self, console: &Console) {
        match console.format {
            Format::Text => console.err(&self.text(console.verbose)),
            Format::Json => console.out(&self.json()),
        }
    }

    fn text(&self, verbose: bool) -> String {
        let mut text = format!("error: {}\n", one_line(&self.message));
        if let Some(Error::Trapped { backtrace, .. }) = self.cause.as_deref() {
            let all = frames(backtrace);
            let own = if verbose { &all[..] } else { past_panic(&all) };
            let shown = if verbose { own.len() } else { own.len().min(BACKTRACE_LINES) };
            for frame in &own[..shown] {
                text.push_str(&format!("    at {frame}\n"));
            }
            if shown < all.len() {
                text.push_str(&format!("    … {} more (-v shows them)\n", all.len() - shown));
            }
        }
        if let Some(more) = &self.more {
            text.push('\n');
            text.push_str(more);
        }
        text
    }

    fn json(&self) -> String {
        let mut object = Map::new();
        object.insert("kind".into(), self.kind().into());
        object.insert("message".into(), self.message.clone().into());
        match self.cause.as_deref() {
            Some(Error::Failed { value, .. }) => {
                if let Some(value) = values::decode(value) {
                    object.insert("value".into(), value);
                }
            }
            Some(Error::Trapped { method, backtrace, .. }) => {
                object.insert("method".into(), method.clone().into());
                object.insert("backtrace".into(), frames(backtrace).into());
            }
            Some(Error::Died { actor, cause, .. }) => {
                object.insert("actor".into(), actor.clone().into());
                object.insert("cause".into(), cause.to_string().into());
            }
            _ => {}
        }
        format!("{}\n", json!({ "error": object }))
    }

    /// What a program can match on: the error's kind, or ours.
    fn kind(&self) -> &'static str {
        match (&self.cause, self.exit) {
            (Some(error), _) => error.kind(),
            (None, Exit::Work) => "failed",
            (None, Exit::Usage) => "usage",
            (None, Exit::Package) => "package",
            (None, Exit::SetUp) => "set-up",
            (None, Exit::Interrupted) => "interrupted",
        }
    }
}

/// The frames of a guest's backtrace, innermost first, with names as their
/// authors wrote them.
fn frames(backtrace: &str) -> Vec<String> {
    let name = |line: &str| one_line(&format!("{:#}", rustc_demangle::demangle(line.trim())));
    backtrace.lines().map(name).collect()
}

/// The frames without the innermost ones that are only a panic on its way.
fn past_panic(frames: &[String]) -> &[String] {
    const MACHINERY: [&str; 6] = ["abort", "std::", "core::", "alloc::", "rust_", "__rust"];
    let is_machinery = |frame: &String| MACHINERY.iter().any(|part| frame.starts_with(part));
    let skipped = frames.iter().take_while(|frame| is_machinery(frame)).count();
    // Where all of it is the library's, that is what there is to see.
    if skipped == frames.len() { frames } else { &frames[skipped..] }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trapped(frames: usize) -> Failure {
        let backtrace: Vec<_> = (0..frames).map(|n| format!("frame{n}")).collect();
        let error = Error::Trapped {
            method: "Counter.increment".into(),
            message: "index out\nof bounds".into(),
            backtrace: backtrace.join("\n"),
        };
        Failure::call("Counter.increment()", error)
    }

    #[test]
    fn an_error_is_one_line_and_a_short_backtrace() {
        let text = trapped(10).text(false);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "error: Counter.increment(): Counter.increment trapped: index out of bounds"
        );
        assert_eq!(lines[1], "    at frame0");
        assert_eq!(lines.len(), 1 + BACKTRACE_LINES + 1);
        assert_eq!(lines[9], "    … 2 more (-v shows them)");
        assert_eq!(trapped(10).text(true).lines().count(), 11);
    }

    #[test]
    fn a_backtrace_begins_in_the_guests_own_code() {
        let error = Error::Trapped {
            method: "A.b".into(),
            message: "x".into(),
            backtrace: "abort\n_RNvNtCshXfaRvt2tfW_3std7process5abort\nmine\nstd::x".into(),
        };
        let failure = Failure::call("A.b()", error);
        let text = failure.text(false);
        assert!(
            text.ends_with("\n    at mine\n    at std::x\n    … 2 more (-v shows them)\n"),
            "{text}"
        );
        assert!(failure.text(true).contains("    at std::process::abort\n"));
    }

    #[test]
    fn programs_get_the_kind_and_the_decoded_error() {
        let value = Arc::new(vec![0x81, 0xa5, b's', b'h', b'o', b'r', b't', 0x05]);
        let error = Error::Failed { message: "too little".into(), value };
        let object: serde_json::Value =
            serde_json::from_str(&Failure::call("Account.draw(7)", error).json()).unwrap();
        assert_eq!(
            object,
            json!({"error": {
                "kind": "failed",
                "message": "Account.draw(7): too little",
                "value": {"short": 5},
            }})
        );
    }

    #[test]
    fn a_malformed_application_error_is_left_out() {
        let value = Arc::new(vec![0xdd, 0xff, 0xff, 0xff, 0xff]);
        let error = Error::Failed { message: "bad".into(), value };
        let json = Failure::call("A.b()", error).json();
        assert!(!json.contains("value"), "{json}");
    }

    #[test]
    fn what_can_never_be_placed_is_a_matter_of_set_up() {
        let error = Error::Unplaceable("no node has 2 gpus".into());
        assert_eq!(Failure::call("A.b()", error).exit(), Exit::SetUp);
    }
}
