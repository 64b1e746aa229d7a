//! The host functions of the contract, one file per interface. Each lifts
//! what the guest sent, checks that it is well formed, asks the [`Services`]
//! and lowers the answer. What is between is a function of the [`Guest`] alone:
//! guests in worker processes ask it too.
//!
//! [`Services`]: super::Services

pub(super) mod actors;
pub(super) mod context;
pub(super) mod groups;
pub(super) mod objects;
mod objects_async;
pub(super) mod values;

use host_core::Error;
use host_wasi::Data;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, ResourceType};

use super::contract::{HandleTag, RefTag, WitError};
use super::package::World;
use super::state::Guest;

/// The contract's version, as it stands in `wit/world.wit`.
pub const VERSION: &str = "0.1.0";

/// Adds every interface of the contract that guests of this world import.
pub(super) fn add_to_linker(linker: &mut Linker<Data>, world: World) -> wasmtime::Result<()> {
    types(&mut linker.instance(&name("types"))?)?;
    actors::add(&mut linker.instance(&name("actors"))?)?;
    groups::add(&mut linker.instance(&name("groups"))?)?;
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

/// What came of a question. An error outside means that the guest broke the
/// contract: it is trapped.
pub(super) type Asked<T> = wasmtime::Result<Result<T, Error>>;

/// The same, lowered.
type Answered<T> = wasmtime::Result<(Result<T, WitError>,)>;

fn lowered<T, W>(asked: Asked<T>, lower: impl FnOnce(T) -> W) -> Answered<W> {
    Ok((asked?.map(lower).map_err(|error| WitError::from(&error)),))
}

fn types(types: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    types.resource("object-ref", ResourceType::host::<RefTag>(), |mut store, index| {
        drop_ref(Guest::of(store.data_mut()), index)
    })?;
    types.resource("handle", ResourceType::host::<HandleTag>(), |mut store, index| {
        drop_handle(Guest::of(store.data_mut()), index)
    })?;
    types.func_wrap("[method]object-ref.clone", |mut store: Store<'_>, (object,): (Ref,)| {
        Ok((Ref::new_own(clone_ref(Guest::of(store.data_mut()), object.rep())?),))
    })?;
    types.func_wrap(
        "[method]handle.clone",
        |mut store: Store<'_>, (handle,): (HandleIndex,)| {
            let index = clone_handle(Guest::of(store.data_mut()), handle.rep())?;
            Ok((HandleIndex::new_own(index),))
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

pub(super) fn drop_ref(guest: &mut Guest, index: u32) -> wasmtime::Result<()> {
    let object = guest.table.take_object(index)?;
    drop(object);
    Ok(())
}

pub(super) fn drop_handle(guest: &mut Guest, index: u32) -> wasmtime::Result<()> {
    let handle = guest.table.take_handle(index)?;
    // The last handle ends the actor: it must know what it was sent.
    guest.wake_before_drop(&handle);
    drop(handle);
    Ok(())
}

pub(super) fn clone_ref(guest: &mut Guest, index: u32) -> wasmtime::Result<u32> {
    let object = guest.table.object(index)?.clone();
    Ok(guest.table.push_ref(object)?)
}

pub(super) fn clone_handle(guest: &mut Guest, index: u32) -> wasmtime::Result<u32> {
    let handle = guest.table.handle(index)?.clone();
    Ok(guest.table.push_handle(handle)?)
}
