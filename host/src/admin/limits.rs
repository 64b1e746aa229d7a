//! The bounds of what clients can ask for, with their reasons.

use std::time::Duration;

/// Bytes of a request. Arguments are typed or piped by people and programs of
/// people; larger data belongs into objects.
pub const REQUEST_BYTES: usize = 16 << 20;

/// Bytes of an answer: a page of any list has less than a tenth of it, the
/// rest is for results.
pub const ANSWER_BYTES: usize = 72 << 20;

/// Bytes of a result that a client gets. A larger one is an error that says so.
pub const RESULT_BYTES: usize = 64 << 20;

/// Items in a page of a list: 10,000 are some MB.
pub const PAGE_ITEMS: usize = 10_000;

/// Classes of a package that a list names.
pub const LISTED_CLASSES: usize = 16;

/// Bytes of a doc comment that a client gets: it shows the first paragraph.
pub const DOCS_BYTES: usize = 1 << 10;

/// How long a node has for its part of an answer: a second for a lost packet,
/// and some patience. People wait for it when a node is down.
pub const PEER_TIME: Duration = Duration::from_secs(3);

/// How long the control store has to answer a look at a node's health. Less
/// than [`PEER_TIME`], so that a node says so itself.
pub const HEALTH_STORE_TIME: Duration = Duration::from_secs(2);

/// Classes of actors that have lines of their own among the metrics: each line
/// is a time series that somebody keeps for months.
pub const METRIC_CLASSES: usize = 50;

/// Nodes that are asked at once.
pub const PEERS_AT_ONCE: usize = 32;

/// The longest that a call of a client's may take: an hour. What takes longer
/// should be a job.
pub const CALL_TIME: Duration = Duration::from_secs(60 * 60);

/// The longest that the operator's port may take to answer: some requests to
/// a control store that may be away for a while.
pub const OPERATOR_TIME: Duration = Duration::from_secs(30);

/// What a drain may take beyond its deadline, to say how it went.
pub const DRAIN_MORE: Duration = Duration::from_secs(30);

/// The longest deadline of a drain: a day.
pub const DRAIN_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Jobs of clients on one node at once. Each has a connection, a task and up
/// to [`OUTPUT_BYTES`].
pub const JOBS: usize = 1_000;

/// Clients that follow logs at once: each looks at every new line.
pub const FOLLOWERS: usize = 256;

/// Calls in one job of invocations.
pub const INVOCATIONS: usize = 10_000;

/// Bytes that drivers of a job have printed and the client has not taken. Past
/// it their writes wait.
pub const OUTPUT_BYTES: usize = 1 << 20;

/// Bytes in one message of a job's output.
pub const OUTPUT_PART_BYTES: usize = 64 << 10;

/// Events of a job on their way to the client.
pub const EVENTS: usize = 16;

/// Uploads at once: each may hold a package in memory when it is compiled.
pub const UPLOADS: usize = 4;

/// How long an upload may be silent.
pub const UPLOAD_SILENCE: Duration = Duration::from_secs(30);

/// How long compiling a package may take: half a minute is usual for the
/// largest in a debug build of the host.
pub const LOAD_TIME: Duration = Duration::from_secs(15 * 60);

/// Packages that a node keeps, in its folder and in memory.
pub const PACKAGES: usize = 1_000;

/// Bytes of lines that are kept of one actor.
pub const ACTOR_LINES_BYTES: usize = 64 << 10;

/// Bytes of lines that a node keeps in all. Who has been silent longest is
/// forgotten first.
pub const LINES_BYTES: usize = 32 << 20;

/// Lines in one message.
pub const LINES_AT_ONCE: usize = 256;

/// How often a follower looks whether what it follows has ended.
pub const FOLLOW_TICK: Duration = Duration::from_millis(500);
