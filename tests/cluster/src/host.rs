//! One host: a process in a node, with a data directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use crate::network::{Network, Node};
use crate::process::Process;
use crate::until;
use crate::view::Ready;

/// For a host to be ready: it may have to wait for the lease of its last life
/// to end, on a busy machine.
const READY_MAX: Duration = Duration::from_secs(60);

/// For a host that is asked to stop.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Hosts listen on this port: each has an address of its own.
pub(crate) const PORT: u16 = 7420;

/// One host of a cluster; its process may be running or not.
pub struct Host {
    name: String,
    node: Node,
    address: String,
    data: PathBuf,
    program: PathBuf,
    options: Vec<String>,
    process: Option<Process>,
    ready: Option<Ready>,
}

/// How a host that has never been in a cluster gets into it.
pub(crate) enum Entry<'a> {
    Founds,
    Joins {
        address: &'a str,
        token: &'a str,
    },
    /// Its data directory knows.
    Returns,
}

impl Host {
    pub(crate) fn new(
        network: &Network,
        node: Node,
        name: &str,
        data: PathBuf,
        program: &Path,
        options: Vec<String>,
    ) -> Host {
        let address = format!("{}:{PORT}", network.address(node));
        let (name, program) = (name.to_owned(), program.to_owned());
        Host { name, node, address, data, program, options, process: None, ready: None }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its node in the network.
    pub fn node(&self) -> Node {
        self.node
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it said when it was last ready.
    ///
    /// # Panics
    /// If it never was.
    pub fn ready(&self) -> &Ready {
        self.ready.as_ref().unwrap_or_else(|| panic!("{} was never ready", self.name))
    }

    /// Its process.
    ///
    /// # Panics
    /// If it is not running.
    pub fn process(&mut self) -> &mut Process {
        let name = &self.name;
        self.process.as_mut().unwrap_or_else(|| panic!("{name} is not running"))
    }

    /// Whether it was started and not yet ended by the test.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(&mut self, network: &Network, entry: &Entry<'_>) {
        self.launch(network, entry);
        let line =
            self.process().line("it is ready", READY_MAX, |line| Ready::parse(line).is_some());
        let ready = Ready::parse(&line).expect("this is the line that was waited for");
        assert_eq!(ready.name, self.name, "the ready line is of another node");
        // A restart prints no token; that of the first start is still good.
        let token = self.ready.take().and_then(|before| before.token);
        self.ready = Some(Ready { token: ready.token.or(token), ..ready });
    }

    /// Starts it, and does not wait for it.
    pub(crate) fn launch(&mut self, network: &Network, entry: &Entry<'_>) {
        assert!(!self.is_running(), "{} is running", self.name);
        let mut command = Command::new(&self.program);
        command.args(["start", "--format", "json", "--name", &self.name, "--data-dir"]);
        command.arg(&self.data).args(["--listen", &self.address]).args(&self.options);
        if let Entry::Joins { address, token } = entry {
            // Not an option, which everybody could read.
            command.args(["--join", address]).env("GREENROOM_TOKEN", token);
        }
        self.use_own_folders(&mut command);
        self.process = Some(Process::start(network, self.node, &self.name, &command));
    }

    /// Nothing of the user's own settings takes part in a test.
    pub(crate) fn use_own_folders(&self, command: &mut Command) {
        for name in ["GREENROOM_CLUSTER", "GREENROOM_TOKEN"] {
            if command.get_envs().all(|(set, _)| set != name) {
                command.env_remove(name);
            }
        }
        command.env("XDG_CONFIG_HOME", self.data.with_extension("config"));
        command.env("GREENROOM_DATA_DIR", &self.data);
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process().kill();
        self.process = None;
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.process().terminate();
        let status = self.process().wait(STOP_MAX);
        self.process = None;
        status
    }

    /// Waits for its end, and returns what it said, to standard output and to
    /// standard error.
    pub(crate) fn wait(&mut self, limit: Duration) -> (ExitStatus, String) {
        let process = self.process();
        let status = process.wait(limit);
        until("the end of its output", STOP_MAX, || {
            process.is_silent().then_some(()).ok_or_else(|| "it goes on".to_owned())
        });
        let said = [process.stdout(), process.stderr()].concat().join("\n");
        self.process = None;
        (status, said)
    }

    /// Takes everything away that it kept.
    pub(crate) fn wipe(&self) {
        assert!(!self.is_running(), "{} is running", self.name);
        if let Err(error) = fs::remove_dir_all(&self.data) {
            panic!("{} cannot be removed: {error}", self.data.display());
        }
    }
}
