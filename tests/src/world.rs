//! A node for one test, and typed calls to its actors.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use host::actor::{Snapshot, State};
use host::node::{Config, Job, Node};
use host::sandbox::{LoadError, Pool};
use host::worker::{self, Workers};
use host_core::placement::GPUS;
use host_core::resources::Amount;
use host_core::spec::Options;
use host_core::{ActorId, Error, NodeId, ObjectId};
use host_gpu::Wanted;
use host_refs::{Handle, ObjectRef, Value};
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::lines::Lines;
use crate::values::{Args, decode};
use crate::{gpu, guests};

/// Longer than any test takes on a machine that is busy with others.
const TEST_TIME: Duration = Duration::from_secs(60);

/// Actors that live at once; a small pool is set up quickly.
const ACTORS: u32 = 200;

/// Tests that measure the whole process hold it alone, all others share it.
static PROCESS: RwLock<()> = RwLock::new(());

/// A loaded guest program.
pub type Package = Arc<host::sandbox::Package>;

/// A node with a job, and what its guests logged.
pub struct World {
    /// The node.
    pub node: Node,
    /// The job that the test's actors belong to.
    pub job: Arc<Job>,
    /// What guests logged.
    pub lines: Arc<Lines>,
}

/// A handle to an actor. It can be an argument, and come in results.
#[derive(Clone)]
pub struct Actor {
    /// The host's handle.
    pub handle: Handle,
    pub(crate) job: Arc<Job>,
}

/// An object that will hold a `T`. It can be an argument, and come in results.
pub struct Object<T> {
    /// The host's ref.
    pub object: ObjectRef,
    pub(crate) job: Arc<Job>,
    pub(crate) value: PhantomData<fn() -> T>,
}

/// Runs a test on a node of its own, with 4 cpus and 1 GiB to reserve.
pub fn check<F: Future<Output = ()>>(test: impl FnOnce(World) -> F + Send + 'static) {
    check_with(|_| {}, test);
}

/// Like [`check`], on a node that is set up differently.
pub fn check_with<F: Future<Output = ()>>(
    change: impl FnOnce(&mut Config) + Send + 'static,
    test: impl FnOnce(World) -> F + Send + 'static,
) {
    let _shared = PROCESS.read();
    bounded(change, test);
}

/// Like [`check_with`], while no other test runs.
pub fn check_alone<F: Future<Output = ()>>(
    change: impl FnOnce(&mut Config) + Send + 'static,
    test: impl FnOnce(World) -> F + Send + 'static,
) {
    let _alone = PROCESS.write();
    bounded(change, test);
}

/// Like [`check`], on a node with so many GPUs, by the software driver that
/// set-up fetches. No other test runs meanwhile: the processes of this one are
/// its own.
pub fn check_gpu<F: Future<Output = ()>>(
    gpus: usize,
    test: impl FnOnce(World) -> F + Send + 'static,
) {
    let wanted = worker::Gpus { wanted: Wanted::GpusAndSoftware, most: Some(gpus) };
    with_workers(gpu::program(), Some(wanted), gpus, test);
}

/// Like [`check_gpu`], without a GPU: for actors that ask for a process.
pub fn check_apart<F: Future<Output = ()>>(test: impl FnOnce(World) -> F + Send + 'static) {
    with_workers(test_builds::build_host(), None, 0, test);
}

fn with_workers<F: Future<Output = ()>>(
    program: PathBuf,
    wanted: Option<worker::Gpus>,
    gpus: usize,
    test: impl FnOnce(World) -> F + Send + 'static,
) {
    let _alone = PROCESS.write();
    let config = worker::Config { program, gpus: wanted };
    bounded_async(async move || {
        let workers = Workers::start(config).await.expect("a worker process starts");
        assert_eq!(workers.gpus().len(), gpus, "the driver for tests has two devices");
        let world = World::start(move |config| {
            config.resources.set(GPUS, Amount::whole(gpus as u64).expect("small"));
            config.workers = Some(workers);
        });
        let node = world.node.clone();
        test(world).await;
        // A node that is let go with live actors keeps their processes.
        node.end_all();
        until("its actors are gone", || node.actor_count() == 0).await;
    });
}

