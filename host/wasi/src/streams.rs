//! `wasi:io`, where wasmtime-wasi bounds too little.

use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, WasmList};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::bindings::io::{poll, streams};
use wasmtime_wasi::p2::{DynOutputStream, DynPollable, StreamError};

use crate::Data;
use crate::limits::{RESOURCES, WRITE_BYTES};

/// Replaces the functions that take a list of any length: both look at the
/// length before they copy the list out of the guest.
pub(crate) fn add_to_linker(linker: &mut Linker<Data>) -> wasmtime::Result<()> {
    linker.instance("wasi:io/poll@0.2.12")?.func_wrap_async(
        "poll",
        |store, (list,): (WasmList<Resource<DynPollable>>,)| {
            Box::new(async move { Ok((poll(store, list).await?,)) })
        },
    )?;
    linker.instance("wasi:io/streams@0.2.12")?.func_wrap(
        "[method]output-stream.write",
        |store, (stream, bytes): (Resource<DynOutputStream>, WasmList<u8>)| {
            Ok((write(store, stream, bytes)?,))
        },
    )
}

async fn poll(
    mut store: StoreContextMut<'_, Data>,
    list: WasmList<Resource<DynPollable>>,
) -> wasmtime::Result<Vec<u32>> {
    // More than there can be resources.
    if list.len() > RESOURCES {
        wasmtime::bail!("polled {} pollables at once; the most is {RESOURCES}", list.len());
    }
    let mut pollables = Vec::with_capacity(list.len());
    for index in 0..list.len() {
        let pollable = list.get(&mut store, index).expect("the index is in the list");
        pollables.push(pollable?);
    }
    poll::Host::poll(store.data_mut().ctx().table, pollables).await
}

fn write(
    mut store: StoreContextMut<'_, Data>,
    stream: Resource<DynOutputStream>,
    bytes: WasmList<u8>,
) -> wasmtime::Result<Result<(), streams::StreamError>> {
    if bytes.len() > WRITE_BYTES {
        wasmtime::bail!("wrote {} bytes at once; check-write permits fewer", bytes.len());
    }
    let bytes = Bytes::copy_from_slice(bytes.as_le_slice(&store));
    let table = store.data_mut().ctx().table;
    let written = match table.get_mut(&stream) {
        Ok(stream) => stream.write(bytes),
        Err(error) => Err(StreamError::Trap(error.into())),
    };
    match written {
        Ok(()) => Ok(Ok(())),
        Err(error) => streams::Host::convert_stream_error(table, error).map(Err),
    }
}
