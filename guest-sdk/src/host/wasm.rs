//! The host as the component's imports: calls the bindings and converts their
//! types. Values, refs and handles are the bindings' own, so that the way of a
//! call copies nothing twice.

mod bindings;
mod exports;

use bindings::greenroom::actor as wit;
#[cfg(feature = "async")]
use wit::objects_async;
use wit::{actors, context, groups, logging, objects, types};

pub(crate) use types::{ArgumentsCarrying, Outgoing, OutgoingArguments};
pub(crate) use types::{Carrying, Handle as RawHandle, ObjectRef as RawRef};
pub(crate) use types::{OutgoingArgumentsCarrying, OutgoingCarrying};
// The macros' output names them.
pub use types::{Arguments, Value};

use super::{AfterKill, CallLimits, IfExists};
use crate::class::Class;
use crate::context::Identity;
use crate::error::{Cause, Death, Error, Failure, Result, Trap};
use crate::group::{Bundle, GroupStrategy};
use crate::options::{ActorOptions, Isolation, Strategy};

pub(crate) fn spawn(
    class: &'static Class,
    args: OutgoingArguments<'_>,
    options: &ActorOptions,
    exists: IfExists,
) -> Result<RawHandle> {
    let resources: Vec<(&str, f64)> =
        options.resources.iter().map(|(name, amount)| (name.as_str(), *amount)).collect();
    let labels: Vec<&str> = options.labels.iter().map(String::as_str).collect();
    let options = actors::OptionsParam {
        cpus: options.cpus,
        gpus: options.gpus,
        memory: options.memory,
        resources: &resources,
        strategy: options.strategy.as_ref().map(|strategy| match strategy {
            Strategy::Pack => actors::StrategyParam::Pack,
            Strategy::Spread => actors::StrategyParam::Spread,
            Strategy::OnNode(node) => actors::StrategyParam::OnNode(node),
            Strategy::NearNode(node) => actors::StrategyParam::NearNode(node),
        }),
        labels: &labels,
        max_restarts: options.max_restarts,
        max_retries: options.max_retries,
        max_concurrency: options.max_concurrency,
        max_pending_calls: options.max_pending_calls,
        name: options.name.as_deref(),
        namespace: options.namespace.as_deref(),
        detached: options.detached,
        isolation: options.isolation.map(isolation),
        group: options
            .group
            .as_ref()
            .map(|(group, bundle)| actors::InGroupParam { group, bundle: *bundle }),
    };
    let exists = match exists {
        IfExists::Refuse => actors::IfExists::Refuse,
        IfExists::Get => actors::IfExists::Get,
    };
    Ok(actors::spawn(class.name, args, options, exists)?)
}

/// An isolation, as the contract has it.
pub(super) fn isolation(isolation: Isolation) -> actors::Isolation {
    match isolation {
        Isolation::Shared => actors::Isolation::Shared,
        Isolation::Process => actors::Isolation::Process,
    }
}

pub(crate) fn create_group(bundles: &[Bundle], strategy: GroupStrategy) -> Result<String> {
    let resources: Vec<Vec<(&str, f64)>> = bundles
        .iter()
        .map(|bundle| bundle.resources.iter().map(|(name, n)| (name.as_str(), *n)).collect())
        .collect();
    let bundles: Vec<groups::Bundle<'_>> = bundles
        .iter()
        .zip(&resources)
        .map(|(bundle, resources)| groups::Bundle {
            cpus: bundle.cpus,
            gpus: bundle.gpus,
            memory: bundle.memory,
            resources,
        })
        .collect();
    let strategy = match strategy {
        GroupStrategy::Pack => groups::GroupStrategy::Pack,
        GroupStrategy::Spread => groups::GroupStrategy::Spread,
        GroupStrategy::StrictPack => groups::GroupStrategy::StrictPack,
        GroupStrategy::StrictSpread => groups::GroupStrategy::StrictSpread,
    };
    Ok(groups::create(&bundles, strategy)?)
}

pub(crate) fn group_ready(group: &str) -> Result<RawRef> {
    Ok(groups::ready(group)?)
}

pub(crate) fn remove_group(group: &str) -> Result<()> {
    Ok(groups::remove(group)?)
}

pub(crate) fn lookup(name: &str, namespace: Option<&str>) -> Result<RawHandle> {
    Ok(actors::lookup(name, namespace)?)
}

#[inline]
pub(crate) fn submit(
    target: &RawHandle,
    method: &str,
    args: OutgoingArguments<'_>,
    limits: CallLimits,
) -> Result<RawRef> {
    let options = actors::CallOptions { timeout: limits.timeout, max_retries: limits.max_retries };
    Ok(actors::submit(target, method, args, options)?)
}

#[inline]
pub(crate) fn tell(target: &RawHandle, method: &str, args: OutgoingArguments<'_>) -> Result<()> {
    Ok(actors::tell(target, method, args)?)
}

pub(crate) fn cancel(object: &RawRef) -> Result<()> {
    Ok(actors::cancel(object)?)
}

pub(crate) fn kill(target: &RawHandle, after: AfterKill) -> Result<()> {
    let after = match after {
        AfterKill::StayDead => actors::AfterKill::StayDead,
        AfterKill::Restart => actors::AfterKill::Restart,
    };
    Ok(actors::kill(target, after)?)
}

pub(crate) fn put(value: Outgoing<'_>) -> Result<RawRef> {
    Ok(objects::put(value)?)
}

pub(crate) fn get(refs: &[&RawRef], timeout: Option<u64>) -> Result<Vec<Value>> {
    Ok(objects::get(refs, timeout)?)
}

