//! A real etcd, as a process of the test's own.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// For etcd to say that it is ready; a member of three needs the others.
const START_MAX: Duration = Duration::from_secs(60);

/// Ports are asked of the kernel and then passed to etcd, which cannot ask
/// itself. Another process may take one in between: only then, when etcd says
/// that the address is in use, others are tried.
pub const PORT_ATTEMPTS: usize = 10;

/// A running etcd; killed by its handle when it is dropped, also by a panic.
pub struct EtcdProcess {
    child: Child,
    client: SocketAddr,
}

/// How a member of several is started.
pub struct Member<'a> {
    /// Its name among them.
    pub name: &'a str,
    /// Where it serves clients.
    pub client: SocketAddr,
    /// Where it serves the others.
    pub peer: SocketAddr,
    /// All of them: `a=http://…,b=http://…`
    pub cluster: &'a str,
}

/// What became of a start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// It serves.
    Ready,
    /// Others are to be tried.
    AddressInUse,
}

/// The program. Without it the tests fail, and say how to get it.
fn program() -> PathBuf {
    host_toolchain::find_etcd(&crate::workspace()).unwrap_or_else(|error| panic!("{error}"))
}

/// An address that was free a moment ago.
///
/// # Panics
/// If loopback has none.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("it is bound")
}

impl EtcdProcess {
    /// Starts etcd alone on the data of a folder.
    ///
    /// # Panics
    /// If there is none, or it does not start.
    pub fn start(data: &Path) -> EtcdProcess {
        EtcdProcess::start_with(data, &[])
    }

    /// The same with further arguments of etcd's.
    ///
    /// # Panics
    /// If there is none, or it does not start.
    pub fn start_with(data: &Path, arguments: &[&str]) -> EtcdProcess {
        for _ in 0..PORT_ATTEMPTS {
            let peer = free_address();
            let cluster = format!("default=http://{peer}");
            let client = free_address();
            let member = Member { name: "default", client, peer, cluster: &cluster };
            let (process, ready) = EtcdProcess::spawn(data, &member, arguments);
            match process.wait(&ready) {
                Start::Ready => return process,
                Start::AddressInUse => {}
            }
        }
        panic!("no free port in {PORT_ATTEMPTS} attempts");
    }

    /// Starts a member of several, and does not wait: it is ready once most of
    /// them are there.
    ///
    /// # Panics
    /// If there is none, or it cannot be run.
    pub fn spawn(
        data: &Path,
        member: &Member<'_>,
        arguments: &[&str],
    ) -> (EtcdProcess, mpsc::Receiver<String>) {
        // As soon as it has a certificate, it wants to be called securely.
        let scheme = if arguments.contains(&"--cert-file") { "https" } else { "http" };
        let client_url = format!("{scheme}://{}", member.client);
        let peer_url = format!("http://{}", member.peer);
        let mut command = Command::new(program());
        command
            .env_clear()
            .arg("--data-dir")
            .arg(data)
            .args(["--name", member.name, "--logger", "zap", "--log-level", "info"])
            .args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url])
            .args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url])
            .args(["--initial-cluster", member.cluster])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // Elsewhere than x86-64 it wants to be told that it may.
        command.env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH.replace("aarch64", "arm64"));
        let mut child = command.spawn().expect("etcd can be run");
        let stderr = child.stderr.take().expect("it is piped");
        let (lines, said) = mpsc::channel();
        // Read to the end, so that etcd never waits for its reader.
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        (EtcdProcess { child, client: member.client }, said)
    }

    /// Waits until it is ready or an address is taken.
    ///
    /// # Panics
    /// With what it said, if it ends otherwise.
    pub fn wait(&self, said: &mpsc::Receiver<String>) -> Start {
        let mut all = String::new();
        loop {
            match said.recv_timeout(START_MAX) {
                Ok(line) if line.contains("serving client traffic") => return Start::Ready,
                Ok(line) if line.contains("address already in use") => return Start::AddressInUse,
                Ok(line) => all = all + &line + "\n",
                Err(_) => panic!("etcd does not start; it said:\n{all}"),
            }
        }
    }

    /// Where its clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.client
    }

    /// The same as a URL, without TLS.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.client)
    }

    /// Stops or goes on, by a signal.
    ///
    /// # Panics
    /// If it is no more.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status =
            Command::new("kill").args(["-s", name, &pid]).status().expect("kill can be run");
        assert!(status.success(), "kill -s {name} {pid}: {status}");
    }
}

impl Drop for EtcdProcess {
    fn drop(&mut self) {
        // SIGKILL, which also ends one that is stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
