//! Between the host's types and those of the contract, both ways. What comes
//! from the other end is checked here.

use std::sync::Arc;

use bytes::Bytes;
use host_cluster::Drain;
use host_core::package::{ClassInfo, MethodInfo, PackageInfo, Param};
use host_core::spec::{Concurrency, Options};
use host_core::{ActorId, Cause, Error, GroupId, JobId, Level, NodeId, ObjectId, PackageId};
use host_identity::{Enrolment, Kind, Role, Token, Uses};
use host_proto::admin as proto;
use host_proto::admin::call_answer::Outcome;
use host_refs::Value;
use host_wasi::Stream;

use super::limits;
use super::lines::{Batch, Line};
use crate::log::Source;
use crate::node::ObjectTotals;

/// The id of an actor, as it is sent.
pub fn actor_id_to(id: ActorId) -> proto::Id {
    proto::Id { node: id.node.0, seq: id.seq }
}

/// The id of an actor.
pub fn actor_id_from(id: proto::Id) -> ActorId {
    ActorId { node: NodeId(id.node), seq: id.seq }
}

/// The id of a job, as it is sent.
pub fn job_id_to(id: JobId) -> proto::Id {
    proto::Id { node: id.node.0, seq: id.seq }
}

/// The id of a placement group, as it is sent.
pub fn group_id_to(id: GroupId) -> proto::Id {
    proto::Id { node: id.node.0, seq: id.seq }
}

/// The id of a placement group.
pub fn group_id_from(id: proto::Id) -> GroupId {
    GroupId { node: NodeId(id.node), seq: id.seq }
}

/// The id of a job.
pub fn job_id_from(id: proto::Id) -> JobId {
    JobId { node: NodeId(id.node), seq: id.seq }
}

/// The id of an object, as it is sent.
pub fn object_id_to(id: ObjectId) -> proto::Id {
    proto::Id { node: id.node.0, seq: id.seq }
}

/// The id of an object.
pub fn object_id_from(id: proto::Id) -> ObjectId {
    ObjectId { node: NodeId(id.node), seq: id.seq }
}

/// The id of a package, if it has the right length.
pub fn package_id_from(id: &[u8]) -> Option<PackageId> {
    id.try_into().ok().map(PackageId)
}

/// The id of a package, as it is sent.
pub fn package_id_to(id: PackageId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}

/// A value, as it is sent: its references by their ids.
pub fn value_to(value: Value) -> proto::Value {
    let (refs, handles) = match &value.attached {
        None => (Vec::new(), Vec::new()),
        Some(all) => (
            all.refs.iter().map(|object| object.id().to_string()).collect(),
            all.handles.iter().map(|handle| handle.target().id().to_string()).collect(),
        ),
    };
    proto::Value { bytes: value.bytes, refs, handles }
}

/// The outcome of a call as an answer; what is too large for one is a fault.
pub fn outcome_to(outcome: Result<Value, Arc<Error>>) -> Outcome {
    match outcome {
        Ok(value) if value.weight() > limits::RESULT_BYTES => {
            let why = format!(
                "the result has {} bytes, and a client gets {} at most; let an actor read it",
                value.weight(),
                limits::RESULT_BYTES
            );
            Outcome::Fault(fault_to(&Error::Invalid(why)))
        }
        Ok(value) => Outcome::Result(value_to(value)),
        Err(error) => Outcome::Fault(fault_to(&error)),
    }
}

