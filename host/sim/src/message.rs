//! What the nodes of the model say to each other.

use host_core::calls::{Answer, Call};
use host_core::lending::{Item, Message as Loan, PinId};
use host_core::placement::Request;
use host_core::probes::Message as Probe;
use host_core::resources::Resources;
use host_core::spec::Tries;
use host_core::{ActorId, CallId, GroupId};

/// What a call in the model does.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Body {
    /// The refs that are passed with it, each with its pin at this try.
    pub(crate) refs: Vec<(Item, Option<PinId>)>,
    /// An actor that the callee passes the refs on to, and its mobility.
    pub(crate) onward: Option<(ActorId, bool)>,
    /// Actors of which the callee calls the first, and waits for it; that one
    /// calls the next.
    pub(crate) asks: Vec<(ActorId, bool)>,
}

/// What an actor of the model is.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) request: Request,
    /// Where its room is, if that is a bundle.
    pub(crate) bundle: Option<(GroupId, u32)>,
    pub(crate) max_restarts: Tries,
    pub(crate) movable: bool,
    pub(crate) name: Option<String>,
}

/// The payload of a session's frame.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Call(Call<Body>),
    Answer(CallId, Answer<()>),
    Loan(Loan),
    Spawn(u64, Spec),
    Spawned(u64, Result<ActorId, String>),
    Probe(Probe),
    /// Keep a bundle, by the number of the try, and the answer.
    Prepare(GroupId, u32, u32, Resources),
    Prepared(GroupId, u32, u32, Result<(), String>),
    /// The bundles of a group are for good, or not any more.
    Commit(GroupId),
    Abort(GroupId),
    /// What became of this group of yours?
    Doubt(GroupId),
}
