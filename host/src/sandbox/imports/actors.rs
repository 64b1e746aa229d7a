//! `actors`: creating actors and calling them.

use std::sync::Arc;
use std::time::Duration;

use host_core::Error;
use host_core::spec::{check_name, tries};
use host_wasi::Data;
use wasmtime::component::{LinkerInstance, Resource, WasmStr};

use super::values;
use super::{HandleIndex, Ref, Store};
use crate::sandbox::contract::{
    OutgoingArguments, WitAfterKill, WitCallOptions, WitError, WitIfExists, WitOptions,
};
use crate::sandbox::state::Guest;
use host_refs::{Call, ObjectRef};

pub(super) fn add(actors: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    actors.func_wrap_async("spawn", |store: Store<'_>, params| Box::new(spawn(store, params)))?;
    actors.func_wrap_async("lookup", |store: Store<'_>, params| Box::new(lookup(store, params)))?;
    actors.func_wrap("submit", submit)?;
    actors.func_wrap("tell", tell)?;
    actors.func_wrap("cancel", |mut store: Store<'_>, (object,): (Ref,)| {
        let object = Guest::of(store.data_mut()).table.object(object.rep())?.clone();
        if let Some(producer) = object.producer() {
            producer.cancel(&object, Error::Cancelled("the call was cancelled".into()));
        }
        Ok((Ok::<(), WitError>(()),))
    })?;
    actors.func_wrap(
        "kill",
        |mut store: Store<'_>, (handle, after): (HandleIndex, WitAfterKill)| {
            let guest = Guest::of(store.data_mut());
            guest.wake_unwoken();
            let target = guest.table.handle(handle.rep())?.target().clone();
            target.kill(matches!(after, WitAfterKill::Restart));
            Ok((Ok::<(), WitError>(()),))
        },
    )
}

type SpawnParams = (String, OutgoingArguments, WitOptions, WitIfExists);
type Answered<T> = wasmtime::Result<(Result<T, WitError>,)>;

async fn spawn(
    mut store: Store<'_>,
    (class, args, options, exists): SpawnParams,
) -> Answered<HandleIndex> {
    let guest = Guest::of(store.data_mut());
    guest.wake_unwoken();
    let args = match values::args(&guest.table, args)? {
        Ok(args) => args,
        Err(error) => return Ok((Err((&error).into()),)),
    };
    let (services, caller) = (guest.services.clone(), guest.caller.clone());
    let reuse = matches!(exists, WitIfExists::Get);
    let spawned = services.spawn(&caller, class, args, options.into(), reuse).await;
    if let Ok(handle) = &spawned {
        Guest::of(store.data_mut()).created_quietly(handle.target().clone());
    }
    keep_handle(&mut store, spawned)
}

async fn lookup(
    mut store: Store<'_>,
    (name, namespace): (String, Option<String>),
) -> Answered<HandleIndex> {
    let guest = Guest::of(store.data_mut());
    let (services, caller) = (guest.services.clone(), guest.caller.clone());
    if let Err(error) = check_name("name", &name) {
        return Ok((Err((&error).into()),));
    }
    let found = services.lookup(&caller, name, namespace).await;
    keep_handle(&mut store, found)
}

fn keep_handle(
    store: &mut Store<'_>,
    handle: Result<host_refs::Handle, Error>,
) -> Answered<HandleIndex> {
    let guest = Guest::of(store.data_mut());
    let kept = handle.and_then(|handle| guest.table.push_handle(handle));
    Ok((kept.map(Resource::new_own).map_err(|error| WitError::from(&error)),))
}

type SubmitParams = (HandleIndex, WasmStr, OutgoingArguments, WitCallOptions);

fn submit(mut store: Store<'_>, (handle, method, args, options): SubmitParams) -> Answered<Ref> {
    let method = match method_index(&store, &handle, &method)? {
        Ok(method) => method,
        Err(error) => return Ok((Err((&error).into()),)),
    };
    let guest = Guest::of(store.data_mut());
    let sent = send(guest, &handle, method, args, Some(options))?;
    let kept = sent.and_then(|object| {
        let object = object.expect("a submitted call has a result");
        guest.table.push_ref(object)
    });
    Ok((kept.map(Resource::new_own).map_err(|error| WitError::from(&error)),))
}

fn tell(
    mut store: Store<'_>,
    (handle, method, args): (HandleIndex, WasmStr, OutgoingArguments),
) -> Answered<()> {
    let method = match method_index(&store, &handle, &method)? {
        Ok(method) => method,
        Err(error) => return Ok((Err((&error).into()),)),
    };
    let sent = send(Guest::of(store.data_mut()), &handle, method, args, None)?;
    Ok((sent.map(drop).map_err(|error| WitError::from(&error)),))
}

fn method_index(
    store: &Store<'_>,
    handle: &HandleIndex,
    method: &WasmStr,
) -> wasmtime::Result<Result<u32, Error>> {
    let name = method.to_str(store)?;
    let target = Guest::of_ref(store.data()).table.handle(handle.rep())?.target();
    Ok(target.method_index(&name))
}

/// Sends a call quietly: the target is woken when this guest waits, unless it
/// runs the call in place. Options mean that the result is wanted.
fn send(
    guest: &mut Guest,
    handle: &HandleIndex,
    method: u32,
    args: OutgoingArguments,
    options: Option<WitCallOptions>,
) -> wasmtime::Result<Result<Option<ObjectRef>, Error>> {
    let target = guest.table.handle(handle.rep())?.target().clone();
    let args = match values::args(&guest.table, args)? {
        Ok(args) => args,
        Err(error) => return Ok(Err(error)),
    };
    let retries = options.as_ref().and_then(|options| options.max_retries);
    let retries = match retries.map(|n| tries("max_retries", Some(n))).transpose() {
        Ok(retries) => retries,
        Err(error) => return Ok(Err(error)),
    };
    let result = options.is_some().then(|| guest.services.pending(Arc::downgrade(&target)));
    let caller = Some(guest.caller.identity.label.id);
    let held_up = result.as_ref().and_then(|object| guest.services.held_up(object, &args));
    let call = Call { method, args, result: result.clone(), caller, retries, held_up };
    if let Err(error) = target.send(call, true) {
        return Ok(Err(error));
    }
    guest.sent_quietly(target);
    let timeout = options.and_then(|options| options.timeout);
    if let (Some(object), Some(timeout)) = (&result, timeout) {
        guest.services.cancel_after(object, Duration::from_nanos(timeout));
    }
    Ok(Ok(result))
}
