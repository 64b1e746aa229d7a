//! Hosts under test: real processes in networks of their own, and the faults
//! that befall them.
//!
//! [`Network`] is some nodes and a switch that cuts and delays, [`Process`] a
//! program in a node. [`Cluster`] starts hosts there and talks to them as a
//! user would, by the command line. [`Load`] calls actors meanwhile, and
//! [`history`] finds out whether what callers saw may happen. [`Faults`] are
//! drawn by a seed. Time passes in [`until`] only.
//!
//! Nothing here knows the host's code: the program is built, or named by
//! `GREENROOM_HOST`, and what it prints is read.
//!
//! ```no_run
//! use cluster_tests::{Cluster, Load, Store};
//!
//! let mut cluster = Cluster::start(3, Store::Embedded);
//! let mut load = Load::new(4);
//! load.drive(&cluster, 0, 20, 8);
//! cluster.kill(2);
//! cluster.wait_until_seen(&[0, 1], &[0, 1]);
//! load.finish(&cluster, 0).assert_holds();
//! ```

mod cluster;
mod etcd;
mod faults;
pub mod history;
mod host;
mod load;
pub mod namespace;
mod network;
mod output;
mod process;
mod program;
mod until;
mod view;

pub use cluster::{Builder, Cluster, Ended, Store};
pub use etcd::Etcd;
pub use faults::{Faults, Step};
pub use host::Host;
pub use load::Load;
pub use network::{Link, Network, Node, Quality};
pub use process::Process;
pub use program::{example, guest, host, host_with_gpus};
pub use until::{throughout, until};
pub use view::{ActorView, NodeView, Ready};
