//! Wire forms of what carries no references: ids, errors, options, loans.
//!
//! Reading checks everything: a peer is a member of the cluster, but may be
//! of another version or hostile. `Err` says what is wrong, for the log.

mod error;
mod loan;
mod probe;
mod spec;

use host_core::{ActorId, CallId, GroupId, JobId, NodeId, ObjectId};
use host_proto::node as proto;

pub(crate) use error::{error, read_error};
pub(crate) use loan::{loan, read_loan};
pub(crate) use probe::{probe, read_probe};
pub(crate) use spec::{amounts, birth, read_amounts, read_birth, read_tries, tries};

/// What is wrong with a message.
pub(crate) type Read<T> = Result<T, String>;

/// Ids as they are on the wire: a node and a number.
pub(crate) trait WireId: Sized {
    fn id(self) -> proto::Id;
    fn of(node: NodeId, seq: u64) -> Self;

    fn read(id: Option<proto::Id>) -> Read<Self> {
        let id = id.ok_or("an id is missing")?;
        Ok(Self::of(NodeId(id.node), id.seq))
    }
}

macro_rules! wire_id {
    ($($id:ident),*) => {$(
        impl WireId for $id {
            fn id(self) -> proto::Id {
                proto::Id { node: self.node.0, seq: self.seq }
            }

            fn of(node: NodeId, seq: u64) -> $id {
                $id { node, seq }
            }
        }
    )*};
}

wire_id!(ActorId, ObjectId, JobId, CallId, GroupId);

impl WireId for host_core::lending::PinId {
    fn id(self) -> proto::Id {
        proto::Id { node: self.node.0, seq: self.seq }
    }

    fn of(node: NodeId, seq: u64) -> Self {
        host_core::lending::PinId { node, seq }
    }
}
