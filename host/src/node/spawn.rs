//! Creating an actor: options, name, resources, then the actor itself.

use std::sync::Arc;

use host_cluster::{Birth, Life, Refused};
use host_core::id::Label;
use host_core::placement::{Decision, Reserve, Strategy, decide, explain};
use host_core::spec::{ActorSpec, Concurrency, Isolation, Options, Tries};
use host_core::{ActorId, Cause, Error, JobId, limits};
use parking_lot::Mutex;

use super::Inner;
use crate::actor::{Actor, Role};
use crate::meters::Count;
use crate::sandbox::Package;
use host_refs::{Args, Handle, Target as _};

impl Inner {
    /// What is needed to make an actor, here or on another node.
    pub(super) fn birth(
        &self,
        job: JobId,
        package: &Arc<Package>,
        class: &str,
        options: Options,
    ) -> Result<Birth, Error> {
        let info = package.info.class(class).ok_or_else(|| no_class(package, class))?;
        let spec = options.over(&info.options).resolve(info.concurrency)?;
        let sequential = info.concurrency == Concurrency::Sequential;
        Ok(Birth {
            package: package.code.id,
            class: info.name.as_str().into(),
            job,
            sequential,
            spec,
        })
    }

    /// Creates an actor on whichever node of the cluster suits it best; here,
    /// at rest, if there is no cluster.
    pub(super) async fn place(
        &self,
        job: JobId,
        package: &Arc<Package>,
        class: &str,
        args: Args,
        options: Options,
        reuse: bool,
    ) -> Result<Handle, Error> {
        match self.cluster.get() {
            Some(member) => {
                let birth = self.birth(job, package, class, options)?;
                member.spawn(birth, args, reuse).await
            }
            None => self.spawn_actor(job, package, class, args, options, reuse),
        }
    }

    /// Creates an actor of this node, at rest: the caller wakes it. With
    /// `reuse`, a taken name answers the actor that has it.
    pub(super) fn spawn_actor(
        &self,
        job: JobId,
        package: &Arc<Package>,
        class: &str,
        args: Args,
        options: Options,
        reuse: bool,
    ) -> Result<Handle, Error> {
        let mut birth = self.birth(job, package, class, options)?;
        self.check_place(&birth.spec)?;
        self.choose_bundle(&mut birth.spec)?;
        let id = ActorId { node: self.id, seq: self.next_seq() };
        let full_name = birth.spec.name.clone().map(|name| (name, birth.spec.namespace.clone()));
        self.check_room(&birth.spec)?;
        let make = || self.make(&birth, package, id, args, 0);
        let actor = match &full_name {
            Some((name, namespace)) => match self.make_named(name, namespace, id, reuse, make)? {
                Named::Made(actor) => actor,
                Named::There(holder) => return Ok(holder),
            },
            None if reuse => return Err(Error::Invalid("get_if_exists needs a name".into())),
            None => make(),
        };
        let handle = actor.handle();
        if let Err(error) = self.reserve(&actor) {
            // Gone before the answer: whoever is told no may try again under
            // the same name.
            self.names.lock().release(id);
            self.unmake(&actor);
            return Err(error);
        }
        Ok(handle)
    }

    /// An actor that is not to be, before anybody knows of it.
    fn unmake(&self, actor: &Arc<Actor>) {
        self.actors.lock().remove(&actor.label.id);
        actor.end(Cause::Killed);
    }

    /// Makes an actor that the cluster has placed here, and wakes it.
    pub(super) fn spawn_placed(
        &self,
        birth: &Birth,
        args: Args,
        life: &Life,
    ) -> Result<Arc<Actor>, Refused> {
        let package = self.packages.lock().get(&birth.package).cloned();
        let package = package.ok_or_else(|| {
            Refused::Failed(Error::Unavailable(format!("package {} is not here", birth.package)))
        })?;
        if package.info.class(&birth.class).is_none() {
            return Err(Refused::Failed(no_class(&package, &birth.class)));
        }
        self.check_room(&birth.spec).map_err(Refused::Failed)?;
        if !life.wait {
            let (asked, inside) =
                (birth.spec.resources.clone(), Inner::inside(birth.job, &birth.spec));
            match self.reservations.lock().reserve_now(life.actor, asked, inside) {
                Reserve::Granted => {}
                Reserve::Waiting(why) => return Err(Refused::Full(why)),
                Reserve::Never(why) if inside.is_none() => return Err(Refused::Full(why)),
                Reserve::Never(why) => return Err(Refused::Failed(Error::Unplaceable(why))),
            }
        }
        let mut birth = birth.clone();
        if life.movable {
            // The cluster counts its restarts, and begins its next life.
            birth.spec.max_restarts = Tries::AtMost(0);
        }
        let actor = self.make(&birth, &package, life.actor, args, life.restarts);
        if life.wait {
            if let Err(error) = self.reserve(&actor) {
                self.unmake(&actor);
                return Err(Refused::Failed(error));
            }
        } else {
            actor.grant();
        }
        actor.wake();
        Ok(actor)
    }

    /// Refuses what asks for another node than this, the only one.
    fn check_place(&self, spec: &ActorSpec) -> Result<(), Error> {
        if spec.strategy == Strategy::Pack && spec.labels.is_empty() {
            return Ok(());
        }
        let request = &spec.request();
        match decide(request, &[self.view_of_all()]) {
            decision @ Decision::Never(_) => Err(Error::Unplaceable(explain(request, &decision))),
            Decision::Place(_) | Decision::Wait(_) => Ok(()),
        }
    }

    fn check_room(&self, spec: &ActorSpec) -> Result<(), Error> {
        if spec.isolation == Isolation::Process && self.config.workers.is_none() {
            return Err(Error::Unplaceable(format!(
                "isolation = \"process\": node {} starts no processes for actors",
                self.config.name
            )));
        }
        if self.actors.lock().len() < limits::JOB_ACTORS {
            return Ok(());
        }
        Err(Error::OutOfMemory(format!(
            "{} actors live on this node, the most there may be",
            limits::JOB_ACTORS
        )))
    }

    fn make(
        &self,
        birth: &Birth,
        package: &Arc<Package>,
        id: ActorId,
        args: Args,
        before: u32,
    ) -> Arc<Actor> {
        let label = Label { class: birth.class.clone(), id };
        let classes = &package.info.classes;
        let index = classes.iter().position(|known| *known.name == *birth.class);
        let index = index.expect("a birth names a class of its package");
        let role = Role::Class { index, args: Mutex::new(args), before };
        let spec = birth.spec.clone();
        let actor = Actor::new(label, birth.job, package.clone(), spec, role, self.this());
        // Known before it asks: a grant may come at once, from another thread.
        self.meters.count(Count::Spawned);
        self.actors.lock().insert(id, actor.clone());
        actor
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
    fn reserve(&self, actor: &Arc<Actor>) -> Result<(), Error> {
        let asked = &actor.spec.resources;
        let inside = Inner::inside(actor.job, &actor.spec);
        if asked.is_empty() && inside.is_none() {
            actor.grant();
            return Ok(());
        }
        let id = actor.label.id;
        let reserved = self.reservations.lock().reserve(id, asked.clone(), inside);
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
