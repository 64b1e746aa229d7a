//! Who runs next.
//!
//! One thread has the turn. When it waits, the turn goes round to the next
//! that has something to do. When nobody has, time jumps to the next deadline;
//! when there is none, somebody waits for ever and is told so.

use super::state::{Call, DRIVER, Work, actor_id};
use super::state::{CallId, Content, ObjectId, Parked, State, Until, Wait, WaitId, Who};
use crate::error::{Cause, Error};

/// Calls that wait one for the next.
struct Chain {
    names: Vec<String>,
    /// Whether the last is of the actor that waits first.
    is_circle: bool,
}

impl State {
    /// Gives the turn to the next after `who` that has something to do.
    pub(crate) fn pass_turn(&mut self, who: Who) {
        self.turn = self.next_turn(who);
        self.bells[self.turn.0].notify_one();
    }

    fn next_turn(&mut self, who: Who) -> Who {
        let threads = self.actors.len() + 1;
        loop {
            let next = (1..=threads)
                .map(|step| Who((who.0 + step) % threads))
                .find(|next| self.has_work(*next));
            if let Some(next) = next {
                return next;
            }
            if self.closing || self.driver == Parked::Settling {
                return DRIVER;
            }
            match self.next_deadline() {
                Some(deadline) => self.advance(deadline),
                None if self.break_a_wait() => {}
                None => return DRIVER,
            }
        }
    }

    fn has_work(&self, who: Who) -> bool {
        let parked = self.parked(who);
        let ends = self.actor(who).is_some_and(|actor| {
            actor.death.is_some() || actor.restarting || self.closing || self.is_released(who)
        });
        match parked {
            Parked::Gone | Parked::Running | Parked::Settling => false,
            _ if ends => true,
            Parked::ForCall => self.next_call(who).is_some(),
            Parked::On(wait) => self.waits.get(&wait).is_none_or(|wait| self.is_over(wait)),
            Parked::Polling { accepts } => {
                let over = |wait: &Wait| wait.who == who && self.is_over(wait);
                self.waits.values().any(over) || (accepts && self.next_call(who).is_some())
            }
        }
    }

    /// Whether nobody can call this actor any more and it has done all it was
    /// asked to.
    pub(crate) fn is_released(&self, who: Who) -> bool {
        self.actor(who).is_some_and(|actor| {
            actor.handles == 0
                && actor.options.detached != Some(true)
                && actor.mailbox.is_empty()
                && actor.running.is_empty()
        })
    }

    /// The place in the mailbox of the call to run next. A sequential actor
    /// runs calls in order, also when the first still waits for an argument.
    pub(crate) fn next_call(&self, who: Who) -> Option<usize> {
        let actor = self.actor(who)?;
        let deliverable =
            |call: &Call| call.args.objects.iter().all(|(_, object)| self.is_settled(*object));
        if actor.class.is_concurrent() && actor.mailbox.front()?.work != Work::Construct {
            return actor.mailbox.iter().position(deliverable);
        }
        actor.mailbox.front().filter(|call| deliverable(call)).map(|_| 0)
    }

    pub(crate) fn is_settled(&self, id: ObjectId) -> bool {
        self.objects.get(&id).is_none_or(|object| !matches!(object.content, Content::Pending))
    }

    fn has_failed(&self, id: ObjectId) -> bool {
        self.objects.get(&id).is_some_and(|object| matches!(object.content, Content::Failed(_)))
    }

    pub(crate) fn is_cancelled(&self, who: Who, call: CallId) -> bool {
        self.actor(who).is_some_and(|actor| {
            actor.running.iter().any(|running| {
                let late = running.call.deadline.is_some_and(|deadline| deadline < self.now);
                running.call.id == call && (running.cancelled || late)
            })
        })
    }

    pub(crate) fn is_over(&self, wait: &Wait) -> bool {
        wait.broken.is_some()
            || wait.deadline.is_some_and(|deadline| deadline < self.now)
            || self.is_cancelled(wait.who, wait.call)
            || match wait.until {
                Until::All => {
                    wait.refs.iter().any(|id| self.has_failed(*id))
                        || wait.refs.iter().all(|id| self.is_settled(*id))
                }
                Until::Count(count) => {
                    wait.refs.iter().filter(|id| self.is_settled(**id)).count() >= count
                }
                Until::Deadline => false,
            }
    }

    fn next_deadline(&self) -> Option<u64> {
        let waits = self.waits.values().filter_map(|wait| wait.deadline);
        let calls = self.actors.iter().flat_map(|actor| {
            let running = actor.running.iter().map(|running| &running.call);
            actor.mailbox.iter().chain(running).filter_map(|call| call.deadline)
        });
        waits.chain(calls).filter(|deadline| *deadline >= self.now).min()
    }

