//! `objects-async`: the same waits, where only the call that waits stops.
//! Added with `func_wrap_concurrent`: an ordinary async host function would
//! stop the whole actor.

use std::time::Duration;

use host_wasi::Data;
use wasmtime::component::{Accessor, LinkerInstance};

use super::Ref;
use super::objects::{Waiting, lower_all, objects_of};
use crate::sandbox::contract::{WitError, WitValue};
use crate::sandbox::state::Guest;
use host_refs::ObjectRef;

pub(super) fn add(objects: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    objects.func_wrap_concurrent("get", |store, params| Box::pin(get(store, params)))?;
    objects.func_wrap_concurrent("wait", |store, params| Box::pin(wait(store, params)))?;
    objects.func_wrap_concurrent("sleep", |store, params| Box::pin(sleep(store, params)))
}

type Answered<T> = wasmtime::Result<(Result<T, WitError>,)>;

async fn get(
    store: &Accessor<Data>,
    (call, indices, timeout): (u64, Vec<Ref>, Option<u64>),
) -> Answered<Vec<WitValue>> {
    let (waiting, objects) = begin(store, call, &indices, timeout)?;
    let found = match objects {
        Ok(objects) => waiting.all(&objects).await,
        Err(error) => Err(error),
    };
    store.with(|mut access| {
        let guest = Guest::of(access.data_mut());
        Ok((lower_all(&mut guest.table, found),))
    })
}

async fn wait(
    store: &Accessor<Data>,
    (call, indices, count, timeout): (u64, Vec<Ref>, u32, Option<u64>),
) -> Answered<Vec<u32>> {
    let (waiting, objects) = begin(store, call, &indices, timeout)?;
    let found = match objects {
        Ok(objects) => waiting.some(&objects, count).await,
        Err(error) => Err(error),
    };
    Ok((found.map_err(|error| WitError::from(&error)),))
}

async fn sleep(store: &Accessor<Data>, (call, duration): (u64, u64)) -> Answered<()> {
    let (waiting, _) = begin(store, call, &[], None)?;
    let slept = waiting.bounded(tokio::time::sleep(Duration::from_nanos(duration))).await;
    Ok((slept.map(|_| ()).map_err(|error| WitError::from(&error)),))
}

type Begun = (Waiting, Result<Vec<ObjectRef>, host_core::Error>);

fn begin(
    store: &Accessor<Data>,
    call: u64,
    indices: &[Ref],
    timeout: Option<u64>,
) -> wasmtime::Result<Begun> {
    store.with(|mut access| {
        let guest = Guest::of(access.data_mut());
        guest.wake_unwoken();
        let slot = guest.slot_of(call);
        let waiting = Waiting {
            services: guest.services.clone(),
            caller: guest.caller.clone(),
            call: slot.object(),
            slot,
            timeout: timeout.map(Duration::from_nanos),
        };
        Ok((waiting, objects_of(&guest.table, indices)?))
    })
}
