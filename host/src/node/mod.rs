//! One node: wires the layers together and implements the ports they declare.
//!
//! [`Node`] is what a program embeds: it loads packages, runs drivers, creates
//! actors and calls them. Start with [`Node::start`]. What guests ask for is
//! in `services`, what actors need of their node in `env`.

mod canary;
mod cluster;
mod config;
mod ended;
mod env;
mod groups;
mod ids;
mod services;
mod spawn;
mod view;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use host_cluster::Member;
use host_core::id::Label;
use host_core::names::Names;
use host_core::placement::Reservations;
use host_core::placement::group::coordinator;
use host_core::spec::{Concurrency, Options};
use host_core::trace::Context;
use host_core::waits::Waits;
use host_core::{ActorId, Cause, Error, JobId, NodeId, ObjectId, PackageId, limits};
use host_wasi::{Output, Profile};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use cluster::Bulk;
pub use config::Config;
pub use view::{GpuHolder, GpuView, ObjectTotals, Page};

use crate::actor::{Actor, Role, Snapshot};
use crate::meters::{Count, Meters};
use crate::sandbox::{Engines, LoadError, Package, Services};
use crate::store::Store;
use host_refs::{Args, Call, Handle, ObjectRef, Outcome, Target};

/// A running node. Cloning is cheap; the node ends with its last clone.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    id: NodeId,
    config: Config,
    engines: Engines,
    /// What actors may do; what drivers may do besides reading arguments.
    profile: Arc<Profile>,
    runtime: tokio::runtime::Handle,
    started: Instant,
    /// Ids of actors and jobs: one count for both.
    next: AtomicU64,
    objects: ids::Objects,
    packages: Mutex<HashMap<PackageId, Arc<Package>>>,
    actors: Mutex<HashMap<ActorId, Arc<Actor>>>,
    names: Mutex<Names>,
    reservations: Mutex<Reservations>,
    groups: groups::Groups,
    waits: Mutex<Waits>,
    ended: Mutex<ended::Ended>,
    store: Store,
    meters: Arc<Meters>,
    /// What is called to see that the node can work, once it is.
    canary: tokio::sync::OnceCell<Arc<Package>>,
    /// Told whenever an actor has ended.
    departed: Notify,
    /// The cluster that it is a member of, if it is.
    cluster: OnceLock<Member>,
    me: Weak<Inner>,
}

/// A job: the actors it creates end with it, unless they are detached.
pub struct Job {
    node: Node,
    id: JobId,
    /// Where its drivers' output goes.
    output: Arc<dyn Output>,
    /// What it is done under, if its client traces it.
    trace: Option<Context>,
}

/// The runtime that a node and its guests run on: a thread per core.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        // A guest that computes holds its thread for a millisecond or two at
        // every poll. What comes from outside the runtime, such as a client's
        // call, is looked for only between so many polls: with tokio's 61 a
        // client waited for up to 180 ms beside two endless loops.
        .global_queue_interval(4)
        .enable_all()
        .build()
}

impl Node {
    /// Starts a node on the runtime that this is called on.
    pub fn start(config: Config) -> anyhow::Result<Node> {
        let meters = Arc::<Meters>::default();
        let engines = Engines::new(config.pool)?;
        let profile = Arc::new(Profile::new(config.grants.clone(), Vec::new())?);
        let runtime = tokio::runtime::Handle::current();
        let store =
            Store::new(config.object_store_bytes, config.spill_parent.clone(), runtime.clone());
        let inner = Arc::new_cyclic(|me| Inner {
            id: config.id,
            engines,
            profile,
            runtime,
            started: Instant::now(),
            next: AtomicU64::new(1),
            objects: ids::Objects::new(),
            packages: Mutex::default(),
            actors: Mutex::default(),
            names: Mutex::default(),
            reservations: Mutex::new(Reservations::new(config.resources.clone())),
            groups: groups::Groups::default(),
            waits: Mutex::default(),
            ended: Mutex::default(),
            store,
            meters,
            canary: tokio::sync::OnceCell::new(),
            departed: Notify::new(),
            cluster: OnceLock::new(),
            me: me.clone(),
            config,
        });
        Ok(Node(inner))
    }

