//! What an actor needs and how it lives.

use std::ops::Deref;

use crate::args::Args;
use crate::class::Actor;
use crate::error::{Error, Result};
use crate::group::PlacementGroup;
use crate::handle::Handle;
use crate::host::{self, IfExists};

/// The options of a class or of one actor; absent means: not said here.
#[doc(hidden)]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActorOptions {
    pub cpus: Option<f64>,
    pub gpus: Option<f64>,
    pub memory: Option<u64>,
    pub resources: Vec<(String, f64)>,
    pub strategy: Option<Strategy>,
    pub labels: Vec<String>,
    pub max_restarts: Option<i32>,
    pub max_retries: Option<i32>,
    pub max_concurrency: Option<u32>,
    pub max_pending_calls: Option<u32>,
    pub name: Option<String>,
    pub namespace: Option<String>,
    pub detached: Option<bool>,
    pub isolation: Option<Isolation>,
    /// A placement group's id, and which of its bundles.
    pub group: Option<(String, Option<u32>)>,
}

/// What is between an actor and others, besides the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Nothing: it runs in its node's process. The default: a call costs
    /// microseconds.
    Shared,
    /// A process of its own: whatever flaw it finds in the engine, there is no
    /// other actor's memory to read. A call costs about 0.1 ms, and
    /// starting tens of milliseconds. Actors that compute on a GPU always have
    /// one.
    Process,
}

/// Which of several nodes that would do.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    Pack,
    Spread,
    OnNode(String),
    NearNode(String),
}

#[cfg(not(target_family = "wasm"))]
impl ActorOptions {
    /// These, and where they say nothing, the others.
    pub(crate) fn over(self, others: ActorOptions) -> ActorOptions {
        let mut resources = others.resources;
        for (name, amount) in self.resources {
            resources.retain(|(other, _)| *other != name);
            resources.push((name, amount));
        }
        let placed = self.group.is_some();
        let labels = if placed || !self.labels.is_empty() { self.labels } else { others.labels };
        ActorOptions {
            cpus: self.cpus.or(others.cpus),
            gpus: self.gpus.or(others.gpus),
            memory: self.memory.or(others.memory),
            resources,
            strategy: self.strategy.or_else(|| others.strategy.filter(|_| !placed)),
            labels,
            max_restarts: self.max_restarts.or(others.max_restarts),
            max_retries: self.max_retries.or(others.max_retries),
            max_concurrency: self.max_concurrency.or(others.max_concurrency),
            max_pending_calls: self.max_pending_calls.or(others.max_pending_calls),
            name: self.name.or(others.name),
            namespace: self.namespace.or(others.namespace),
            detached: self.detached.or(others.detached),
            isolation: self.isolation.or(others.isolation),
            group: self.group.or(others.group),
        }
    }
}

/// An actor to be created.
#[doc(hidden)]
#[derive(Default)]
pub struct Spawning {
    options: ActorOptions,
    get_if_exists: bool,
    /// The first option that makes no sense; creating answers it.
    problem: Option<Error>,
}

impl Spawning {
    /// Creates an actor.
    pub fn spawn<A: Actor>(&self, args: Args) -> Result<Handle<A>> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let exists = if self.get_if_exists { IfExists::Get } else { IfExists::Refuse };
        let raw = args.send(|args| host::spawn(A::CLASS, args, &self.options, exists))?;
        if self.get_if_exists { Handle::checked(raw) } else { Ok(Handle::new(raw)) }
    }

    fn invalid(&mut self, message: String) {
        self.problem.get_or_insert(Error::Invalid(message));
    }
}

/// Options for one actor of class `A`; each overrides the class's own.
///
/// ```
/// use greenroom::prelude::*;
/// # struct Counter;
/// # #[actor]
/// # impl Counter {
/// #     fn new() -> Self { Counter }
/// #     fn ready(&self) -> bool { true }
/// # }
/// # fn main() -> Result<()> {
/// let counter = Counter::options()
///     .cpus(0.5)
///     .memory("64MiB")
///     .max_restarts(3)
///     .name("hits")
///     .get_if_exists()
///     .remote()?;
/// assert!(get(counter.ready().remote()?)?);
/// # Ok(())
/// # }
/// ```
#[must_use = "options do nothing until `.remote(…)` creates the actor"]
pub struct Options<A: Actor> {
    spawner: A::Spawner,
}

impl<A: Actor> Default for Options<A> {
    fn default() -> Self {
        Options { spawner: A::Spawner::default() }
    }
}

/// `remote` is here: it takes the constructor's parameters.
impl<A: Actor> Deref for Options<A> {
    type Target = A::Spawner;

    fn deref(&self) -> &A::Spawner {
        &self.spawner
    }
}

impl<A: Actor> Options<A> {
    fn set(mut self, set: impl FnOnce(&mut ActorOptions)) -> Self {
        set(&mut self.spawner.as_mut().options);
        self
    }

    /// CPUs, or a fraction of one, reserved on the actor's node.
    pub fn cpus(self, cpus: f64) -> Self {
        self.set(|options| options.cpus = Some(cpus))
    }

    /// GPUs, or a fraction of one.
    pub fn gpus(self, gpus: f64) -> Self {
        self.set(|options| options.gpus = Some(gpus))
    }

