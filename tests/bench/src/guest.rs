//! The guests under measurement, on a node of their own.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use host::log::{Record, Sink};
use host::node::{Config, Job, Node};
use host::sandbox::Package;
use host_core::spec::Options;
use host_refs::{Args, Attached, Handle, ObjectRef, Value};
use host_wasi::{Output, Stream};
use serde::Serialize;

/// A node with the bench's packages loaded.
pub(crate) struct Bench {
    pub(crate) job: Job,
    pub(crate) package: Arc<Package>,
    pub(crate) asynchronous: Arc<Package>,
}

struct Quiet;

impl Sink for Quiet {
    fn line(&self, record: &Record<'_>) {
        eprintln!("{}: {}", record.actor, record.text);
    }
}

impl Output for Quiet {
    fn write(&self, _: Stream, _: &[u8]) {}
}

/// The node's configuration: this machine's, whatever it allows.
pub(crate) fn config() -> anyhow::Result<Config> {
    Ok(Config::for_this_machine(Arc::new(Quiet), Arc::new(Quiet))?)
}

impl Bench {
    pub(crate) async fn start(guests: &Path) -> anyhow::Result<Bench> {
        let mut config = config()?;
        config.code_cache = Some(guests.join("compiled"));
        let node = Node::start(config)?;
        let package = load(&node, guests, "bench_guest.wasm").await?;
        let asynchronous = load(&node, guests, "bench_guest_async.wasm").await?;
        Ok(Bench { job: node.begin_job(), package, asynchronous })
    }

    pub(crate) fn spawn(&self, class: &str) -> anyhow::Result<Handle> {
        Ok(self.job.spawn(&self.package, class, Args::default(), Options::default())?)
    }

    pub(crate) fn spawn_async(&self, class: &str) -> anyhow::Result<Handle> {
        Ok(self.job.spawn(&self.asynchronous, class, Args::default(), Options::default())?)
    }

    /// Calls and waits; the nanoseconds it took.
    pub(crate) async fn time(
        &self,
        actor: &Handle,
        method: &str,
        args: Args,
    ) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let outcome = self.job.ask(actor, method, args).await;
        let took = begun.elapsed().as_nanos() as f64;
        outcome.map_err(|error| anyhow::anyhow!("{method}: {error}"))?;
        Ok(took)
    }
}

pub(crate) async fn load(node: &Node, guests: &Path, file: &str) -> anyhow::Result<Arc<Package>> {
    let path = guests.join(file);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(node.load(bytes).await?)
}

/// Arguments without references.
pub(crate) fn plain<T: Serialize>(values: &[T]) -> Args {
    let encode = |value| rmp_serde::to_vec_named(value).expect("plain data");
    Args::plain(values.iter().flat_map(encode).collect::<Vec<u8>>())
}

/// A handle, then numbers.
pub(crate) fn handle(actor: &Handle, numbers: &[u32]) -> Args {
    carrying(std::slice::from_ref(actor), extension(2, 0), numbers)
}

/// A list of handles, then numbers.
pub(crate) fn handles(actors: &[Handle], numbers: &[u32]) -> Args {
    let mut bytes = vec![0xdc];
    bytes.extend_from_slice(&u16::try_from(actors.len()).expect("few").to_be_bytes());
    for index in 0..actors.len() {
        bytes.extend(extension(2, u32::try_from(index).expect("few")));
    }
    carrying(actors, bytes, numbers)
}

/// What names the handles, then numbers.
fn carrying(actors: &[Handle], mut bytes: Vec<u8>, numbers: &[u32]) -> Args {
    bytes.extend_from_slice(&plain(numbers).values.bytes);
    let attached = Attached { refs: Vec::new(), handles: actors.to_vec() };
    let values = Value { bytes: bytes.into(), attached: Some(Box::new(attached)) };
    Args { values, ..Args::default() }
}

/// An object, to be replaced by its value.
pub(crate) fn object(object: &ObjectRef) -> Args {
    Args { objects: vec![(0, object.clone())], ..Args::default() }
}

/// MessagePack's fixext 4.
fn extension(kind: u8, index: u32) -> Vec<u8> {
    let mut bytes = vec![0xd6, kind];
    bytes.extend_from_slice(&index.to_be_bytes());
    bytes
}
