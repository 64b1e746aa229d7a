//! `actors`: creating actors and calling them.

use std::sync::Arc;
use std::time::Duration;

use host_core::Error;
use host_core::spec::{check_name, tries};
use host_wasi::Data;
use wasmtime::component::{LinkerInstance, WasmStr};

use super::values;
use super::{Answered, Asked, HandleIndex, Ref, Store, lowered};
use crate::sandbox::contract::{
    OutgoingArguments, WitAfterKill, WitCallOptions, WitError, WitIfExists, WitOptions,
};
use crate::sandbox::state::Guest;
use host_refs::{Call, ObjectRef};

pub(super) fn add(actors: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    actors.func_wrap_async("spawn", |mut store: Store<'_>, params: SpawnParams| {
        Box::new(async move {
            lowered(spawn(Guest::of(store.data_mut()), params).await, HandleIndex::new_own)
        })
    })?;
    actors.func_wrap_async("lookup", |mut store: Store<'_>, (name, namespace)| {
        Box::new(async move {
            let found = lookup(Guest::of(store.data_mut()), name, namespace).await;
            lowered(found, HandleIndex::new_own)
        })
    })?;
    actors.func_wrap("submit", submit_here)?;
    actors.func_wrap("tell", tell_here)?;
    actors.func_wrap("cancel", |mut store: Store<'_>, (object,): (Ref,)| {
        cancel(Guest::of(store.data_mut()), object.rep())?;
        Ok((Ok::<(), WitError>(()),))
    })?;
    actors.func_wrap(
        "kill",
        |mut store: Store<'_>, (handle, after): (HandleIndex, WitAfterKill)| {
            kill(Guest::of(store.data_mut()), handle.rep(), after)?;
            Ok((Ok::<(), WitError>(()),))
        },
    )
}

pub(in crate::sandbox) type SpawnParams = (String, OutgoingArguments, WitOptions, WitIfExists);

pub(in crate::sandbox) async fn spawn(
    guest: &mut Guest,
    (class, args, options, exists): SpawnParams,
) -> Asked<u32> {
    guest.wake_unwoken();
    let args = match values::args(&guest.table, args)? {
        Ok(args) => args,
        Err(error) => return Ok(Err(error)),
    };
    let (services, caller) = (guest.services.clone(), guest.caller.clone());
    let reuse = matches!(exists, WitIfExists::Get);
    let spawned = services.spawn(&caller, class, args, options.into(), reuse).await;
    if let Ok(handle) = &spawned {
        guest.created_quietly(handle.target().clone());
    }
    Ok(spawned.and_then(|handle| guest.table.push_handle(handle)))
}

pub(in crate::sandbox) async fn lookup(
    guest: &mut Guest,
    name: String,
    namespace: Option<String>,
) -> Asked<u32> {
    let (services, caller) = (guest.services.clone(), guest.caller.clone());
    if let Err(error) = check_name("name", &name) {
        return Ok(Err(error));
    }
    let found = services.lookup(&caller, name, namespace).await;
    Ok(found.and_then(|handle| guest.table.push_handle(handle)))
}

type SubmitParams = (HandleIndex, WasmStr, OutgoingArguments, WitCallOptions);

fn submit_here(
    mut store: Store<'_>,
    (handle, method, args, options): SubmitParams,
) -> Answered<Ref> {
    let method = method_index_here(&store, &handle, &method)?;
    let guest = Guest::of(store.data_mut());
    let submitted = submit(guest, handle.rep(), method, args, options);
    lowered(submitted, Ref::new_own)
}

fn tell_here(
    mut store: Store<'_>,
    (handle, method, args): (HandleIndex, WasmStr, OutgoingArguments),
) -> Answered<()> {
    let method = method_index_here(&store, &handle, &method)?;
    lowered(tell(Guest::of(store.data_mut()), handle.rep(), method, args), |()| ())
}

/// The name stays in the guest's memory.
fn method_index_here(store: &Store<'_>, handle: &HandleIndex, method: &WasmStr) -> Asked<u32> {
    method_index(Guest::of_ref(store.data()), handle.rep(), &method.to_str(store)?)
}

pub(in crate::sandbox) fn method_index(guest: &Guest, handle: u32, name: &str) -> Asked<u32> {
    Ok(guest.table.handle(handle)?.target().method_index(name))
}

pub(in crate::sandbox) fn submit(
    guest: &mut Guest,
    handle: u32,
    method: Result<u32, Error>,
    args: OutgoingArguments,
    options: WitCallOptions,
) -> Asked<u32> {
    let sent = send(guest, handle, method, args, Some(options))?;
    Ok(sent.and_then(|object| {
        let object = object.expect("a submitted call has a result");
        guest.table.push_ref(object)
    }))
}

pub(in crate::sandbox) fn tell(
    guest: &mut Guest,
    handle: u32,
    method: Result<u32, Error>,
    args: OutgoingArguments,
) -> Asked<()> {
    Ok(send(guest, handle, method, args, None)?.map(drop))
}

pub(in crate::sandbox) fn cancel(guest: &mut Guest, object: u32) -> wasmtime::Result<()> {
    let object = guest.table.object(object)?.clone();
    if let Some(producer) = object.producer() {
        producer.cancel(&object, Error::Cancelled("the call was cancelled".into()));
    }
    Ok(())
}

pub(in crate::sandbox) fn kill(
    guest: &mut Guest,
    handle: u32,
    after: WitAfterKill,
) -> wasmtime::Result<()> {
    guest.wake_unwoken();
    let target = guest.table.handle(handle)?.target().clone();
    target.kill(matches!(after, WitAfterKill::Restart));
    Ok(())
}

/// Sends a call quietly: the target is woken when this guest waits, unless it
/// runs the call in place. Options mean that the result is wanted.
fn send(
    guest: &mut Guest,
    handle: u32,
    method: Result<u32, Error>,
    args: OutgoingArguments,
    options: Option<WitCallOptions>,
) -> Asked<Option<ObjectRef>> {
    let method = match method {
        Ok(method) => method,
        Err(error) => return Ok(Err(error)),
    };
    let target = guest.table.handle(handle)?.target().clone();
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
    let trace = guest.trace();
    let call = Call { method, args, result: result.clone(), caller, retries, trace, held_up };
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
