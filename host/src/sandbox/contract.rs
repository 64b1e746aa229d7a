//! The contract's types as wasmtime lifts and lowers them, and their way to
//! and from the types of the layers above. The only code that knows the wire
//! form of a guest's values, errors and options.

#![allow(dead_code, reason = "the derived Lift makes the variants of enums by their numbers")]

mod description;
mod error;
mod value;

use host_core::Error;
use host_core::placement::Strategy;
use host_core::placement::group::GroupStrategy;
use host_core::resources::Resources;
use host_core::spec::{Isolation, Options};
use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

pub(super) use description::WitPackageInfo;
pub(super) use error::{WitError, cut};
pub(super) use value::{
    HandleTag, OutgoingArguments, RefTag, WitArguments, WitArgumentsCarrying, WitCarrying, WitValue,
};

/// `actors.options`.
#[derive(ComponentType, Lift, Serialize, Deserialize)]
#[component(record)]
pub(super) struct WitOptions {
    cpus: Option<f64>,
    gpus: Option<f64>,
    memory: Option<u64>,
    resources: Vec<(String, f64)>,
    strategy: Option<WitStrategy>,
    labels: Vec<String>,
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
    isolation: Option<WitIsolation>,
    group: Option<WitInGroup>,
}

/// `actors.in-group`.
#[derive(ComponentType, Lift, Serialize, Deserialize)]
#[component(record)]
pub(super) struct WitInGroup {
    group: String,
    bundle: Option<u32>,
}

/// `groups.bundle`.
#[derive(ComponentType, Lift, Serialize, Deserialize)]
#[component(record)]
pub(super) struct WitBundle {
    cpus: Option<f64>,
    gpus: Option<f64>,
    memory: Option<u64>,
    resources: Vec<(String, f64)>,
}

/// `groups.group-strategy`.
#[derive(ComponentType, Lift, Serialize, Deserialize, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitGroupStrategy {
    #[component(name = "pack")]
    Pack,
    #[component(name = "spread")]
    Spread,
    #[component(name = "strict-pack")]
    StrictPack,
    #[component(name = "strict-spread")]
    StrictSpread,
}

/// `actors.isolation`.
#[derive(ComponentType, Lift, Serialize, Deserialize, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitIsolation {
    #[component(name = "shared")]
    Shared,
    #[component(name = "process")]
    Process,
}

/// `actors.strategy`.
#[derive(ComponentType, Lift, Serialize, Deserialize)]
#[component(variant)]
pub(super) enum WitStrategy {
    #[component(name = "pack")]
    Pack,
    #[component(name = "spread")]
    Spread,
    #[component(name = "on-node")]
    OnNode(String),
    #[component(name = "near-node")]
    NearNode(String),
}

/// `actors.if-exists`.
#[derive(ComponentType, Lift, Serialize, Deserialize, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitIfExists {
    #[component(name = "refuse")]
    Refuse,
    #[component(name = "get")]
    Get,
}

/// `actors.call-options`.
#[derive(ComponentType, Lift, Serialize, Deserialize)]
#[component(record)]
pub(super) struct WitCallOptions {
    pub(super) timeout: Option<u64>,
    #[component(name = "max-retries")]
    pub(super) max_retries: Option<i32>,
}

/// `actors.after-kill`.
#[derive(ComponentType, Lift, Serialize, Deserialize, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitAfterKill {
    #[component(name = "stay-dead")]
    StayDead,
    #[component(name = "restart")]
    Restart,
}

/// `logging.level`.
#[derive(ComponentType, Lift, Lower, Serialize, Deserialize, Clone, Copy)]
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
#[derive(ComponentType, Lower, Serialize, Deserialize)]
#[component(record)]
pub(super) struct WitIdentity {
    pub(super) actor: String,
    pub(super) class: String,
    pub(super) job: String,
    pub(super) node: String,
    #[component(name = "node-name")]
    pub(super) node_name: String,
    #[component(name = "node-labels")]
    pub(super) node_labels: Vec<(String, String)>,
    pub(super) namespace: String,
    pub(super) name: Option<String>,
    pub(super) incarnation: u32,
}

impl From<WitStrategy> for Strategy {
    fn from(strategy: WitStrategy) -> Strategy {
        match strategy {
            WitStrategy::Pack => Strategy::Pack,
            WitStrategy::Spread => Strategy::Spread,
            WitStrategy::OnNode(node) => Strategy::Only(node.into()),
            WitStrategy::NearNode(node) => Strategy::Rather(node.into()),
        }
    }
}

impl From<WitGroupStrategy> for GroupStrategy {
    fn from(strategy: WitGroupStrategy) -> GroupStrategy {
        match strategy {
            WitGroupStrategy::Pack => GroupStrategy::Pack,
            WitGroupStrategy::Spread => GroupStrategy::Spread,
            WitGroupStrategy::StrictPack => GroupStrategy::StrictPack,
            WitGroupStrategy::StrictSpread => GroupStrategy::StrictSpread,
        }
    }
}

impl WitBundle {
    /// What it holds, checked.
    pub(super) fn resources(self) -> Result<Resources, Error> {
        let WitBundle { cpus, gpus, memory, resources } = self;
        Options { cpus, gpus, memory, resources, ..Options::default() }.bundle()
    }
}

impl From<WitOptions> for Options {
    fn from(options: WitOptions) -> Options {
        Options {
            cpus: options.cpus,
            gpus: options.gpus,
            memory: options.memory,
            resources: options.resources,
            strategy: options.strategy.map(Strategy::from),
            labels: options.labels,
            max_restarts: options.max_restarts,
            max_retries: options.max_retries,
            max_concurrency: options.max_concurrency,
            max_pending_calls: options.max_pending_calls,
            name: options.name,
            namespace: options.namespace,
            detached: options.detached,
            isolation: options.isolation.map(|isolation| match isolation {
                WitIsolation::Shared => Isolation::Shared,
                WitIsolation::Process => Isolation::Process,
            }),
            group: options.group.map(|place| (place.group, place.bundle)),
        }
    }
}
