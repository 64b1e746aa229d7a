//! Objects and packages, to other nodes and from them.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use host_cluster::Answer;
use host_content::{Puller, Source, What};
use host_core::{Error, NodeId, ObjectId, PackageId};
use host_identity::{Admitted, Operation};
use host_transport::Dial;

use super::Present;
use crate::node::Bulk;

/// What this node gives to others.
pub(super) struct Given(Present);

impl Given {
    pub(super) fn new(present: Present) -> Given {
        Given(present)
    }
}

impl Source for Given {
    fn admit(&self, extensions: &tonic::Extensions) -> Result<(), String> {
        super::serve::check(extensions, Operation::PullContent)
    }

    fn open(&self, what: What) -> host_content::Answer<'_, Option<Bytes>> {
        let opened = match what {
            What::Package(id) => Ok(self.0.node.package_bytes(id)),
            What::Object(id) => Err(self.0.member.exported(id)),
        };
        Box::pin(async move {
            match opened {
                Ok(package) => package,
                Err(object) => object?.outcome().await.ok().map(|value| value.bytes),
            }
        })
    }
}

/// What this node brings here. It is made before the membership over which
/// the others are found.
#[derive(Default)]
pub(super) struct Pulled(OnceLock<Puller>);

impl Pulled {
    pub(super) fn over(&self, dial: Arc<dyn Dial>) {
        let _ = self.0.set(Puller::new(dial));
    }

    fn pull(&self, what: What, from: Vec<NodeId>) -> Answer<'static, Result<Bytes, String>> {
        let puller = self.0.get().cloned();
        Box::pin(async move {
            let puller = puller.ok_or("the node is in no cluster")?;
            puller.pull(what, from).await.map_err(|error| error.to_string())
        })
    }
}

impl Bulk for Pulled {
    fn package(&self, id: PackageId, from: Vec<NodeId>) -> Answer<'static, Result<Bytes, Error>> {
        let pulled = self.pull(What::Package(id), from);
        Box::pin(async move { pulled.await.map_err(Error::Unavailable) })
    }

    fn object(
        &self,
        id: ObjectId,
        size: u64,
        from: NodeId,
    ) -> Answer<'static, Result<Bytes, Error>> {
        let pulled = self.pull(What::Object(id), vec![from]);
        Box::pin(async move {
            let bytes = pulled.await.map_err(Error::ObjectLost)?;
            if bytes.len() as u64 != size {
                let why = format!("{id} has {} bytes where {from} said {size}", bytes.len());
                return Err(Error::ObjectLost(why));
            }
            Ok(bytes)
        })
    }
}

/// Whether whoever sent a request is a node of this name.
pub(super) fn is_node(admitted: &Admitted, name: &str) -> bool {
    matches!(admitted.peer(), host_identity::Peer::Node { name: known } if known.as_str() == name)
}
