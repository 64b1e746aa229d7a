//! Asking a package what is in it, before anything in it is trusted.

use bytes::Bytes;
use std::sync::{Arc, Weak};
use std::time::Duration;

use host_core::id::Label;
use host_core::package::PackageInfo;
use host_core::placement::group::GroupStrategy;
use host_core::resources::Resources;
use host_core::spec::{DEFAULT_NAMESPACE, Options};
use host_core::{ActorId, Error, GroupId, JobId, Level, NodeId, limits};
use host_wasi::{Output, Profile, Stream};
use wasmtime::component::TypedFunc;

use super::contract::WitPackageInfo;
use super::crash::crash;
use super::instance::new_store;
use super::package::{Code, Package};
use super::state::{Answer, Caller, Guest, Identity, Services};
use host_refs::{Args, Handle, ObjectRef, Producer, Target, Value};

/// Calls the package's `describe` in an instance of its own, with nobody to
/// ask, no grants and little time.
pub(super) async fn describe(code: Arc<Code>) -> Result<PackageInfo, Error> {
    let guest = nobody(code.clone(), limits::ACTOR_MEMORY_BYTES);
    let profile = Arc::new(Profile::deny_all());
    let mut store = new_store(&code, guest, profile, Arc::new(Nobody));
    let asked = async {
        let instance = code.pre.instantiate_async(&mut store).await?;
        let describe: TypedFunc<(), (WitPackageInfo,)> =
            instance.get_typed_func(&mut store, code.exports.describe)?;
        let (info,) = describe.call_async(&mut store, ()).await?;
        wasmtime::Result::Ok(info)
    };
    let described = tokio::time::timeout(limits::DESCRIBE_TIME, asked).await;
    match described {
        Ok(Ok(info)) => Ok(info.into()),
        Ok(Err(error)) => Err(crash(&mut store, "the package", "describe", &error)),
        Err(_) => Err(Error::TimedOut(format!(
            "it does not answer describe within {:?}",
            limits::DESCRIBE_TIME
        ))),
    }
}

/// A guest with nobody to ask in this process.
pub(super) fn nobody(code: Arc<Code>, memory_bytes_max: u64) -> Guest {
    let nothing = PackageInfo { sdk: String::new(), classes: Vec::new(), driver: None };
    let package = Arc::new(Package::new(nothing, code, Bytes::new()));
    let caller = Caller { identity: identity(), package, me: Weak::<NoActor>::new() };
    Guest::new(Arc::new(Nobody), Arc::new(caller), memory_bytes_max, Arc::default())
}

fn identity() -> Identity {
    let node = NodeId(0);
    Identity {
        label: Label { class: "describe".into(), id: ActorId { node, seq: 0 } },
        job: JobId { node, seq: 0 },
        node,
        node_name: "describe".into(),
        node_labels: Arc::default(),
        namespace: DEFAULT_NAMESPACE.into(),
        name: None,
        incarnation: 0,
        is_driver: true,
    }
}

/// Answers every question with no.
struct Nobody;

fn denied() -> Error {
    Error::Denied("a package can ask for nothing while it describes itself".into())
}

impl Services for Nobody {
    fn spawn<'a>(
        &'a self,
        _: &'a Caller,
        _: String,
        _: Args,
        _: Options,
        _: bool,
    ) -> Answer<'a, Result<Handle, Error>> {
        Box::pin(std::future::ready(Err(denied())))
    }

    fn lookup<'a>(
        &'a self,
        _: &'a Caller,
        _: String,
        _: Option<String>,
    ) -> Answer<'a, Result<Handle, Error>> {
        Box::pin(std::future::ready(Err(denied())))
    }

    fn create_group<'a>(
        &'a self,
        _: &'a Caller,
        _: Vec<Resources>,
        _: GroupStrategy,
    ) -> Answer<'a, Result<GroupId, Error>> {
        Box::pin(std::future::ready(Err(denied())))
    }

    fn group_ready(&self, _: &Caller, _: GroupId) -> Result<ObjectRef, Error> {
        Err(denied())
    }

    fn remove_group(&self, _: &Caller, _: GroupId) {}

    fn pending(&self, _: Producer) -> ObjectRef {
        unreachable!("without a handle there is nobody to call")
    }

    fn put(&self, _: Value) -> Answer<'_, Result<ObjectRef, Error>> {
        Box::pin(std::future::ready(Err(denied())))
    }

    fn cancel_after(&self, _: &ObjectRef, _: Duration) {}

    fn waiting(
        &self,
        _: &Caller,
        _: Option<&ObjectRef>,
        _: &[ObjectRef],
    ) -> Result<Box<dyn Send>, Error> {
        Err(denied())
    }

    fn held_up(&self, _: &ObjectRef, _: &Args) -> Option<Arc<dyn Send + Sync>> {
        None
    }

    fn exit(&self, _: &Caller) {}

    fn max_level(&self) -> Level {
        Level::Error
    }

    fn log(&self, _: &Caller, _: Level, _: &str, _: &str) {}
}

impl Output for Nobody {
    fn write(&self, _: Stream, _: &[u8]) {}
}

/// The actor a package is while it describes itself: never made.
struct NoActor;

impl Target for NoActor {
    fn id(&self) -> ActorId {
        identity().label.id
    }

    fn class(&self) -> &str {
        ""
    }

    fn is_sequential(&self) -> bool {
        true
    }

    fn method_index(&self, _: &str) -> Result<u32, Error> {
        Err(denied())
    }

    fn send(&self, _: host_refs::Call, _: bool) -> Result<(), Error> {
        Err(denied())
    }

    fn wake(&self) {}

    fn run_inline(self: Arc<Self>, _: &ObjectRef, _: &mut std::task::Context<'_>) {}

    fn cancel(&self, _: &ObjectRef, _: Error) {}

    fn kill(&self, _: bool) {}

    fn retain(&self) {}

    fn release(self: Arc<Self>) {}
}
