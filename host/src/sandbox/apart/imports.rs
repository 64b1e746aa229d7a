//! The host functions of the contract in a worker: each asks the node.

use host_wasi::Data;
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, Linker, LinkerInstance, Resource, ResourceType};

use super::wire::{Ask, Reply, Say};
use crate::sandbox::contract::{
    HandleTag, OutgoingArguments, RefTag, WitAfterKill, WitBundle, WitCallOptions, WitError,
    WitGroupStrategy, WitIfExists, WitLevel, WitOptions, WitValue,
};
use crate::sandbox::imports::context::PANIC;
use crate::sandbox::imports::name;
use crate::sandbox::package::World;
use crate::sandbox::state::Guest;

type Store<'a> = StoreContextMut<'a, Data>;
type Ref = Resource<RefTag>;
type HandleIndex = Resource<HandleTag>;

/// Adds every interface of the contract that guests of this world import.
pub(in crate::sandbox) fn add_to_linker(
    linker: &mut Linker<Data>,
    world: World,
) -> wasmtime::Result<()> {
    types(&mut linker.instance(&name("types"))?)?;
    actors(&mut linker.instance(&name("actors"))?)?;
    groups(&mut linker.instance(&name("groups"))?)?;
    objects(&mut linker.instance(&name("objects"))?)?;
    context(&mut linker.instance(&name("context"))?)?;
    logging(&mut linker.instance(&name("logging"))?)?;
    if world == World::Concurrent {
        objects_async(&mut linker.instance(&name("objects-async"))?)?;
    }
    Ok(())
}

/// An answer of another kind than the question: the node is of another build.
fn other<T>(_: Reply) -> wasmtime::Result<T> {
    Err(wasmtime::format_err!("the node answers something else"))
}

/// Adds a function that asks the node and takes the answer of one kind.
macro_rules! asks {
    ($linker:ident, $name:literal, |$params:tt: $types:ty| $ask:expr, $kind:ident => $lower:expr) => {
        $linker.func_wrap_async($name, |mut store: Store<'_>, $params: $types| {
            let line = Guest::of(store.data_mut()).line();
            let ask = $ask;
            Box::new(async move {
                match line?.ask(ask).await? {
                    Reply::$kind(reply) => Ok(($lower(reply),)),
                    reply => other(reply),
                }
            })
        })?
    };
}

/// The same in an interface whose functions stop only the call.
macro_rules! asks_alone {
    ($linker:ident, $name:literal, |$params:tt: $types:ty| $ask:expr, $kind:ident) => {
        $linker.func_wrap_concurrent($name, |store: &Accessor<Data>, $params: $types| {
            let line = store.with(|mut access| Guest::of(access.data_mut()).line());
            let ask = $ask;
            Box::pin(async move {
                match line?.ask(ask).await? {
                    Reply::$kind(reply) => Ok((reply,)),
                    reply => other(reply),
                }
            })
        })?
    };
}

fn same<T>(reply: T) -> T {
    reply
}

fn new_ref(index: Result<u32, WitError>) -> Result<Ref, WitError> {
    index.map(Ref::new_own)
}

fn new_handle(index: Result<u32, WitError>) -> Result<HandleIndex, WitError> {
    index.map(HandleIndex::new_own)
}

fn indices(refs: &[Ref]) -> Vec<u32> {
    refs.iter().map(Resource::rep).collect()
}

fn types(types: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    types.resource("object-ref", ResourceType::host::<RefTag>(), |mut store, index| {
        Guest::of(store.data_mut()).line()?.say(Say::DropRef(index));
        Ok(())
    })?;
    types.resource("handle", ResourceType::host::<HandleTag>(), |mut store, index| {
        Guest::of(store.data_mut()).line()?.say(Say::DropHandle(index));
        Ok(())
    })?;
    asks!(types, "[method]object-ref.clone", |(object,): (Ref,)| Ask::CloneRef(object.rep()),
        New => Ref::new_own);
    asks!(types, "[method]handle.clone", |(handle,): (HandleIndex,)| Ask::CloneHandle(handle.rep()),
        New => HandleIndex::new_own);
    asks!(types, "[method]object-ref.id", |(object,): (Ref,)| Ask::RefId(object.rep()),
        Text => same);
    asks!(types, "[method]handle.id", |(handle,): (HandleIndex,)| Ask::HandleId(handle.rep()),
        Text => same);
    asks!(types, "[method]handle.class", |(handle,): (HandleIndex,)| {
        Ask::HandleClass(handle.rep())
    }, Text => same);
    Ok(())
}

