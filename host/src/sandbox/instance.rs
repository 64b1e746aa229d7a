//! One instance of a package: one actor, or one run of a driver.

use std::sync::Arc;

use host_core::Error;
use host_wasi::{Data, Output, Profile};
use wasmtime::component::TypedFunc;
use wasmtime::{Store, UpdateDeadline};

use super::contract::{WitArguments, WitError, WitValue};
use super::crash::crash;
use super::imports::values;
use super::package::{Code, Exports, World};
use super::room::Place;
use super::state::{CallSlot, Caller, Guest, Services};
use host_refs::{ArgValues, Value};

pub(super) type Invoke = TypedFunc<(u32, WitArguments), (Result<WitValue, WitError>,)>;
pub(super) type InvokeAsync = TypedFunc<(u64, u32, WitArguments), (Result<WitValue, WitError>,)>;
type Construct = TypedFunc<(String, WitArguments), (Result<(), WitError>,)>;
type Run = TypedFunc<(Vec<String>,), (Result<(), WitError>,)>;

/// Ticks of the epoch that a guest runs before it is made to yield. Two,
/// since the first may come at once.
const EPOCH_TICKS: u64 = 2;

/// A live instance. After a [`Stop::Crashed`] it is of no more use.
pub struct Instance {
    pub(super) store: Store<Data>,
    pub(super) invoke: Entry,
    /// Looked up when they are called, which is once at most.
    instance: wasmtime::component::Instance,
    exports: Exports,
    slot: Arc<CallSlot>,
    /// Class and id, for errors.
    pub(super) what: String,
    /// Given back when all of the above is gone.
    _place: Place,
}

pub(super) enum Entry {
    Sequential(Invoke),
    Concurrent(InvokeAsync),
}

/// Why a guest did not do what it was asked.
#[derive(Debug)]
pub enum Stop {
    /// It answered with an error; it lives on.
    Answered(Arc<Error>),
    /// It trapped, or broke the contract; its state is lost.
    Crashed(Box<Error>),
}

/// What an instance is made with.
pub struct Birth {
    /// What it is made from.
    pub code: Arc<Code>,
    /// Where it may be.
    pub place: Place,
    /// Whom it asks.
    pub services: Arc<dyn Services>,
    /// Who it is.
    pub caller: Arc<Caller>,
    /// The limit of its memories together, in bytes.
    pub memory_bytes_max: u64,
    /// Its grants.
    pub profile: Arc<Profile>,
    /// Where its output goes.
    pub output: Arc<dyn Output>,
}

impl Instance {
    /// Instantiates the package. Nothing has run after this but the start-up
    /// code of the guest's language.
    pub async fn new(birth: Birth) -> Result<Instance, Error> {
        let what = birth.caller.identity.label.to_string();
        let slot = Arc::new(CallSlot::default());
        let guest = Guest::new(birth.services, birth.caller, birth.memory_bytes_max, slot);
        let Birth { code, place, profile, output, .. } = birth;
        Instance::of(guest, what, &code, place, profile, output).await
    }

    /// Instantiates the package for a guest.
    pub(super) async fn of(
        guest: Guest,
        what: String,
        code: &Code,
        place: Place,
        profile: Arc<Profile>,
        output: Arc<dyn Output>,
    ) -> Result<Instance, Error> {
        let slot = guest.slot.clone();
        let mut store = new_store(code, guest, profile, output);
        let (instance, invoke) = match instantiate(&mut store, code).await {
            Ok(instantiated) => instantiated,
            Err(error) => return Err(crash(&mut store, &what, "start", &error)),
        };
        Ok(Instance { store, invoke, instance, exports: code.exports, slot, what, _place: place })
    }

    /// Where the running call of a sequential actor is told to stop.
    pub fn slot(&self) -> &Arc<CallSlot> {
        &self.slot
    }

    /// Makes the instance an actor of a class.
    pub async fn construct(&mut self, class: &str, args: ArgValues) -> Result<(), Stop> {
        let args = self.lower(args)?;
        self.construct_lowered(class, args).await
    }

    /// The same with arguments whose references are in the guest's table.
    pub(super) async fn construct_lowered(
        &mut self,
        class: &str,
        args: WitArguments,
    ) -> Result<(), Stop> {
        self.begin();
        let store = &mut self.store;
        let called = async {
            let construct: Construct =
                self.instance.get_typed_func(&mut *store, self.exports.construct)?;
            construct.call_async(store, (class.into(), args)).await
        };
        let called = called.await;
        self.end(&format!("{class}.new"), called)
    }

