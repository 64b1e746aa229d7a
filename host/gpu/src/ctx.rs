//! What a store keeps of a guest's GPU.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use wasmtime::Result;
use wasmtime::component::{HasData, Resource, ResourceTable};

use crate::objects::{Label, Labelled, Object, Place};
use crate::{Grant, limits};

/// The GPU of one guest: its grant, and every object it made. Dropping it
/// frees all of them.
pub struct GpuCtx {
    grant: Option<Grant>,
    table: ResourceTable,
    counts: [usize; Place::COUNT],
    /// Streams and futures that the guest has open.
    watches: Arc<AtomicUsize>,
}

/// One of those, until this is dropped.
pub(crate) struct Watch(Arc<AtomicUsize>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// How the bindings find a [`GpuCtx`] in a store.
pub(crate) struct HasGpu;

impl HasData for HasGpu {
    type Data<'a> = &'a mut GpuCtx;
}

impl GpuCtx {
    /// The GPU of a guest with this grant. Without one, it sees no adapter.
    pub fn new(grant: Option<Grant>) -> GpuCtx {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::OBJECTS);
        GpuCtx { grant, table, counts: [0; Place::COUNT], watches: Arc::default() }
    }

    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }

    /// Puts an object into the table.
    ///
    /// # Errors
    /// If the guest has as many as it may.
    pub(crate) fn push<O: Object>(&mut self, object: O) -> Result<Resource<O>> {
        let place = O::PLACE;
        let full = || {
            let (most, name) = (place.most(), O::NAME);
            wasmtime::format_err!("an actor has at most {most} GPU {name} at once; drop some")
        };
        if self.counts[place as usize] >= place.most() {
            return Err(full());
        }
        let resource = self.table.push(object).map_err(|_| full())?;
        self.counts[place as usize] += 1;
        Ok(resource)
    }

    pub(crate) fn get<O: Object>(&self, resource: &Resource<O>) -> Result<&O> {
        Ok(self.table.get(resource)?)
    }

    pub(crate) fn get_mut<O: Object>(&mut self, resource: &Resource<O>) -> Result<&mut O> {
        Ok(self.table.get_mut(resource)?)
    }

    /// Takes an object out of the table.
    pub(crate) fn take<O: Object>(&mut self, resource: Resource<O>) -> Result<O> {
        let object = self.table.delete(resource)?;
        self.counts[O::PLACE as usize] -= 1;
        Ok(object)
    }

    /// Counts one more stream or future.
    pub(crate) fn watch(&self) -> Result<Watch> {
        if self.watches.load(Relaxed) >= limits::WATCHES {
            let most = limits::WATCHES;
            wasmtime::bail!("an actor has at most {most} GPU streams and futures open");
        }
        self.watches.fetch_add(1, Relaxed);
        Ok(Watch(self.watches.clone()))
    }

    pub(crate) fn label<O: Labelled>(&mut self, resource: &Resource<O>) -> Result<String> {
        Ok(self.get_mut(resource)?.label().text().to_owned())
    }

    pub(crate) fn set_label<O: Labelled>(
        &mut self,
        resource: &Resource<O>,
        label: String,
    ) -> Result<()> {
        *self.get_mut(resource)?.label() = Label::new(Some(label));
        Ok(())
    }
}