    /// Lets time pass until just after a deadline.
    fn advance(&mut self, deadline: u64) {
        self.now = deadline.saturating_add(1);
        let mut late = Vec::new();
        for actor in &mut self.actors {
            let (expired, rest): (Vec<Call>, Vec<Call>) =
                std::mem::take(&mut actor.mailbox).into_iter().partition(|call| {
                    call.work != Work::Construct
                        && call.deadline.is_some_and(|deadline| deadline < self.now)
                });
            actor.mailbox = rest.into();
            late.extend(expired.into_iter().map(|call| (actor.class, call)));
        }
        for (class, call) in late {
            let error = timed_out(class.name, &call, class);
            self.finish(call, Err(error));
        }
        self.fail_late_results();
    }

    /// Callers of running calls whose time has passed are told at once.
    fn fail_late_results(&mut self) {
        let mut late = Vec::new();
        for actor in &self.actors {
            for running in &actor.running {
                let passed = running.call.deadline.is_some_and(|deadline| deadline < self.now);
                if let (true, Some(result)) = (passed, running.call.result) {
                    late.push((result, timed_out(actor.class.name, &running.call, actor.class)));
                }
            }
        }
        for (result, error) in late {
            self.fail(result, error);
        }
    }

    /// Fails an object that is pending.
    pub(crate) fn fail(&mut self, id: ObjectId, error: Error) {
        if let Some(object) = self.objects.get_mut(&id) {
            if matches!(object.content, Content::Pending) {
                object.content = Content::Failed(error);
            }
        }
    }

    /// Nobody can go on. The wait that closed a circle is told so; without a
    /// circle, the one that began last.
    fn break_a_wait(&mut self) -> bool {
        let unbroken = || self.waits.iter().rev().filter(|(_, wait)| wait.broken.is_none());
        let circle = unbroken().find(|(_, wait)| self.chain(wait).is_circle);
        let Some((id, wait)) = circle.or_else(|| unbroken().next()) else { return false };
        let Chain { names, is_circle } = self.chain(wait);
        let names = names.join(" waits for ");
        let error = Error::Invalid(if is_circle {
            format!("a call cycle: {names}")
        } else {
            format!("{names} waits for what never comes")
        });
        let id = *id;
        if let Some(wait) = self.waits.get_mut(&id) {
            wait.broken = Some(error);
        }
        true
    }

    /// The calls that wait one for the next, from this wait on.
    fn chain(&self, wait: &Wait) -> Chain {
        let mut names = vec![self.call_name(wait.who, wait.call)];
        let mut visited = vec![wait.who];
        let mut refs = wait.refs.clone();
        while let Some((who, call)) = refs.iter().find_map(|id| self.pending_maker(*id)) {
            names.push(self.call_name(who, call));
            if visited.contains(&who) {
                return Chain { names, is_circle: who == wait.who };
            }
            visited.push(who);
            refs = self.needs(who, call);
        }
        Chain { names, is_circle: false }
    }

    fn pending_maker(&self, id: ObjectId) -> Option<(Who, CallId)> {
        let object = self.objects.get(&id)?;
        match object.content {
            Content::Pending => object.maker,
            Content::Ready(_) | Content::Failed(_) => None,
        }
    }

    /// The objects that a call waits for: those of its wait once it runs, its
    /// arguments before; behind a busy actor, those of the call that runs.
    fn needs(&self, who: Who, call: CallId) -> Vec<ObjectId> {
        let mut refs: Vec<ObjectId> = self
            .waits
            .values()
            .filter(|wait| wait.who == who)
            .flat_map(|wait| wait.refs.iter().copied())
            .collect();
        let queued =
            self.actor(who).and_then(|actor| actor.mailbox.iter().find(|queued| queued.id == call));
        refs.extend(
            queued.iter().flat_map(|queued| &queued.args.objects).map(|(_, object)| *object),
        );
        refs
    }

    fn call_name(&self, who: Who, call: CallId) -> String {
        let Some(actor) = self.actor(who) else { return "the driver".to_owned() };
        let running = actor.running.iter().map(|running| &running.call);
        let found = actor.mailbox.iter().chain(running).find(|other| other.id == call);
        let method = found.map_or("?", |call| method_name(call.work, actor.class));
        format!("{}.{method} ({})", actor.class.name, actor_id(who))
    }

    /// Ends an actor whose handles are gone.
    pub(crate) fn end_released(&mut self, who: Who) {
        if self.is_released(who) {
            self.end(who, Cause::Released, "ended: its last handle was dropped");
        }
    }

    /// A wait of a call; the caller asks again when it has the turn.
    pub(crate) fn add_wait(&mut self, wait: Wait) -> WaitId {
        let id = WaitId(self.next_id());
        self.waits.insert(id, wait);
        id
    }
}

pub(crate) fn method_name(work: Work, class: &'static crate::class::Class) -> &'static str {
    match work {
        Work::Construct => "new",
        Work::Exit => "exit",
        Work::Method(index) => class.methods.get(index as usize).map_or("?", |method| method.name),
    }
}

fn timed_out(name: &str, call: &Call, class: &'static crate::class::Class) -> Error {
    let method = method_name(call.work, class);
    Error::TimedOut(format!("{name}.{method} did not answer in time"))
}
