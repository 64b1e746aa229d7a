//! The bounds of moving bytes, with their reasons.

use std::time::Duration;

/// Bytes of one message. With 1 MiB the same bytes take a sixth more CPU: each
/// is copied on both sides, and these stay in the cache meanwhile.
pub const CHUNK_BYTES: usize = 256 << 10;

/// Bytes that one stream brings: enough that opening one costs nothing, few
/// enough that an object of some megabytes comes from several nodes at once,
/// and that little is lost when a source fails.
pub const RANGE_BYTES: usize = 8 << 20;

/// Ranges of one pull under way at once.
pub const RANGES: usize = 4;

/// Bytes under way to a node unless it says otherwise: some large objects, or
/// the ranges of eight that go to disk. It is memory.
pub const UNDER_WAY_BYTES: u64 = 256 << 20;

/// Connections to one node. One is a single task on each side, and keeps one
/// core busy.
pub const CONNECTIONS: usize = 2;

/// Nodes that connections are kept to while nothing is read from them.
pub const PEERS_KEPT: usize = 64;

/// Streams that a node opens to one other.
pub const STREAMS: usize = 16;

/// Streams that a node serves one other: some more than it opens, since one
/// that ended there may not have ended here.
pub const STREAMS_SERVED: usize = 2 * STREAMS;

/// How long making a connection may take.
pub const DIAL_TIME: Duration = Duration::from_secs(3);

/// How long a source may take to open a thing: a call that is about to make
/// it, or a disk that has to bring it back while others wait for it too.
pub const OPEN_TIME: Duration = Duration::from_secs(30);

/// How long a reader waits for the first word: a little longer, to hear why.
pub const ANSWER_TIME: Duration = Duration::from_secs(35);

/// How long a source may send nothing once it has begun.
pub const SILENCE_TIME: Duration = Duration::from_secs(10);

/// How long a range may take in all, so that a trickle is no way to hold a
/// pull: 8 MiB at 140 KB/s, or more if it had to be opened first.
pub const RANGE_TIME: Duration = Duration::from_secs(60);

/// Bytes of a gRPC message: a chunk and what is around it.
pub(crate) const MESSAGE_BYTES_MAX: usize = CHUNK_BYTES + 1024;

/// Bytes of what the other side says about its failure; the rest is cut.
pub(crate) const REASON_BYTES_MAX: usize = 1 << 10;

const _: () = assert!(OPEN_TIME.as_secs() < ANSWER_TIME.as_secs());
const _: () = assert!(ANSWER_TIME.as_secs() + SILENCE_TIME.as_secs() < RANGE_TIME.as_secs());
const _: () = assert!(CHUNK_BYTES <= RANGE_BYTES && RANGES <= STREAMS);
