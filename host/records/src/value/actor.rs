//! The record of an actor that can move.

use std::sync::Arc;

use bytes::Bytes;
use host_core::control::{ActorRecord, ActorState};
use host_core::limits::{BIRTH_BYTES, NAME_BYTES};
use host_core::placement::{Request, Selector, Strategy, Test};
use host_core::spec::Tries;
use host_core::{Cause, NodeId, PackageId};
use host_proto::records as proto;
use host_proto::records::actor::{MaxRestarts, State};
use host_proto::records::placing::Strategy as Placed;
use host_proto::records::selector::Test as Tested;

use super::parts::{actor_from, actor_to, marker, named, resources_from, resources_to, text};
use crate::failure::Unreadable;
use crate::limits;

pub(super) fn to_proto(record: &ActorRecord) -> proto::Actor {
    let ActorRecord {
        id,
        class,
        package,
        request,
        max_restarts,
        detached,
        owner,
        birth,
        name,
        restarts,
        moves,
        state,
    } = record;
    let name = name.as_ref().map(|(namespace, name)| proto::Name {
        namespace: namespace.to_string(),
        name: name.to_string(),
    });
    proto::Actor {
        id: Some(actor_to(*id)),
        class: class.to_string(),
        package: Bytes::copy_from_slice(&package.0),
        request: Some(request_to(request)),
        max_restarts: Some(match max_restarts {
            Tries::AtMost(count) => MaxRestarts::AtMost(*count),
            Tries::Unbounded => MaxRestarts::Unbounded(true),
        }),
        detached: *detached,
        owner: owner.0,
        birth: birth.clone(),
        name,
        restarts: *restarts,
        moves: *moves,
        state: Some(state_to(state)),
    }
}

pub(super) fn from_proto(actor: proto::Actor) -> Result<ActorRecord, Unreadable> {
    let proto::Actor {
        id,
        class,
        package,
        request,
        max_restarts,
        detached,
        owner,
        birth,
        name,
        restarts,
        moves,
        state,
    } = actor;
    Unreadable::bounded("bytes of birth", birth.len(), BIRTH_BYTES)?;
    let package = package.as_ref().try_into();
    let name = name.map(|proto::Name { namespace, name }| Ok((named(namespace)?, named(name)?)));
    let max_restarts = match max_restarts {
        Some(MaxRestarts::AtMost(count)) => Tries::AtMost(count),
        Some(MaxRestarts::Unbounded(is)) => {
            marker(is)?;
            Tries::Unbounded
        }
        None => return Err(Unreadable::Malformed("an actor without a bound of restarts")),
    };
    Ok(ActorRecord {
        id: actor_from(&id.ok_or(Unreadable::Malformed("an actor without an id"))?),
        class: named(class)?,
        package: PackageId(
            package.map_err(|_| Unreadable::Malformed("a package's id has 32 bytes"))?,
        ),
        request: request_from(
            request.ok_or(Unreadable::Malformed("an actor that asks for no place"))?,
        )?,
        max_restarts,
        detached,
        owner: NodeId(owner),
        birth,
        name: name.transpose()?,
        restarts,
        moves,
        state: state_from(state.ok_or(Unreadable::Malformed("an actor that does not stand"))?)?,
    })
}

fn request_to(request: &Request) -> proto::Placing {
    let Request { resources, strategy, required, preferred } = request;
    proto::Placing {
        resources: resources_to(resources),
        strategy: Some(match strategy {
            Strategy::Pack => Placed::Pack(true),
            Strategy::Spread => Placed::Spread(true),
            Strategy::Only(node) => Placed::Only(node.to_string()),
            Strategy::Rather(node) => Placed::Rather(node.to_string()),
        }),
        required: required.iter().map(selector_to).collect(),
        preferred: preferred.iter().map(selector_to).collect(),
    }
}

fn request_from(placing: proto::Placing) -> Result<Request, Unreadable> {
    let proto::Placing { resources, strategy, required, preferred } = placing;
    let strategy = match strategy {
        Some(Placed::Pack(is)) => marker(is).map(|()| Strategy::Pack)?,
        Some(Placed::Spread(is)) => marker(is).map(|()| Strategy::Spread)?,
        Some(Placed::Only(node)) => Strategy::Only(named(node)?),
        Some(Placed::Rather(node)) => Strategy::Rather(named(node)?),
        None => return Err(Unreadable::Malformed("a strategy that this version does not know")),
    };
    let selectors = |selectors: Vec<proto::Selector>| {
        Unreadable::bounded("conditions on labels", selectors.len(), limits::SELECTORS_MAX)?;
        selectors.into_iter().map(selector_from).collect::<Result<_, _>>()
    };
    Ok(Request {
        resources: resources_from(resources)?,
        strategy,
        required: selectors(required)?,
        preferred: selectors(preferred)?,
    })
}

