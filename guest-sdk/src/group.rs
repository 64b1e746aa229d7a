//! Placement groups: several bundles of resources, all or none.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::host;
use crate::object::ObjectRef;
use crate::options::MemorySize;

/// Resources that are reserved together: all bundles or none, so that actors
/// that only make sense together never hold half of what they need.
///
/// ```
/// use greenroom::{Bundle, PlacementGroup, prelude::*};
/// # struct Worker;
/// # #[actor]
/// # impl Worker {
/// #     fn new() -> Self { Worker }
/// #     fn ping(&self) -> bool { true }
/// # }
/// # fn main() -> Result<()> {
/// // A CPU for each of two workers, on two nodes if there are two.
/// let group = PlacementGroup::spread([Bundle::cpus(1.0), Bundle::cpus(1.0)])?;
/// get(group.ready()?)?;
/// let first = Worker::options().cpus(1.0).in_bundle(&group, 0).remote()?;
/// let second = Worker::options().cpus(1.0).in_bundle(&group, 1).remote()?;
/// assert_eq!(get([first.ping().remote()?, second.ping().remote()?])?, [true, true]);
/// group.remove()?;
/// # Ok(())
/// # }
/// ```
///
/// It may be cloned, kept and sent inside any serde type; every actor of the
/// job can use it. It is not counted: it ends, and the actors in it, when it is
/// [removed](PlacementGroup::remove), with the job, with the node that it was
/// created on, and with any node that holds a bundle of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlacementGroup {
    id: String,
}

/// What one bundle of a [`PlacementGroup`] holds, all of it on one node.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a bundle does nothing until a group is made of it"]
pub struct Bundle {
    pub(crate) cpus: Option<f64>,
    pub(crate) gpus: Option<f64>,
    pub(crate) memory: Option<u64>,
    pub(crate) resources: Vec<(String, f64)>,
    /// The first thing that makes no sense; creating the group answers it.
    problem: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupStrategy {
    Pack,
    Spread,
    StrictPack,
    StrictSpread,
}

impl PlacementGroup {
    /// On one node if that has room for all, else on few.
    ///
    /// This and the others answer at once, before the bundles are reserved:
    /// wait for [`ready`](PlacementGroup::ready). [`Error::Unplaceable`], with
    /// the reason, if the nodes there are could never hold them.
    pub fn pack(bundles: impl IntoIterator<Item = Bundle>) -> Result<PlacementGroup> {
        create(bundles, GroupStrategy::Pack)
    }

    /// Each on a node of its own if there are as many, else on many.
    pub fn spread(bundles: impl IntoIterator<Item = Bundle>) -> Result<PlacementGroup> {
        create(bundles, GroupStrategy::Spread)
    }

    /// All on one node.
    pub fn strict_pack(bundles: impl IntoIterator<Item = Bundle>) -> Result<PlacementGroup> {
        create(bundles, GroupStrategy::StrictPack)
    }

    /// Each on a node of its own.
    pub fn strict_spread(bundles: impl IntoIterator<Item = Bundle>) -> Result<PlacementGroup> {
        create(bundles, GroupStrategy::StrictSpread)
    }

    /// An object that is there once all bundles are reserved: for
    /// [`get`](crate::get), [`get_timeout`](crate::get_timeout) and
    /// [`wait`](crate::wait). It fails if the group ends before.
    pub fn ready(&self) -> Result<ObjectRef<()>> {
        host::group_ready(&self.id).map(ObjectRef::new)
    }

    /// Ends the group and the actors in it, whose calls answer
    /// [`Cause::GroupRemoved`](crate::Cause::GroupRemoved). Nothing happens if
    /// it has ended.
    pub fn remove(&self) -> Result<()> {
        host::remove_group(&self.id)
    }

    /// Its id, for logs and people.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for PlacementGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

fn create(
    bundles: impl IntoIterator<Item = Bundle>,
    strategy: GroupStrategy,
) -> Result<PlacementGroup> {
    let bundles: Vec<Bundle> = bundles.into_iter().collect();
    let problem = bundles.iter().enumerate().find_map(|(at, bundle)| {
        bundle.problem.as_ref().map(|problem| format!("bundle {at}: {problem}"))
    });
    match problem {
        Some(problem) => Err(Error::Invalid(problem)),
        None => Ok(PlacementGroup { id: host::create_group(&bundles, strategy)? }),
    }
}

impl Bundle {
    /// What an actor asks for.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn of(options: &crate::options::ActorOptions) -> Bundle {
        let resources = options.resources.clone();
        let (cpus, gpus, memory) = (options.cpus, options.gpus, options.memory);
        Bundle { cpus, gpus, memory, resources, problem: None }
    }

    /// Of so many CPUs.
    pub fn cpus(cpus: f64) -> Bundle {
        Bundle { cpus: Some(cpus), ..Bundle::default() }
    }

    /// Of so many GPUs, or a fraction of one.
    pub fn gpus(gpus: f64) -> Bundle {
        Bundle { gpus: Some(gpus), ..Bundle::default() }
    }

    /// Of so much memory: bytes, or text such as `"64MiB"`.
    pub fn memory(memory: impl MemorySize) -> Bundle {
        Bundle::default().and_memory(memory)
    }

    /// Of so much of a custom resource.
    pub fn resource(name: impl Into<String>, amount: f64) -> Bundle {
        Bundle::default().and_resource(name, amount)
    }

    /// And so many CPUs.
    pub fn and_cpus(self, cpus: f64) -> Bundle {
        Bundle { cpus: Some(cpus), ..self }
    }

    /// And so many GPUs.
    pub fn and_gpus(self, gpus: f64) -> Bundle {
        Bundle { gpus: Some(gpus), ..self }
    }

    /// And so much memory.
    pub fn and_memory(mut self, memory: impl MemorySize) -> Bundle {
        match memory.to_bytes() {
            Ok(bytes) => self.memory = Some(bytes),
            Err(problem) => drop(self.problem.get_or_insert(problem)),
        }
        self
    }

    /// And so much of a custom resource.
    pub fn and_resource(mut self, name: impl Into<String>, amount: f64) -> Bundle {
        self.resources.push((name.into(), amount));
        self
    }
}
