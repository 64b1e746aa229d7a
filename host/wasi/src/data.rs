//! The store data of a guest.

use std::any::Any;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::{Output, Profile};

/// Pollables, streams, files and sockets of one guest together; one more
/// traps it. A guest that waits for a thousand timers at once holds two
/// thousand.
const RESOURCES: usize = 8_192;

/// The store data of a guest: what the host keeps for it, and its WASI.
///
/// Most actors never touch WASI, so the WASI part is built when they first
/// do; until then it costs a pointer.
pub struct Data {
    /// The host's own; this crate never looks inside.
    pub ext: Box<dyn Any + Send>,
    profile: Arc<Profile>,
    output: Arc<dyn Output>,
    wasi: Option<Box<Wasi>>,
}

/// The state behind a guest's WASI imports.
struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl Data {
    /// Store data for a guest that is granted what `profile` holds and prints
    /// to `output`.
    pub fn new(ext: Box<dyn Any + Send>, profile: Arc<Profile>, output: Arc<dyn Output>) -> Data {
        Data { ext, profile, output, wasi: None }
    }
}

impl WasiView for Data {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| {
            let mut table = ResourceTable::new();
            table.set_max_capacity(RESOURCES);
            Box::new(Wasi { ctx: self.profile.ctx(&self.output), table })
        });
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}
