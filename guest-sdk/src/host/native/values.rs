//! Values, refs and handles, shaped like the bindings'.

use std::sync::Arc;

use crate::fake::{ObjectId, State, Stored, StoredArgs, Who, World, actor_id, here};

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
}

/// See `outgoing-carrying` in `wit/types.wit`.
pub(crate) struct OutgoingCarrying<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) refs: &'a [&'a RawRef],
    pub(crate) handles: &'a [&'a RawHandle],
}

/// See `arguments` in `wit/types.wit`.
pub enum Arguments {
    #[doc(hidden)]
    Plain(Vec<u8>),
    #[doc(hidden)]
    Carrying(ArgumentsCarrying),
}

/// See `arguments-carrying` in `wit/types.wit`.
#[doc(hidden)]
pub struct ArgumentsCarrying {
    pub(crate) bytes: Vec<u8>,
    pub(crate) refs: Vec<RawRef>,
    pub(crate) handles: Vec<RawHandle>,
    pub(crate) objects: Vec<(u32, Value)>,
}

/// See `outgoing-arguments` in `wit/types.wit`.
pub(crate) enum OutgoingArguments<'a> {
    Plain(&'a [u8]),
    Carrying(OutgoingArgumentsCarrying<'a>),
}

/// See `outgoing-arguments-carrying` in `wit/types.wit`.
pub(crate) struct OutgoingArgumentsCarrying<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) refs: &'a [&'a RawRef],
    pub(crate) handles: &'a [&'a RawHandle],
    pub(crate) objects: &'a [(u32, &'a RawRef)],
}

/// A value as a guest gets it; it holds what is in it.
pub(crate) fn receive(world: &Arc<World>, stored: Stored) -> Value {
    if stored.refs.is_empty() && stored.handles.is_empty() {
        return Value::Plain(stored.bytes);
    }
    Value::Carrying(carry(world, stored))
}

/// Arguments as a guest gets them.
pub(crate) fn receive_args(
    world: &Arc<World>,
    values: Stored,
    objects: Vec<(u32, Stored)>,
) -> Arguments {
    if values.refs.is_empty() && values.handles.is_empty() && objects.is_empty() {
        return Arguments::Plain(values.bytes);
    }
    let Carrying { bytes, refs, handles } = carry(world, values);
    let objects = objects.into_iter().map(|(place, stored)| (place, receive(world, stored)));
    Arguments::Carrying(ArgumentsCarrying { bytes, refs, handles, objects: objects.collect() })
}

fn carry(world: &Arc<World>, stored: Stored) -> Carrying {
    world.lock().hold(&stored);
    let refs = stored.refs.into_iter().map(|id| RawRef { world: Arc::clone(world), id });
    let handles = stored.handles.into_iter().map(|who| RawHandle { world: Arc::clone(world), who });
    Carrying { bytes: stored.bytes, refs: refs.collect(), handles: handles.collect() }
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

/// A value that a guest sends and keeps.
pub(super) fn sent(state: &mut State, outgoing: &Outgoing<'_>) -> Stored {
    let stored = match outgoing {
        Outgoing::Plain(bytes) => copied(bytes, &[], &[]),
        Outgoing::Carrying(OutgoingCarrying { bytes, refs, handles }) => {
            copied(bytes, refs, handles)
        }
    };
    state.hold(&stored);
    stored
}

/// Arguments that a guest sends and keeps.
pub(super) fn kept(state: &mut State, args: &OutgoingArguments<'_>) -> StoredArgs {
    let (values, objects) = match args {
        OutgoingArguments::Plain(bytes) => (copied(bytes, &[], &[]), Vec::new()),
        OutgoingArguments::Carrying(carrying) => {
            let OutgoingArgumentsCarrying { bytes, refs, handles, objects } = carrying;
            let objects = objects.iter().map(|(place, raw)| (*place, raw.id)).collect();
            (copied(bytes, refs, handles), objects)
        }
    };
    state.hold(&values);
    objects.iter().for_each(|(_, object)| state.hold_object(*object));
    StoredArgs { values, objects }
}

fn copied(bytes: &[u8], refs: &[&RawRef], handles: &[&RawHandle]) -> Stored {
    Stored {
        bytes: bytes.to_vec(),
        refs: refs.iter().map(|raw| raw.id).collect(),
        handles: handles.iter().map(|raw| raw.who).collect(),
    }
}
