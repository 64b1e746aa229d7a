//! `host run`: a node in this process, and a driver or calls on it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::calls;
use super::console::Console;
use super::explain;
use super::failure::Failure;
use super::interrupt;
use super::options::{CacheOptions, GrantOptions, ResourceOptions};
use super::package::{self, Source};
use super::project::BuildOptions;
use super::{Global, runtime};
use crate::node::{Config, Job, Node};
use crate::sandbox::Package;

/// Run a package: its driver, or the calls that are given
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    /// A package file, or the folder of an actor project, which is built first
    #[arg(value_name = "FILE|PATH")]
    path: PathBuf,
    /// A call instead of the driver, such as 'Counter.add(1)'; arguments are
    /// JSON. Repeat it for more, made in order on one actor per class; the
    /// constructor's arguments go with the first: 'Counter(5).add(1)'
    #[arg(long = "invoke", value_name = "CLASS.METHOD(JSON, …)")]
    calls: Vec<String>,
    /// What the driver gets as its arguments
    #[arg(last = true, value_name = "ARGS", conflicts_with = "calls")]
    args: Vec<String>,
    #[command(flatten)]
    grants: GrantOptions,
    #[command(flatten)]
    resources: ResourceOptions,
    #[command(flatten)]
    cache: CacheOptions,
    #[command(flatten, next_help_heading = "Building (if a folder is given)")]
    build: BuildOptions,
}

const EXAMPLES: &str = "\
Examples:
  host run counter.wasm
  host run examples/counter
  host run counter.wasm --invoke 'Counter.increment()' --invoke 'Counter.get_value()'
  host run wordcount.wasm --dir ~/src:ro=/in -- /in

Lines that the driver prints come out as they are; those of actors begin with
the actor: `Counter(a7@n1) | text`. Log lines go to stderr.

In --invoke, bytes are {\"$bytes\": \"base64\"}. The first call that fails ends
the run.";

/// What ends the work before its time.
struct Stop {
    interrupted: CancellationToken,
    unread: CancellationToken,
}

impl Stop {
    /// Does the work, unless something ends it first.
    async fn or<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        // Dropping the work is how it is given up: nothing of it is kept.
        tokio::select! {
            done = work => done,
            () = self.interrupted.cancelled() => Err(Failure::interrupted("interrupted")),
            () = self.unread.cancelled() => {
                Err(Failure::interrupted("stdout is closed or full"))
            }
        }
    }
}

/// What is to be done with the package.
enum Work {
    Driver(Vec<String>),
    Calls(Vec<calls::Call>),
}

impl Run {
    /// Carries it out.
    pub(super) fn run(self, global: &Global, console: &Arc<Console>) -> Result<(), Failure> {
        let source = Source::of(&self.path, &self.build, console)?;
        let bytes = source.read()?;
        let config =
            self.resources.config(&self.grants, &self.cache, global.log_level, console.clone())?;
        let interrupted = interrupt::watch()?;
        let runtime = runtime()?;
        let stop = Stop { interrupted, unread: console.unread.clone() };
        let done = runtime.block_on(self.work(config, &source, bytes, console, &stop));
        runtime.shutdown_background();
        console.finish();
        done
    }

    async fn work(
        &self,
        config: Config,
        source: &Source,
        bytes: Vec<u8>,
        console: &Console,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let node = Node::start(config).map_err(|error| Failure::set_up(format!("{error:#}")))?;
        let package = stop.or(package::load(&node, source, bytes, console)).await?;
        let work = self.plan(&package, source)?;
        let job = node.begin_job();
        let done = stop.or(carry_out(&job, &package, work, source, console)).await;
        let left = job.end().await;
        if !left.is_empty() {
            tracing::warn!(actors = left.len(), first = %left[0], "actors did not end in time");
        }
        done
    }

    /// Says what is to be done, if that makes sense for the package.
    fn plan(&self, package: &Package, source: &Source) -> Result<Work, Failure> {
        let info = &package.info;
        if !self.calls.is_empty() {
            return Ok(Work::Calls(calls::plan(info, &self.calls)?));
        }
        if info.driver.is_some() {
            return Ok(Work::Driver(self.args.clone()));
        }
        let file = source.name();
        let message = format!("{file} has no driver: say what to call with --invoke");
        Err(Failure::usage(message).with_more(explain::invocable(info, file)))
    }
}

async fn carry_out(
    job: &Job,
    package: &Arc<Package>,
    work: Work,
    source: &Source,
    console: &Console,
) -> Result<(), Failure> {
    match work {
        Work::Driver(args) => {
            let ran = job.run(package, args).await;
            ran.map_err(|error| Failure::call(source.name(), error))
        }
        Work::Calls(calls) => calls::run(job, package, calls, console).await,
    }
}
