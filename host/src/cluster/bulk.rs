//! Objects and packages, to other nodes and from them.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use host_cluster::Answer;
use host_content::{Config, Content, Puller, Source, What, limits};
use host_core::{ClusterId, Error, NodeId, ObjectId, PackageId};
use host_identity::Operation;
use host_transport::Dial;

use super::Present;
use crate::node::Bulk;

/// What [`Source::open`] answers.
type Opened = Result<Option<Box<dyn Content>>, String>;

/// What this node gives to others.
pub(super) struct Given(Present);

impl Given {
    pub(super) fn new(present: Present) -> Given {
        Given(present)
    }
}

impl Source for Given {
    fn admit(&self, from: NodeId, extensions: &tonic::Extensions) -> Result<(), String> {
        super::serve::check(extensions, Operation::PullContent)?;
        let record = self.0.member.node(from);
        let record = record.ok_or_else(|| format!("{from} is not known here yet"))?;
        super::serve::speaks_for(extensions, &record.name)
    }

    fn open(&self, what: What) -> host_transport::Answer<'_, Opened> {
        let opened = match what {
            What::Package(id) => Ok(self.0.node.package_bytes(id)),
            What::Object(id) => Err(self.0.member.exported(id)),
        };
        Box::pin(async move {
            let bytes = match opened {
                Ok(package) => package,
                Err(None) => None,
                Err(Some(object)) => {
                    let value = object.outcome().await;
                    Some(value.map_err(|error| error.to_string())?.bytes)
                }
            };
            Ok(bytes.map(|bytes| Box::new(bytes) as Box<dyn Content>))
        })
    }
}

/// What this node brings here. It is made before the membership over which
/// the others are found.
#[derive(Default)]
pub(super) struct Pulled(OnceLock<Puller>);

impl Pulled {
    pub(super) fn over(&self, local: NodeId, cluster: ClusterId, dial: Arc<dyn Dial>) {
        let config = Config { local, cluster, under_way_bytes_max: limits::UNDER_WAY_BYTES };
        let _ = self.0.set(Puller::new(config, dial));
    }

    fn pull(
        &self,
        what: What,
        size: Option<u64>,
        from: Vec<NodeId>,
    ) -> Answer<'static, Result<Bytes, String>> {
        let puller = self.0.get().cloned();
        Box::pin(async move {
            let puller = puller.ok_or("the node is in no cluster")?;
            puller.pull(what, size, &from).await.map_err(|error| error.to_string())
        })
    }
}

impl Bulk for Pulled {
    fn package(&self, id: PackageId, from: Vec<NodeId>) -> Answer<'static, Result<Bytes, Error>> {
        let pulled = self.pull(What::Package(id), None, from);
        Box::pin(async move { pulled.await.map_err(Error::Unavailable) })
    }

    fn object(
        &self,
        id: ObjectId,
        size: u64,
        from: NodeId,
    ) -> Answer<'static, Result<Bytes, Error>> {
        let pulled = self.pull(What::Object(id), Some(size), vec![from]);
        Box::pin(async move { pulled.await.map_err(Error::ObjectLost) })
    }
}
