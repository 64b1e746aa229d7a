//! The seam: everything the SDK asks of its host goes through here.
//!
//! Two backends with the same names: the component's imports on wasm, and the
//! fake host of [`crate::testing`] everywhere else.

#[cfg(target_family = "wasm")]
mod wasm;
#[cfg(target_family = "wasm")]
pub use wasm::*;

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(not(target_family = "wasm"))]
pub use native::*;

use std::time::Duration;

/// A time-out as the contract wants it. More than 584 years is no time-out
/// that anyone will see.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// One call's own limits.
#[derive(Clone, Copy, Default)]
pub(crate) struct CallLimits {
    /// Nanoseconds.
    pub(crate) timeout: Option<u64>,
    pub(crate) max_retries: Option<i32>,
}

/// What to do when a name is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfExists {
    Refuse,
    Get,
}

/// What happens to a killed actor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterKill {
    StayDead,
    Restart,
}
