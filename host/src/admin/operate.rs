//! What operators ask for, checked and passed to the port.

use std::time::Duration;

use host_cluster::Drain;
use host_core::NodeId;
use host_identity::{Order, Subject, TokenId, Uses};
use host_proto::admin as proto;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tonic::Status;

use super::ports::Refusal;
use super::{Inner, limits, wire};

impl Inner {
    pub(super) async fn drain(
        &self,
        node: &str,
        deadline: Duration,
    ) -> Result<mpsc::Receiver<Result<proto::DrainEvent, Status>>, Status> {
        let deadline = deadline.min(limits::DRAIN_TIME);
        let id = self.node_called(node)?;
        let drain = in_time(limits::OPERATOR_TIME, self.operator.drain(id, deadline)).await?;
        let (events, told) = mpsc::channel(1);
        tokio::spawn(tell(drain, node.to_owned(), deadline + limits::DRAIN_MORE, events));
        Ok(told)
    }

    /// The node with a name or an id such as `n2`.
    fn node_called(&self, text: &str) -> Result<NodeId, Status> {
        let mut nodes = self.peers.nodes();
        nodes.push(self.about.clone());
        let ids: Vec<NodeId> = nodes
            .iter()
            .filter(|node| node.name == text || node.id.to_string() == text)
            .map(|node| node.id)
            .collect();
        match ids[..] {
            [id] => Ok(id),
            [] => Err(Status::not_found(format!(
                "no node is called {text:?}; `host list nodes` shows all"
            ))),
            _ => Err(Status::invalid_argument(format!(
                "{} nodes are called {text:?}; give an id, as `host list nodes` shows it",
                ids.len()
            ))),
        }
    }

    pub(super) async fn create_token(
        &self,
        request: proto::CreateTokenRequest,
    ) -> Result<proto::CreateTokenAnswer, Status> {
        let kind = wire::role_from(request.role());
        let kind = kind.ok_or_else(|| Status::invalid_argument("a token for nothing known"))?;
        let name = Some(&request.name).filter(|name| !name.is_empty());
        let name = name.map(|name| name.parse()).transpose();
        let name = name.map_err(|error: host_identity::Error| invalid(&error))?;
        let lifetime = match request.lifetime_s {
            0 => host_identity::limits::TOKEN_LIFETIME_DEFAULT,
            seconds => Duration::from_secs(seconds),
        };
        let uses = if request.once { Uses::Once } else { Uses::Many };
        let order = Order { kind, uses, name, lifetime, note: request.note };
        let making = self.operator.create_token(order);
        let (text, token) = in_time(limits::OPERATOR_TIME, making).await?;
        let text = text.reveal().to_string();
        Ok(proto::CreateTokenAnswer { text, token: Some(wire::token_to(&token)) })
    }

    pub(super) async fn list_tokens(&self) -> Result<proto::ListTokensAnswer, Status> {
        let mut tokens = in_time(limits::OPERATOR_TIME, self.operator.tokens()).await?;
        tokens.sort_unstable_by_key(|token| (token.created, token.id));
        let tokens = tokens.iter().take(limits::PAGE_ITEMS).map(wire::token_to).collect();
        Ok(proto::ListTokensAnswer { tokens })
    }

    pub(super) async fn revoke_token(&self, id: &[u8]) -> Result<proto::RevokeTokenAnswer, Status> {
        let bytes = id.try_into();
        let bytes = bytes.map_err(|_| Status::invalid_argument("a token's id has 8 bytes"))?;
        let revoking = self.operator.revoke_token(TokenId::from_bytes(bytes));
        in_time(limits::OPERATOR_TIME, revoking).await?;
        Ok(proto::RevokeTokenAnswer {})
    }

    pub(super) async fn list_identities(&self) -> Result<proto::ListIdentitiesAnswer, Status> {
        let mut all = in_time(limits::OPERATOR_TIME, self.operator.identities()).await?;
        all.sort_unstable_by_key(|identity| identity.since);
        let identities = all.iter().take(limits::PAGE_ITEMS).map(wire::identity_to).collect();
        Ok(proto::ListIdentitiesAnswer { identities })
    }

    pub(super) async fn revoke_identity(&self, subject: &str) -> Result<(), Status> {
        let subject = subject.parse::<Subject>().map_err(|error| invalid(&error))?;
        in_time(limits::OPERATOR_TIME, self.operator.revoke_identity(subject)).await
    }

    pub(super) async fn forget_identity(&self, subject: &str) -> Result<(), Status> {
        let subject = subject.parse::<Subject>().map_err(|error| invalid(&error))?;
        in_time(limits::OPERATOR_TIME, self.operator.forget_identity(subject)).await
    }
}

/// Tells a client how far a drain is, until it is over or the client has gone;
/// the drain goes on without it.
async fn tell(
    mut drain: watch::Receiver<Drain>,
    node: String,
    time: Duration,
    events: mpsc::Sender<Result<proto::DrainEvent, Status>>,
) {
    let telling = async {
        loop {
            let event = wire::drain_to(&drain.borrow_and_update());
            let over = event.over;
            if events.send(Ok(event)).await.is_err() || over {
                return;
            }
            let changed = tokio::select! {
                changed = drain.changed() => changed,
                () = events.closed() => return,
            };
            if changed.is_err() {
                let why = format!("{node} was lost while it was drained");
                let _ = events.send(Err(Status::unavailable(why))).await;
                return;
            }
        }
    };
    if timeout(time, telling).await.is_err() {
        let why = format!("{node} is not drained after {time:?}; `host status` shows how it is");
        let _ = events.try_send(Err(Status::deadline_exceeded(why)));
    }
}

async fn in_time<T>(
    time: Duration,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Status> {
    let late = |_| Status::deadline_exceeded(format!("it was not done within {time:?}; try again"));
    timeout(time, work).await.map_err(late)?.map_err(|refusal| match refusal {
        Refusal::Invalid(why) => Status::invalid_argument(why),
        Refusal::NotFound(why) => Status::not_found(why),
        Refusal::Unavailable(why) => Status::unavailable(why),
    })
}

fn invalid(error: &host_identity::Error) -> Status {
    Status::invalid_argument(error.to_string())
}