/// An error, as it is sent.
pub fn fault_to(error: &Error) -> proto::Fault {
    use proto::FaultKind as Kind;
    let mut fault = proto::Fault { message: error.to_string(), ..proto::Fault::default() };
    let kind = match error {
        Error::Failed { message, value } => {
            fault.message.clone_from(message);
            fault.value = Bytes::copy_from_slice(value);
            Kind::Failed
        }
        Error::Trapped { method, message, backtrace } => {
            fault.message.clone_from(message);
            fault.method.clone_from(method);
            fault.backtrace.clone_from(backtrace);
            Kind::Trapped
        }
        Error::Died { actor, cause, message } => {
            fault.message.clone_from(message);
            fault.actor.clone_from(actor);
            fault.set_cause(cause_to(*cause));
            Kind::Died
        }
        Error::Unavailable(_) => Kind::Unavailable,
        Error::TimedOut(_) => Kind::TimedOut,
        Error::Cancelled(_) => Kind::Cancelled,
        Error::MailboxFull(_) => Kind::MailboxFull,
        Error::Unplaceable(_) => Kind::Unplaceable,
        Error::ObjectLost(_) => Kind::ObjectLost,
        Error::OutOfMemory(_) => Kind::OutOfMemory,
        Error::Denied(_) => Kind::Denied,
        Error::Invalid(_) => Kind::Invalid,
    };
    fault.set_kind(kind);
    fault
}

