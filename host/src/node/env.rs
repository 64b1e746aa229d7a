//! What actors need of their node.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use host_core::resources::format_bytes;
use host_core::{Error, NodeId};
use host_wasi::{Output, Profile};

use super::Inner;
use crate::log::Sink;
use crate::actor::{Actor, Env, Role};
use crate::refs::{ObjectRef, Target, Value};
use crate::sandbox::Services;

/// Results smaller than this are not accounted for one by one: the account
/// would cost as much as they do, and refs are bounded by themselves.
const ACCOUNTED_BYTES: usize = 4 << 10;

impl Env for Inner {
    fn services(&self) -> Arc<dyn Services> {
        self.this()
    }

    fn profile(&self, role: &Role) -> Arc<Profile> {
        let _ = role;
        self.profile.clone()
    }

    fn output(&self, actor: &Arc<Actor>) -> Arc<dyn Output> {
        if actor.is_driver() { self.config.driver_output.clone() } else { actor.clone() }
    }

    fn sink(&self) -> &dyn Sink {
        &*self.config.sink
    }

    fn node(&self) -> NodeId {
        self.id
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    fn keep(&self, _: &ObjectRef, value: &Value) -> Result<Option<Box<dyn Send>>, Error> {
        self.charge(value.weight())
    }

    fn restarting(&self, actor: &Actor, error: &Error, delay: Duration) {
        tracing::warn!(actor = %actor.label, %error, ?delay, "actor crashed and is restarted");
    }

    fn ended(&self, actor: &Actor, death: &Error) {
        tracing::debug!(actor = %actor.label, %death, "actor ended");
        let id = actor.label.id;
        if actor.spec.name.is_some() {
            self.names.lock().release(id);
        }
        let removed = self.actors.lock().remove(&id);
        if !actor.spec.resources.is_empty() {
            let granted = self.ledger.lock().release(id);
            let actors = self.actors.lock();
            let granted: Vec<_> =
                granted.iter().filter_map(|id| actors.get(id).cloned()).collect();
            drop(actors);
            for actor in granted {
                actor.grant();
                actor.wake();
            }
        }
        drop(removed);
    }
}

impl Inner {
    /// Accounts for bytes in memory, until the answer is dropped.
    pub(super) fn charge(&self, bytes: usize) -> Result<Option<Box<dyn Send>>, Error> {
        if bytes < ACCOUNTED_BYTES {
            return Ok(None);
        }
        let bytes = bytes as u64;
        let cap = self.config.object_store_bytes;
        let charged = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|total| *total <= cap)
        });
        match charged {
            Ok(_) => Ok(Some(Box::new(Charge { budget: self.budget.clone(), bytes }))),
            Err(used) => Err(Error::OutOfMemory(format!(
                "the object store holds {} of its {}; {} more do not fit \
                 (--object-store-memory)",
                format_bytes(used),
                format_bytes(cap),
                format_bytes(bytes)
            ))),
        }
    }
}

struct Charge {
    budget: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
