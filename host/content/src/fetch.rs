//! One range from one node.

use std::time::Duration;

use bytes::BytesMut;
use host_core::NodeId;
use host_proto::content as proto;
use host_proto::content::content_client::ContentClient;
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::limits::{
    ANSWER_TIME, CHUNK_BYTES, MESSAGE_BYTES_MAX, RANGE_TIME, REASON_BYTES_MAX, SILENCE_TIME,
};
use crate::puller::Shared;
use crate::{What, wire};

/// Why a node did not give a range.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It lacks the thing.
    NotThere,
    /// It was not reached, or broke off.
    Away(String),
    /// What it says cannot be.
    Wrong(String),
}

/// A range to be filled.
pub(crate) struct Part {
    pub(crate) at: u64,
    /// As long as the range.
    pub(crate) bytes: BytesMut,
}

/// Fills a part from a node, which has to say that the thing has this size.
/// What a part has after a fault is of no use.
pub(crate) async fn fill(
    shared: &Shared,
    node: NodeId,
    what: What,
    size: u64,
    part: &mut Part,
) -> Result<(), Fault> {
    let said = read(shared, node, what, part).await?;
    if said != size {
        return Err(Fault::Wrong(format!("it has {said} bytes there, not {size}")));
    }
    Ok(())
}

/// How large a thing is, as a node says.
pub(crate) async fn size(shared: &Shared, node: NodeId, what: What) -> Result<u64, Fault> {
    let mut nothing = Part { at: 0, bytes: BytesMut::new() };
    let size = read(shared, node, what, &mut nothing).await?;
    if size > what.bytes_max() {
        return Err(Fault::Wrong(format!("it has {size} bytes there, more than can be")));
    }
    Ok(size)
}

/// Reads a range; the size of the whole.
async fn read(shared: &Shared, node: NodeId, what: What, part: &mut Part) -> Result<u64, Fault> {
    let peer = shared.channels.peer(node);
    // Whoever is before this one is over after RANGE_TIME at the latest.
    let _stream = peer.streams.acquire().await.expect("the semaphore is never closed");
    let (slot, channel) = shared.channels.channel(&peer).await.map_err(Fault::Away)?;
    let reading = async {
        let mut client = ContentClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let request = wire::request_to(&shared.config, what, part.at, part.bytes.len() as u64);
        let mut chunks = heard(ANSWER_TIME, client.read(request)).await?.into_inner();
        let (mut size, mut filled) = (None, 0);
        while let Some(chunk) = heard(SILENCE_TIME, chunks.message()).await? {
            filled += take(chunk, &mut size, &mut part.bytes[filled..])?;
        }
        match size {
            Some(size) if filled == part.bytes.len() => Ok(size),
            _ => Err(Fault::Away(format!("it ended after {filled} of {} bytes", part.bytes.len()))),
        }
    };
    let result = match timeout(RANGE_TIME, reading).await {
        Ok(result) => result,
        Err(_) => Err(Fault::Away("it sends too slowly".into())),
    };
    if matches!(result, Err(Fault::Away(_))) {
        peer.broken(slot).await;
    }
    result
}

/// Puts a chunk where it belongs; how long it is.
fn take(chunk: proto::Chunk, size: &mut Option<u64>, rest: &mut [u8]) -> Result<usize, Fault> {
    let proto::Chunk { size: said, data } = chunk;
    let first = size.is_none();
    size.get_or_insert(said);
    if data.is_empty() && !first {
        return Err(Fault::Wrong("it sends chunks of nothing".into()));
    }
    let room = rest.len();
    match rest.get_mut(..data.len()).filter(|_| data.len() <= CHUNK_BYTES) {
        Some(rest) => rest.copy_from_slice(&data),
        None => {
            let why = format!("it sends {} bytes where {room} are left", data.len());
            return Err(Fault::Wrong(why));
        }
    }
    Ok(data.len())
}

/// Waits for the node to say something.
async fn heard<T>(
    time: Duration,
    saying: impl Future<Output = Result<T, Status>>,
) -> Result<T, Fault> {
    match timeout(time, saying).await {
        Ok(result) => result.map_err(|status| fault(&status)),
        Err(_) => Err(Fault::Away(format!("it was silent for {} s", time.as_secs()))),
    }
}

fn fault(status: &Status) -> Fault {
    let message = status.message();
    let end = message.floor_char_boundary(REASON_BYTES_MAX);
    let why = message[..end].to_owned();
    match status.code() {
        Code::NotFound => Fault::NotThere,
        Code::OutOfRange => Fault::Wrong(why),
        _ => Fault::Away(why),
    }
}
