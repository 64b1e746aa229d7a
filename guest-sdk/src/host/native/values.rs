//! Values, refs and handles, shaped like the bindings'.

use std::sync::Arc;

use crate::fake::{Argument, ObjectId, State, Stored, Who, World, actor_id, here};

/// One hold on an object.
pub(crate) struct RawRef {
    pub(super) world: Arc<World>,
    pub(super) id: ObjectId,
}

impl RawRef {
    pub(crate) fn id(&self) -> String {
        format!("object-{}", self.id.0)
    }
}

impl Clone for RawRef {
    fn clone(&self) -> Self {
        self.world.lock().hold_object(self.id);
        RawRef { world: Arc::clone(&self.world), id: self.id }
    }
}

impl Drop for RawRef {
    fn drop(&mut self) {
        self.world.lock().release_object(self.id);
    }
}

/// One hold on an actor.
pub(crate) struct RawHandle {
    pub(super) world: Arc<World>,
    pub(super) who: Who,
}

impl RawHandle {
    pub(crate) fn id(&self) -> String {
        actor_id(self.who)
    }

    pub(crate) fn class(&self) -> String {
        let state = self.world.lock();
        state.actor(self.who).map(|actor| actor.class.name.to_owned()).unwrap_or_default()
    }
}

impl Clone for RawHandle {
    fn clone(&self) -> Self {
        self.world.lock().hold_handle(self.who);
        RawHandle { world: Arc::clone(&self.world), who: self.who }
    }
}

impl Drop for RawHandle {
    fn drop(&mut self) {
        self.world.lock().release_handle(self.who);
    }
}

/// See `value` in `wit/types.wit`.
pub enum Value {
    #[doc(hidden)]
    Plain(Vec<u8>),
    #[doc(hidden)]
    Carrying(Carrying),
}

/// See `carrying` in `wit/types.wit`.
#[doc(hidden)]
pub struct Carrying {
    pub(crate) bytes: Vec<u8>,
    pub(crate) refs: Vec<RawRef>,
    pub(crate) handles: Vec<RawHandle>,
}

/// See `outgoing` in `wit/types.wit`.
pub(crate) enum Outgoing<'a> {
    Plain(&'a [u8]),
    Carrying(OutgoingCarrying<'a>),
    Object(&'a RawRef),
}

/// See `outgoing-carrying` in `wit/types.wit`.
pub(crate) struct OutgoingCarrying<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) refs: &'a [&'a RawRef],
    pub(crate) handles: &'a [&'a RawHandle],
}

/// A value as a guest gets it; it holds what is in it.
pub(crate) fn receive(world: &Arc<World>, stored: Stored) -> Value {
    if stored.refs.is_empty() && stored.handles.is_empty() {
        return Value::Plain(stored.bytes);
    }
    world.lock().hold(&stored);
    let refs = stored.refs.into_iter().map(|id| RawRef { world: Arc::clone(world), id });
    let handles = stored.handles.into_iter().map(|who| RawHandle { world: Arc::clone(world), who });
    Value::Carrying(Carrying {
        bytes: stored.bytes,
        refs: refs.collect(),
        handles: handles.collect(),
    })
}

/// A value that a guest gives away.
pub(crate) fn store(value: Value) -> Stored {
    match value {
        Value::Plain(bytes) => Stored { bytes, ..Stored::default() },
        Value::Carrying(Carrying { bytes, refs, handles }) => {
            let stored = Stored {
                bytes,
                refs: refs.iter().map(|raw| raw.id).collect(),
                handles: handles.iter().map(|raw| raw.who).collect(),
            };
            here().0.lock().hold(&stored);
            stored
        }
    }
}

/// A value or object that a guest sends and keeps.
pub(super) fn argument(state: &mut State, outgoing: &Outgoing<'_>) -> Argument {
    let stored = match outgoing {
        Outgoing::Object(raw) => {
            state.hold_object(raw.id);
            return Argument::Object(raw.id);
        }
        Outgoing::Plain(bytes) => Stored { bytes: bytes.to_vec(), ..Stored::default() },
        Outgoing::Carrying(OutgoingCarrying { bytes, refs, handles }) => Stored {
            bytes: bytes.to_vec(),
            refs: refs.iter().map(|raw| raw.id).collect(),
            handles: handles.iter().map(|raw| raw.who).collect(),
        },
    };
    state.hold(&stored);
    Argument::Value(stored)
}
