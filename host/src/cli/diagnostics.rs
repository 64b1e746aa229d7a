//! The host's own log, on stderr: what it did, for whoever looks for a fault.

use std::io::IsTerminal;

use host_core::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::failure::Failure;

/// How much a line of the log matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum LogLevel {
    /// What failed.
    Error,
    /// What may fail.
    Warn,
    /// What is worth knowing.
    Info,
    /// For authors.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Level {
        match level {
            LogLevel::Error => Level::Error,
            LogLevel::Warn => Level::Warn,
            LogLevel::Info => Level::Info,
            LogLevel::Debug => Level::Debug,
            LogLevel::Trace => Level::Trace,
        }
    }
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> tracing::Level {
        match level {
            LogLevel::Error => tracing::Level::ERROR,
            LogLevel::Warn => tracing::Level::WARN,
            LogLevel::Info => tracing::Level::INFO,
            LogLevel::Debug => tracing::Level::DEBUG,
            LogLevel::Trace => tracing::Level::TRACE,
        }
    }
}

/// Starts the log. Without a level, `RUST_LOG` counts; without that too,
/// warnings are shown. The libraries below say more than `warn` only through
/// `RUST_LOG`.
pub(super) fn start(level: Option<LogLevel>) -> Result<(), Failure> {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    let registry = tracing_subscriber::registry().with(lines);
    let started = match (level, std::env::var("RUST_LOG")) {
        (None, Ok(directives)) if !directives.is_empty() => {
            let filter = EnvFilter::try_new(&directives).map_err(|error| {
                Failure::usage(format!(
                    "RUST_LOG={directives:?}: {error}; write it like info or host=debug"
                ))
            })?;
            registry.with(filter).try_init()
        }
        (level, _) => {
            // Not an EnvFilter: making one takes longer than all the rest.
            let level = tracing::Level::from(level.unwrap_or(LogLevel::Warn));
            let ours =
                ["host", "host_core", "host_wasi", "host_toolchain"].map(|name| (name, level));
            let below = level.min(tracing::Level::WARN);
            registry.with(Targets::new().with_default(below).with_targets(ours)).try_init()
        }
    };
    started.map_err(|error| Failure::set_up(format!("the log cannot be started: {error}")))
}