    /// Reads, checks and compiles a package; one that is loaded already is
    /// not loaded again.
    pub async fn load(&self, bytes: Vec<u8>) -> Result<Arc<Package>, LoadError> {
        let id = Package::id_of(&bytes);
        let loaded = self.0.packages.lock().get(&id).cloned();
        if let Some(package) = loaded {
            return Ok(package);
        }
        let cache: Option<&Path> = self.0.config.code_cache.as_deref();
        let package = Package::load(&self.0.engines, cache, id, bytes.into()).await?;
        let found = if package.was_cached { Count::CacheHit } else { Count::CacheMiss };
        self.0.meters.count(found);
        // Another may have loaded it meanwhile: the first stands.
        let mut packages = self.0.packages.lock();
        let entry = packages.entry(id);
        Ok(entry.or_insert_with(|| Arc::new(package)).clone())
    }

    /// Ends every actor: the node has lost its id, or its host stops.
    pub fn end_all(&self) {
        let actors: Vec<_> = self.0.actors.lock().values().cloned().collect();
        actors.iter().for_each(|actor| actor.end(Cause::NodeLost));
    }

    /// Begins a job whose drivers print to [`Config::driver_output`].
    pub fn begin_job(&self) -> Job {
        self.begin_job_with(self.0.config.driver_output.clone())
    }

    /// Begins a job whose drivers print to `output`.
    pub fn begin_job_with(&self, output: Arc<dyn Output>) -> Job {
        let id = JobId { node: self.0.id, seq: self.0.next_seq() };
        Job { node: self.clone(), id, output, trace: None }
    }

    /// Every live actor, drivers included, in the order of creation.
    pub fn actors(&self) -> Vec<Snapshot> {
        let actors: Vec<_> = self.0.actors.lock().values().cloned().collect();
        let mut snapshots: Vec<_> = actors.iter().map(|actor| actor.snapshot()).collect();
        snapshots.sort_by_key(|snapshot| snapshot.label.id);
        snapshots
    }

    /// Bytes that objects in memory take.
    pub fn object_bytes(&self) -> u64 {
        self.0.store.used()
    }

    /// The actor with a name, of this node or of its cluster.
    pub async fn lookup(&self, name: &str, namespace: &str) -> Result<Handle, Error> {
        self.0.find(name, namespace).await
    }
}

