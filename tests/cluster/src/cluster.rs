//! Some hosts that form a cluster, and what is done to them.

mod commands;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tempfile::TempDir;

pub use commands::Ended;

use crate::etcd::Etcd;
use crate::host::{Entry, Host};
use crate::network::{Network, Node};
use crate::program;

/// Where the cluster keeps its records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Store {
    /// In its first host.
    Embedded,
    /// In an etcd, which has a node of its own in the network.
    Etcd,
}

/// A cluster to be started.
#[derive(Clone, Debug)]
pub struct Builder {
    hosts: Vec<(String, Vec<String>)>,
    store: Store,
    seed: u64,
    program: Option<PathBuf>,
}

impl Builder {
    /// A host with this name and more options of `host start`, such as
    /// `["--labels", "zone=a", "--resources", "cpus=4,memory=8GiB"]`.
    #[must_use]
    pub fn host(mut self, name: &str, options: &[&str]) -> Builder {
        self.hosts.push((name.to_owned(), owned(options)));
        self
    }

    /// Where the records are; in the first host unless said.
    #[must_use]
    pub fn store(mut self, store: Store) -> Builder {
        self.store = store;
        self
    }

    /// Decides which packets a poor network loses.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = seed;
        self
    }

    /// Another program than `host`, which understands the same commands.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Builder {
        self.program = Some(program.to_owned());
        self
    }

    /// Starts the hosts, the first one first, and waits until all see each
    /// other.
    ///
    /// # Panics
    /// If they do not; what they printed is shown.
    pub fn start(self) -> Cluster {
        let folder = tempfile::tempdir().expect("a folder for a test can be made");
        let mut network = Network::new(0, self.seed);
        let etcd = (self.store == Store::Etcd).then(|| {
            let node = network.add();
            Etcd::start(&network, node, folder.path().join("etcd"))
        });
        let program = self.program.unwrap_or_else(|| program::host().to_owned());
        let mut cluster = Cluster { hosts: Vec::new(), etcd, network, folder, program };
        for (name, options) in self.hosts {
            cluster.add(&name, options);
        }
        cluster.wait_until_all_see_all();
        cluster
    }
}

/// Hosts that form a cluster. Those who run end with it.
pub struct Cluster {
    // Before the network, so that their output is shown before all ends.
    hosts: Vec<Host>,
    etcd: Option<Etcd>,
    network: Network,
    folder: TempDir,
    program: PathBuf,
}

impl Cluster {
    /// A cluster without hosts yet.
    pub fn builder() -> Builder {
        Builder { hosts: Vec::new(), store: Store::Embedded, seed: 0, program: None }
    }

    /// Some hosts named `alpha`, `beta`, `gamma`, and so on, with resources
    /// for any test.
    pub fn start(hosts: usize, store: Store) -> Cluster {
        const NAMES: [&str; 7] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"];
        let builder = Cluster::builder().store(store);
        let options = ["--resources", "cpus=8,memory=32GiB"];
        NAMES[..hosts].iter().fold(builder, |builder, name| builder.host(name, &options)).start()
    }

    /// The hosts, in the order they were added.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// A host.
    pub fn host(&mut self, index: usize) -> &mut Host {
        &mut self.hosts[index]
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The nodes of some hosts.
    pub fn nodes(&self, hosts: &[usize]) -> Vec<Node> {
        hosts.iter().map(|index| self.hosts[*index].node()).collect()
    }

    /// A folder that lives as long as the cluster.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a host and waits until it is ready; answers its index. The first
    /// one founds the cluster, the others join it.
    pub fn add(&mut self, name: &str, mut options: Vec<String>) -> usize {
        if let Some(etcd) = &self.etcd {
            options.extend(["--control".to_owned(), etcd.control(&self.network)]);
        }
        let node = self.network.add();
        let data = self.folder.path().join(name);
        let host = Host::new(&self.network, node, name, data, &self.program, options);
        self.hosts.push(host);
        let index = self.hosts.len() - 1;
        self.enter(index);
        index
    }

    /// Starts a host that its data directory knows nothing of: it joins,
    /// unless it is the first.
    pub fn enter(&mut self, index: usize) {
        let (founder, others) = self.hosts.split_at_mut(1);
        let founder = &mut founder[0];
        if index == 0 {
            founder.start(&self.network, &Entry::Founds);
            return;
        }
        others[index - 1].start(&self.network, &joins(founder));
    }

    /// Starts a host as [`enter`](Cluster::enter) does, and expects it to be
    /// refused; returns what it says about it.
    ///
    /// # Panics
    /// If it runs on past `limit` or ends as if all were well.
    pub fn enter_in_vain(&mut self, index: usize, limit: Duration) -> String {
        let (founder, others) = self.hosts.split_at_mut(1);
        let host = &mut others[index - 1];
        host.launch(&self.network, &joins(&founder[0]));
        gives_up(host, limit)
    }

    /// Kills a host, as `kill -9` does.
    pub fn kill(&mut self, index: usize) {
        self.hosts[index].kill();
    }

    /// Asks a host to stop, as SIGTERM does, and waits until it has.
    pub fn stop(&mut self, index: usize) -> ExitStatus {
        self.hosts[index].stop()
    }

    /// Starts a host again on its data, and waits until it is ready.
    pub fn restart(&mut self, index: usize) {
        self.hosts[index].start(&self.network, &Entry::Returns);
    }

    /// Starts a host again on its data, and expects it to give up by itself;
    /// returns what it says about it.
    ///
    /// # Panics
    /// If it runs on past `limit` or ends as if all were well.
    pub fn restart_in_vain(&mut self, index: usize, limit: Duration) -> String {
        let host = &mut self.hosts[index];
        host.launch(&self.network, &Entry::Returns);
        gives_up(host, limit)
    }

    /// Starts a host again on its data, and does not wait for it.
    pub fn launch(&mut self, index: usize) {
        self.hosts[index].launch(&self.network, &Entry::Returns);
    }

    /// Takes everything away that a host kept.
    pub fn wipe(&mut self, index: usize) {
        self.hosts[index].wipe();
    }

    /// # Panics
    /// If a host ended that nobody ended.
    pub fn assert_none_crashed(&mut self) {
        for host in self.hosts.iter_mut().filter(|host| host.is_running()) {
            let has_ended = host.process().has_ended();
            assert!(!has_ended, "{} ended by itself", host.name());
        }
    }

    /// Stops the store of the records: etcd, or the first host.
    pub fn stop_store(&mut self) {
        match &mut self.etcd {
            Some(etcd) => etcd.kill(),
            None => self.kill(0),
        }
    }

    /// Starts it again on its data.
    pub fn restart_store(&mut self) {
        match &mut self.etcd {
            Some(etcd) => etcd.restart(&self.network),
            None => self.restart(0),
        }
    }

    /// The node of the store of the records.
    pub fn store_node(&self) -> Node {
        self.etcd.as_ref().map_or_else(|| self.hosts[0].node(), Etcd::node)
    }
}

fn joins(founder: &Host) -> Entry<'_> {
    let ready = founder.ready();
    let token = ready.token.as_deref().expect("who founds a cluster has a token");
    Entry::Joins { address: &ready.address, token }
}

/// Waits until a host has ended by itself, and not well; what it said.
fn gives_up(host: &mut Host, limit: Duration) -> String {
    let (status, said) = host.wait(limit);
    assert!(!status.success(), "{} ended well: {said}", host.name());
    said
}

fn owned(options: &[&str]) -> Vec<String> {
    options.iter().map(|option| (*option).to_owned()).collect()
}
