//! A host inside the test: unit tests of guest code run with plain
//! `cargo test`.
//!
//! There is nothing to set up. Outside of a component every thread that uses
//! the SDK, and so every `#[test]`, has a host of its own and is its driver.
//! Actors are constructed, called, killed and dropped as on a real host, and
//! values go through the same encoding. What differs: there is one node with
//! room for everything, which does for every strategy and label, statics are shared by all actors of the process, and
//! memory and CPU have no limit.
//!
//! One actor runs at a time, and the order is the same every time. Time stands
//! still while anybody has something to do, and then jumps to the next
//! time-out: a test that waits for an hour takes no time. Calls run when
//! somebody waits for something, or at [`settle`].
//!
//! ```
//! use greenroom::prelude::*;
//!
//! #[derive(Default)]
//! struct Counter { value: i64 }
//!
//! #[actor]
//! impl Counter {
//!     fn new() -> Self { Self::default() }
//!     fn increment(&mut self) -> i64 { self.value += 1; self.value }
//! }
//!
//! # fn main() -> Result<()> {
//! let counter = Counter::remote()?;
//! counter.increment().tell()?;
//! assert_eq!(get(counter.increment().remote()?)?, 2);
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

pub use crate::fake::LogLine;

use crate::error::Result;
use crate::{entry, fake};

/// Runs the package's driver, as `host run` does.
pub fn run_driver<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Result<()> {
    entry::run(args.into_iter().map(Into::into).collect())
}

/// The names of the classes that the package would export, in order.
pub fn classes() -> Vec<&'static str> {
    entry::describe().classes.iter().map(|class| class.name).collect()
}

/// Runs everything that can run without time passing, such as calls sent with
/// `tell`.
pub fn settle() {
    fake::here().0.settle();
}

/// The log so far, of all actors, in order.
pub fn logs() -> Vec<LogLine> {
    fake::here().0.lock().logs.clone()
}

/// How much time has passed on this host.
pub fn elapsed() -> Duration {
    Duration::from_nanos(fake::here().0.lock().now)
}

/// Ends this thread's host with all its actors and begins another.
pub fn reset() {
    fake::leave_world();
}

/// Runs a future with everything it waits for, as an async driver would.
#[cfg(feature = "async")]
pub fn block_on<F: Future>(future: F) -> F::Output {
    fake::block_on(future)
}
