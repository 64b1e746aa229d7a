//! `objects`: putting, getting and waiting.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use host_core::{Error, limits};
use host_wasi::Data;
use wasmtime::component::{LinkerInstance, Resource};

use super::values;
use super::{Ref, Store};
use crate::sandbox::contract::{WitError, WitValue};
use crate::sandbox::state::{CallSlot, Caller, Guest, Services};
use crate::sandbox::table::Table;
use host_refs::{ObjectRef, Outcome, Value, all_ready, some_ready};

pub(super) fn add(objects: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    objects.func_wrap_async("put", |store: Store<'_>, params| Box::new(put(store, params)))?;
    objects.func_wrap_async("get", |store: Store<'_>, params| Box::new(get(store, params)))?;
    objects.func_wrap_async("take", |store: Store<'_>, params| Box::new(take(store, params)))?;
    objects.func_wrap_async("wait", |store: Store<'_>, params| Box::new(wait(store, params)))
}

type Answered<T> = wasmtime::Result<(Result<T, WitError>,)>;

async fn put(mut store: Store<'_>, (value,): (WitValue,)) -> Answered<Ref> {
    let guest = Guest::of(store.data_mut());
    let value = match values::sent(&guest.table, value)? {
        Ok(value) => value,
        Err(error) => return Ok((Err((&error).into()),)),
    };
    let services = guest.services.clone();
    let object = services.put(value).await;
    let guest = Guest::of(store.data_mut());
    let kept = object.and_then(|object| guest.table.push_ref(object));
    Ok((kept.map(Resource::new_own).map_err(|error| WitError::from(&error)),))
}

/// What a guest that waits needs besides the objects.
pub(super) struct Waiting {
    pub(super) services: Arc<dyn Services>,
    pub(super) caller: Arc<Caller>,
    pub(super) slot: Arc<CallSlot>,
    /// Set in async actors: there the call waits, not the actor.
    pub(super) call: Option<ObjectRef>,
    pub(super) timeout: Option<Duration>,
}

async fn take(mut store: Store<'_>, (index, timeout): (Ref, Option<u64>)) -> Answered<WitValue> {
    let guest = Guest::of(store.data_mut());
    let object = guest.table.take_object(index.rep())?;
    run_inline(guest, &object).await;
    let outcome = match object.into_outcome() {
        Ok(outcome) => outcome,
        // Boxed, so that the common way needs little room.
        Err(object) => Box::pin(wait_for_one(Waiting::of(guest, timeout), object)).await,
    };
    Ok((lower(&mut Guest::of(store.data_mut()).table, outcome),))
}

async fn wait_for_one(waiting: Waiting, object: ObjectRef) -> Outcome {
    let mut found = waiting.all(std::slice::from_ref(&object)).await.map_err(Arc::new)?;
    Ok(found.pop().expect("one in, one out"))
}

fn lower(table: &mut Table, outcome: Outcome) -> Result<WitValue, WitError> {
    match outcome {
        Ok(value) => values::lower(table, value).map_err(|error| WitError::from(&error)),
        Err(error) => Err(WitError::from(&*error)),
    }
}

async fn get(
    mut store: Store<'_>,
    (indices, timeout): (Vec<Ref>, Option<u64>),
) -> Answered<Vec<WitValue>> {
    let guest = Guest::of(store.data_mut());
    let objects = match objects_of(&guest.table, &indices)? {
        Ok(objects) => objects,
        Err(error) => return Ok((Err((&error).into()),)),
    };
    match objects.as_slice() {
        [object] => run_inline(guest, object).await,
        _ => guest.wake_unwoken(),
    }
    let found = Waiting::of(guest, timeout).all(&objects).await;
    let table = &mut Guest::of(store.data_mut()).table;
    Ok((lower_all(table, found),))
}

pub(super) fn lower_all(
    table: &mut Table,
    found: Result<Vec<Value>, Error>,
) -> Result<Vec<WitValue>, WitError> {
    let lowered = found
        .and_then(|values| values.into_iter().map(|value| values::lower(table, value)).collect());
    lowered.map_err(|error: Error| WitError::from(&error))
}

async fn wait(
    mut store: Store<'_>,
    (indices, count, timeout): (Vec<Ref>, u32, Option<u64>),
) -> Answered<Vec<u32>> {
    let guest = Guest::of(store.data_mut());
    guest.wake_unwoken();
    let objects = match objects_of(&guest.table, &indices)? {
        Ok(objects) => objects,
        Err(error) => return Ok((Err((&error).into()),)),
    };
    let found = Waiting::of(guest, timeout).some(&objects, count).await;
    Ok((found.map_err(|error| WitError::from(&error)),))
}

pub(super) fn objects_of(
    table: &Table,
    indices: &[Ref],
) -> wasmtime::Result<Result<Vec<ObjectRef>, Error>> {
    if indices.len() > limits::WAIT_REFS {
        return Ok(Err(Error::Invalid(format!(
            "{} refs in one wait; the most is {}",
            indices.len(),
            limits::WAIT_REFS
        ))));
    }
    let objects = indices.iter().map(|index| table.object(index.rep()).cloned());
    Ok(Ok(objects.collect::<Result<_, _>>()?))
}

/// If the guest's last call, of which its actor does not know yet, makes
/// `object`, runs it in place; else wakes that actor.
async fn run_inline(guest: &mut Guest, object: &ObjectRef) {
    let Some(unwoken) = guest.unwoken.take() else { return };
    poll_fn(|cx| {
        unwoken.target.clone().run_inline(object, cx);
        Poll::Ready(())
    })
    .await;
}

impl Waiting {
    fn of(guest: &Guest, timeout: Option<u64>) -> Waiting {
        Waiting {
            services: guest.services.clone(),
            caller: guest.caller.clone(),
            slot: guest.slot.clone(),
            call: None,
            timeout: timeout.map(Duration::from_nanos),
        }
    }

    /// The values of all objects, or the first failure.
    pub(super) async fn all(&self, objects: &[ObjectRef]) -> Result<Vec<Value>, Error> {
        if objects.iter().any(|object| !object.is_settled()) {
            let _waiting = self.services.waiting(&self.caller, self.call.as_ref(), objects)?;
            self.bounded(all_ready(objects)).await?.map_err(|timeout| {
                let pending = objects.iter().filter(|object| !object.is_settled()).count();
                Error::TimedOut(format!(
                    "{pending} of {} objects not ready after {timeout:?}",
                    objects.len()
                ))
            })?;
        }
        let failed = objects.iter().find_map(|object| object.outcome_now()?.err());
        if let Some(error) = failed {
            return Err((*error).clone());
        }
        let mut values = Vec::with_capacity(objects.len());
        for object in objects {
            values.push(object.outcome().await.map_err(|error| (*error).clone())?);
        }
        Ok(values)
    }

    /// The indices of at most `count` settled objects.
    pub(super) async fn some(&self, objects: &[ObjectRef], count: u32) -> Result<Vec<u32>, Error> {
        let count = count as usize;
        if count == 0 || count > objects.len() {
            return Err(Error::Invalid(format!(
                "waiting for {count} of {} objects; it must be 1 to {}",
                objects.len(),
                objects.len()
            )));
        }
        let settled = objects.iter().filter(|object| object.is_settled()).count();
        if settled < count {
            // Time passing is an answer here, not an error.
            let _ = self.bounded(some_ready(objects, count)).await?;
        }
        let ready = (0u32..).zip(objects).filter(|(_, object)| object.is_settled());
        Ok(ready.map(|(index, _)| index).take(count).collect())
    }

    /// Waits, but no longer than the call may live or the guest asked for:
    /// an error, or the time that has passed.
    pub(super) async fn bounded<T>(
        &self,
        wait: impl Future<Output = T>,
    ) -> Result<Result<T, Duration>, Error> {
        let cancelled = poll_fn(|cx| self.slot.poll_cancelled(cx));
        let limit = async {
            match self.timeout {
                Some(timeout) => {
                    tokio::time::sleep(timeout).await;
                    timeout
                }
                None => std::future::pending().await,
            }
        };
        // Every arm only waits: none loses anything when another wins.
        tokio::select! {
            biased;
            done = wait => Ok(Ok(done)),
            why = cancelled => Err(why),
            timeout = limit => Ok(Err(timeout)),
        }
    }
}
