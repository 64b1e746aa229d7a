//! Time in async actors.

use std::time::Duration;

use crate::error::Result;
use crate::host;
use crate::task::current_call;

/// Waits; other calls of the actor go on meanwhile.
///
/// Answers [`Error::Cancelled`](crate::Error::Cancelled) early if the call is
/// cancelled.
///
/// ```
/// use std::time::Duration;
/// use greenroom::prelude::*;
///
/// struct Kettle;
///
/// #[actor]
/// impl Kettle {
///     fn new() -> Self { Kettle }
///     async fn boil(&self) -> Result<String> {
///         greenroom::time::sleep(Duration::from_secs(180)).await?;
///         Ok("tea".into())
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let kettle = Kettle::remote()?;
/// assert_eq!(get(kettle.boil().remote()?)?, "tea");
/// # Ok(())
/// # }
/// ```
pub async fn sleep(duration: Duration) -> Result<()> {
    host::sleep(current_call(), host::nanoseconds(duration)).await
}
