//! The host functions of the contract, one file per interface. Each lifts
//! what the guest sent, checks that it is well formed, asks the [`Services`]
//! and lowers the answer.
//!
//! [`Services`]: super::Services

mod actors;
mod context;
mod objects;
mod objects_async;
pub(super) mod values;

use host_wasi::Data;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, ResourceType};

use super::contract::{HandleTag, RefTag};
use super::package::World;
use super::state::Guest;

/// The contract's version, as it stands in `wit/world.wit`.
pub const VERSION: &str = "0.1.0";

/// Adds every interface of the contract that guests of this world import.
pub(super) fn add_to_linker(linker: &mut Linker<Data>, world: World) -> wasmtime::Result<()> {
    types(&mut linker.instance(&name("types"))?)?;
    actors::add(&mut linker.instance(&name("actors"))?)?;
    objects::add(&mut linker.instance(&name("objects"))?)?;
    context::add(&mut linker.instance(&name("context"))?)?;
    context::add_logging(&mut linker.instance(&name("logging"))?)?;
    if world == World::Concurrent {
        objects_async::add(&mut linker.instance(&name("objects-async"))?)?;
    }
    Ok(())
}

/// An interface's full name.
pub(super) fn name(interface: &str) -> String {
    format!("greenroom:actor/{interface}@{VERSION}")
}

type Store<'a> = StoreContextMut<'a, Data>;
type Ref = wasmtime::component::Resource<RefTag>;
type HandleIndex = wasmtime::component::Resource<HandleTag>;

fn types(types: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    types.resource("object-ref", ResourceType::host::<RefTag>(), |mut store, index| {
        let object = Guest::of(store.data_mut()).table.take_object(index)?;
        drop(object);
        Ok(())
    })?;
    types.resource("handle", ResourceType::host::<HandleTag>(), |mut store, index| {
        let guest = Guest::of(store.data_mut());
        let handle = guest.table.take_handle(index)?;
        // The last handle ends the actor: it must know what it was sent.
        guest.wake_before_drop(&handle);
        drop(handle);
        Ok(())
    })?;
    types.func_wrap("[method]object-ref.clone", |mut store: Store<'_>, (object,): (Ref,)| {
        let table = &mut Guest::of(store.data_mut()).table;
        let object = table.object(object.rep())?.clone();
        Ok((Ref::new_own(table.push_ref(object)?),))
    })?;
    types.func_wrap(
        "[method]handle.clone",
        |mut store: Store<'_>, (handle,): (HandleIndex,)| {
            let table = &mut Guest::of(store.data_mut()).table;
            let handle = table.handle(handle.rep())?.clone();
            Ok((HandleIndex::new_own(table.push_handle(handle)?),))
        },
    )?;
    types.func_wrap("[method]object-ref.id", |mut store: Store<'_>, (object,): (Ref,)| {
        let guest = Guest::of(store.data_mut());
        Ok((guest.table.object(object.rep())?.id().to_string(),))
    })?;
    types.func_wrap("[method]handle.id", |mut store: Store<'_>, (handle,): (HandleIndex,)| {
        let guest = Guest::of(store.data_mut());
        Ok((guest.table.handle(handle.rep())?.target().id().to_string(),))
    })?;
    types.func_wrap("[method]handle.class", |mut store: Store<'_>, (handle,): (HandleIndex,)| {
        let guest = Guest::of(store.data_mut());
        Ok((guest.table.handle(handle.rep())?.target().class().to_string(),))
    })
}
