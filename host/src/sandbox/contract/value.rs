//! Values and arguments. They go to worker processes and back too, with the
//! indices of their resources.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower, Resource};

/// Marks a resource index as an object ref's.
pub(in crate::sandbox) struct RefTag;

/// Marks a resource index as a handle's.
pub(in crate::sandbox) struct HandleTag;

/// `types.value`, and `types.outgoing`, whose resources are borrowed.
#[derive(ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
pub(in crate::sandbox) enum WitValue {
    #[component(name = "plain")]
    Plain(Bytes),
    #[component(name = "carrying")]
    Carrying(WitCarrying),
}

/// `types.carrying`, and `types.outgoing-carrying`.
#[derive(ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
pub(in crate::sandbox) struct WitCarrying {
    pub(in crate::sandbox) bytes: Bytes,
    #[serde(with = "indices")]
    pub(in crate::sandbox) refs: Vec<Resource<RefTag>>,
    #[serde(with = "indices")]
    pub(in crate::sandbox) handles: Vec<Resource<HandleTag>>,
}

/// `types.arguments`.
#[derive(ComponentType, Lower, Serialize, Deserialize)]
#[component(variant)]
pub(in crate::sandbox) enum WitArguments {
    #[component(name = "plain")]
    Plain(Bytes),
    /// Boxed: it is moved a few times on its way into the guest.
    #[component(name = "carrying")]
    Carrying(Box<WitArgumentsCarrying>),
}

/// `types.arguments-carrying`.
#[derive(ComponentType, Lower, Serialize, Deserialize)]
#[component(record)]
pub(in crate::sandbox) struct WitArgumentsCarrying {
    pub(in crate::sandbox) bytes: Bytes,
    #[serde(with = "indices")]
    pub(in crate::sandbox) refs: Vec<Resource<RefTag>>,
    #[serde(with = "indices")]
    pub(in crate::sandbox) handles: Vec<Resource<HandleTag>>,
    pub(in crate::sandbox) objects: Vec<(u32, WitValue)>,
}

/// `types.outgoing-arguments`.
#[derive(ComponentType, Lift, Serialize, Deserialize)]
#[component(variant)]
pub(in crate::sandbox) enum OutgoingArguments {
    #[component(name = "plain")]
    Plain(Bytes),
    #[component(name = "carrying")]
    Carrying(OutgoingArgumentsCarrying),
}

/// `types.outgoing-arguments-carrying`.
#[derive(ComponentType, Lift, Serialize, Deserialize)]
#[component(record)]
pub(in crate::sandbox) struct OutgoingArgumentsCarrying {
    pub(in crate::sandbox) bytes: Bytes,
    #[serde(with = "indices")]
    pub(in crate::sandbox) refs: Vec<Resource<RefTag>>,
    #[serde(with = "indices")]
    pub(in crate::sandbox) handles: Vec<Resource<HandleTag>>,
    #[serde(with = "placed")]
    pub(in crate::sandbox) objects: Vec<(u32, Resource<RefTag>)>,
}

/// Resources as the indices that stand for them.
mod indices {
    use serde::{Deserialize, Deserializer, Serializer};
    use wasmtime::component::Resource;

    pub(super) fn serialize<T: 'static, S: Serializer>(
        resources: &[Resource<T>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(resources.iter().map(Resource::rep))
    }

    pub(super) fn deserialize<'de, T: 'static, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Resource<T>>, D::Error> {
        let indices = Vec::<u32>::deserialize(deserializer)?;
        Ok(indices.into_iter().map(Resource::new_own).collect())
    }
}

/// The same of resources that each have a place.
mod placed {
    use serde::{Deserialize, Deserializer, Serializer};
    use wasmtime::component::Resource;

    pub(super) fn serialize<T: 'static, S: Serializer>(
        resources: &[(u32, Resource<T>)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(resources.iter().map(|(place, resource)| (place, resource.rep())))
    }

    pub(super) fn deserialize<'de, T: 'static, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(u32, Resource<T>)>, D::Error> {
        let indices = Vec::<(u32, u32)>::deserialize(deserializer)?;
        Ok(indices.into_iter().map(|(place, index)| (place, Resource::new_own(index))).collect())
    }
}