/// Runs the test in a thread of its own: a host that hangs, with all its
/// workers, must not keep the test from failing.
fn bounded<F: Future<Output = ()>>(
    change: impl FnOnce(&mut Config) + Send + 'static,
    test: impl FnOnce(World) -> F + Send + 'static,
) {
    bounded_async(async move || test(World::start(change)).await);
}

fn bounded_async<T>(test: T)
where
    T: AsyncFnOnce() + Send + 'static,
{
    // Once per run, and not a part of any test's time.
    guests::build_all();
    let (done, ended) = std::sync::mpsc::channel();
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    let body = move || {
        let runtime = host::node::runtime().expect("a runtime can be made");
        runtime.block_on(test());
        runtime.shutdown_timeout(Duration::from_secs(10));
        // The other end is gone only if the time is up.
        let _ = done.send(());
    };
    let thread = std::thread::Builder::new().name(name).spawn(body).expect("a thread can be made");
    match ended.recv_timeout(TEST_TIME) {
        Ok(()) => {}
        Err(RecvTimeoutError::Timeout) => panic!("not done after {TEST_TIME:?}"),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("a test that returns says so"),
        },
    }
}

/// Waits until `condition` holds; fails the test, with what was waited for,
/// if that takes longer than ten seconds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(10);
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} until {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

impl World {
    fn start(change: impl FnOnce(&mut Config)) -> World {
        let lines = Arc::new(Lines::default());
        let mut config = Config::for_this_machine(lines.clone(), lines.clone())
            .expect("the machine allows a node");
        config.pool = Pool::for_actors(Some(ACTORS)).expect("the machine allows a small pool");
        config.resources.set("cpus", Amount::whole(4).expect("small"));
        config.resources.set("memory", Amount::whole(1 << 30).expect("small"));
        config.code_cache = Some(guests::target_folder().join("it-cache"));
        change(&mut config);
        let node = Node::start(config).expect("a node starts");
        let job = Arc::new(node.begin_job());
        World { node, job, lines }
    }

    /// Loads the guest program `name`.
    pub async fn load(&self, name: &str) -> Package {
        match self.try_load(guests::component(name)).await {
            Ok(package) => package,
            Err(error) => panic!("guest {name:?} is not loaded: {error}"),
        }
    }

    /// Loads a component.
    pub async fn try_load(&self, bytes: Vec<u8>) -> Result<Package, LoadError> {
        self.node.load(bytes).await
    }

    /// Creates an actor of the guest program `name`.
    pub async fn actor(&self, name: &str, class: &str, args: impl Args) -> Actor {
        let package = self.load(name).await;
        self.spawn(&package, class, args, Options::default()).expect("the actor can be created")
    }

    /// Creates an actor with options.
    pub fn spawn(
        &self,
        package: &Package,
        class: &str,
        args: impl Args,
        options: Options,
    ) -> Result<Actor, Error> {
        spawn_in(&self.job, package, class, args, options)
    }

    /// A job of its own.
    pub fn other_job(&self) -> Arc<Job> {
        Arc::new(self.node.begin_job())
    }

    /// The actor with a name in the default namespace.
    pub async fn lookup(&self, name: &str) -> Result<Actor, Error> {
        let handle = self.node.lookup(name, "default").await?;
        Ok(Actor { handle, job: self.job.clone() })
    }

    /// The actors of a class that live.
    pub fn live(&self, class: &str) -> Vec<Snapshot> {
        let mut live = self.node.actors();
        live.retain(|snapshot| &*snapshot.label.class == class);
        live
    }

    /// The only live actor of a class.
    pub fn only(&self, class: &str) -> Snapshot {
        let mut live = self.live(class);
        assert_eq!(live.len(), 1, "live actors of {class}: {live:?}");
        live.remove(0)
    }

    /// An object that the test itself makes.
    pub fn promise<T>(&self) -> Object<T> {
        static SEQ: AtomicU64 = AtomicU64::new(1);
        // A node that is none, so that the id is not one of the node's own.
        let id = ObjectId { node: NodeId(u32::MAX), seq: SEQ.fetch_add(1, Ordering::Relaxed) };
        let object = ObjectRef::pending(id, Weak::<host::actor::Actor>::new());
        Object { object, job: self.job.clone(), value: PhantomData }
    }

    /// Waits until none of a class lives.
    pub async fn until_gone(&self, class: &str) {
        until(&format!("no {class} lives"), || self.live(class).is_empty()).await;
    }
}

/// Creates an actor in a job.
pub fn spawn_in(
    job: &Arc<Job>,
    package: &Package,
    class: &str,
    args: impl Args,
    options: Options,
) -> Result<Actor, Error> {
    let handle = job.spawn(package, class, args.into_args(), options)?;
    Ok(Actor { handle, job: job.clone() })
}

impl Actor {
    /// Calls a method and waits for its result.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        args: impl Args,
    ) -> Result<T, Error> {
        self.send(method, args)?.get().await
    }

    /// Calls a method.
    pub fn send<T>(&self, method: &str, args: impl Args) -> Result<Object<T>, Error> {
        let object = self.job.call(&self.handle, method, args.into_args())?;
        Ok(Object { object, job: self.job.clone(), value: PhantomData })
    }

    /// The same actor, called from another job.
    pub fn in_job(&self, job: &Arc<Job>) -> Actor {
        Actor { handle: self.handle.clone(), job: job.clone() }
    }

    /// Ends it for good.
    pub fn kill(&self) {
        self.handle.target().kill(false);
    }

    /// Ends its present life.
    pub fn kill_and_restart(&self) {
        self.handle.target().kill(true);
    }

    /// Its id.
    pub fn id(&self) -> ActorId {
        self.handle.target().id()
    }

    /// What it is doing, while it lives.
    pub fn snapshot(&self, world: &World) -> Option<Snapshot> {
        world.node.actors().into_iter().find(|snapshot| snapshot.label.id == self.id())
    }

    /// Waits until it is in a call.
    pub async fn until_running(&self, world: &World) {
        let running = || self.snapshot(world).is_some_and(|seen| seen.state == State::Running);
        until("the actor is in a call", running).await;
    }

    /// Waits until it is dead.
    pub async fn until_dead(&self, world: &World) {
        until("the actor is dead", || self.snapshot(world).is_none()).await;
    }
}

impl<T> Object<T> {
    /// Cancels the call that makes it.
    pub fn cancel(&self) {
        if let Some(producer) = self.object.producer() {
            producer.cancel(&self.object, Error::Cancelled("the test cancelled it".into()));
        }
    }

    /// Makes it hold a value: for a promise.
    pub fn fulfil(&self, value: impl Serialize) {
        let bytes = rmp_serde::to_vec_named(&value).expect("plain data can be encoded");
        self.object.settle(Ok(Value::plain(bytes)), None);
    }

    /// Makes it fail: for a promise.
    pub fn fail(&self, error: Error) {
        self.object.settle(Err(Arc::new(error)), None);
    }

    /// Whether it is ready or failed.
    pub fn is_settled(&self) -> bool {
        self.object.is_settled()
    }
}

impl<T: DeserializeOwned> Object<T> {
    /// Its value, once it is there.
    pub async fn get(&self) -> Result<T, Error> {
        match self.object.outcome().await {
            Ok(value) => Ok(decode(&self.job, value)),
            Err(error) => Err((*error).clone()),
        }
    }
}
