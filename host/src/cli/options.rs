//! What a run may use and what its guests may do, as options.
//!
//! Bounds and places also have environment variables. Grants have none: what
//! a guest may touch is said where it is run, not inherited from a shell.

use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::FalseyValueParser;
use host_core::Level;
use host_core::placement::Labels;
use host_core::resources::{Amount, MEMORY, parse_bytes};
use host_wasi::grants::{DirGrant, EnvGrant, NetGrant};
use host_wasi::{Grants, Output};

use super::diagnostics::LogLevel;
use super::failure::Failure;
use super::gpus::GpuOptions;
use crate::log::Sink;
use crate::node::Config;
use crate::sandbox::{Pool, PoolError};
use crate::trace::{self, Flush};

/// What guests may do.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Grants (without one, a guest has no files, network or environment)")]
pub(super) struct GrantOptions {
    /// A folder guests may use: read-only with `:ro`, known to them as GUESTPATH
    #[arg(long = "dir", value_name = "PATH[:ro][=GUESTPATH]")]
    dirs: Vec<DirGrant>,
    /// A place guests may open TCP connections to: HOST[:PORT], CIDR[:PORT] or *
    #[arg(long = "net", value_name = "HOST[:PORT]")]
    nets: Vec<NetGrant>,
    /// An environment variable guests see: its value here, or the one given
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    envs: Vec<EnvGrant>,
}

/// What the node has.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Resources")]
pub(super) struct ResourceOptions {
    /// CPUs that actors can reserve [default: the machine's]
    #[arg(long, value_name = "N", env = "GREENROOM_CPUS", value_parser = amount)]
    cpus: Option<Amount>,
    /// Memory that actors can reserve, such as 8GiB [default: the machine's]
    #[arg(long, value_name = "SIZE", env = "GREENROOM_MEMORY", value_parser = memory)]
    memory: Option<Amount>,
    #[command(flatten)]
    pub(super) gpus: GpuOptions,
    /// What actors can reserve, such as licence=2,cpus=4,memory=8GiB
    #[arg(
        long,
        value_name = "NAME=AMOUNT",
        env = "GREENROOM_RESOURCES",
        value_delimiter = ',',
        value_parser = resource
    )]
    resources: Vec<(String, Amount)>,
    /// What actors can ask their node to be, such as zone=a,disk=ssd
    #[arg(long, value_name = "NAME=VALUE", env = "GREENROOM_LABELS", value_delimiter = ',')]
    labels: Vec<String>,
    /// Objects kept in memory, such as 2GiB; more go to disk [default: 30 % of
    /// the memory]
    #[arg(long, value_name = "SIZE", env = "GREENROOM_OBJECT_STORE_MEMORY", value_parser = parse_bytes)]
    object_store_memory: Option<u64>,
    /// Actors that can live at once [default: what the machine allows, at most
    /// 20000]
    #[arg(
        long,
        value_name = "N",
        env = "GREENROOM_MAX_ACTORS",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    max_actors: Option<u32>,
}

/// Where compiled packages are kept.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Compiled code")]
pub(super) struct CacheOptions {
    /// Folder for compiled packages [default: $XDG_CACHE_HOME/greenroom or
    /// ~/.cache/greenroom]
    #[arg(long, value_name = "PATH", env = "GREENROOM_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
    /// Compile anew, and keep nothing
    #[arg(
        long,
        env = "GREENROOM_NO_CACHE",
        value_parser = FalseyValueParser::new(),
        conflicts_with = "cache_dir"
    )]
    no_cache: bool,
}

/// Where spans of calls go.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Traces (OTLP over gRPC; the standard OTEL_… variables count too)")]
pub(super) struct TraceOptions {
    /// A collector that spans of calls are sent to, such as
    /// http://127.0.0.1:4317 [default: none is made]
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp: Option<String>,
    /// The share of traces that is kept, from 0 to 1, of those that begin here
    /// [default: as OTEL_TRACES_SAMPLER says, else all]
    #[arg(long, value_name = "SHARE", env = "GREENROOM_TRACE_SHARE", value_parser = share)]
    trace_share: Option<f64>,
}

impl TraceOptions {
    /// Spans are sent from now on, within the runtime that this is called in,
    /// if somebody wants them.
    pub(super) fn start(&self) -> Result<Option<Flush>, Failure> {
        let Some(collector) = &self.otlp else { return Ok(None) };
        let share = self.trace_share;
        let config =
            trace::Config { collector: collector.clone(), service: "greenroom".into(), share };
        let started = trace::start(&config);
        started.map(Some).map_err(|error| Failure::usage(error.to_string()))
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it has to be a number from 0 to 1".into())
}

impl GrantOptions {
    /// Whether there is any.
    pub(super) fn are_given(&self) -> bool {
        !(self.dirs.is_empty() && self.nets.is_empty() && self.envs.is_empty())
    }