    /// Runs the driver.
    pub async fn run(&mut self, args: Vec<String>) -> Result<(), Stop> {
        self.begin();
        let store = &mut self.store;
        let called = async {
            let run: Run = self.instance.get_typed_func(&mut *store, self.exports.run)?;
            run.call_async(store, (args,)).await
        };
        let called = called.await;
        self.end("driver.main", called)
    }

    /// Calls a method of a sequential actor. `name` is for errors.
    pub async fn invoke(
        &mut self,
        method: u32,
        name: &str,
        args: ArgValues,
    ) -> Result<Value, Stop> {
        let args = self.lower(args)?;
        let value = self.invoke_lowered(method, name, args).await?;
        let table = &mut Guest::of(self.store.data_mut()).table;
        match values::given(table, value) {
            Ok(value) => value.map_err(Stop::answered),
            Err(error) => Err(self.crashed(name, &error)),
        }
    }

    /// The same with arguments whose references are in the guest's table, and a
    /// result whose references still are.
    pub(super) async fn invoke_lowered(
        &mut self,
        method: u32,
        name: &str,
        args: WitArguments,
    ) -> Result<WitValue, Stop> {
        self.begin();
        let store = &mut self.store;
        let called = match &self.invoke {
            Entry::Sequential(invoke) => invoke.call_async(store, (method, args)).await,
            Entry::Concurrent(invoke) => invoke.call_async(store, (0, method, args)).await,
        };
        self.end(name, called)
    }

    /// Bytes of linear memory in use.
    pub fn memory_bytes(&self) -> u64 {
        Guest::of_ref(self.store.data()).memory.bytes()
    }

    /// What every call starts with.
    fn begin(&mut self) {
        self.store.set_epoch_deadline(EPOCH_TICKS);
        let guest = Guest::of(self.store.data_mut());
        guest.memory.refused = None;
        guest.panic = None;
    }

    fn lower(&mut self, args: ArgValues) -> Result<WitArguments, Stop> {
        let table = &mut Guest::of(self.store.data_mut()).table;
        values::lower_args(table, args).map_err(Stop::answered)
    }

    #[cold]
    fn crashed(&mut self, name: &str, error: &wasmtime::Error) -> Stop {
        Stop::Crashed(Box::new(crash(&mut self.store, &self.what, name, error)))
    }

    /// What every call ends with.
    fn end<T>(
        &mut self,
        name: &str,
        called: wasmtime::Result<(Result<T, WitError>,)>,
    ) -> Result<T, Stop> {
        Guest::of(self.store.data_mut()).wake_unwoken();
        match called {
            Ok((answer,)) => answer.map_err(Stop::answered),
            Err(error) => Err(self.crashed(name, &error)),
        }
    }
}

impl Stop {
    /// The error, where it makes no difference whether the instance lives on.
    pub fn into_error(self) -> Error {
        match self {
            Stop::Answered(error) => Arc::unwrap_or_clone(error),
            Stop::Crashed(error) => *error,
        }
    }

    #[cold]
    pub(super) fn answered(error: impl Into<Error>) -> Stop {
        Stop::Answered(Arc::new(error.into()))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // A guest that is dropped in the middle of a call may have sent one.
        Guest::of(self.store.data_mut()).wake_unwoken();
    }
}

pub(super) fn new_store(
    code: &Code,
    guest: Guest,
    profile: Arc<Profile>,
    output: Arc<dyn Output>,
) -> Store<Data> {
    let mut store = Store::new(code.pre.engine(), Data::new(Box::new(guest), profile, output));
    store.limiter(|data| &mut Guest::of(data).memory);
    store.set_hostcall_fuel(host_core::limits::HOSTCALL_BYTES);
    store.set_max_component_handles(host_core::limits::ACTOR_RESOURCES);
    store.set_epoch_deadline(EPOCH_TICKS);
    store.epoch_deadline_callback(|mut store| {
        Guest::of(store.data_mut()).wake_unwoken();
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

async fn instantiate(
    store: &mut Store<Data>,
    code: &Code,
) -> wasmtime::Result<(wasmtime::component::Instance, Entry)> {
    let instance = code.pre.instantiate_async(&mut *store).await?;
    let exports = &code.exports;
    let invoke = match code.world {
        World::Sequential => {
            Entry::Sequential(instance.get_typed_func(&mut *store, exports.invoke)?)
        }
        World::Concurrent => {
            Entry::Concurrent(instance.get_typed_func(&mut *store, exports.invoke)?)
        }
    };
    Ok((instance, invoke))
}