/// The error that was sent. A kind of a newer host is told as unavailable.
pub fn fault_from(fault: proto::Fault) -> Error {
    use proto::FaultKind as Kind;
    let (kind, cause) = (fault.kind(), fault.cause());
    let proto::Fault { kind: _, message, value, method, backtrace, actor, cause: _ } = fault;
    match kind {
        Kind::Failed => Error::Failed { message, value: Arc::new(value.to_vec()) },
        Kind::Trapped => Error::Trapped { method, message, backtrace },
        Kind::Died => Error::Died { actor, cause: cause_from(cause), message },
        Kind::Unknown | Kind::Unavailable => Error::Unavailable(message),
        Kind::TimedOut => Error::TimedOut(message),
        Kind::Cancelled => Error::Cancelled(message),
        Kind::MailboxFull => Error::MailboxFull(message),
        Kind::Unplaceable => Error::Unplaceable(message),
        Kind::ObjectLost => Error::ObjectLost(message),
        Kind::OutOfMemory => Error::OutOfMemory(message),
        Kind::Denied => Error::Denied(message),
        Kind::Invalid => Error::Invalid(message),
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

fn cause_from(cause: proto::Cause) -> Cause {
    match cause {
        proto::Cause::Killed => Cause::Killed,
        proto::Cause::Released => Cause::Released,
        proto::Cause::Exited => Cause::Exited,
        proto::Cause::JobEnded => Cause::JobEnded,
        proto::Cause::ConstructorFailed => Cause::ConstructorFailed,
        proto::Cause::Unknown | proto::Cause::Crashed => Cause::Crashed,
        proto::Cause::NodeLost => Cause::NodeLost,
        proto::Cause::GroupRemoved => Cause::GroupRemoved,
    }
}

/// Lines, as they are sent.
pub fn lines_to(batch: Batch) -> proto::LogsAnswer {
    let lines = batch.lines.into_iter().map(line_to).collect();
    proto::LogsAnswer { lines, skipped: batch.skipped }
}

fn line_to(line: Line) -> proto::LogLine {
    let source = match line.source {
        Source::Stdout => proto::Source::Stdout,
        Source::Stderr => proto::Source::Stderr,
        Source::Host => proto::Source::Host,
        Source::Log(Level::Error) => proto::Source::Error,
        Source::Log(Level::Warn) => proto::Source::Warn,
        Source::Log(Level::Info) => proto::Source::Info,
        Source::Log(Level::Debug) => proto::Source::Debug,
        Source::Log(Level::Trace) => proto::Source::Trace,
    };
    proto::LogLine {
        actor: Some(actor_id_to(line.actor.id)),
        class: line.actor.class.to_string(),
        source: source.into(),
        text: line.text.to_string(),
        at_ms: line.at_ms,
    }
}

/// How a line came; one of a newer host's ways is told as the host's.
pub fn source_from(source: proto::Source) -> Source {
    match source {
        proto::Source::Stdout => Source::Stdout,
        proto::Source::Stderr => Source::Stderr,
        proto::Source::Unknown | proto::Source::Host => Source::Host,
        proto::Source::Error => Source::Log(Level::Error),
        proto::Source::Warn => Source::Log(Level::Warn),
        proto::Source::Info => Source::Log(Level::Info),
        proto::Source::Debug => Source::Log(Level::Debug),
        proto::Source::Trace => Source::Log(Level::Trace),
    }
}

/// Part of a driver's output, as it is sent.
pub fn output_to(stream: Stream, bytes: Bytes) -> proto::Output {
    let stream = match stream {
        Stream::Stdout => proto::Stream::Stdout,
        Stream::Stderr => proto::Stream::Stderr,
    };
    proto::Output { stream: stream.into(), bytes }
}

/// What a package says of itself, as it is sent: docs are cut to what clients
/// show.
pub fn description_to(info: &PackageInfo) -> proto::Description {
    let PackageInfo { sdk, classes, driver } = info;
    proto::Description {
        sdk: sdk.clone(),
        driver: driver.as_deref().map(docs),
        classes: classes.iter().map(class_to).collect(),
    }
}

fn class_to(class: &ClassInfo) -> proto::Class {
    let ClassInfo { name, docs: text, params, methods, options: _, concurrency: _ } = class;
    proto::Class {
        name: name.clone(),
        docs: docs(text),
        params: params.iter().map(param_to).collect(),
        methods: methods.iter().map(method_to).collect(),
    }
}

/// A method, as it is sent.
pub fn method_to(method: &MethodInfo) -> proto::Method {
    let MethodInfo { name, docs: text, params, returns, fails } = method;
    proto::Method {
        name: name.clone(),
        docs: docs(text),
        params: params.iter().map(param_to).collect(),
        returns: returns.clone(),
        fails: fails.clone(),
    }
}

fn param_to(param: &Param) -> proto::Param {
    let Param { name, ty } = param;
    proto::Param { name: name.clone(), r#type: ty.clone() }
}

/// The first paragraph, if it is not too long.
fn docs(text: &str) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    let mut end = paragraph.len().min(limits::DOCS_BYTES);
    while !paragraph.is_char_boundary(end) {
        end -= 1;
    }
    paragraph[..end].to_owned()
}

/// What a package says of itself, as far as it was sent: classes have no
/// options.
pub fn description_from(description: proto::Description) -> PackageInfo {
    let proto::Description { sdk, driver, classes } = description;
    PackageInfo { sdk, driver, classes: classes.into_iter().map(class_from).collect() }
}

fn class_from(class: proto::Class) -> ClassInfo {
    let proto::Class { name, docs, params, methods } = class;
    ClassInfo {
        name,
        docs,
        params: params.into_iter().map(param_from).collect(),
        methods: methods.into_iter().map(method_from).collect(),
        options: Options::default(),
        concurrency: Concurrency::Sequential,
    }
}

/// A method that was sent.
pub fn method_from(method: proto::Method) -> MethodInfo {
    let proto::Method { name, docs, params, returns, fails } = method;
    let params = params.into_iter().map(param_from).collect();
    MethodInfo { name, docs, params, returns, fails }
}

fn param_from(param: proto::Param) -> Param {
    Param { name: param.name, ty: param.r#type }
}

/// How far a drain is, as it is sent.
pub fn drain_to(drain: &Drain) -> proto::DrainEvent {
    let Drain { moved, ended, left, rest_ms, objects_lent, orphans, over } = drain;
    proto::DrainEvent {
        moved: moved.count,
        ended: ended.count,
        first_moved: moved.first.clone(),
        first_ended: ended.first.clone(),
        left: *left,
        rest_ms: *rest_ms,
        objects_lost: *objects_lent,
        orphans: *orphans,
        over: *over,
    }
}

/// A token, as it is sent.
pub fn token_to(token: &Token) -> proto::Token {
    proto::Token {
        id: Bytes::copy_from_slice(token.id.bytes()),
        role: role_to(token.kind).into(),
        once: token.uses == Uses::Once,
        name: token.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        created_s: token.created.as_secs(),
        expires_s: token.expires.as_secs(),
        revoked_s: token.revoked.map_or(0, |at| at.as_secs()),
        used: token.used,
        note: token.note.clone(),
    }
}

/// Somebody who was let in, as it is sent.
pub fn identity_to(identity: &Enrolment) -> proto::Identity {
    let token = identity.token.as_ref().map(|token| Bytes::copy_from_slice(token.bytes()));
    proto::Identity {
        subject: identity.subject.to_string(),
        since_s: identity.since.as_secs(),
        until_s: identity.live.iter().map(|(_, until)| until.as_secs()).max().unwrap_or(0),
        revoked_s: identity.revoked.map_or(0, |at| at.as_secs()),
        token: token.unwrap_or_default(),
    }
}

/// What a token buys, as it is sent.
pub fn role_to(kind: Kind) -> proto::Role {
    match kind {
        Kind::Node => proto::Role::Node,
        Kind::Client(Role::Read) => proto::Role::ClientRead,
        Kind::Client(Role::Run) => proto::Role::ClientRun,
        Kind::Client(Role::Admin) => proto::Role::ClientAdmin,
    }
}

/// What a token buys; none if this is not known.
pub fn role_from(role: proto::Role) -> Option<Kind> {
    match role {
        proto::Role::Unknown => None,
        proto::Role::Node => Some(Kind::Node),
        proto::Role::ClientRead => Some(Kind::Client(Role::Read)),
        proto::Role::ClientRun => Some(Kind::Client(Role::Run)),
        proto::Role::ClientAdmin => Some(Kind::Client(Role::Admin)),
    }
}

/// What objects there are on a node.
pub fn object_totals_to(totals: ObjectTotals) -> proto::ObjectTotals {
    let ObjectTotals { count, bytes, small, on_disk, on_disk_bytes } = totals;
    proto::ObjectTotals { count, bytes, small, on_disk, on_disk_bytes }
}

/// Adds what objects there are on another.
pub fn add_object_totals(sum: &mut proto::ObjectTotals, more: &proto::ObjectTotals) {
    let proto::ObjectTotals { count, bytes, small, on_disk, on_disk_bytes } = sum;
    for (sum, more) in [
        (count, more.count),
        (bytes, more.bytes),
        (small, more.small),
        (on_disk, more.on_disk),
        (on_disk_bytes, more.on_disk_bytes),
    ] {
        *sum = sum.saturating_add(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_reads_back_as_it_was() {
        let message = || "why".to_string();
        for error in [
            Error::Failed { message: message(), value: Arc::new(vec![1]) },
            Error::Trapped { method: "A.b".into(), message: message(), backtrace: "x".into() },
            Error::Died { actor: "A(a1@n1)".into(), cause: Cause::JobEnded, message: message() },
            Error::Unavailable(message()),
            Error::TimedOut(message()),
            Error::Cancelled(message()),
            Error::MailboxFull(message()),
            Error::Unplaceable(message()),
            Error::ObjectLost(message()),
            Error::OutOfMemory(message()),
            Error::Denied(message()),
            Error::Invalid(message()),
        ] {
            assert_eq!(fault_from(fault_to(&error)), error);
        }
    }

    #[test]
    fn docs_are_cut_between_characters() {
        assert_eq!(docs(" One.\n\nTwo."), "One.");
        assert_eq!(docs(&"é".repeat(1000)).len(), limits::DOCS_BYTES);
        assert_eq!(docs(&format!("x{}", "é".repeat(1000))).len(), limits::DOCS_BYTES - 1);
    }

    #[test]
    fn a_result_too_large_is_an_error_that_says_so() {
        let value = Value::plain(vec![0; limits::RESULT_BYTES + 1]);
        let Outcome::Fault(fault) = outcome_to(Ok(value)) else { panic!("it is answered") };
        assert!(fault.message.contains("67108865 bytes"), "{}", fault.message);
    }
}