    /// The grants, if all of them can be given.
    fn grants(&self) -> Result<Grants, Failure> {
        let grants =
            Grants { dirs: self.dirs.clone(), net: self.nets.clone(), env: self.envs.clone() };
        grants.check().map_err(|error| Failure::usage(error.to_string()))?;
        Ok(grants)
    }
}

impl CacheOptions {
    /// The folder, if there is to be one.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.folder_or(default_cache)
    }

    /// The same with another default.
    pub(super) fn folder_or(&self, default: impl FnOnce() -> Option<PathBuf>) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        self.cache_dir.clone().or_else(default)
    }
}

impl ResourceOptions {
    /// What a node with these options is started with.
    pub(super) fn config(
        &self,
        grants: &GrantOptions,
        cache: &CacheOptions,
        log_level: Option<LogLevel>,
        sink: Arc<dyn Sink>,
        driver_output: Arc<dyn Output>,
    ) -> Result<Config, Failure> {
        let set_up = |error: PoolError| Failure::set_up(error.to_string());
        let mut config = Config::for_this_machine(sink, driver_output).map_err(set_up)?;
        if self.max_actors.is_some() {
            config.pool = Pool::for_actors(self.max_actors).map_err(set_up)?;
        }
        let named = [("cpus", self.cpus), (MEMORY, self.memory)];
        let named = named.into_iter().filter_map(|(name, amount)| Some((name, amount?)));
        let custom = self.resources.iter().map(|(name, amount)| (name.as_str(), *amount));
        // Their own options say more than the list.
        custom.chain(named).for_each(|(name, amount)| config.resources.set(name, amount));
        config.labels = Labels::parse(self.labels.iter().map(String::as_str))
            .map_err(|error| Failure::usage(format!("--labels: {error}")))?
            .into();
        config.grants = grants.grants()?;
        if let Some(bytes) = self.object_store_memory {
            config.object_store_bytes = bytes;
        }
        config.code_cache = cache.folder();
        config.log_level = log_level.map_or(Level::Info, Level::from);
        Ok(config)
    }
}

/// `$XDG_CACHE_HOME/greenroom`, or `~/.cache/greenroom`; none without a home.
fn default_cache() -> Option<PathBuf> {
    let folder = match std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from) {
        // The specification says to ignore relative paths.
        Some(folder) if folder.is_absolute() => folder,
        _ => std::env::home_dir()?.join(".cache"),
    };
    Some(folder.join("greenroom"))
}

fn amount(text: &str) -> Result<Amount, String> {
    let value = text.parse().ok().and_then(Amount::from_f64);
    value.ok_or_else(|| "it is not an amount such as 2 or 0.5".into())
}

fn memory(text: &str) -> Result<Amount, String> {
    let bytes = parse_bytes(text)?;
    Amount::whole(bytes).ok_or_else(|| format!("{text:?} is more than can be counted"))
}

fn resource(text: &str) -> Result<(String, Amount), String> {
    let (name, value) = text.split_once('=').ok_or("the form is NAME=AMOUNT, such as licence=2")?;
    host_core::spec::check_name("resource", name).map_err(|error| error.to_string())?;
    let amount = if name == MEMORY { memory(value)? } else { amount(value)? };
    Ok((name.into(), amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_not_negative() {
        assert_eq!(amount("0.5"), Ok(Amount::from_f64(0.5).unwrap()));
        for bad in ["", "x", "-1", "NaN", "inf"] {
            assert!(amount(bad).is_err(), "{bad}");
        }
        assert_eq!(memory("1KiB"), Ok(Amount::whole(1024).unwrap()));
        assert!(memory("16777215TiB").is_err());
    }

    #[test]
    fn resources_have_names_of_their_own() {
        assert_eq!(resource("licence=2"), Ok(("licence".into(), Amount::whole(2).unwrap())));
        for (bad, reason) in [
            ("licence", "NAME=AMOUNT"),
            ("=1", "resource"),
            ("a=b", "not an amount"),
            ("memory=x", "use B, KB"),
        ] {
            assert!(resource(bad).unwrap_err().contains(reason), "{bad}");
        }
    }
}
