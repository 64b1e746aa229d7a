//! A watch that outlives its connections.

use bytes::Bytes;
use host_proto::control::{self as proto, watch_answer::News};
use tonic::Streaming;

use super::{Remote, SILENCE_MAX, caller, fault};
use crate::retry::{Backoff, Fault, Repeat, retry};
use crate::{Change, Changes, Deadline, Error, Prefix, Revision, Watch, wire};

/// Bytes of the changes of one revision, put together from their parts: past
/// them the watcher is told to read anew, page by page.
const REVISION_BYTES_MAX: usize = crate::limits::HISTORY_BYTES_MAX;

/// What a watch holds: never more than one revision.
struct Watcher {
    remote: Remote,
    prefix: Prefix,
    /// The last revision that was told.
    after: Revision,
    answers: Option<Streaming<proto::WatchAnswer>>,
    /// The parts of the next that came so far, and their bytes.
    parts: Vec<Change>,
    bytes: usize,
}

pub(super) async fn begin(
    remote: &Remote,
    prefix: &Prefix,
    after: Revision,
    deadline: Deadline,
) -> Result<Watch, Error> {
    remote.expected(deadline).await?;
    // The first connection is made in the caller's time.
    let attempt = || connect(remote.clone(), prefix.clone(), after, deadline);
    let answers = retry("beginning a watch", Repeat::Harmless, deadline, attempt).await?;
    let watcher = Watcher {
        remote: remote.clone(),
        prefix: prefix.clone(),
        after,
        answers: Some(answers),
        parts: Vec::new(),
        bytes: 0,
    };
    Ok(Watch::new(futures_util::stream::unfold(watcher, |mut watcher| async move {
        let next = watcher.next().await;
        Some((next, watcher))
    })))
}

async fn connect(
    remote: Remote,
    prefix: Prefix,
    after: Revision,
    deadline: Deadline,
) -> Result<Streaming<proto::WatchAnswer>, Fault> {
    let cluster = *remote.cluster.get().expect("a watch begins with asking for it");
    let request = proto::WatchRequest {
        caller: Some(caller(Bytes::copy_from_slice(&cluster.bytes()), deadline)),
        prefix: prefix.bytes().clone(),
        after: after.number(),
    };
    let mut client = remote.client;
    Ok(client.watch(request).await.map_err(fault)?.into_inner())
}

impl Watcher {
    /// The next revision, over as many connections as it takes.
    async fn next(&mut self) -> Result<Changes, Error> {
        let mut backoff = Backoff::new();
        loop {
            let fault = match self.receive().await {
                Ok(changes) => return Ok(changes),
                Err(fault) => fault,
            };
            self.answers = None;
            match fault {
                // Of resuming, which goes on for as long as it takes.
                Fault::Final(Error::TimedOut { .. }) => {}
                Fault::Final(error) => return Err(error),
                Fault::NotDone(why) | Fault::Unknown(why) => {
                    tracing::debug!(prefix = ?self.prefix, why, "a watch lost its connection");
                }
            }
            backoff.wait().await;
        }
    }

    /// The next revision, over this connection or a new one.
    async fn receive(&mut self) -> Result<Changes, Fault> {
        if self.answers.is_none() {
            let deadline = Deadline::after(SILENCE_MAX);
            let connecting =
                connect(self.remote.clone(), self.prefix.clone(), self.after, deadline);
            let connected =
                deadline.limit("resuming a watch", async { Ok(connecting.await) }).await;
            let connected = connected.map_err(|error| Fault::NotDone(error.to_string()))?;
            self.answers = Some(connected?);
            (self.parts, self.bytes) = (Vec::new(), 0);
        }
        loop {
            let answers = self.answers.as_mut().expect("it was connected");
            let answer = tokio::time::timeout(SILENCE_MAX, answers.message()).await;
            let answer = answer.map_err(|_| Fault::NotDone("it fell silent".to_owned()))?;
            let answer = answer.map_err(fault)?;
            let answer = answer.ok_or_else(|| Fault::NotDone("it was ended".to_owned()))?;
            match answer.news {
                Some(News::Quiet(_)) => {}
                Some(News::Changes(part)) => {
                    if let Some(changes) = self.part(part)? {
                        return Ok(changes);
                    }
                }
                None => return Err(Error::corrupt("news of nothing").into()),
            }
        }
    }

    /// Adds a part of a revision; the revision, if it is whole.
    fn part(&mut self, part: proto::Changes) -> Result<Option<Changes>, Error> {
        self.bytes += prost::Message::encoded_len(&part);
        let more = part.more;
        let Changes { revision, changes } = wire::changes_from(part)?;
        if revision <= self.after {
            return Err(Error::corrupt(format!("revision {revision} came again")));
        }
        self.parts.extend(changes);
        if self.bytes > REVISION_BYTES_MAX + crate::limits::PAGE_BYTES_MAX {
            return Err(Error::Compacted { oldest: revision });
        }
        if more {
            return Ok(None);
        }
        self.after = revision;
        self.bytes = 0;
        Ok(Some(Changes { revision, changes: std::mem::take(&mut self.parts) }))
    }
}
