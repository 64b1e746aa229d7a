//! Asking the other nodes for their part of an answer.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use host_proto::admin as proto;
use host_proto::admin::admin_client::AdminClient;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::limits;
use super::ports::{NodeSummary, Peers};

/// The client of another node's service.
pub(super) type Client = AdminClient<Channel>;

/// What a node said, or why it said nothing.
pub(super) type Part<T> = (NodeSummary, Result<T, Status>);

/// Asks every other node, many at once; none of them longer than
/// [`limits::PEER_TIME`]. In the order of their ids.
pub(super) async fn ask_all<T, F>(peers: &Arc<dyn Peers>, ask: impl Fn(Client) -> F) -> Vec<Part<T>>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let ask = &ask;
    let asking = peers.nodes().into_iter().map(|node| async move {
        let asked = async { ask(client(peers, &node).await?).await.map(Response::into_inner) };
        let answer = timeout(limits::PEER_TIME, asked).await.unwrap_or_else(|_| Err(silent()));
        (node, answer)
    });
    let mut parts: Vec<_> =
        stream::iter(asking).buffer_unordered(limits::PEERS_AT_ONCE).collect().await;
    parts.sort_unstable_by_key(|(node, _)| node.id);
    parts
}

/// A client of one node.
pub(super) async fn client(peers: &Arc<dyn Peers>, node: &NodeSummary) -> Result<Client, Status> {
    let channel = peers.channel(node.id).await.map_err(Status::unavailable)?;
    Ok(AdminClient::new(channel)
        .max_decoding_message_size(limits::ANSWER_BYTES)
        .max_encoding_message_size(limits::REQUEST_BYTES))
}

/// Parts that came, and who did not answer.
pub(super) fn split<T>(parts: Vec<Part<T>>) -> (Vec<T>, Vec<proto::Unanswered>) {
    let (mut came, mut unanswered) = (Vec::new(), Vec::new());
    for (node, part) in parts {
        match part {
            Ok(part) => came.push(part),
            Err(status) => unanswered.push(proto::Unanswered {
                node: format!("{} ({})", node.name, node.id),
                why: status.message().to_owned(),
            }),
        }
    }
    (came, unanswered)
}

fn silent() -> Status {
    Status::deadline_exceeded(format!("it did not answer within {:?}", limits::PEER_TIME))
}
