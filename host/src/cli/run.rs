//! `host run`: a node in this process, and a driver or calls on it.

use std::path::PathBuf;
use std::sync::Arc;

use host_core::package::PackageInfo;

use super::calls;
use super::client::{self, ClientOptions};
use super::console::Console;
use super::explain;
use super::failure::Failure;
use super::gpus;
use super::interrupt::{self, Stop};
use super::options::{CacheOptions, GrantOptions, ResourceOptions, TraceOptions};
use super::package::{self, Source};
use super::project::BuildOptions;
use super::remote;
use super::{Global, runtime};
use crate::node::{Config, Job, Node};
use crate::sandbox::{self, Package};

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
    client: ClientOptions,
    #[command(flatten)]
    grants: GrantOptions,
    #[command(flatten)]
    resources: ResourceOptions,
    #[command(flatten)]
    cache: CacheOptions,
    #[command(flatten)]
    traces: TraceOptions,
    #[command(flatten, next_help_heading = "Building (if a folder is given)")]
    build: BuildOptions,
}

const EXAMPLES: &str = "\
Examples:
  host run counter.wasm
  host run examples/counter
  host run counter.wasm --invoke 'Counter.increment()' --invoke 'Counter.get_value()'
  host run wordcount.wasm --dir ~/src:ro=/in -- /in
  host run --cluster 127.0.0.1:7420 counter.wasm

Lines that the driver prints come out as they are; those of actors begin with
the actor: `Counter(a7@n1) | text`. Log lines go to stderr.

In --invoke, bytes are {\"$bytes\": \"base64\"}. The first call that fails ends
the run.";

/// What is to be done with the package.
pub(super) enum Work {
    /// Its driver, with these arguments.
    Driver(Vec<String>),
    /// Calls.
    Calls(Vec<calls::Call>),
}

impl Run {
    /// Carries it out.
    pub(super) fn run(self, global: &Global, console: &Arc<Console>) -> Result<(), Failure> {
        let source = Source::of(&self.path, &self.build, console)?;
        let bytes = source.read()?;
        if self.client.cluster.is_some() {
            if self.grants.are_given() {
                return Err(Failure::usage(
                    "grants are given to a node, not to a job: start the node with them (host start)",
                ));
            }
            let wanted = Wanted { calls: &self.calls, args: &self.args };
            let done = remote::run(&self.client, &source, bytes, wanted, console);
            console.finish();
            return done;
        }
        let (grants, cache) = (&self.grants, &self.cache);
        let (sink, output) = (console.clone(), console.clone());
        let mut config = self.resources.config(grants, cache, global.log_level, sink, output)?;
        let interrupted = interrupt::watch()?;
        let runtime = runtime()?;
        let stop = Stop { interrupted, unread: console.unread.clone() };
        // Opening drivers takes time: for those who can use them.
        let gpus = &self.resources.gpus;
        if gpus.are_given() || sandbox::uses_gpu(&bytes) {
            runtime.block_on(stop.or(gpus.find(&mut config)))?;
        } else {
            runtime.block_on(gpus::without(&mut config))?;
        }
        let spans = {
            let _within = runtime.enter();
            self.traces.start()?
        };
        let done = runtime.block_on(self.work(config, &source, bytes, console, &stop));
        drop(spans);
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
        let wanted = Wanted { calls: &self.calls, args: &self.args };
        let work = wanted.plan(&package.info, source)?;
        let job = node.begin_job().under(client::traceparent());
        let done = stop.or(carry_out(&job, &package, work, source, console)).await;
        let left = job.end().await;
        if !left.is_empty() {
            tracing::warn!(actors = left.len(), first = %left[0], "actors did not end in time");
        }
        done
    }
}

/// What is asked for on the command line.
pub(super) struct Wanted<'a> {
    /// The calls of `--invoke`.
    pub(super) calls: &'a [String],
    /// The driver's arguments.
    pub(super) args: &'a [String],
}

impl Wanted<'_> {
    /// Says what is to be done, if that makes sense for the package.
    pub(super) fn plan(&self, info: &PackageInfo, source: &Source) -> Result<Work, Failure> {
        if !self.calls.is_empty() {
            return Ok(Work::Calls(calls::plan(info, self.calls)?));
        }
        if info.driver.is_some() {
            return Ok(Work::Driver(self.args.to_vec()));
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
