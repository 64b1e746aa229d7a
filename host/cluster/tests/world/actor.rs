//! An actor in a few lines: one task, one mailbox.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Context;

use bytes::Bytes;
use host_core::{ActorId, Cause, Error, JobId};
use host_refs::{Args, Call, ObjectRef, Outcome, Target, Value};
use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::local::Host;

/// What an actor of these tests can do: answer its argument; count; keep
/// references, let go of them, and read the first; fail; crash; not come to an
/// end; say how long its argument is, and how often it was restarted.
const METHODS: [&str; 10] =
    ["echo", "count", "keep", "drop", "read", "fail", "crash", "stuck", "size", "restarts"];

pub(crate) struct Actor {
    id: ActorId,
    pub(crate) job: JobId,
    pub(crate) detached: bool,
    host: Weak<Host>,
    handles: AtomicUsize,
    mailbox: UnboundedSender<Letter>,
    /// Why it is dead, and the results that are owed.
    state: Mutex<(Option<Arc<Error>>, Vec<ObjectRef>)>,
    /// What it was last told to keep.
    pub(crate) kept: Mutex<Value>,
}

enum Letter {
    Call(Call),
    /// It ends, once the calls before this are done.
    End(Cause),
}

impl Actor {
    pub(crate) fn start(
        host: Weak<Host>,
        id: ActorId,
        (job, detached): (JobId, bool),
        args: Args,
        restarts: u32,
        granted: oneshot::Receiver<()>,
    ) -> Arc<Actor> {
        let (mailbox, letters) = unbounded_channel();
        let (handles, state) = (AtomicUsize::new(0), Mutex::default());
        let kept = Mutex::default();
        let actor = Arc::new(Actor { id, job, detached, host, handles, mailbox, state, kept });
        let me = Arc::downgrade(&actor);
        tokio::spawn(async move {
            // One that is taken back is never granted.
            if granted.await.is_ok() {
                live(me, letters, args, restarts).await;
            }
        });
        actor
    }

    pub(crate) fn die(&self, cause: Cause, message: &str) {
        let (actor, message) = (self.id.to_string(), message.to_owned());
        let died = Error::Died { actor, cause, message };
        let died = Arc::new(died);
        let owed = {
            let mut state = self.state.lock();
            state.0.get_or_insert_with(|| died.clone());
            std::mem::take(&mut state.1)
        };
        for result in owed {
            result.settle(Err(died.clone()), None);
        }
    }

    pub(crate) fn retire(&self, cause: Cause) {
        let _ = self.mailbox.send(Letter::End(cause));
    }

    fn end(&self, cause: Cause) {
        if let Some(host) = self.host.upgrade() {
            host.over(self.id, cause);
        }
    }
}

/// Takes one call after the other.
async fn live(me: Weak<Actor>, mut letters: UnboundedReceiver<Letter>, args: Args, restarts: u32) {
    let mut kept = args.values;
    let mut count = args.objects.len() as u64;
    while let Some(letter) = letters.recv().await {
        let mut call = match letter {
            Letter::Call(call) => call,
            Letter::End(cause) => {
                if let Some(me) = me.upgrade() {
                    me.end(cause);
                }
                return;
            }
        };
        call.held_up = None;
        let number = |number: u64| Ok(Value::plain(Bytes::copy_from_slice(&number.to_be_bytes())));
        let outcome: Outcome = match METHODS[call.method as usize] {
            "echo" => call.args.resolve().await.map(|args| match args.objects.into_iter().next() {
                Some((_, value)) => value,
                None => args.values,
            }),
            "count" => {
                count += 1;
                number(count)
            }
            "keep" => {
                kept = call.args.values;
                if let Some(me) = me.upgrade() {
                    *me.kept.lock() = kept.clone();
                }
                number(0)
            }
            "drop" => {
                kept = Value::default();
                if let Some(me) = me.upgrade() {
                    *me.kept.lock() = Value::default();
                }
                number(0)
            }
            "read" => {
                let first = kept.attached.as_ref().and_then(|all| all.refs.first().cloned());
                match first {
                    Some(object) => object.outcome().await,
                    None => Err(Arc::new(Error::Invalid("nothing is kept".into()))),
                }
            }
            "fail" => Err(Arc::new(Error::Failed {
                message: "as asked".into(),
                value: Arc::new(vec![1]),
            })),
            "crash" => {
                if let Some(me) = me.upgrade() {
                    me.end(Cause::Crashed);
                }
                return;
            }
            "stuck" => std::future::pending().await,
            "size" => match call.args.resolve().await {
                Ok(args) => number(args.values.bytes.len() as u64),
                Err(error) => Err(error),
            },
            _ => number(u64::from(restarts)),
        };
        if let Some(result) = call.result {
            if let Some(me) = me.upgrade() {
                me.state.lock().1.retain(|owed| !owed.is(&result));
            }
            result.settle(outcome, None);
        }
    }
}

impl Target for Actor {
    fn id(&self) -> ActorId {
        self.id
    }

    fn class(&self) -> &'static str {
        "Actor"
    }

    fn is_sequential(&self) -> bool {
        true
    }

    fn method_index(&self, name: &str) -> Result<u32, Error> {
        let at = METHODS.iter().position(|known| *known == name);
        at.map(|at| at as u32).ok_or_else(|| Error::Invalid(format!("no method {name:?}")))
    }

    fn send(&self, call: Call, _quietly: bool) -> Result<(), Error> {
        let mut state = self.state.lock();
        if let Some(death) = state.0.clone() {
            drop(state);
            call.refuse(death);
            return Ok(());
        }
        state.1.extend(call.result.clone());
        let _ = self.mailbox.send(Letter::Call(call));
        Ok(())
    }

    fn wake(&self) {}

    fn run_inline(self: Arc<Self>, _: &ObjectRef, _: &mut Context<'_>) {}

    fn cancel(&self, object: &ObjectRef, why: Error) {
        object.settle(Err(Arc::new(why)), None);
    }

    fn kill(&self, restart: bool) {
        self.end(if restart { Cause::Crashed } else { Cause::Killed });
    }

    fn retain(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    fn release(self: Arc<Self>) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 && !self.detached {
            let _ = self.mailbox.send(Letter::End(Cause::Released));
        }
    }
}
