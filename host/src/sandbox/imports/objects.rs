//! `objects`: putting, getting and waiting.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use host_core::{Error, limits};
use host_wasi::Data;
use wasmtime::component::{LinkerInstance, Resource};

use super::values;
use super::{Asked, Ref, Store, lowered};
use crate::sandbox::contract::{RefTag, WitError, WitValue};
use crate::sandbox::state::{CallSlot, Caller, Guest, Services};
use crate::sandbox::table::Table;
use host_refs::{ObjectRef, Outcome, Value, all_ready, some_ready};

pub(super) fn add(objects: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    objects.func_wrap_async("put", |mut store: Store<'_>, (value,): (WitValue,)| {
        Box::new(async move {
            lowered(put(Guest::of(store.data_mut()), value).await, Resource::<RefTag>::new_own)
        })
    })?;
    objects.func_wrap_async("get", |mut store: Store<'_>, (refs, timeout): (Vec<Ref>, _)| {
        Box::new(async move {
            lowered(get(Guest::of(store.data_mut()), &refs, timeout).await, |values| values)
        })
    })?;
    objects.func_wrap_async("take", |mut store: Store<'_>, (object, timeout): (Ref, _)| {
        Box::new(async move {
            let taken = take(Guest::of(store.data_mut()), object.rep(), timeout).await?;
            Ok((taken.map_err(|error| WitError::from(&*error)),))
        })
    })?;
    objects.func_wrap_async("wait", |mut store: Store<'_>, params: (Vec<Ref>, u32, _)| {
        Box::new(async move {
            let (refs, count, timeout) = params;
            let found = wait(Guest::of(store.data_mut()), &refs, count, timeout).await;
            lowered(found, |indices| indices)
        })
    })
}

pub(in crate::sandbox) async fn put(guest: &mut Guest, value: WitValue) -> Asked<u32> {
    let value = match values::sent(&guest.table, value)? {
        Ok(value) => value,
        Err(error) => return Ok(Err(error)),
    };
    let services = guest.services.clone();
    let object = services.put(value).await;
    Ok(object.and_then(|object| guest.table.push_ref(object)))
}

/// What a guest that waits needs besides the objects.
pub(in crate::sandbox) struct Waiting {
    services: Arc<dyn Services>,
    caller: Arc<Caller>,
    slot: Arc<CallSlot>,
    /// Set in async actors: there the call waits, not the actor.
    call: Option<ObjectRef>,
    timeout: Option<Duration>,
}

pub(in crate::sandbox) async fn take(
    guest: &mut Guest,
    index: u32,
    timeout: Option<u64>,
) -> wasmtime::Result<Result<WitValue, Arc<Error>>> {
    let object = guest.table.take_object(index)?;
    run_inline(guest, &object).await;
    let outcome = match object.into_outcome() {
        Ok(outcome) => outcome,
        // Boxed, so that the common way needs little room.
        Err(object) => Box::pin(wait_for_one(Waiting::of(guest, timeout), object)).await,
    };
    Ok(outcome.and_then(|value| values::lower(&mut guest.table, value).map_err(Arc::new)))
}

async fn wait_for_one(waiting: Waiting, object: ObjectRef) -> Outcome {
    let mut found = waiting.all(std::slice::from_ref(&object)).await.map_err(Arc::new)?;
    Ok(found.pop().expect("one in, one out"))
}

pub(in crate::sandbox) async fn get(
    guest: &mut Guest,
    indices: &[Ref],
    timeout: Option<u64>,
) -> Asked<Vec<WitValue>> {
    let objects = match objects_of(&guest.table, indices)? {
        Ok(objects) => objects,
        Err(error) => return Ok(Err(error)),
    };
    match objects.as_slice() {
        [object] => run_inline(guest, object).await,
        _ => guest.wake_unwoken(),
    }
    let found = Waiting::of(guest, timeout).all(&objects).await;
    Ok(lower_all(&mut guest.table, found))
}

pub(in crate::sandbox) fn lower_all(
    table: &mut Table,
    found: Result<Vec<Value>, Error>,
) -> Result<Vec<WitValue>, Error> {
    found?.into_iter().map(|value| values::lower(table, value)).collect()
}

pub(in crate::sandbox) async fn wait(
    guest: &mut Guest,
    indices: &[Ref],
    count: u32,
    timeout: Option<u64>,
) -> Asked<Vec<u32>> {
    guest.wake_unwoken();
    let objects = match objects_of(&guest.table, indices)? {
        Ok(objects) => objects,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Waiting::of(guest, timeout).some(&objects, count).await)
}

fn objects_of(table: &Table, indices: &[Ref]) -> wasmtime::Result<Result<Vec<ObjectRef>, Error>> {
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

/// A call of an async actor that begins to wait for objects.
pub(in crate::sandbox) struct Begun {
    waiting: Waiting,
    objects: Result<Vec<ObjectRef>, Error>,
}

impl Begun {
    pub(in crate::sandbox) fn of(
        guest: &mut Guest,
        call: u64,
        indices: &[Ref],
        timeout: Option<u64>,
    ) -> wasmtime::Result<Begun> {
        let waiting = Waiting::of_call(guest, call, timeout);
        Ok(Begun { waiting, objects: objects_of(&guest.table, indices)? })
    }

    /// See [`Waiting::all`].
    pub(in crate::sandbox) async fn all(self) -> Result<Vec<Value>, Error> {
        self.waiting.all(&self.objects?).await
    }

    /// See [`Waiting::some`].
    pub(in crate::sandbox) async fn some(self, count: u32) -> Result<Vec<u32>, Error> {
        self.waiting.some(&self.objects?, count).await
    }
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

    /// The wait of one call of an async actor.
    pub(in crate::sandbox) fn of_call(
        guest: &mut Guest,
        call: u64,
        timeout: Option<u64>,
    ) -> Waiting {
        guest.wake_unwoken();
        let slot = guest.slot_of(call);
        Waiting { call: slot.object(), slot, ..Waiting::of(guest, timeout) }
    }

    /// The values of all objects, or the first failure.
    async fn all(&self, objects: &[ObjectRef]) -> Result<Vec<Value>, Error> {
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
    async fn some(&self, objects: &[ObjectRef], count: u32) -> Result<Vec<u32>, Error> {
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
    pub(in crate::sandbox) async fn bounded<T>(
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
