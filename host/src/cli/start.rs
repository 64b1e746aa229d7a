//! `host start`: a node that stays.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_core::{ClusterId, NodeId};
use host_identity::{JoinToken, Kind, Name, Order, Uses};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::console::{Console, Format};
use super::control::ControlOptions;
use super::failure::Failure;
use super::login::TokenOptions;
use super::options::{CacheOptions, GrantOptions, ResourceOptions, TraceOptions};
use super::{Global, interrupt, places, runtime};
use crate::admin::lines::Lines;
use crate::cluster::{self, Host};
use crate::node::Config;

/// How long the first host's token lets others join.
const FIRST_TOKEN_TIME: Duration = Duration::from_secs(24 * 60 * 60);

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
    #[command(flatten)]
    traces: TraceOptions,
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
    #[command(flatten)]
    control: ControlOptions,
}

const EXAMPLES: &str = "\
Examples:
  host start
  host start --name alpha --listen 127.0.0.1:0 --dir ~/src:ro=/in
  host start --config /etc/greenroom.toml

It runs until Ctrl-C, SIGTERM or `host stop`. Only its owner is let in, by a file
in the data directory.";

impl ClusterOptions {
    /// The host to join, and what lets this one in.
    fn join(&self) -> Result<Option<(String, JoinToken)>, Failure> {
        match (&self.join, self.token.read()?) {
            (Some(join), Some(token)) => Ok(Some((join.clone(), token))),
            // One that was let in before needs no token.
            (None | Some(_), None) => Ok(None),
            (None, Some(_)) => Err(Failure::usage("a token is for --join HOST:PORT")),
        }
    }
}

impl Start {
    /// The file that says more options.
    pub(super) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Carries it out.
    pub(super) fn run(self, global: &Global, console: &Arc<Console>) -> Result<(), Failure> {
        let data_dir = DataDir::open(places::data_dir(self.data_dir.as_deref())?)?;
        let name = match &self.name {
            Some(name) => name.clone(),
            None => machine_name()?,
        };
        let lines = Arc::new(Lines::default());
        let (sink, output) = (lines.clone(), console.clone());
        let config =
            self.resources.config(&self.grants, &self.cache, global.log_level, sink, output)?;
        let mut config = Config {
            code_cache: self.cache.folder_or(|| Some(data_dir.path.join("code"))),
            spill_parent: data_dir.spill()?,
            ..config
        };
        if self.listen.ip().is_unspecified() && self.cluster.advertise.is_none() {
            return Err(Failure::usage(format!(
                "--listen {}: say with --advertise HOST:PORT where others reach it",
                self.listen
            )));
        }
        let (cluster, stopping, runtime) = (&self.cluster, interrupt::watch()?, runtime()?);
        let found = runtime.block_on(async {
            // A driver may take its time. Dropping the search ends its process.
            tokio::select! {
                () = stopping.cancelled() => None,
                found = self.resources.gpus.find(&mut config) => Some(found),
            }
        });
        let Some(found) = found else {
            runtime.shutdown_background();
            return Ok(());
        };
        found?;
        let config = cluster::Config {
            node: config,
            lines,
            name,
            data_dir: data_dir.path.clone(),
            listen: self.listen,
            advertise: cluster.advertise.clone(),
            join: cluster.join()?,
            etcd: cluster.control.etcd()?,
        };
        let spans = {
            let _within = runtime.enter();
            self.traces.start()?
        };
        let served = runtime.block_on(serve(config, &data_dir, &stopping, console));
        data_dir.forget_address();
        drop(spans);
        runtime.shutdown_background();
        served
    }
}

/// Runs the host until it is to stop.
async fn serve(
    config: cluster::Config,
    data_dir: &DataDir,
    stopping: &CancellationToken,
    console: &Console,
) -> Result<(), Failure> {
    let failed = |error: cluster::Error| Failure::set_up(error.to_string());
    let name = config.name.clone();
    let started = async {
        let host = Host::start(config).await?;
        let token = if host.is_new() { first_token(&host).await? } else { None };
        Ok((host, token))
    };
    let (host, mut token) = tokio::select! {
        () = stopping.cancelled() => return Ok(()),
        started = started => started.map_err(failed)?,
    };
    let stop = host.stopping();
    let running = host.run(|node| {
        let said = data_dir.say_address(host.local_address(), &host.advertised());
        if let Err(failure) = said {
            tracing::warn!(%failure, "clients on this machine will not find the host");
        }
        let address = host.advertised();
        let (cluster, token) = (host.cluster(), token.take());
        let token = token.as_ref().map(JoinToken::reveal);
        let token = token.as_ref().map(|token| token.as_str());
        ready(console, &Ready { node, name: &name, cluster, address: &address, token });
    });
    let stops = async {
        stopping.cancelled().await;
        stop.cancel();
        std::future::pending().await
    };
    tokio::select! {
        served = running => served.map_err(failed),
        () = stops => Ok(()),
    }
}

/// What a host says of itself when it serves.
struct Ready<'a> {
    node: NodeId,
    name: &'a Name,
    cluster: ClusterId,
    address: &'a str,
    /// What lets others join, once.
    token: Option<&'a str>,
}

/// What lets other hosts join a cluster that was just founded.
async fn first_token(host: &Host) -> Result<Option<JoinToken>, cluster::Error> {
    let Some(registrar) = host.registrar() else { return Ok(None) };
    let order = Order {
        kind: Kind::Node,
        uses: Uses::Many,
        name: None,
        lifetime: FIRST_TOKEN_TIME,
        note: "made when the cluster was founded".into(),
    };
    let made = registrar.create_token(order).await;
    made.map(|(token, _)| Some(token)).map_err(cluster::Error::Gate)
}

fn ready(console: &Console, ready: &Ready<'_>) {
    let Ready { node, name, cluster, address, token } = ready;
    match console.format {
        Format::Text => {
            let line = format!("node {name} ({node}) of cluster {cluster} listens on {address}\n");
            let join = token.map_or_else(String::new, |token| {
                format!("another host joins with:\n  host start --join {address} --token {token}\n")
            });
            console.out(&(line + &join));
        }
        Format::Json => {
            let mut ready = json!({
                "event": "ready",
                "node": node.to_string(),
                "name": name.as_str(),
                "cluster": cluster.to_string(),
                "address": address,
            });
            if let Some(token) = token {
                ready["token"] = (*token).into();
            }
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
    fn say_address(&self, local: SocketAddr, advertised: &str) -> Result<(), Failure> {
        let file = places::address_file(&self.path);
        // Whole or not at all: a client may look just now.
        let written = tempfile::NamedTempFile::new_in(&self.path).and_then(|mut new| {
            new.write_all(format!("{local}\n{advertised}\n").as_bytes())?;
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