fn selector_to(selector: &Selector) -> proto::Selector {
    let Selector { label, test } = selector;
    let test = match test {
        Test::Exists => Tested::Exists(true),
        Test::Is(value) => Tested::Is(value.to_string()),
        Test::IsNot(value) => Tested::IsNot(value.to_string()),
        Test::In(values) => Tested::In(values_to(values)),
        Test::NotIn(values) => Tested::NotIn(values_to(values)),
        Test::Absent => Tested::Absent(true),
    };
    proto::Selector { label: label.to_string(), test: Some(test) }
}

fn selector_from(selector: proto::Selector) -> Result<Selector, Unreadable> {
    let proto::Selector { label, test } = selector;
    let value = |value| text("bytes of a label", value, NAME_BYTES);
    let test = match test {
        Some(Tested::Exists(is)) => marker(is).map(|()| Test::Exists)?,
        Some(Tested::Is(wanted)) => Test::Is(value(wanted)?),
        Some(Tested::IsNot(unwanted)) => Test::IsNot(value(unwanted)?),
        Some(Tested::In(values)) => Test::In(values_from(values)?),
        Some(Tested::NotIn(values)) => Test::NotIn(values_from(values)?),
        Some(Tested::Absent(is)) => marker(is).map(|()| Test::Absent)?,
        None => return Err(Unreadable::Malformed("a condition that this version does not know")),
    };
    Ok(Selector { label: named(label)?, test })
}

fn values_to(values: &[Arc<str>]) -> proto::Values {
    proto::Values { values: values.iter().map(ToString::to_string).collect() }
}

fn values_from(proto::Values { values }: proto::Values) -> Result<Vec<Arc<str>>, Unreadable> {
    Unreadable::bounded("values of a label", values.len(), limits::SELECTED_MAX)?;
    values.into_iter().map(|value| text("bytes of a label", value, NAME_BYTES)).collect()
}

fn state_to(state: &ActorState) -> State {
    match state {
        ActorState::On { node, incarnation } => {
            State::On(proto::On { node: node.0, incarnation: *incarnation })
        }
        ActorState::Dead { cause, message } => State::Dead(proto::Dead {
            cause: cause_to(*cause).into(),
            message: message.to_string(),
        }),
    }
}

fn state_from(state: State) -> Result<ActorState, Unreadable> {
    match state {
        State::On(proto::On { node, incarnation }) => {
            Ok(ActorState::On { node: NodeId(node), incarnation })
        }
        State::Dead(proto::Dead { cause, message }) => Ok(ActorState::Dead {
            cause: cause_from(cause)?,
            message: text("bytes of a story", message, limits::STORY_BYTES_MAX)?,
        }),
    }
}

fn cause_to(cause: Cause) -> proto::Cause {
    match cause {
        Cause::Killed => proto::Cause::Killed,
        Cause::Released => proto::Cause::Released,
        Cause::Exited => proto::Cause::Exited,
        Cause::JobEnded => proto::Cause::JobEnded,
        Cause::ConstructorFailed => proto::Cause::ConstructorFailed,
        Cause::Crashed => proto::Cause::Crashed,
        Cause::NodeLost => proto::Cause::NodeLost,
        Cause::GroupRemoved => proto::Cause::GroupRemoved,
    }
}

fn cause_from(cause: i32) -> Result<Cause, Unreadable> {
    match proto::Cause::try_from(cause) {
        Ok(proto::Cause::Killed) => Ok(Cause::Killed),
        Ok(proto::Cause::Released) => Ok(Cause::Released),
        Ok(proto::Cause::Exited) => Ok(Cause::Exited),
        Ok(proto::Cause::JobEnded) => Ok(Cause::JobEnded),
        Ok(proto::Cause::ConstructorFailed) => Ok(Cause::ConstructorFailed),
        Ok(proto::Cause::Crashed) => Ok(Cause::Crashed),
        Ok(proto::Cause::NodeLost) => Ok(Cause::NodeLost),
        Ok(proto::Cause::GroupRemoved) => Ok(Cause::GroupRemoved),
        Ok(proto::Cause::Unspecified) | Err(_) => {
            Err(Unreadable::Malformed("a cause that this version does not know"))
        }
    }
}
