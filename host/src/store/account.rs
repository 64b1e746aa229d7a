//! The account of one node's objects.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use host_core::resources::format_bytes;
use host_core::spill::Spiller;
use host_core::{Error, ObjectId, limits};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::budget::{Budget, Charge};
use super::spill::{Spill, SpilledFile};
use host_refs::{Fetch, Fetching, ObjectRef, Value, WeakObjectRef};

/// Whether a value of this weight is left out of the account: keeping it
/// would cost as much as the value does, and refs are bounded by themselves.
pub fn small(bytes: usize) -> bool {
    bytes < limits::ACCOUNTED_OBJECT_BYTES
}

/// Counts the bytes of objects in memory up to a cap, and moves the coldest
/// to disk when they come near it. Clones share the account.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    budget: Budget,
    /// Objects that have a share of it.
    held: AtomicUsize,
    runtime: tokio::runtime::Handle,
    /// Where the spill folder is made, once it is needed.
    parent: PathBuf,
    cold: Mutex<Cold>,
    /// Told whenever bytes were given back.
    freed: Notify,
}

/// What may go to disk.
#[derive(Default)]
struct Cold {
    spiller: Spiller,
    /// All that are in the account, with their bytes; those that are large
    /// enough may go to disk.
    objects: HashMap<ObjectId, (WeakObjectRef, u64)>,
    spill: Option<Spill>,
}

/// An object's share of the account; ends when the object leaves memory.
struct Held {
    store: Store,
    id: ObjectId,
    charge: Option<Charge>,
}

