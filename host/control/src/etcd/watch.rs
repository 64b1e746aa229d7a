//! A watch that outlives members of etcd.

use std::collections::VecDeque;

use host_proto::etcd as proto;
use host_proto::etcd::watch_request::RequestUnion;
use tonic::Streaming;

use super::{Etcd, convert};
use crate::retry::{Backoff, Fault, Repeat, retry};
use crate::{Change, Changes, Deadline, Error, Prefix, Revision, Watch};

/// To be taken on by a member.
const CONNECT_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// Changes of one revision: past them the watcher is told to read anew, page
/// by page. Reached when a lease with so many records ends.
const REVISION_CHANGES_MAX: usize = 100_000;

/// What a watch holds: one message of etcd's, which has 2 MiB unless one
/// change is larger, and at most one revision that has not come whole.
struct Watcher {
    etcd: Etcd,
    prefix: Prefix,
    /// The last revision that was told.
    after: Revision,
    answers: Option<Streaming<proto::WatchResponse>>,
    /// Revisions that are whole.
    whole: VecDeque<Changes>,
    /// The changes so far of one that may go on in the next message.
    part: Option<Changes>,
}

pub(super) async fn begin(
    etcd: &Etcd,
    prefix: &Prefix,
    after: Revision,
    deadline: Deadline,
) -> Result<Watch, Error> {
    // The first connection is made in the caller's time.
    let attempt = || connect(etcd.clone(), prefix.clone(), after, deadline);
    let answers = retry("beginning a watch", Repeat::Harmless, deadline, attempt).await?;
    let watcher = Watcher {
        etcd: etcd.clone(),
        prefix: prefix.clone(),
        after,
        answers: Some(answers),
        whole: VecDeque::new(),
        part: None,
    };
    Ok(Watch::new(futures_util::stream::unfold(watcher, |mut watcher| async move {
        let next = watcher.next().await;
        Some((next, watcher))
    })))
}

/// Begins watching at a member, once etcd has proved to be the right one: a
/// wiped one would be silent until it reaches the revision again.
async fn connect(
    etcd: Etcd,
    prefix: Prefix,
    after: Revision,
    deadline: Deadline,
) -> Result<Streaming<proto::WatchResponse>, Fault> {
    let range = etcd.shared.space.id_range();
    let (reached, _) = etcd.read("beginning a watch", range, deadline).await?;
    if after > reached {
        let why = format!(
            "etcd is at revision {reached}, and {after} was seen: an old copy was put in place"
        );
        return Err(Error::Corrupt { why }.into());
    }
    let (key, range_end) = etcd.shared.space.bounds(&prefix);
    let create = proto::WatchCreateRequest {
        key,
        range_end,
        start_revision: convert::revision_to(after) + 1,
        progress_notify: false,
        fragment: true,
    };
    let message = proto::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let begin = |link: super::connection::Link| async move {
        let messages = link.request(convert::one_and_open(message));
        let mut answers = link.watch().watch(messages).await?.into_inner();
        match answers.message().await? {
            Some(first) if first.created && !first.canceled => Ok(answers),
            Some(first) => Err(tonic::Status::permission_denied(first.cancel_reason)),
            None => Err(tonic::Status::unavailable("etcd ended the stream")),
        }
    };
    etcd.shared.connection.attempt(Repeat::Harmless, begin).await
}

impl Watcher {
    /// The next revision, over as many connections as it takes.
    async fn next(&mut self) -> Result<Changes, Error> {
        let mut backoff = Backoff::new();
        loop {
            let fault = match self.receive().await {
                Ok(changes) => {
                    self.after = changes.revision;
                    return Ok(changes);
                }
                Err(fault) => fault,
            };
            (self.answers, self.part) = (None, None);
            match fault {
                // Of resuming, which goes on for as long as it takes.
                Fault::Final(Error::Unavailable { why, .. }) => {
                    tracing::debug!(prefix = ?self.prefix, why, "etcd is unavailable to a watch");
                }
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
        if let Some(changes) = self.whole.pop_front() {
            return Ok(changes);
        }
        if self.answers.is_none() {
            let deadline = Deadline::after(CONNECT_MAX);
            let connecting = connect(self.etcd.clone(), self.prefix.clone(), self.after, deadline);
            let connected =
                deadline.limit("resuming a watch", async { Ok(connecting.await) }).await?;
            self.answers = Some(connected?);
        }
        loop {
            let answers = self.answers.as_mut().expect("it was connected");
            // A dead connection is noticed by its pings.
            let answer = answers.message().await.map_err(|status| super::fault::of(&status))?;
            let answer = answer.ok_or_else(|| Fault::NotDone("it was ended".to_owned()))?;
            self.take(answer)?;
            if let Some(changes) = self.whole.pop_front() {
                return Ok(changes);
            }
        }
    }

    /// Sorts the events of a message by their revisions.
    fn take(&mut self, answer: proto::WatchResponse) -> Result<(), Fault> {
        if answer.compact_revision > 0 {
            // Watching can begin with the changes of that revision.
            let oldest = convert::revision_from(answer.compact_revision - 1);
            return Err(Error::Compacted { oldest }.into());
        }
        if answer.canceled {
            // As when the member lost its leader.
            return Err(Fault::NotDone(answer.cancel_reason));
        }
        for event in answer.events {
            let (revision, change) = self.etcd.shared.space.change(event)?;
            self.add(revision, change)?;
        }
        if !answer.fragment {
            self.whole.extend(self.part.take());
        }
        Ok(())
    }

    fn add(&mut self, revision: Revision, change: Change) -> Result<(), Error> {
        match &mut self.part {
            Some(part) if part.revision == revision => {
                if part.changes.len() == REVISION_CHANGES_MAX {
                    return Err(Error::Compacted { oldest: revision });
                }
                part.changes.push(change);
            }
            part => {
                self.whole.extend(part.replace(Changes { revision, changes: vec![change] }));
            }
        }
        Ok(())
    }
}
