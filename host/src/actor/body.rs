//! Where an actor's instance is: in this process, or in a worker.

use std::path::PathBuf;
use std::sync::Arc;

use host_core::Error;
use host_wasi::Grants;

use super::Actor;
use crate::sandbox::{
    Apart, ApartBirth, CallSlot, Caller, GpuShare, Instance, Job, Start, Stop, Worker,
};
use host_refs::{ArgValues, Target as _, Value};

/// The instance of an incarnation.
pub(super) enum Body {
    /// In this process.
    Here(Instance),
    /// In a process of its own.
    Apart(Box<Apart>),
}

/// A process for an actor, and what it has there.
pub struct Seat {
    /// The process.
    pub worker: Worker,
    /// Its GPU.
    pub gpu: Option<GpuShare>,
    /// Where compiled code is kept.
    pub cache: Option<PathBuf>,
    /// What it may do.
    pub grants: Grants,
}

impl Seat {
    /// Makes the actor's instance there.
    pub(super) async fn begin(self, actor: &Arc<Actor>, caller: Caller) -> Result<Body, Error> {
        let start = Start {
            package: actor.package.code.id.0,
            cache: self.cache,
            what: actor.label.to_string(),
            memory_bytes_max: actor.spec.memory_bytes_max,
            at_once: (!actor.is_sequential()).then_some(actor.spec.max_concurrency),
            grants: self.grants,
            gpu: self.gpu,
        };
        let birth = ApartBirth {
            bytes: actor.package.bytes.clone(),
            services: actor.env.services(),
            caller: Arc::new(caller),
            output: actor.output(),
            start,
        };
        Apart::new(self.worker, birth).await.map(|apart| Body::Apart(Box::new(apart)))
    }
}

impl Body {
    pub(super) fn slot(&self) -> &Arc<CallSlot> {
        match self {
            Body::Here(instance) => instance.slot(),
            Body::Apart(apart) => apart.slot(),
        }
    }

    pub(super) async fn construct(&mut self, class: &str, args: ArgValues) -> Result<(), Stop> {
        match self {
            Body::Here(instance) => instance.construct(class, args).await,
            Body::Apart(apart) => apart.construct(class, args).await,
        }
    }

    pub(super) async fn invoke(
        &mut self,
        method: u32,
        name: &str,
        args: ArgValues,
    ) -> Result<Value, Stop> {
        match self {
            Body::Here(instance) => instance.invoke(method, name, args).await,
            // Boxed, so that the common way needs little room.
            Body::Apart(apart) => Box::pin(apart.invoke(method, name, args)).await,
        }
    }

    pub(super) async fn serve<N>(&mut self, most: u32, next: N) -> Result<(), Error>
    where
        N: AsyncFnMut() -> Option<Job> + Send,
    {
        match self {
            Body::Here(instance) => instance.serve(most, next).await,
            Body::Apart(apart) => apart.serve(most, next).await,
        }
    }
}
