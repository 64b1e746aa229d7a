//! Talking to hosts, as a user would: by the command line.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

use super::Cluster;
use crate::process::Process;
use crate::until;
use crate::view::{self, ActorView, NodeView};

/// For all to see each other, or to see that one is gone: longer than the
/// lease of ten seconds, on a busy machine.
const SEE_MAX: Duration = Duration::from_secs(60);

/// For a command that a user would wait for.
const COMMAND_MAX: Duration = Duration::from_secs(30);

/// More than any test has of anything, so that a list is a whole one.
const LISTED_MAX: &str = "1000000";

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// What it printed to standard output.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
}

impl Cluster {
    /// A command of `host` that talks to a host, from that host's machine.
    pub fn command(&self, index: usize, args: &[&str]) -> Command {
        let host = &self.hosts[index];
        let mut command = Command::new(&self.program);
        command.env("GREENROOM_CLUSTER", host.address());
        match args {
            // Without the option it would run in a node of its own.
            ["run", rest @ ..] => {
                command.args(["run", "--cluster", host.address()]).args(rest);
            }
            _ => {
                command.args(args);
            }
        }
        host.use_own_folders(&mut command);
        command
    }

    /// Starts a command of `host` at a host; its output goes to a file.
    pub fn start_command(&self, index: usize, name: &str, args: &[&str], file: &Path) -> Process {
        let node = self.hosts[index].node();
        Process::start_to(&self.network, node, name, &self.command(index, args), file)
    }

    /// Runs a command of `host` at a host to its end.
    ///
    /// # Panics
    /// If it is still running after `limit`.
    pub fn run_within(&self, index: usize, args: &[&str], limit: Duration) -> Ended {
        let file = tempfile::NamedTempFile::new_in(self.folder()).expect("a file can be made");
        let name = format!("host {} at {}", args.join(" "), self.hosts[index].name());
        let mut process = self.start_command(index, &name, args, file.path());
        let status = process.wait(limit);
        until(&format!("all that {name} printed"), COMMAND_MAX, || {
            process.is_silent().then_some(()).ok_or_else(|| "it goes on".to_owned())
        });
        let stdout = std::fs::read(file.path()).expect("a file of our own can be read");
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        Ended { status, stdout, stderr: process.stderr().join("\n") }
    }

    /// Runs a command that a user would wait for.
    pub fn run(&self, index: usize, args: &[&str]) -> Ended {
        self.run_within(index, args, COMMAND_MAX)
    }

    /// Runs a command that has to succeed, and returns what it printed.
    ///
    /// # Panics
    /// If it does not succeed in time.
    pub fn output(&self, index: usize, args: &[&str], limit: Duration) -> String {
        let Ended { status, stdout, stderr } = self.run_within(index, args, limit);
        assert!(status.success(), "host {}: {status}\n{stdout}\n{stderr}", args.join(" "));
        stdout
    }

    /// The nodes that a host sees, by name; or why it does not say.
    ///
    /// # Errors
    /// If the command fails or prints something else.
    pub fn seen_by(&self, index: usize) -> Result<Vec<NodeView>, String> {
        let mut nodes = view::read(&self.json(index, &["status"])?, "nodes")?;
        nodes.sort();
        Ok(nodes)
    }

    /// What a host lists: `nodes`, `actors`, `objects`, `packages`, `jobs`.
    ///
    /// # Errors
    /// If the command fails or prints something else.
    pub fn list(&self, index: usize, what: &str) -> Result<Vec<Value>, String> {
        view::rows(&self.json(index, &["list", what, "--limit", LISTED_MAX])?, what)
    }

    /// The actors that a host lists.
    ///
    /// # Errors
    /// If the command fails or prints something else.
    pub fn actors(&self, index: usize) -> Result<Vec<ActorView>, String> {
        view::read(&self.json(index, &["list", "actors", "--limit", LISTED_MAX])?, "actors")
    }

    fn json(&self, index: usize, args: &[&str]) -> Result<String, String> {
        let args = [args, &["--format", "json"]].concat();
        let Ended { status, stdout, stderr } = self.run(index, &args);
        if status.success() {
            Ok(stdout)
        } else {
            Err(format!("host {}: {status}: {stderr}", args.join(" ")))
        }
    }

    /// Waits until each of some hosts sees just these as alive.
    ///
    /// # Panics
    /// After a minute, with what is seen instead.
    pub fn wait_until_seen(&self, by: &[usize], alive: &[usize]) {
        let mut names: Vec<&str> = alive.iter().map(|index| self.hosts[*index].name()).collect();
        names.sort_unstable();
        for &index in by {
            let host = self.hosts[index].name();
            until(&format!("{host} sees {names:?} alive"), SEE_MAX, || {
                let seen = self.seen_by(index)?;
                let is_alive = |node: &&NodeView| node.state == "alive";
                let alive: Vec<&str> =
                    seen.iter().filter(is_alive).map(|node| node.name.as_str()).collect();
                if alive == names { Ok(()) } else { Err(format!("it sees {seen:?}")) }
            });
        }
    }

    /// Waits until all hosts that run see all hosts that run, and no others.
    pub fn wait_until_all_see_all(&self) {
        let running: Vec<usize> =
            (0..self.hosts.len()).filter(|index| self.hosts[*index].is_running()).collect();
        self.wait_until_seen(&running, &running);
    }
}
