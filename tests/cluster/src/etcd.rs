//! An etcd in a node of its own.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::network::{Network, Node};
use crate::process::Process;
use crate::program;

/// For etcd to serve, on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// Its own ports: nobody else is in its node.
const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

/// A running etcd.
pub struct Etcd {
    node: Node,
    data: PathBuf,
    process: Process,
}

impl Etcd {
    /// Starts one on the data of a folder, and waits until it serves.
    ///
    /// # Panics
    /// If there is none, which `cargo xtask setup` changes, or it does not
    /// serve.
    pub fn start(network: &Network, node: Node, data: PathBuf) -> Etcd {
        let address = network.address(node);
        let client = format!("http://{address}:{CLIENT_PORT}");
        let peer = format!("http://{address}:{PEER_PORT}");
        let mut command = Command::new(program::etcd());
        command
            .arg("--data-dir")
            .arg(&data)
            .args(["--name", "etcd", "--logger", "zap", "--log-level", "info"])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("etcd={peer}")])
            // Elsewhere than x86-64 it wants to be told that it may.
            .env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH.replace("aarch64", "arm64"));
        let mut process = Process::start(network, node, "etcd", &command);
        process.line("it serves", START_MAX, |line| line.contains("serving client traffic"));
        Etcd { node, data, process }
    }

    /// Its node in the network.
    pub fn node(&self) -> Node {
        self.node
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same data; the old one is killed.
    pub fn restart(&mut self, network: &Network) {
        self.process.kill();
        *self = Etcd::start(network, self.node, self.data.clone());
    }

    /// Where it is, for `host start --control`.
    pub fn control(&self, network: &Network) -> String {
        format!("etcd://{}:{CLIENT_PORT}", network.address(self.node))
    }
}
