//! The contract's types as wasmtime lifts and lowers them, and their way to
//! and from the types of the layers above. The only code that knows the wire
//! form of a guest's errors and options.

#![allow(dead_code, reason = "the derived Lift makes the variants of enums by their numbers")]

use bytes::Bytes;
use host_core::package::{ClassInfo, MethodInfo, PackageInfo, Param};
use host_core::spec::{Concurrency, Options};
use host_core::{Cause, Error, limits};
use wasmtime::component::{ComponentType, Lift, Lower, Resource};

/// Marks a resource index as an object ref's.
pub(super) struct RefTag;

/// Marks a resource index as a handle's.
pub(super) struct HandleTag;

/// `types.value`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum WitValue {
    #[component(name = "plain")]
    Plain(Bytes),
    #[component(name = "carrying")]
    Carrying(WitCarrying),
}

/// `types.carrying`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct WitCarrying {
    pub(super) bytes: Bytes,
    pub(super) refs: Vec<Resource<RefTag>>,
    pub(super) handles: Vec<Resource<HandleTag>>,
}

/// `types.outgoing`: the same shape with borrowed resources, and objects.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum Outgoing {
    #[component(name = "plain")]
    Plain(Bytes),
    #[component(name = "carrying")]
    Carrying(WitCarrying),
    #[component(name = "object")]
    Object(Resource<RefTag>),
}

/// `types.error`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum WitError {
    #[component(name = "failed")]
    Failed(WitFailure),
    #[component(name = "trapped")]
    Trapped(WitTrap),
    #[component(name = "died")]
    Died(WitDeath),
    #[component(name = "unavailable")]
    Unavailable(String),
    #[component(name = "timed-out")]
    TimedOut(String),
    #[component(name = "cancelled")]
    Cancelled(String),
    #[component(name = "mailbox-full")]
    MailboxFull(String),
    #[component(name = "unplaceable")]
    Unplaceable(String),
    #[component(name = "object-lost")]
    ObjectLost(String),
    #[component(name = "out-of-memory")]
    OutOfMemory(String),
    #[component(name = "denied")]
    Denied(String),
    #[component(name = "invalid")]
    Invalid(String),
}

/// `types.failure`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct WitFailure {
    message: String,
    value: Vec<u8>,
}

/// `types.trap`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct WitTrap {
    method: String,
    message: String,
    backtrace: String,
}

/// `types.death`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct WitDeath {
    actor: String,
    cause: WitCause,
    message: String,
}

/// `types.cause`.
#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitCause {
    #[component(name = "killed")]
    Killed,
    #[component(name = "released")]
    Released,
    #[component(name = "exited")]
    Exited,
    #[component(name = "job-ended")]
    JobEnded,
    #[component(name = "constructor-failed")]
    ConstructorFailed,
    #[component(name = "crashed")]
    Crashed,
    #[component(name = "node-lost")]
    NodeLost,
}

/// `actors.options`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct WitOptions {
    cpus: Option<f64>,
    gpus: Option<f64>,
    memory: Option<u64>,
    resources: Vec<(String, f64)>,
    #[component(name = "max-restarts")]
    max_restarts: Option<i32>,
    #[component(name = "max-retries")]
    max_retries: Option<i32>,
    #[component(name = "max-concurrency")]
    max_concurrency: Option<u32>,
    #[component(name = "max-pending-calls")]
    max_pending_calls: Option<u32>,
    name: Option<String>,
    namespace: Option<String>,
    detached: Option<bool>,
}

/// `actors.if-exists`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitIfExists {
    #[component(name = "refuse")]
    Refuse,
    #[component(name = "get")]
    Get,
}

/// `actors.call-options`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct WitCallOptions {
    pub(super) timeout: Option<u64>,
    #[component(name = "max-retries")]
    pub(super) max_retries: Option<i32>,
}

/// `actors.after-kill`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitAfterKill {
    #[component(name = "stay-dead")]
    StayDead,
    #[component(name = "restart")]
    Restart,
}

/// `logging.level`.
#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitLevel {
    #[component(name = "error")]
    Error,
    #[component(name = "warn")]
    Warn,
    #[component(name = "info")]
    Info,
    #[component(name = "debug")]
    Debug,
    #[component(name = "trace")]
    Trace,
}

/// `context.identity`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct WitIdentity {
    pub(super) actor: String,
    pub(super) class: String,
    pub(super) job: String,
    pub(super) node: String,
    pub(super) namespace: String,
    pub(super) name: Option<String>,
    pub(super) incarnation: u32,
}

/// `description.package-info`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct WitPackageInfo {
    sdk: String,
    classes: Vec<WitClassInfo>,
    driver: Option<WitDriverInfo>,
}

/// `description.driver-info`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct WitDriverInfo {
    docs: String,
}

/// `description.class-info`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct WitClassInfo {
    name: String,
    docs: String,
    params: Vec<WitParam>,
    methods: Vec<WitMethodInfo>,
    options: WitOptions,
    concurrency: WitConcurrency,
}

/// `description.concurrency`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitConcurrency {
    #[component(name = "sequential")]
    Sequential,
    #[component(name = "concurrent")]
    Concurrent,
}

/// `description.method-info`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct WitMethodInfo {
    name: String,
    docs: String,
    params: Vec<WitParam>,
    returns: String,
    fails: Option<String>,
}

/// `description.param`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct WitParam {
    name: String,
    ty: String,
}

