//! The bounds of everything, with their reasons.
//!
//! etcd takes requests of 1.5 MiB and transactions of 128 operations unless
//! its operator says otherwise; the bounds leave room for what a store adds.

use std::time::Duration;

/// Bytes of a key, and of a prefix. Keys are paths of names and ids, which are
/// far shorter; a store keeps them in branches that should stay small.
pub const KEY_BYTES_MAX: usize = 1 << 10;

/// Bytes of a value: a placement group of a thousand bundles takes 100 KB.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

/// Comparisons and writes of a transaction together: etcd's 128, less what
/// [`Etcd`](crate::Etcd) adds to prove that it talks to the right cluster.
pub const OPERATIONS_MAX: usize = 120;

/// Bytes of the keys and values of a transaction, as
/// [`Transaction::size`](crate::Transaction::size) counts them. One value of
/// the largest size and the keys of a full transaction fit.
pub const TRANSACTION_BYTES_MAX: usize = VALUE_BYTES_MAX + (256 << 10);

/// Comparisons of a transaction that are answered with the record's value, so
/// that an answer has at most 8 MiB.
pub const VALUES_ANSWERED_MAX: usize = 8;

/// Records of a page.
pub const PAGE_RECORDS_MAX: usize = 1_000;

/// Bytes of a page: it ends early once it holds so much. One record always
/// fits.
pub const PAGE_BYTES_MAX: usize = 4 << 20;

/// The shortest lease; etcd's are whole seconds.
pub const LEASE_TTL_MIN: Duration = Duration::from_secs(1);

/// The longest lease. A lease is for the living, who renew it.
pub const LEASE_TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Revisions that the embedded store keeps to resume watches from; a thousand
/// nodes that come and go for minutes.
pub const HISTORY_REVISIONS_MAX: usize = 10_000;

/// Bytes of those revisions, in memory and again on disk.
pub const HISTORY_BYTES_MAX: usize = 16 << 20;

/// Requests to write that wait in the embedded store, in KiB, each counting at
/// least [`REQUEST_KIB_MIN`]. Callers past it wait, up to their deadlines.
pub const QUEUE_KIB_MAX: u32 = 16 << 10;

/// See [`QUEUE_KIB_MAX`]: at most 4,096 requests wait.
pub const REQUEST_KIB_MIN: u32 = 4;

/// Reads of the embedded store at one time; each takes a thread while it reads.
pub const READS_MAX: u32 = 16;

/// Watches that one gRPC service serves at one time. A node has a handful.
pub const WATCHES_MAX: usize = 10_000;

/// Bytes of a gRPC message. The largest are an answer with values (see
/// [`VALUES_ANSWERED_MAX`]) and a page that ends with its largest record.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
