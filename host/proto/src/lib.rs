//! The contracts between processes, as gRPC services.
//!
//! One file of `proto/` is one contract, and one module here. The modules hold
//! what the compiler of the contracts makes, nothing else: types here are wire
//! forms, which each user of a contract converts from and to its own.
//!
//! They are compiled by `protox`, which is Rust: building needs no protoc.
//!
//! # Versions
//! Every request of a contract of ours says the [`PROTOCOL_VERSION`] of its
//! sender, and a server refuses one that it does not know. Within a version,
//! fields are only added, and their absence has to mean what it meant before.

/// The version of the contracts between hosts, and between clients and hosts.
/// Raised when an older host could misread a newer one.
pub const PROTOCOL_VERSION: u32 = 4;

/// A module with what the compiler made of a contract.
macro_rules! contract {
    ($(#[$docs:meta])* $name:ident, $package:tt) => {
        $(#[$docs])*
        #[allow(
            missing_docs,
            rustdoc::all,
            clippy::allow_attributes_without_reason,
            clippy::large_enum_variant,
            clippy::too_many_lines,
            reason = "generated; the documentation is in the contract"
        )]
        pub mod $name {
            tonic::include_proto!($package);
        }
    };
}

contract! {
    /// What clients see of a cluster: `proto/admin.proto`.
    admin, "greenroom.admin.v1"
}

contract! {
    /// The control store's contract: `proto/control.proto`.
    control, "greenroom.control.v1"
}

contract! {
    /// The part of etcd's contract that the control store uses, with etcd's
    /// documentation: `proto/etcd.proto`.
    etcd, "etcdserverpb"
}

contract! {
    /// What two nodes say to each other: `proto/session.proto`.
    session, "greenroom.session.v1"
}

contract! {
    /// Bulk bytes between nodes: `proto/content.proto`.
    content, "greenroom.content.v1"
}

contract! {
    /// What the frames of sessions carry: `proto/node.proto`.
    node, "greenroom.node.v1"
}

contract! {
    /// The contract of joining a cluster: `proto/join.proto`.
    join, "greenroom.join.v1"
}

contract! {
    /// The records about identities: `proto/identity.proto`.
    identity, "greenroom.identity.v1"
}

contract! {
    /// The records that the nodes of a cluster share: `proto/records.proto`.
    records, "greenroom.records.v1"
}