fn actors(actors: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    asks!(actors, "spawn",
        |(class, args, options, exists): (String, OutgoingArguments, WitOptions, WitIfExists)| {
            Ask::Spawn { class, args, options: Box::new(options), exists }
        }, Index => new_handle);
    asks!(actors, "lookup", |(name, namespace): (String, Option<String>)| {
        Ask::Lookup { name, namespace }
    }, Index => new_handle);
    asks!(actors, "submit",
        |(handle, method, args, options): (HandleIndex, String, OutgoingArguments, WitCallOptions)| {
            Ask::Submit { handle: handle.rep(), method, args, options }
        }, Index => new_ref);
    asks!(actors, "tell", |(handle, method, args): (HandleIndex, String, OutgoingArguments)| {
        Ask::Tell { handle: handle.rep(), method, args }
    }, Done => same);
    asks!(actors, "cancel", |(object,): (Ref,)| Ask::Cancel { object: object.rep() }, Done => same);
    asks!(actors, "kill", |(handle, after): (HandleIndex, WitAfterKill)| {
        Ask::Kill { handle: handle.rep(), after }
    }, Done => same);
    Ok(())
}

fn groups(groups: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    asks!(groups, "create", |(bundles, strategy): (Vec<WitBundle>, WitGroupStrategy)| {
        Ask::CreateGroup { bundles, strategy }
    }, NewText => same);
    asks!(groups, "ready", |(group,): (String,)| Ask::GroupReady { group }, Index => new_ref);
    asks!(groups, "remove", |(group,): (String,)| Ask::RemoveGroup { group }, Done => same);
    Ok(())
}

fn objects(objects: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    asks!(objects, "put", |(value,): (WitValue,)| Ask::Put { value }, Index => new_ref);
    asks!(objects, "get", |(refs, timeout): (Vec<Ref>, Option<u64>)| {
        Ask::Get { objects: indices(&refs), timeout }
    }, Values => same);
    asks!(objects, "take", |(object, timeout): (Ref, Option<u64>)| {
        Ask::Take { object: object.rep(), timeout }
    }, Value => same);
    asks!(objects, "wait", |(refs, count, timeout): (Vec<Ref>, u32, Option<u64>)| {
        Ask::Wait { objects: indices(&refs), count, timeout }
    }, Indices => same);
    Ok(())
}

fn objects_async(objects: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    asks_alone!(
        objects,
        "get",
        |(call, refs, timeout): (u64, Vec<Ref>, Option<u64>)| {
            Ask::GetIn { call, objects: indices(&refs), timeout }
        },
        Values
    );
    asks_alone!(
        objects,
        "wait",
        |(call, refs, count, timeout): (u64, Vec<Ref>, u32, Option<u64>)| {
            Ask::WaitIn { call, objects: indices(&refs), count, timeout }
        },
        Indices
    );
    asks_alone!(
        objects,
        "sleep",
        |(call, duration): (u64, u64)| { Ask::SleepIn { call, duration } },
        Done
    );
    Ok(())
}

fn context(context: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    asks!(context, "current", |(): ()| Ask::Current, Identity => same);
    asks!(context, "me", |(): ()| Ask::Me,
        MayBe => |index: Option<u32>| index.map(HandleIndex::new_own));
    asks!(context, "is-cancelled", |(call,): (u64,)| Ask::IsCancelled { call }, Flag => same);
    context.func_wrap("exit", |mut store: Store<'_>, (): ()| {
        Guest::of(store.data_mut()).line()?.say(Say::Exit);
        Ok(())
    })
}

fn logging(logging: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    asks!(logging, "max-level", |(): ()| Ask::MaxLevel, Level => same);
    logging.func_wrap_async(
        "log",
        |mut store: Store<'_>, (level, target, message): (WitLevel, String, String)| {
            let guest = Guest::of(store.data_mut());
            // The crash is described here, where the engine is.
            if target == PANIC {
                guest.panic = Some(crate::sandbox::contract::cut(message));
                return Box::new(std::future::ready(Ok(())));
            }
            let line = guest.line();
            Box::new(async move {
                let bytes = target.len() + message.len();
                line?.log(Say::Log { level, target, message }, bytes).await;
                Ok(())
            })
        },
    )
}
