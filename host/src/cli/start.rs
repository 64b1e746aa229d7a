//! `host start`: a node that stays.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_identity::{LocalToken, Name};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::console::{Console, Format};
use super::failure::Failure;
use super::login::TokenOptions;
use super::options::{CacheOptions, GrantOptions, ResourceOptions};
use super::{Global, interrupt, places, runtime};
use crate::admin::lines::Lines;
use crate::admin::{Admin, Alone, NoPeers, NodeSummary, OwnerOnly, Parts};
use crate::node::{Config, Node};

/// Clients have so long to take what was under way when the node stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// A sign of life on a quiet connection; one that gets no answer for as long
/// again is over, and the job of its client with it.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Requests of one connection at once: a page of a shell, not a service.
const REQUESTS_AT_ONCE: u32 = 256;

/// Start a node that stays until it is stopped
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Start {
    /// Where the node keeps what is to last [default: $XDG_DATA_HOME/greenroom
    /// or ~/.local/share/greenroom]
    #[arg(long, value_name = "DIR", env = "GREENROOM_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Its name, unique in the cluster [default: the machine's]
    #[arg(long, value_name = "NAME", env = "GREENROOM_NAME", value_parser = name)]
    name: Option<Name>,
    /// Where it listens; port 0 is any that is free
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "GREENROOM_LISTEN",
        default_value = "127.0.0.1:7420"
    )]
    listen: SocketAddr,
    /// The file that says the same as these options, in TOML: name = "alpha".
    /// Options and environment variables win over it
    #[arg(long, value_name = "FILE", env = "GREENROOM_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterOptions,
    #[command(flatten)]
    grants: GrantOptions,
    #[command(flatten)]
    resources: ResourceOptions,
    #[command(flatten)]
    cache: CacheOptions,
}

/// What a node in a cluster of several needs.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Cluster")]
struct ClusterOptions {
    /// A node of the cluster to join, the first time
    #[arg(long, value_name = "HOST:PORT", env = "GREENROOM_JOIN")]
    join: Option<String>,
    #[command(flatten)]
    token: TokenOptions,
    /// Where others reach it [default: where it listens]
    #[arg(long, value_name = "HOST:PORT", env = "GREENROOM_ADVERTISE")]
    advertise: Option<String>,
    /// The control store, such as etcd://a:2379,b:2379 [default: the first
    /// node's own]
    #[arg(long, value_name = "URL", env = "GREENROOM_CONTROL")]
    control: Option<String>,
    /// What actors can ask their node to be, such as zone=a,disk=ssd
    #[arg(long, value_name = "NAME=VALUE", env = "GREENROOM_LABELS", value_delimiter = ',')]
    labels: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  host start
  host start --name alpha --listen 127.0.0.1:0 --dir ~/src:ro=/in
  host start --config /etc/greenroom.toml

It runs until Ctrl-C, SIGTERM or `host stop`. Only its owner is let in, by a file
in the data directory.";

impl ClusterOptions {
    /// The option that needs a cluster, if one is given.
    fn given(&self) -> Option<&'static str> {
        let ClusterOptions { join, token, advertise, control, labels } = self;
        let given = [
            ("--join", join.is_some()),
            ("--token", token.is_given()),
            ("--advertise", advertise.is_some()),
            ("--control", control.is_some()),
            ("--labels", !labels.is_empty()),
        ];
        given.into_iter().find_map(|(option, given)| given.then_some(option))
    }
}

impl Start {
    /// The file that says more options.
    pub(super) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Carries it out.
    pub(super) fn run(self, global: &Global, console: &Arc<Console>) -> Result<(), Failure> {
        if let Some(option) = self.cluster.given() {
            return Err(Failure::set_up(format!(
                "{option} is for a cluster of several nodes, and this build of host can only run \
                 nodes that are alone"
            )));
        }
        if !self.listen.ip().is_loopback() {
            return Err(Failure::set_up(format!(
                "--listen {}: this build of host can only listen on loopback, such as 127.0.0.1:7420",
                self.listen
            )));
        }
        let data_dir = DataDir::open(places::data_dir(self.data_dir.as_deref())?)?;
        let name = match &self.name {
            Some(name) => name.clone(),
            None => machine_name()?,
        };
        let lines = Arc::new(Lines::default());
        let (sink, output) = (lines.clone(), console.clone());
        let config =
            self.resources.config(&self.grants, &self.cache, global.log_level, sink, output)?;
        let config = Config {
            code_cache: self.cache.folder_or(|| Some(data_dir.path.join("code"))),
            spill_parent: data_dir.spill()?,
            ..config
        };
        let stopping = interrupt::watch()?;
        let runtime = runtime()?;
        let serving = serve(config, lines, name, self.listen, &data_dir, &stopping, console);
        let served = runtime.block_on(serving);
        data_dir.forget_address();
        runtime.shutdown_background();
        served
    }
}

