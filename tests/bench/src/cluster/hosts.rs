//! Three hosts, and a driver that runs on the first of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use crate::child::Running;

/// What each host keeps objects in.
pub(super) const OBJECT_STORE_BYTES: u64 = 1_200 << 20;

/// The names of the hosts, and what actors can ask for to be there.
const HOSTS: [(&str, &str); 3] = [
    ("alpha", "near=10000"),
    ("beta", "far=10000,movable=100"),
    ("gamma", "third=10000,movable=100"),
];

/// What a host says when it is ready.
#[derive(Deserialize)]
struct Ready {
    address: String,
    node: String,
    token: Option<String>,
}

struct Host {
    running: Running,
    ready: Ready,
}

/// A cluster on this machine, which ends with this.
pub(super) struct Hosts {
    hosts: Vec<Host>,
    program: PathBuf,
    guest: PathBuf,
    folder: TempDir,
}

impl Hosts {
    pub(super) fn start(program: &Path, guest: PathBuf) -> anyhow::Result<Hosts> {
        let folder = tempfile::tempdir()?;
        let program = program.to_owned();
        let mut hosts = Hosts { hosts: Vec::new(), program, guest, folder };
        for (name, resources) in HOSTS {
            let host = hosts.start_one(name, resources)?;
            hosts.hosts.push(host);
        }
        Ok(hosts)
    }

    fn start_one(&self, name: &str, resources: &str) -> anyhow::Result<Host> {
        let mut command = self.command(name);
        command.args(["start", "--format", "json", "--name", name, "--listen", "127.0.0.1:0"]);
        let memory = OBJECT_STORE_BYTES.to_string();
        command.args(["--resources", resources, "--object-store-memory", &memory]);
        if let Some(first) = self.hosts.first() {
            let token = first.ready.token.as_deref().context("who founds a cluster has a token")?;
            command.args(["--join", &first.ready.address]).env("GREENROOM_TOKEN", token);
        }
        let mut running = Running::start(&mut command)?;
        let line = running.line()?.with_context(|| format!("{name} ended"))?;
        let ready = serde_json::from_str(&line).with_context(|| format!("{name} is not ready"))?;
        Ok(Host { running, ready })
    }

    /// The program, with the settings of nobody but one host.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("GREENROOM_")) {
            command.env_remove(name);
        }
        command.env("GREENROOM_DATA_DIR", self.folder.path().join(name));
        command.env("GREENROOM_CACHE_DIR", self.folder.path().join("compiled"));
        command
    }

    /// Lets the driver measure something, and waits for what it tells.
    pub(super) fn ask(&self, what: &str, numbers: &[u32]) -> anyhow::Result<Answer> {
        let mut asked = self.begin(what, numbers)?;
        let mut answer = BTreeMap::new();
        while let Some((name, value)) = asked.next()? {
            let value = value.parse().with_context(|| format!("{name} is a number"))?;
            answer.insert(name, value);
        }
        asked.end()?;
        Ok(Answer(answer))
    }

    /// Lets the driver measure something.
    pub(super) fn begin(&self, what: &str, numbers: &[u32]) -> anyhow::Result<Asked> {
        let first = &self.hosts[0];
        let mut command = self.command(HOSTS[0].0);
        command.args(["run", "--cluster", &first.ready.address]).arg(&self.guest);
        command.args(["--", what]).args(numbers.iter().map(u32::to_string));
        Ok(Asked { what: what.to_owned(), running: Running::start(&mut command)? })
    }

    /// Kills a host as `kill -9` does; when, in nanoseconds of the wall clock.
    pub(super) fn kill(&mut self, node: &str) -> anyhow::Result<f64> {
        let host = self.hosts.iter_mut().find(|host| host.ready.node == node);
        let host = host.with_context(|| format!("no host is {node}"))?;
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        host.running.kill()?;
        Ok(at.as_nanos() as f64)
    }

    /// The most memory that any of them ever had, in bytes.
    pub(super) fn peak_memory(&self) -> anyhow::Result<u64> {
        let mut most = 0;
        for host in &self.hosts {
            let status = fs::read_to_string(format!("/proc/{}/status", host.running.id()))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
            let kib: u64 = kib.context("the kernel tells no peak of memory")?.trim().parse()?;
            most = most.max(kib << 10);
        }
        Ok(most)
    }
}

/// What a driver told.
pub(super) struct Answer(BTreeMap<String, f64>);

impl Answer {
    pub(super) fn values(&self) -> impl Iterator<Item = &f64> {
        self.0.values()
    }

    pub(super) fn value(&self, name: &str) -> anyhow::Result<f64> {
        self.0.get(name).copied().with_context(|| format!("the driver told no {name}"))
    }
}

/// A driver that runs.
pub(super) struct Asked {
    what: String,
    running: Running,
}

impl Asked {
    /// The next thing that it tells, and its name.
    fn next(&mut self) -> anyhow::Result<Option<(String, String)>> {
        let Some(line) = self.running.line()? else { return Ok(None) };
        let told = line.trim().split_once(' ');
        let (name, value) = told.with_context(|| format!("{}: it told {line:?}", self.what))?;
        Ok(Some((name.to_owned(), value.to_owned())))
    }

    /// What it tells next, which has this name.
    pub(super) fn line(&mut self, name: &str) -> anyhow::Result<String> {
        let told = self.next()?.filter(|(told, _)| told == name);
        let (_, value) = told.with_context(|| format!("{}: it told no {name}", self.what))?;
        Ok(value)
    }

    /// Waits for its end, which has to be a good one.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        let status = self.running.wait()?;
        ensure!(status.success(), "{} ended with {status}", self.what);
        Ok(())
    }
}
