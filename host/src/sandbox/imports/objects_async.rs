//! `objects-async`: the same waits, where only the call that waits stops.
//! Added with `func_wrap_concurrent`: an ordinary async host function would
//! stop the whole actor.

use std::time::Duration;

use host_wasi::Data;
use wasmtime::component::{Accessor, LinkerInstance};

use super::objects::{Begun, Waiting, lower_all};
use super::{Answered, Ref, lowered};
use crate::sandbox::contract::WitValue;
use crate::sandbox::state::Guest;

pub(super) fn add(objects: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    objects.func_wrap_concurrent("get", |store, params| Box::pin(get(store, params)))?;
    objects.func_wrap_concurrent("wait", |store, params| Box::pin(wait(store, params)))?;
    objects.func_wrap_concurrent("sleep", |store, params| Box::pin(sleep(store, params)))
}

async fn get(
    store: &Accessor<Data>,
    (call, indices, timeout): (u64, Vec<Ref>, Option<u64>),
) -> Answered<Vec<WitValue>> {
    let found = begin(store, call, &indices, timeout)?.all().await;
    store.with(|mut access| {
        let table = &mut Guest::of(access.data_mut()).table;
        lowered(Ok(lower_all(table, found)), |values| values)
    })
}

async fn wait(
    store: &Accessor<Data>,
    (call, indices, count, timeout): (u64, Vec<Ref>, u32, Option<u64>),
) -> Answered<Vec<u32>> {
    let found = begin(store, call, &indices, timeout)?.some(count).await;
    lowered(Ok(found), |indices| indices)
}

async fn sleep(store: &Accessor<Data>, (call, duration): (u64, u64)) -> Answered<()> {
    let waiting =
        store.with(|mut access| Waiting::of_call(Guest::of(access.data_mut()), call, None));
    let slept = waiting.bounded(tokio::time::sleep(Duration::from_nanos(duration))).await;
    lowered(Ok(slept.map(drop)), |()| ())
}

fn begin(
    store: &Accessor<Data>,
    call: u64,
    indices: &[Ref],
    timeout: Option<u64>,
) -> wasmtime::Result<Begun> {
    store.with(|mut access| Begun::of(Guest::of(access.data_mut()), call, indices, timeout))
}
