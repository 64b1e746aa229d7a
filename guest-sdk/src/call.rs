//! A call that is put together but not yet sent.

use std::marker::PhantomData;
use std::time::Duration;

use crate::args::{Args, IntoArg};
use crate::error::Result;
use crate::handle::Target;
use crate::host::{self, CallLimits};
use crate::object::ObjectRef;

/// A call with its arguments, to be sent with [`remote`](Call::remote) or
/// [`tell`](Call::tell).
///
/// ```
/// use greenroom::prelude::*;
/// # #[derive(Default)]
/// # struct Counter { value: i64 }
/// # #[actor]
/// # impl Counter {
/// #     fn new() -> Self { Self::default() }
/// #     fn add(&mut self, amount: i64) -> i64 { self.value += amount; self.value }
/// # }
/// use std::time::Duration;
///
/// # fn main() -> Result<()> {
/// let counter = Counter::remote()?;
/// counter.add(1).tell()?;
/// let sum = counter.add(2).timeout(Duration::from_secs(1)).remote()?;
/// assert_eq!(get(sum)?, 3);
/// # Ok(())
/// # }
/// ```
#[must_use = "a call does nothing until `.remote()` or `.tell()` sends it"]
pub struct Call<'a, T> {
    target: &'a Target,
    method: &'static str,
    args: Args,
    limits: CallLimits,
    result: PhantomData<fn() -> T>,
}

impl<'a, T> Call<'a, T> {
    #[doc(hidden)]
    #[inline]
    pub fn new(target: &'a Target, method: &'static str) -> Self {
        Call {
            target,
            method,
            args: Args::new(),
            limits: CallLimits::default(),
            result: PhantomData,
        }
    }

    #[doc(hidden)]
    #[inline]
    pub fn arg<P>(mut self, argument: impl IntoArg<P>) -> Self {
        self.args.add(argument);
        self
    }

    /// Fails the call with [`Error::TimedOut`](crate::Error::TimedOut) if it
    /// has no answer after this time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = Some(host::nanoseconds(timeout));
        self
    }

    /// How often the call may be tried again after the actor crashed; -1: no
    /// bound. With more than 0 the method may run more than once. Overrides
    /// the actor's own `max_retries`.
    pub fn max_retries(mut self, retries: i32) -> Self {
        self.limits.max_retries = Some(retries);
        self
    }

    /// Sends the call and answers at once; the ref stands for its result.
    #[inline]
    pub fn remote(self) -> Result<ObjectRef<T>> {
        let Call { target, method, args, limits, .. } = self;
        args.send(|args| host::submit(&target.0, method, args, limits)).map(ObjectRef::new)
    }

    /// Sends the call; nobody gets its result.
    ///
    /// [`timeout`](Call::timeout) and [`max_retries`](Call::max_retries) are
    /// for calls whose result somebody wants: with either it is sent like one.
    #[inline]
    pub fn tell(self) -> Result<()> {
        let Call { target, method, args, limits, .. } = self;
        if limits.timeout.is_some() || limits.max_retries.is_some() {
            return args.send(|args| host::submit(&target.0, method, args, limits)).map(drop);
        }
        args.send(|args| host::tell(&target.0, method, args))
    }
}
