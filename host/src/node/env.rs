//! What actors need of their node.

use std::sync::Arc;
use std::time::Duration;

use host_core::placement::Labels;
use host_core::spec::Isolation;
use host_core::{ActorId, Error, NodeId};
use host_wasi::Profile;

use super::Inner;
use crate::actor::{Actor, Env, Seat};
use crate::log::Sink;
use crate::meters::{Count, Meters};
use crate::sandbox::{Answer, GpuShare, Services};
use crate::store::Store;
use crate::worker::{self, Workers};
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

    fn name(&self) -> Arc<str> {
        self.config.name.clone()
    }

    fn labels(&self) -> Arc<Labels> {
        self.config.labels.clone()
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

    fn meters(&self) -> &Meters {
        &self.meters
    }

    fn seat<'a>(&'a self, actor: &'a Actor) -> Option<Answer<'a, Result<Seat, Error>>> {
        let workers = self.config.workers.as_ref()?;
        let gpu = self.share(actor, workers);
        let kind = match (&gpu, actor.spec.isolation) {
            (Some(_), _) => worker::Kind::Gpu,
            (None, Isolation::Process) => worker::Kind::Plain,
            (None, Isolation::Shared) => return None,
        };
        Some(Box::pin(async move {
            Ok(Seat {
                worker: workers.take(kind).await?,
                gpu,
                cache: self.config.code_cache.clone(),
                grants: self.config.grants.clone(),
            })
        }))
    }

    fn restarting(&self, actor: &Actor, error: &Error, delay: Duration) {
        self.meters.count(Count::Restarted);
        tracing::warn!(actor = %actor.label, %error, ?delay, "actor crashed and is restarted");
    }

    fn ended(&self, actor: &Actor, death: &Error) {
        tracing::debug!(actor = %actor.label, %death, "actor ended");
        let id = actor.label.id;
        if let Error::Died { cause, .. } = death {
            self.meters.count(Count::Died(*cause));
        }
        if actor.spec.name.is_some() {
            self.names.lock().release(id);
        }
        let is_canary = self.is_canary(actor);
        if !is_canary {
            // First, so that who looks finds it alive or ended, never neither.
            self.ended.lock().push(actor.label.clone(), death);
        }
        let removed = self.actors.lock().remove(&id);
        if !actor.spec.resources.is_empty() || actor.spec.group.is_some() {
            let granted = self.reservations.lock().release(id);
            self.granted(&granted);
            self.groups_look();
        }
        drop(removed);
        if is_canary {
            // Nobody else ever knew of it.
            self.departed.notify_waiters();
            return;
        }
        if let (Some(member), Error::Died { cause, message, .. }) = (self.cluster.get(), death) {
            member.actor_ended(id, *cause, message.clone());
        }
        self.departed.notify_waiters();
    }
}

impl Inner {
    /// The part of a GPU that an actor computes on.
    fn share(&self, actor: &Actor, workers: &Workers) -> Option<GpuShare> {
        // Only what can reach a GPU can do harm with it.
        if !actor.package.code.uses_gpu() {
            return None;
        }
        let gpu = self.reservations.lock().gpus_of(actor.label.id).first().copied();
        let (index, part) = gpu?;
        let gpu = workers.gpus().get(index)?.clone();
        let memory = (gpu.memory as f64 * part.as_f64()) as u64;
        Some(GpuShare { index, gpu, memory })
    }

    /// These have got their resources.
    pub(super) fn granted(&self, ids: &[ActorId]) {
        let actors = self.actors.lock();
        let granted: Vec<_> = ids.iter().filter_map(|id| actors.get(id).cloned()).collect();
        drop(actors);
        for actor in granted {
            actor.grant();
            actor.wake();
        }
    }
}