#[inline]
pub(crate) fn take(object: RawRef, timeout: Option<u64>) -> Result<Value> {
    Ok(objects::take(object, timeout)?)
}

pub(crate) fn wait(refs: &[&RawRef], count: u32, timeout: Option<u64>) -> Result<Vec<u32>> {
    Ok(objects::wait(refs, count, timeout)?)
}

#[cfg(feature = "async")]
pub(crate) async fn get_async(
    call: u64,
    refs: Vec<&RawRef>,
    timeout: Option<u64>,
) -> Result<Vec<Value>> {
    Ok(objects_async::get(call, refs, timeout).await?)
}

#[cfg(feature = "async")]
pub(crate) async fn wait_async(
    call: u64,
    refs: Vec<&RawRef>,
    count: u32,
    timeout: Option<u64>,
) -> Result<Vec<u32>> {
    Ok(objects_async::wait(call, refs, count, timeout).await?)
}

#[cfg(feature = "async")]
pub(crate) async fn sleep(call: u64, duration: u64) -> Result<()> {
    Ok(objects_async::sleep(call, duration).await?)
}

pub(crate) fn current() -> Identity {
    let context::Identity {
        actor,
        class,
        job,
        node,
        node_name,
        node_labels,
        namespace,
        name,
        incarnation,
    } = context::current();
    Identity { actor, class, job, node, node_name, node_labels, namespace, name, incarnation }
}

pub(crate) fn me() -> Option<RawHandle> {
    context::me()
}

pub(crate) fn is_cancelled(call: u64) -> bool {
    context::is_cancelled(call)
}

pub(crate) fn exit() {
    context::exit();
}

pub(crate) fn max_level() -> log::LevelFilter {
    match logging::max_level() {
        logging::Level::Error => log::LevelFilter::Error,
        logging::Level::Warn => log::LevelFilter::Warn,
        logging::Level::Info => log::LevelFilter::Info,
        logging::Level::Debug => log::LevelFilter::Debug,
        logging::Level::Trace => log::LevelFilter::Trace,
    }
}

pub(crate) fn log(level: log::Level, target: &str, message: &str) {
    let level = match level {
        log::Level::Error => logging::Level::Error,
        log::Level::Warn => logging::Level::Warn,
        log::Level::Info => logging::Level::Info,
        log::Level::Debug => logging::Level::Debug,
        log::Level::Trace => logging::Level::Trace,
    };
    logging::log(level, target, message);
}

impl From<types::Error> for Error {
    #[cold]
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::Failed(types::Failure { message, value }) => {
                Error::Failed(Failure { message, value })
            }
            types::Error::Trapped(types::Trap { method, message, backtrace }) => {
                Error::Trapped(Trap { method, message, backtrace })
            }
            types::Error::Died(types::Death { actor, cause, message }) => {
                Error::Died(Death { actor, cause: cause.into(), message })
            }
            types::Error::Unavailable(message) => Error::Unavailable(message),
            types::Error::TimedOut(message) => Error::TimedOut(message),
            types::Error::Cancelled(message) => Error::Cancelled(message),
            types::Error::MailboxFull(message) => Error::MailboxFull(message),
            types::Error::Unplaceable(message) => Error::Unplaceable(message),
            types::Error::ObjectLost(message) => Error::ObjectLost(message),
            types::Error::OutOfMemory(message) => Error::OutOfMemory(message),
            types::Error::Denied(message) => Error::Denied(message),
            types::Error::Invalid(message) => Error::Invalid(message),
        }
    }
}

impl From<Error> for types::Error {
    #[cold]
    fn from(error: Error) -> Self {
        match error {
            Error::Failed(Failure { message, value }) => {
                types::Error::Failed(types::Failure { message, value })
            }
            Error::Trapped(Trap { method, message, backtrace }) => {
                types::Error::Trapped(types::Trap { method, message, backtrace })
            }
            Error::Died(Death { actor, cause, message }) => {
                types::Error::Died(types::Death { actor, cause: cause.into(), message })
            }
            Error::Unavailable(message) => types::Error::Unavailable(message),
            Error::TimedOut(message) => types::Error::TimedOut(message),
            Error::Cancelled(message) => types::Error::Cancelled(message),
            Error::MailboxFull(message) => types::Error::MailboxFull(message),
            Error::Unplaceable(message) => types::Error::Unplaceable(message),
            Error::ObjectLost(message) => types::Error::ObjectLost(message),
            Error::OutOfMemory(message) => types::Error::OutOfMemory(message),
            Error::Denied(message) => types::Error::Denied(message),
            Error::Invalid(message) => types::Error::Invalid(message),
        }
    }
}

impl From<types::Cause> for Cause {
    fn from(cause: types::Cause) -> Self {
        match cause {
            types::Cause::Killed => Cause::Killed,
            types::Cause::Released => Cause::Released,
            types::Cause::Exited => Cause::Exited,
            types::Cause::JobEnded => Cause::JobEnded,
            types::Cause::ConstructorFailed => Cause::ConstructorFailed,
            types::Cause::Crashed => Cause::Crashed,
            types::Cause::NodeLost => Cause::NodeLost,
            types::Cause::GroupRemoved => Cause::GroupRemoved,
        }
    }
}

impl From<Cause> for types::Cause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Killed => types::Cause::Killed,
            Cause::Released => types::Cause::Released,
            Cause::Exited => types::Cause::Exited,
            Cause::JobEnded => types::Cause::JobEnded,
            Cause::ConstructorFailed => types::Cause::ConstructorFailed,
            Cause::Crashed => types::Cause::Crashed,
            Cause::NodeLost => types::Cause::NodeLost,
            Cause::GroupRemoved => types::Cause::GroupRemoved,
        }
    }
}
