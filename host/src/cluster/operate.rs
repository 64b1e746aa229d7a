//! What the admin service needs of the cluster.

use std::time::Duration;

use host_cluster::{Drain, Member};
use host_core::{ActorId, Error, NodeId};
use host_gate::Registrar;
use host_identity::{Enrolment, JoinToken, Order, Subject, Token, TokenId};
use host_refs::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::async_trait;
use tonic::transport::Channel;

use crate::admin::{NodeSummary, Operator, Peers, Refusal};

/// The other nodes of the cluster.
pub(super) struct Others(pub(super) Member);

/// What changes the cluster, or ends this host.
pub(super) struct Operating {
    pub(super) member: Member,
    pub(super) stop: CancellationToken,
    /// On the host that has the authority.
    pub(super) registrar: Option<Registrar>,
    /// On the others, where that is.
    pub(super) authority: Option<String>,
}

#[async_trait]
impl Peers for Others {
    fn nodes(&self) -> Vec<NodeSummary> {
        let nodes = self.0.nodes().into_iter().map(|node| node.record);
        let others = nodes.filter(|record| record.id != self.0.id());
        let summary = |record: std::sync::Arc<host_core::control::NodeRecord>| NodeSummary {
            id: record.id,
            name: record.name.to_string(),
            address: record.addresses.first().map(ToString::to_string).unwrap_or_default(),
            draining: record.draining,
        };
        others.map(summary).collect()
    }

    async fn channel(&self, node: NodeId) -> Result<Channel, String> {
        self.0.dialler().dial(node).await
    }

    async fn actor(&self, id: ActorId) -> Option<Handle> {
        self.0.find(id).await.ok()
    }
}

impl Operating {
    fn registrar(&self) -> Result<&Registrar, Refusal> {
        self.registrar.as_ref().ok_or_else(|| {
            let authority = self.authority.as_deref().unwrap_or("the first host");
            Refusal::Invalid(format!(
                "only the host that has the cluster's authority, {authority}, knows who may be in \
                 it: ask that one (--cluster)"
            ))
        })
    }
}

#[async_trait]
impl Operator for Operating {
    fn stop(&self) {
        self.stop.cancel();
    }

    fn is_draining(&self) -> bool {
        self.member.is_draining()
    }

    async fn drain(
        &self,
        node: NodeId,
        deadline: Duration,
    ) -> Result<watch::Receiver<Drain>, Refusal> {
        self.member.drain(node, deadline).await.map_err(|error| match error {
            Error::Invalid(why) => Refusal::Invalid(why),
            error => Refusal::Unavailable(error.to_string()),
        })
    }

    async fn create_token(&self, order: Order) -> Result<(JoinToken, Token), Refusal> {
        self.registrar()?.create_token(order).await.map_err(refusal)
    }

    async fn tokens(&self) -> Result<Vec<Token>, Refusal> {
        self.registrar()?.tokens().await.map_err(refusal)
    }

    async fn revoke_token(&self, id: TokenId) -> Result<(), Refusal> {
        self.registrar()?.revoke_token(id).await.map_err(refusal)
    }

    async fn identities(&self) -> Result<Vec<Enrolment>, Refusal> {
        self.registrar()?.identities().await.map_err(refusal)
    }

    async fn revoke_identity(&self, subject: Subject) -> Result<(), Refusal> {
        self.registrar()?.revoke_identity(&subject).await.map_err(refusal)
    }

    async fn forget_identity(&self, subject: Subject) -> Result<(), Refusal> {
        self.registrar()?.forget_identity(&subject).await.map_err(refusal)
    }
}

fn refusal(error: host_gate::Error) -> Refusal {
    match error {
        host_gate::Error::NotFound { .. } => Refusal::NotFound(error.to_string()),
        _ => Refusal::Unavailable(error.to_string()),
    }
}
