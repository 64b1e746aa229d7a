//! What actors need of their node.

use std::sync::Arc;
use std::time::Duration;

use host_core::{Error, NodeId};
use host_wasi::Profile;

use super::Inner;
use crate::actor::{Actor, Env};
use crate::log::Sink;
use crate::sandbox::Services;
use crate::store::Store;
use host_refs::Target;

impl Env for Inner {
    fn services(&self) -> Arc<dyn Services> {
        self.this()
    }

    fn profile(&self) -> Arc<Profile> {
        self.profile.clone()
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

    fn store(&self) -> &Store {
        &self.store
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
        self.ended.lock().push(actor.label.clone(), death);
        if !actor.spec.resources.is_empty() {
            let granted = self.ledger.lock().release(id);
            let actors = self.actors.lock();
            let granted: Vec<_> = granted.iter().filter_map(|id| actors.get(id).cloned()).collect();
            drop(actors);
            for actor in granted {
                actor.grant();
                actor.wake();
            }
        }
        drop(removed);
        if let (Some(member), Error::Died { cause, message, .. }) = (self.cluster.get(), death) {
            member.actor_ended(id, *cause, message.clone());
        }
        self.departed.notify_waiters();
    }
}