    /// Memory: reserved on the actor's node, and its limit. Bytes, or text
    /// such as `"64MiB"`.
    pub fn memory(mut self, memory: impl MemorySize) -> Self {
        match memory.to_bytes() {
            Ok(bytes) => self.set(|options| options.memory = Some(bytes)),
            Err(problem) => {
                self.spawner.as_mut().invalid(problem);
                self
            }
        }
    }

    /// An amount of a custom resource, reserved on the actor's node.
    pub fn resource(self, name: impl Into<String>, amount: f64) -> Self {
        let name = name.into();
        self.set(|options| options.resources.push((name, amount)))
    }

    /// On one node up to half full, then the next: what holds where nothing
    /// else is said.
    pub fn pack(self) -> Self {
        self.set(|options| options.strategy = Some(Strategy::Pack))
    }

    /// On the node with the fewest actors of those that have room.
    pub fn spread(self) -> Self {
        self.set(|options| options.strategy = Some(Strategy::Spread))
    }

    /// On this node and no other: its name, or an id such as `n2`. Creating
    /// the actor answers [`Error::Unplaceable`] if there is no such node or it
    /// can never hold the actor.
    pub fn on_node(self, node: impl Into<String>) -> Self {
        let node = node.into();
        self.set(|options| options.strategy = Some(Strategy::OnNode(node)))
    }

    /// On this node if it has room, else on another.
    pub fn near_node(self, node: impl Into<String>) -> Self {
        let node = node.into();
        self.set(|options| options.strategy = Some(Strategy::NearNode(node)))
    }

    /// Only on nodes whose label has this value. With several, and with
    /// [`labels`](Options::labels), all must hold; they take the place of all
    /// that the class gives.
    pub fn label(mut self, name: &str, value: &str) -> Self {
        const RESERVED: [char; 5] = ['=', '!', ',', '(', ')'];
        if name.contains(RESERVED) || value.contains(RESERVED) {
            let problem = format!("label {name}={value} holds one of = ! , ( )");
            self.spawner.as_mut().invalid(problem);
            return self;
        }
        self.labels(format!("{name}={value}"))
    }

    /// Only on nodes whose labels meet these conditions, separated by commas:
    /// `zone=a`, `zone!=a`, `zone in (a, b)`, `zone notin (a, b)`, `zone` for
    /// any value, `!zone` for none.
    pub fn labels(self, conditions: impl Into<String>) -> Self {
        let conditions = conditions.into();
        self.set(|options| options.labels.push(conditions))
    }

    /// How often the actor may be constructed anew after a crash; -1: no
    /// bound.
    pub fn max_restarts(self, restarts: i32) -> Self {
        self.set(|options| options.max_restarts = Some(restarts))
    }

    /// How often a call may be tried again after a crash; -1: no bound. With
    /// more than 0 a method may run more than once for one call.
    pub fn max_retries(self, retries: i32) -> Self {
        self.set(|options| options.max_retries = Some(retries))
    }

    /// Calls in progress at once; more than 1 only for async classes.
    pub fn max_concurrency(self, calls: u32) -> Self {
        self.set(|options| options.max_concurrency = Some(calls))
    }

    /// Calls that may wait in the actor's mailbox.
    pub fn max_pending_calls(self, calls: u32) -> Self {
        self.set(|options| options.max_pending_calls = Some(calls))
    }

    /// A name, unique in its namespace.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.set(|options| options.name = Some(name))
    }

    /// Where the name lives.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        let namespace = namespace.into();
        self.set(|options| options.namespace = Some(namespace))
    }

    /// The actor outlives its job and its handles, until it is killed.
    pub fn detached(self) -> Self {
        self.set(|options| options.detached = Some(true))
    }

    /// What is between the actor and others, besides the sandbox.
    pub fn isolation(self, isolation: Isolation) -> Self {
        self.set(|options| options.isolation = Some(isolation))
    }

    /// In a placement group that is ready, in any of its bundles that can hold
    /// the actor: what it asks for is taken from the bundle, and the bundle's
    /// node is where it lives. It ends with the group at the latest.
    pub fn in_group(self, group: &PlacementGroup) -> Self {
        self.set(|options| options.group = Some((group.id().to_owned(), None)))
    }

    /// The same, in one bundle of the group, from 0.
    pub fn in_bundle(self, group: &PlacementGroup, bundle: u32) -> Self {
        self.set(|options| options.group = Some((group.id().to_owned(), Some(bundle))))
    }

    /// If the name is taken, answer the actor that has it; the constructor's
    /// arguments are then ignored.
    pub fn get_if_exists(mut self) -> Self {
        self.spawner.as_mut().get_if_exists = true;
        self
    }
}

/// An amount of memory: bytes, or text such as `"256MiB"`.
pub trait MemorySize {
    #[doc(hidden)]
    fn to_bytes(self) -> Result<u64, String>;
}

impl MemorySize for u64 {
    fn to_bytes(self) -> Result<u64, String> {
        Ok(self)
    }
}

impl MemorySize for &str {
    fn to_bytes(self) -> Result<u64, String> {
        parse_memory(self)
    }
}

impl MemorySize for &String {
    fn to_bytes(self) -> Result<u64, String> {
        parse_memory(self)
    }
}

/// The units of memory; `#[actor(memory = …)]` knows the same.
const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("kB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1000 * 1000),
    ("MiB", 1 << 20),
    ("GB", 1000 * 1000 * 1000),
    ("GiB", 1 << 30),
];

fn parse_memory(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not an amount of memory (such as 256MiB or 1GB)");
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = unit.trim();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    number.checked_mul(*factor).ok_or_else(wrong)
}
