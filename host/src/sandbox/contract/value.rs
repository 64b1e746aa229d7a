//! Values and arguments.

use bytes::Bytes;
use wasmtime::component::{ComponentType, Lift, Lower, Resource};

/// Marks a resource index as an object ref's.
pub(in crate::sandbox) struct RefTag;

/// Marks a resource index as a handle's.
pub(in crate::sandbox) struct HandleTag;

/// `types.value`, and `types.outgoing`, whose resources are borrowed.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub(in crate::sandbox) enum WitValue {
    #[component(name = "plain")]
    Plain(Bytes),
    #[component(name = "carrying")]
    Carrying(WitCarrying),
}

/// `types.carrying`, and `types.outgoing-carrying`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(in crate::sandbox) struct WitCarrying {
    pub(in crate::sandbox) bytes: Bytes,
    pub(in crate::sandbox) refs: Vec<Resource<RefTag>>,
    pub(in crate::sandbox) handles: Vec<Resource<HandleTag>>,
}

/// `types.arguments`.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(in crate::sandbox) enum WitArguments {
    #[component(name = "plain")]
    Plain(Bytes),
    /// Boxed: it is moved a few times on its way into the guest.
    #[component(name = "carrying")]
    Carrying(Box<WitArgumentsCarrying>),
}

/// `types.arguments-carrying`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(in crate::sandbox) struct WitArgumentsCarrying {
    pub(in crate::sandbox) bytes: Bytes,
    pub(in crate::sandbox) refs: Vec<Resource<RefTag>>,
    pub(in crate::sandbox) handles: Vec<Resource<HandleTag>>,
    pub(in crate::sandbox) objects: Vec<(u32, WitValue)>,
}

/// `types.outgoing-arguments`.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(in crate::sandbox) enum OutgoingArguments {
    #[component(name = "plain")]
    Plain(Bytes),
    #[component(name = "carrying")]
    Carrying(OutgoingArgumentsCarrying),
}

/// `types.outgoing-arguments-carrying`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::sandbox) struct OutgoingArgumentsCarrying {
    pub(in crate::sandbox) bytes: Bytes,
    pub(in crate::sandbox) refs: Vec<Resource<RefTag>>,
    pub(in crate::sandbox) handles: Vec<Resource<HandleTag>>,
    pub(in crate::sandbox) objects: Vec<(u32, Resource<RefTag>)>,
}