/// Runs the node until it is to stop.
async fn serve(
    config: Config,
    lines: Arc<Lines>,
    name: Name,
    listen: SocketAddr,
    data_dir: &DataDir,
    stopping: &CancellationToken,
    console: &Console,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure::set_up(format!("it cannot listen on {listen}: {error}; choose another --listen"))
    })?;
    let failed = |error: io::Error| Failure::set_up(format!("{listen}: {error}"));
    let address = listener.local_addr().map_err(failed)?;
    let node = Node::start(config).map_err(|error| Failure::set_up(format!("{error:#}")))?;
    let about = NodeSummary {
        id: node.id(),
        name: name.to_string(),
        address: address.to_string(),
        draining: false,
    };
    let admin = Admin::new(Parts {
        node,
        lines,
        about: about.clone(),
        cluster: None,
        packages: places::packages(&data_dir.path),
        peers: Arc::new(NoPeers),
        operator: Arc::new(Alone::new(stopping.clone())),
    });
    let admin = admin.map_err(|error| Failure::set_up(format!("the package folder: {error}")))?;
    let token =
        LocalToken::create(&data_dir.path).map_err(|error| Failure::set_up(error.to_string()))?;
    let service = InterceptedService::new(admin.server(), OwnerOnly::new(token));
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .max_concurrent_streams(REQUESTS_AT_ONCE)
        .add_service(service)
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            stopping.clone().cancelled_owned(),
        );
    let mut server = std::pin::pin!(server);
    data_dir.say_address(address)?;
    ready(console, &about);
    tokio::select! {
        served = &mut server => {
            return served.map_err(|error| Failure::set_up(format!("listening failed: {error}")));
        }
        () = stopping.cancelled() => {}
    }
    admin.end();
    if timeout(FAREWELL, server).await.is_err() {
        tracing::warn!("clients were still connected when the node stopped");
    }
    Ok(())
}

fn ready(console: &Console, about: &NodeSummary) {
    let NodeSummary { id, name, address, .. } = about;
    match console.format {
        Format::Text => console.out(&format!("node {name} ({id}) listens on {address}\n")),
        Format::Json => {
            let ready = json!({
                "event": "ready",
                "node": id.to_string(),
                "name": name,
                "address": address,
            });
            console.out(&format!("{ready}\n"));
        }
    }
}

/// The folder of one node, which no other uses meanwhile.
struct DataDir {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl DataDir {
    fn open(path: PathBuf) -> Result<DataDir, Failure> {
        let failed = |error: io::Error| {
            Failure::set_up(format!("the data directory {}: {error}", path.display()))
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
        let lock = File::create(path.join("lock")).map_err(failed)?;
        lock.try_lock().map_err(|_| {
            Failure::set_up(format!(
                "another node runs with the data directory {}; give this one its own with --data-dir",
                path.display()
            ))
        })?;
        Ok(DataDir { path, _lock: lock })
    }

    /// The folder for objects that memory has no room for, empty: objects do
    /// not outlive their node.
    fn spill(&self) -> Result<PathBuf, Failure> {
        let folder = self.path.join("spill");
        let emptied = match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            emptied => emptied,
        };
        let made = emptied.and_then(|()| DirBuilder::new().mode(0o700).create(&folder));
        made.map_err(|error| Failure::set_up(format!("{}: {error}", folder.display())))?;
        Ok(folder)
    }

    /// Says to clients where the node listens.
    fn say_address(&self, address: SocketAddr) -> Result<(), Failure> {
        let file = places::address_file(&self.path);
        // Whole or not at all: a client may look just now.
        let written = tempfile::NamedTempFile::new_in(&self.path).and_then(|mut new| {
            writeln!(new, "{address}")?;
            new.persist(&file).map_err(|error| error.error)
        });
        let failed = |error| Failure::set_up(format!("{}: {error}", file.display()));
        written.map(drop).map_err(failed)
    }

    fn forget_address(&self) {
        let file = places::address_file(&self.path);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(file = %file.display(), %error, "the address stays behind");
            }
            _ => {}
        }
    }
}

fn name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|error: host_identity::Error| error.to_string())
}

fn machine_name() -> Result<Name, Failure> {
    let uname = rustix::system::uname();
    let text = uname.nodename().to_string_lossy();
    name(&text).map_err(|error| {
        Failure::usage(format!(
            "the machine's name {text:?} cannot be a node's: {error}; give --name"
        ))
    })
}
