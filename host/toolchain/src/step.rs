//! Telling the user what is being done, and how far it is.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// One step of a set-up, told on stderr: a spinner or a bar on a terminal,
/// plain lines elsewhere. A step that is dropped unfinished leaves its line.
pub struct Step {
    what: String,
    bar: Option<ProgressBar>,
}

impl Step {
    /// Begins a step, such as `reading Debian's package index`.
    pub fn start(what: impl Into<String>) -> Step {
        let what = what.into();
        if !std::io::stderr().is_terminal() {
            eprintln!("{what}");
            return Step { what, bar: None };
        }
        let bar = ProgressBar::new_spinner().with_message(what.clone());
        bar.enable_steady_tick(Duration::from_millis(100));
        Step { what, bar: Some(bar) }
    }

    /// How far it is, in bytes.
    pub fn bytes(&self, done: u64, total: u64) {
        self.position(done, total, "{spinner} {msg} {wide_bar} {bytes}/{total_bytes} ");
    }

    /// How far it is, in things.
    pub fn count(&self, done: usize, total: usize) {
        self.position(done as u64, total as u64, "{spinner} {msg} {wide_bar} {pos}/{len} ");
    }

    /// Ends the step well; `result` says what is there now.
    pub fn done(self, result: impl std::fmt::Display) {
        self.end(&result);
    }

    /// Ends the step badly; `why` is one line.
    pub fn failed(self, why: impl std::fmt::Display) {
        self.end(&format_args!("failed: {why}"));
    }

    fn position(&self, done: u64, total: u64, template: &str) {
        let Some(bar) = &self.bar else { return };
        if bar.length() != Some(total) {
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.expect("the templates above are well formed"));
            bar.set_length(total);
        }
        bar.set_position(done);
    }

    fn end(self, outcome: &dyn std::fmt::Display) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}: {outcome}", self.what);
    }
}
