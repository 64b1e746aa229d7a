//! A program in a node: started, signalled, and ended with the test.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use wait_timeout::ChildExt as _;

use crate::network::{Network, Node};
use crate::output::Output;
use crate::until;

/// For a killed program to be gone.
const KILL_MAX: Duration = Duration::from_secs(10);

/// A running program. What it printed is shown if the test panics. The program
/// is killed, with those it has started, when this is dropped; when the test
/// process dies, the program is killed, and it is up to it that those it has
/// started end too.
pub struct Process {
    name: String,
    child: Child,
    /// Empty if the output goes to a file.
    stdout: Output,
    stderr: Output,
}

impl Process {
    /// Starts a program in a node, and keeps the last lines that it prints.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn start(network: &Network, node: Node, name: &str, command: &Command) -> Process {
        let mut child = spawn(network, node, name, command, Stdio::piped());
        let stdout = Output::of(child.stdout.take().expect("it is piped"));
        Process::of(name, child, stdout)
    }

    /// Starts a program in a node; all that it prints to standard output goes
    /// to a file.
    ///
    /// # Panics
    /// If it cannot be run or the file not be made.
    pub fn start_to(
        network: &Network,
        node: Node,
        name: &str,
        command: &Command,
        file: &Path,
    ) -> Process {
        let file = File::create(file).unwrap_or_else(|error| {
            panic!("{} for the output of {name}: {error}", file.display());
        });
        let child = spawn(network, node, name, command, file.into());
        Process::of(name, child, Output::none())
    }

    fn of(name: &str, mut child: Child, stdout: Output) -> Process {
        let stderr = Output::of(child.stderr.take().expect("it is piped"));
        Process { name: name.to_owned(), child, stdout, stderr }
    }

    /// The lines of standard output, the last ones if they are many.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.lines()
    }

    /// The lines of standard error, the last ones if they are many.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// Waits for a line, on either stream, and returns it.
    ///
    /// # Panics
    /// After `limit`, or if the program ends without it.
    pub fn line(&mut self, what: &str, limit: Duration, is_it: impl Fn(&str) -> bool) -> String {
        let name = self.name.clone();
        until(&format!("{name}: {what}"), limit, || {
            // Asked first: what it printed before it ended is still read.
            let has_ended = self.has_ended() && self.is_silent();
            let mut lines = self.stdout().into_iter().chain(self.stderr());
            match lines.find(|line| is_it(line)) {
                Some(line) => Ok(line),
                None if has_ended => {
                    let said = last_words(&self.stderr());
                    panic!("{name} ended before: {what}; its last words: {said}")
                }
                None => Err("no such line".to_owned()),
            }
        })
    }

    /// Whether all that it printed has been read, which is so soon after its
    /// end.
    pub fn is_silent(&self) -> bool {
        self.stderr.has_ended() && self.stdout.has_ended()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_some()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// After `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let status = self.child.wait_timeout(limit).expect("a child can be waited for");
        status.unwrap_or_else(|| {
            panic!("{}: still running after {:.1} s", self.name, limit.as_secs_f64())
        })
    }

    /// Kills it and those it has started, as `kill -9` does, and waits until it
    /// is gone.
    pub fn kill(&mut self) {
        if !self.has_ended() {
            self.sent(killpg(self.id(), Signal::SIGKILL));
        }
        self.wait(KILL_MAX);
    }

    /// Stops it and those it has started where they are, until
    /// [`resume`](Process::resume).
    pub fn pause(&mut self) {
        assert!(!self.has_ended(), "{} ended before it was paused", self.name);
        self.sent(killpg(self.id(), Signal::SIGSTOP));
    }

    /// Lets them go on.
    pub fn resume(&mut self) {
        assert!(!self.has_ended(), "{} ended before it was resumed", self.name);
        self.sent(killpg(self.id(), Signal::SIGCONT));
    }

    /// Asks it to end.
    pub fn terminate(&mut self) {
        assert!(!self.has_ended(), "{} ended before it was asked to", self.name);
        self.sent(kill(self.id(), Signal::SIGTERM));
    }

    /// Its id, and that of its group. Nobody else has it until the child has
    /// been waited for.
    fn id(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("ids of processes are positive"))
    }

    fn sent(&self, signal: nix::Result<()>) {
        signal.unwrap_or_else(|error| panic!("a signal to {}: {error}", self.name));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL also ends one that is stopped.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = killpg(self.id(), Signal::SIGKILL);
            let _ = self.child.wait();
        }
        if thread::panicking() {
            for (stream, output) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
                let lines = output.lines();
                eprintln!("== the last {} lines of {}, {stream}:", lines.len(), self.name);
                lines.iter().for_each(|line| eprintln!("   {line}"));
            }
        }
    }
}

/// The last lines, for a message; all that is kept is shown beside it.
fn last_words(lines: &[String]) -> String {
    const LINES: usize = 5;
    lines[lines.len().saturating_sub(LINES)..].join(" | ")
}

fn spawn(network: &Network, node: Node, name: &str, command: &Command, stdout: Stdio) -> Child {
    let mut command = ending_with_us(command);
    // A group of its own.
    command.process_group(0);
    command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
    let child = network.run(node, move || command.spawn());
    child.unwrap_or_else(|error| {
        panic!("{name} cannot be run (by setpriv of util-linux): {error}");
    })
}

/// The same program, but killed when the thread that starts it ends, which is
/// the node's own and ends with this process at the latest.
fn ending_with_us(command: &Command) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}
