//! The control store: the few records that all hosts of a cluster agree on.
//!
//! It holds nodes with their leases, names, actors that can move and placement
//! groups; never bulk state, and never anything on the path of a call. What it
//! promises is the trait [`ControlStore`], which has three implementations:
//!
//! * [`Embedded`]: a file in the data directory of the cluster's first node,
//! * [`Remote`]: the other nodes' way to that store, over gRPC,
//! * [`Etcd`]: for a cluster that has to survive the loss of any node.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use host_control::{ControlStore, Deadline, Embedded, Error, Key, Transaction};
//! # async fn example() -> Result<(), Error> {
//! let store = Embedded::open("/var/lib/greenroom".as_ref(), None).await?;
//! let name = Key::new("names/counter")?;
//! // Whoever is first has the name.
//! let claim = Transaction::new().absent(name.clone()).put(name, "node-1");
//! let outcome = store.transact(&claim, Deadline::after(Duration::from_secs(5))).await?;
//! println!("mine: {}, as of revision {}", outcome.succeeded, outcome.revision);
//! # Ok(())
//! # }
//! ```
//!
//! All three pass one suite of tests, `tests/conformance.rs`. The trait says
//! what a caller may rely on; where the stores differ within it, each says so.
//! Nothing here knows what the records mean.

mod deadline;
mod embedded;
mod error;
mod etcd;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod key;
pub mod limits;
mod reached;
mod record;
mod remote;
mod retry;
mod store;
mod transaction;
mod watch;
mod wire;

pub use deadline::Deadline;
pub use embedded::Embedded;
pub use error::Error;
pub use etcd::{Etcd, EtcdOptions, EtcdTls, EtcdUser};
pub use host_core::ClusterId;
pub use identity::draw_cluster;
pub use key::{Key, Prefix};
pub use record::{Lease, LeaseId, Page, Range, Reading, Record, Revision};
pub use remote::{Remote, server};
pub use store::ControlStore;
pub use transaction::{Answer, Compare, Outcome, Seen, Test, Transaction, Write, WriteKind};
pub use watch::{Change, Changes, Watch};
