//! The store data of a guest.

use std::any::Any;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::handles::{Full, Share};
use crate::network::Door;
use crate::{Output, Profile, limits};

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
    door: Arc<Door>,
    /// After `table`, so that handles are closed before they count as free.
    handles: Share,
}

impl Data {
    /// Store data for a guest that is granted what `profile` holds and prints
    /// to `output`.
    pub fn new(ext: Box<dyn Any + Send>, profile: Arc<Profile>, output: Arc<dyn Output>) -> Data {
        Data { ext, profile, output, wasi: None }
    }

    /// What the guest may connect to.
    pub(crate) fn door(&mut self) -> Arc<Door> {
        self.wasi().door.clone()
    }

    /// Makes room for one more file, stream or socket.
    pub(crate) fn claim_handle(&mut self) -> Result<(), Full> {
        let wasi = self.wasi();
        wasi.handles.claim(&mut wasi.table)
    }

    fn wasi(&mut self) -> &mut Wasi {
        self.wasi.get_or_insert_with(|| {
            let door = Arc::new(Door::new(self.profile.grants().net.clone()));
            let mut table = ResourceTable::new();
            table.set_max_capacity(limits::RESOURCES);
            let ctx = self.profile.ctx(&self.output, &door);
            Box::new(Wasi { ctx, table, door, handles: self.profile.share() })
        })
    }
}

impl WasiView for Data {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}

#[cfg(test)]
pub(crate) mod test {
    use super::*;
    use crate::Grants;
    use crate::output::test::Silent;

    impl Data {
        pub(crate) fn has_wasi(&self) -> bool {
            self.wasi.is_some()
        }
    }

    /// A guest's data with grants as the command line gives them.
    pub(crate) fn data(options: &[&str]) -> Data {
        let mut grants = Grants::default();
        for option in options.chunks(2) {
            match *option {
                ["--dir", dir] => grants.dirs.push(dir.parse().unwrap()),
                ["--net", net] => grants.net.push(net.parse().unwrap()),
                ref other => panic!("no such option: {other:?}"),
            }
        }
        let profile = Profile::new(grants, Vec::new()).unwrap();
        Data::new(Box::new(()), Arc::new(profile), Arc::new(Silent))
    }
}