impl Inner {
    fn next_seq(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn object_id(&self) -> ObjectId {
        ObjectId { node: self.id, seq: self.objects.next() }
    }

    /// Itself, counted: there is one as long as anybody can ask.
    fn this(&self) -> Arc<Inner> {
        self.me.upgrade().expect("the node lives while it is called")
    }

    /// The live actors that end with a job.
    fn ends_with(&self, job: JobId) -> Vec<Arc<Actor>> {
        let actors = self.actors.lock();
        let ends = |actor: &&Arc<Actor>| actor.job == job && !actor.spec.detached;
        actors.values().filter(ends).cloned().collect()
    }

    /// The actor with a name, of this node or of its cluster.
    async fn find(&self, name: &str, namespace: &str) -> Result<Handle, Error> {
        match self.cluster.get() {
            Some(member) => member.lookup(namespace, name).await,
            None => self.lookup(name, namespace),
        }
    }

    fn lookup(&self, name: &str, namespace: &str) -> Result<Handle, Error> {
        let holder = self.names.lock().lookup(namespace, name);
        let actor = holder.and_then(|id| self.actors.lock().get(&id).cloned());
        actor.map(|actor| actor.handle()).ok_or_else(|| {
            Error::Invalid(format!("no actor is named {name:?} in namespace {namespace:?}"))
        })
    }
}

impl Job {
    /// The same job, done under a span of its client's.
    pub fn under(mut self, trace: Option<Context>) -> Job {
        self.trace = trace;
        self
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Runs a package's driver to its end.
    pub async fn run(&self, package: &Arc<Package>, args: Vec<String>) -> Result<(), Error> {
        if package.info.driver.is_none() {
            return Err(Error::Invalid("the package has no driver (#[driver])".into()));
        }
        let inner = &self.node.0;
        let id = ActorId { node: inner.id, seq: inner.next_seq() };
        let done = ObjectRef::pending(inner.object_id(), Weak::<Actor>::new());
        let (output, trace) = (self.output.clone(), self.trace);
        let role = Role::Driver { args, trace, output, done: done.clone() };
        let spec = Options::default().resolve(Concurrency::Sequential)?;
        let label = Label { class: "driver".into(), id };
        let driver = Actor::new(label, self.id, package.clone(), spec, role, inner.this());
        inner.meters.count(Count::Spawned);
        inner.actors.lock().insert(id, driver.clone());
        driver.grant();
        let _ends = EndOnDrop(&driver);
        driver.wake();
        done.outcome().await.map(drop).map_err(|error| (*error).clone())
    }

    /// Creates an actor on whichever node of the cluster suits it best.
    pub async fn place(
        &self,
        package: &Arc<Package>,
        class: &str,
        args: Args,
        options: Options,
    ) -> Result<Handle, Error> {
        let handle = self.node.0.place(self.id, package, class, args, options, false).await?;
        handle.target().wake();
        Ok(handle)
    }

    /// Creates an actor on this node.
    pub fn spawn(
        &self,
        package: &Arc<Package>,
        class: &str,
        args: Args,
        options: Options,
    ) -> Result<Handle, Error> {
        let handle = self.node.0.spawn_actor(self.id, package, class, args, options, false)?;
        handle.target().wake();
        Ok(handle)
    }

    /// Calls a method; the outcome comes with the object.
    pub fn call(&self, actor: &Handle, method: &str, args: Args) -> Result<ObjectRef, Error> {
        self.call_under(self.trace, actor, method, args)
    }

    /// The same under a span of the client's that is not the job's.
    pub fn call_under(
        &self,
        trace: Option<Context>,
        actor: &Handle,
        method: &str,
        args: Args,
    ) -> Result<ObjectRef, Error> {
        let target = actor.target();
        let object = ObjectRef::pending(self.node.0.object_id(), Arc::downgrade(target));
        let method = target.method_index(method)?;
        let held_up = self.node.0.held_up(&object, &args);
        let result = Some(object.clone());
        let (caller, retries) = (None, None);
        target.send(Call { method, args, result, caller, retries, trace, held_up }, false)?;
        Ok(object)
    }

    /// Calls a method and waits for the outcome.
    pub async fn ask(&self, actor: &Handle, method: &str, args: Args) -> Outcome {
        let object = self.call(actor, method, args).map_err(Arc::new)?;
        object.outcome().await
    }

    /// Ends the job and waits until its actors are gone, for
    /// [`limits::JOB_END_TIME`] at most. Answers those that are left.
    pub async fn end(self) -> Vec<Label> {
        let (node, id) = (self.node.clone(), self.id);
        drop(self);
        let gone = async {
            loop {
                let mut departed = std::pin::pin!(node.0.departed.notified());
                // Counts from here on, not from the first poll: an actor may
                // end between the look and the wait.
                departed.as_mut().enable();
                if node.0.ends_with(id).is_empty() {
                    return;
                }
                departed.await;
            }
        };
        let _ = tokio::time::timeout(limits::JOB_END_TIME, gone).await;
        node.0.ends_with(id).iter().map(|actor| actor.label.clone()).collect()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        for actor in self.node.0.ends_with(self.id) {
            actor.end(Cause::JobEnded);
        }
        match self.node.0.cluster.get() {
            Some(member) => member.end_job(self.id),
            None => drop(self.node.0.group(coordinator::Event::JobEnded(self.id), None)),
        }
    }
}

/// A driver that nobody waits for any more ends.
struct EndOnDrop<'a>(&'a Arc<Actor>);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end(Cause::Killed);
    }
}
