//! Running another program with a limit on its time.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use wait_timeout::ChildExt as _;

/// How often a waiting caller gets to show progress.
const TICK: Duration = Duration::from_millis(200);

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It cannot be run, most often because it is not installed.
    #[error("{program} cannot be run: {error}")]
    NotRun {
        /// The program.
        program: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// It ended with an error.
    #[error("{program} failed ({status}): {}", telling_line(text))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote.
        text: String,
    },
    /// It was still running at the limit, and was ended.
    #[error("{program} did not finish within {} s", limit.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// The limit.
        limit: Duration,
    },
}

/// Runs a program without input and returns what it wrote, both streams
/// together. `tick` is called a few times a second while it runs.
pub fn output_within(
    command: &mut Command,
    limit: Duration,
    mut tick: impl FnMut(),
) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let not_run = |error| Failure::NotRun { program: program.clone(), error };
    // A file and not a pipe: nobody need read while the program writes.
    let mut text = tempfile::tempfile().map_err(not_run)?;
    let (out, err) = two_writers(&text).map_err(not_run)?;
    let started = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().map_err(not_run)?;
    let status = loop {
        if let Some(status) = child.wait_timeout(TICK).map_err(not_run)? {
            break status;
        }
        if started.elapsed() > limit {
            child.kill().and_then(|()| child.wait()).map_err(not_run)?;
            return Err(Failure::TimedOut { program, limit });
        }
        tick();
    };
    let text = read_all(&mut text).map_err(not_run)?;
    if status.success() { Ok(text) } else { Err(Failure::Failed { program, status, text }) }
}

fn two_writers(file: &File) -> std::io::Result<(File, File)> {
    Ok((file.try_clone()?, file.try_clone()?))
}

fn read_all(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The line that says why: the first that calls itself an error, since those
/// after it are its consequences, or else the last.
fn telling_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines.clone().find(|line| ["error", "E:"].iter().any(|it| line.starts_with(it)));
    error.or_else(|| lines.next_back()).unwrap_or("it wrote nothing")
}

/// Takes from a cargo's environment what another cargo told this program of
/// its own build: crates that look at it would be compiled again each time the
/// one or the other builds them.
pub fn forget_this_build(cargo: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_are_returned() {
        let text = output_within(&mut shell("echo out; echo err >&2"), Duration::MAX, || ());
        assert_eq!(text.unwrap(), "out\nerr\n");
    }

    #[test]
    fn failure_quotes_the_first_line_with_an_error() {
        let script = "echo so; echo error: no such target; echo error: gave up; exit 3";
        let failure = output_within(&mut shell(script), Duration::MAX, || ()).unwrap_err();
        assert_eq!(failure.to_string(), "sh failed (exit status: 3): error: no such target");
    }

    #[test]
    fn program_that_hangs_is_ended_at_the_limit() {
        let limit = Duration::from_millis(10);
        let mut ticks = 0;
        let failure = output_within(&mut shell("exec sleep 600"), limit, || ticks += 1);
        assert!(matches!(failure, Err(Failure::TimedOut { .. })), "{failure:?}");
    }

    #[test]
    fn program_that_is_not_there_is_named() {
        let failure = output_within(&mut Command::new("no-such-program"), Duration::MAX, || ());
        assert!(failure.unwrap_err().to_string().starts_with("no-such-program cannot be run"));
    }
}
