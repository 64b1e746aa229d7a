//! Creating an actor: options, name, resources, then the actor itself.

use std::sync::Arc;

use host_core::id::Label;
use host_core::placement::Reserve;
use host_core::resources::Resources;
use host_core::spec::Options;
use host_core::{ActorId, Cause, Error, JobId, limits};
use parking_lot::Mutex;

use super::Inner;
use crate::actor::{Actor, Role};
use crate::sandbox::Package;
use host_refs::{Args, Handle};

impl Inner {
    /// Creates an actor, at rest: the caller wakes it. With `reuse`, a taken
    /// name answers the actor that has it.
    pub(super) fn spawn_actor(
        &self,
        job: JobId,
        package: &Arc<Package>,
        class: &str,
        args: Args,
        options: Options,
        reuse: bool,
    ) -> Result<Handle, Error> {
        let index = package.info.classes.iter().position(|known| known.name == class);
        let index = index.ok_or_else(|| no_class(package, class))?;
        let info = &package.info.classes[index];
        let spec = options.over(&info.options).resolve(info.concurrency)?;
        if self.actors.lock().len() >= limits::JOB_ACTORS {
            return Err(Error::OutOfMemory(format!(
                "{} actors live on this node, the most there may be",
                limits::JOB_ACTORS
            )));
        }
        let id = ActorId { node: self.id, seq: self.next_seq() };
        let asked = spec.resources.clone();
        let full_name = spec.name.clone().map(|name| (name, spec.namespace.clone()));
        let make = || {
            let label = Label { class: info.name.as_str().into(), id };
            let role = Role::Class { index, args: Mutex::new(args) };
            let actor = Actor::new(label, job, package.clone(), spec, role, self.this());
            // Known before it asks: a grant may come at once, from another
            // thread.
            self.actors.lock().insert(id, actor.clone());
            actor
        };
        let actor = match &full_name {
            Some((name, namespace)) => match self.make_named(name, namespace, id, reuse, make)? {
                Named::Made(actor) => actor,
                Named::There(holder) => return Ok(holder),
            },
            None if reuse => return Err(Error::Invalid("get_if_exists needs a name".into())),
            None => make(),
        };
        let handle = actor.handle();
        if asked.is_empty() {
            actor.grant();
        } else if let Err(error) = self.reserve(&actor, asked) {
            // Gone before the answer: whoever is told no may try again under
            // the same name.
            self.names.lock().release(id);
            self.actors.lock().remove(&id);
            actor.end(Cause::Killed);
            return Err(error);
        }
        Ok(handle)
    }

    /// Claims the name and makes the actor, in one step: nobody sees a name
    /// whose actor is not there.
    fn make_named(
        &self,
        name: &str,
        namespace: &str,
        id: ActorId,
        reuse: bool,
        make: impl FnOnce() -> Arc<Actor>,
    ) -> Result<Named, Error> {
        loop {
            let mut names = self.names.lock();
            let Err(taken) = names.claim(namespace, name, id) else {
                return Ok(Named::Made(make()));
            };
            drop(names);
            if !reuse {
                return Err(Error::Invalid(format!(
                    "the name {name:?} is taken in namespace {namespace:?} by {}",
                    taken.holder
                )));
            }
            let holder = self.actors.lock().get(&taken.holder).cloned();
            if let Some(holder) = holder {
                return Ok(Named::There(holder.handle()));
            }
            // It ended just now, and gave the name back before it went.
        }
    }

    /// Reserves what the actor asks for, now or when others have given back.
    fn reserve(&self, actor: &Arc<Actor>, asked: Resources) -> Result<(), Error> {
        let reserved = self.ledger.lock().reserve(actor.label.id, asked);
        match reserved {
            Reserve::Granted => actor.grant(),
            Reserve::Waiting(reason) => {
                tracing::info!(actor = %actor.label, reason, "actor waits for resources");
                actor.waits_because(reason);
            }
            Reserve::Never(reason) => return Err(Error::Unplaceable(reason)),
        }
        Ok(())
    }
}

/// Whom a name stands for.
enum Named {
    /// The actor that was made for it.
    Made(Arc<Actor>),
    /// The actor that has it.
    There(Handle),
}

fn no_class(package: &Package, class: &str) -> Error {
    let known: Vec<_> = package.info.classes.iter().map(|class| class.name.as_str()).collect();
    Error::Invalid(format!(
        "the package has no class {class:?}; it has {}",
        if known.is_empty() { "none".into() } else { known.join(", ") }
    ))
}