impl Store {
    /// An empty store with a cap in bytes, which spills into a folder that it
    /// makes in `parent`.
    pub fn new(cap: u64, parent: PathBuf, runtime: tokio::runtime::Handle) -> Store {
        Store(Arc::new(Shared {
            budget: Budget::new(cap),
            held: AtomicUsize::new(0),
            runtime,
            parent,
            cold: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// Bytes of objects in memory.
    pub fn used(&self) -> u64 {
        self.0.budget.used()
    }

    /// Objects in memory that are in the account, with their bytes, in no
    /// order.
    pub fn tracked(&self) -> Vec<(ObjectId, u64)> {
        self.0.cold.lock().objects.iter().map(|(id, (_, bytes))| (*id, *bytes)).collect()
    }

    /// The bytes of an object that is in the account.
    pub fn size_of(&self, id: ObjectId) -> Option<u64> {
        self.0.cold.lock().objects.get(&id).map(|(_, bytes)| *bytes)
    }

    /// Objects in memory that are in the account.
    pub fn count(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Objects on disk now, how many bytes they take, and how many ever went
    /// there.
    pub fn spilled(&self) -> (u64, u64, u64) {
        self.0.cold.lock().spill.as_ref().map_or((0, 0, 0), Spill::totals)
    }

    /// Takes `bytes` from the account for the object `id`, after waiting for
    /// others to go to disk if need be. The answer is to be kept with the
    /// bytes. [`Error::OutOfMemory`] if there is no room in time.
    pub async fn admit(&self, id: ObjectId, bytes: usize) -> Result<Box<dyn Send>, Error> {
        let bytes = bytes as u64;
        let charge = match self.0.budget.try_charge(bytes) {
            Some(charge) => charge,
            None => self.wait_for_room(bytes).await?,
        };
        if self.0.budget.above_threshold() {
            self.relieve();
        }
        Ok(Box::new(Held::new(self, id, charge)))
    }

    /// The same without waiting: none if there is no room now.
    pub fn admit_now(&self, id: ObjectId, bytes: usize) -> Option<Box<dyn Send>> {
        let charge = self.0.budget.try_charge(bytes as u64)?;
        if self.0.budget.above_threshold() {
            self.relieve();
        }
        Some(Box::new(Held::new(self, id, charge)))
    }

    /// From now on the object is listed, and may go to disk if it is large
    /// enough for that.
    pub fn track(&self, object: &ObjectRef, bytes: usize) {
        let mut cold = self.0.cold.lock();
        cold.objects.insert(object.id(), (object.downgrade(), bytes as u64));
        if bytes >= limits::SPILL_OBJECT_BYTES {
            cold.spiller.insert(object.id(), bytes as u64);
        }
    }

    async fn wait_for_room(&self, bytes: u64) -> Result<Charge, Error> {
        if bytes > self.0.budget.cap() {
            return Err(self.full(bytes));
        }
        let deadline = tokio::time::Instant::now() + limits::SPILL_WAIT;
        loop {
            let freed = self.0.freed.notified();
            self.relieve();
            if let Some(charge) = self.0.budget.try_charge(bytes) {
                return Ok(charge);
            }
            let leaving = self.0.cold.lock().spiller.is_leaving();
            // Nothing is on its way out: then only a dropped ref helps, and
            // that is not worth waiting for long.
            let patience = if leaving { limits::SPILL_WAIT } else { Duration::from_millis(100) };
            let until = deadline.min(tokio::time::Instant::now() + patience);
            if tokio::time::timeout_at(until, freed).await.is_err() {
                return Err(self.full(bytes));
            }
        }
    }

    fn full(&self, bytes: u64) -> Error {
        Error::OutOfMemory(format!(
            "the object store holds {} of its {} and cannot take {} more; drop refs, or start \
             the host with more --object-store-memory",
            format_bytes(self.used()),
            format_bytes(self.0.budget.cap()),
            format_bytes(bytes)
        ))
    }

    /// Sends the coldest objects to disk, if the account is near its cap.
    fn relieve(&self) {
        let named = {
            let mut cold = self.0.cold.lock();
            let named = cold.spiller.over(self.0.budget.used(), self.0.budget.cap());
            let objects = named
                .into_iter()
                .map(|id| (id, cold.objects.get(&id).map(|(object, _)| object.clone())));
            objects.collect::<Vec<_>>()
        };
        for (id, object) in named {
            let object = object.and_then(|object| object.upgrade());
            let Some(object) = object else {
                self.0.cold.lock().spiller.remove(id);
                continue;
            };
            match object.bytes_to_spill() {
                Some(bytes) => {
                    self.0.runtime.spawn(self.clone().spill(object, bytes));
                }
                None => self.0.cold.lock().spiller.failed(id),
            }
        }
    }

    async fn spill(self, object: ObjectRef, bytes: bytes::Bytes) {
        let id = object.id();
        let written = match self.folder() {
            Ok(spill) => spill.write(id, bytes).await.map(|file| OnDisk { file, spill }),
            Err(error) => Err(error),
        };
        match written {
            Ok(on_disk) => object.put_away(Arc::new(on_disk)),
            Err(error) => {
                tracing::warn!(%error, "an object stays in memory");
                self.0.cold.lock().spiller.failed(id);
            }
        }
    }

    fn folder(&self) -> Result<Spill, super::spill::Error> {
        let mut cold = self.0.cold.lock();
        if let Some(spill) = &cold.spill {
            return Ok(spill.clone());
        }
        let spill = Spill::open(&self.0.parent)?;
        Ok(cold.spill.insert(spill).clone())
    }
}

impl Held {
    fn new(store: &Store, id: ObjectId, charge: Charge) -> Held {
        store.0.held.fetch_add(1, Ordering::Relaxed);
        Held { store: store.clone(), id, charge: Some(charge) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.store.0.held.fetch_sub(1, Ordering::Relaxed);
        {
            let mut cold = self.store.0.cold.lock();
            if cold.objects.remove(&self.id).is_some() {
                cold.spiller.remove(self.id);
            }
        }
        self.charge = None;
        self.store.0.freed.notify_waiters();
    }
}

/// An object's bytes on disk.
struct OnDisk {
    file: SpilledFile,
    spill: Spill,
}

impl Fetch for OnDisk {
    fn fetch(&self) -> Fetching<'_> {
        Box::pin(async {
            let bytes = self.spill.read(&self.file).await;
            bytes.map(Value::plain).map_err(|error| Error::ObjectLost(error.to_string()))
        })
    }
}