impl From<&Error> for WitError {
    fn from(error: &Error) -> WitError {
        let error = error.clone();
        match error {
            Error::Failed { message, value } => {
                WitError::Failed(WitFailure { message, value: value.to_vec() })
            }
            Error::Trapped { method, message, backtrace } => {
                WitError::Trapped(WitTrap { method, message, backtrace })
            }
            Error::Died { actor, cause, message } => {
                WitError::Died(WitDeath { actor, cause: cause.into(), message })
            }
            Error::Unavailable(text) => WitError::Unavailable(text),
            Error::TimedOut(text) => WitError::TimedOut(text),
            Error::Cancelled(text) => WitError::Cancelled(text),
            Error::MailboxFull(text) => WitError::MailboxFull(text),
            Error::Unplaceable(text) => WitError::Unplaceable(text),
            Error::ObjectLost(text) => WitError::ObjectLost(text),
            Error::OutOfMemory(text) => WitError::OutOfMemory(text),
            Error::Denied(text) => WitError::Denied(text),
            Error::Invalid(text) => WitError::Invalid(text),
        }
    }
}

impl From<WitError> for Error {
    fn from(error: WitError) -> Error {
        match error {
            WitError::Failed(WitFailure { message, value }) => {
                Error::Failed { message: cut(message), value: value.into() }
            }
            WitError::Trapped(WitTrap { method, message, backtrace }) => {
                let (method, backtrace) = (cut(method), cut(backtrace));
                Error::Trapped { method, message: cut(message), backtrace }
            }
            WitError::Died(WitDeath { actor, cause, message }) => {
                Error::Died { actor: cut(actor), cause: cause.into(), message: cut(message) }
            }
            WitError::Unavailable(text) => Error::Unavailable(cut(text)),
            WitError::TimedOut(text) => Error::TimedOut(cut(text)),
            WitError::Cancelled(text) => Error::Cancelled(cut(text)),
            WitError::MailboxFull(text) => Error::MailboxFull(cut(text)),
            WitError::Unplaceable(text) => Error::Unplaceable(cut(text)),
            WitError::ObjectLost(text) => Error::ObjectLost(cut(text)),
            WitError::OutOfMemory(text) => Error::OutOfMemory(cut(text)),
            WitError::Denied(text) => Error::Denied(cut(text)),
            WitError::Invalid(text) => Error::Invalid(cut(text)),
        }
    }
}

/// Bounds a guest's text.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > limits::MESSAGE_BYTES {
        let end = text.floor_char_boundary(limits::MESSAGE_BYTES);
        text.truncate(end);
        text.push('…');
    }
    text
}

impl From<Cause> for WitCause {
    fn from(cause: Cause) -> WitCause {
        match cause {
            Cause::Killed => WitCause::Killed,
            Cause::Released => WitCause::Released,
            Cause::Exited => WitCause::Exited,
            Cause::JobEnded => WitCause::JobEnded,
            Cause::ConstructorFailed => WitCause::ConstructorFailed,
            Cause::Crashed => WitCause::Crashed,
            Cause::NodeLost => WitCause::NodeLost,
        }
    }
}

impl From<WitCause> for Cause {
    fn from(cause: WitCause) -> Cause {
        match cause {
            WitCause::Killed => Cause::Killed,
            WitCause::Released => Cause::Released,
            WitCause::Exited => Cause::Exited,
            WitCause::JobEnded => Cause::JobEnded,
            WitCause::ConstructorFailed => Cause::ConstructorFailed,
            WitCause::Crashed => Cause::Crashed,
            WitCause::NodeLost => Cause::NodeLost,
        }
    }
}

impl From<WitOptions> for Options {
    fn from(options: WitOptions) -> Options {
        Options {
            cpus: options.cpus,
            gpus: options.gpus,
            memory: options.memory,
            resources: options.resources,
            max_restarts: options.max_restarts,
            max_retries: options.max_retries,
            max_concurrency: options.max_concurrency,
            max_pending_calls: options.max_pending_calls,
            name: options.name,
            namespace: options.namespace,
            detached: options.detached,
        }
    }
}

impl From<WitPackageInfo> for PackageInfo {
    fn from(info: WitPackageInfo) -> PackageInfo {
        PackageInfo {
            sdk: cut(info.sdk),
            classes: info.classes.into_iter().map(ClassInfo::from).collect(),
            driver: info.driver.map(|driver| cut(driver.docs)),
        }
    }
}

impl From<WitClassInfo> for ClassInfo {
    fn from(class: WitClassInfo) -> ClassInfo {
        ClassInfo {
            name: class.name,
            docs: cut(class.docs),
            params: class.params.into_iter().map(Param::from).collect(),
            methods: class.methods.into_iter().map(MethodInfo::from).collect(),
            options: class.options.into(),
            concurrency: match class.concurrency {
                WitConcurrency::Sequential => Concurrency::Sequential,
                WitConcurrency::Concurrent => Concurrency::Concurrent,
            },
        }
    }
}

impl From<WitMethodInfo> for MethodInfo {
    fn from(method: WitMethodInfo) -> MethodInfo {
        MethodInfo {
            name: method.name,
            docs: cut(method.docs),
            params: method.params.into_iter().map(Param::from).collect(),
            returns: cut(method.returns),
            fails: method.fails.map(cut),
        }
    }
}

impl From<WitParam> for Param {
    fn from(param: WitParam) -> Param {
        Param { name: cut(param.name), ty: cut(param.ty) }
    }
}
