//! Which call is running. An async actor has several in progress; the host
//! wants to know for which of them one waits.

use std::cell::Cell;

thread_local! {
    static CALL: Cell<u64> = const { Cell::new(0) };
}

/// The number of the running call; 0 where there is only one.
pub(crate) fn current_call() -> u64 {
    CALL.get()
}

#[cfg(feature = "async")]
mod concurrent {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::CALL;

    /// A future of an actor; it stays in its instance, so it need not be
    /// `Send`.
    #[doc(hidden)]
    pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;

    /// Puts the outer call's number back, also when the inner one panics.
    pub(crate) struct InCall {
        outer: u64,
    }

    impl InCall {
        pub(crate) fn enter(call: u64) -> Self {
            InCall { outer: CALL.replace(call) }
        }
    }

    impl Drop for InCall {
        fn drop(&mut self) {
            CALL.set(self.outer);
        }
    }

    /// A future that runs as one call.
    pub(crate) struct OfCall<T> {
        call: u64,
        future: BoxFuture<T>,
    }

    impl<T> OfCall<T> {
        pub(crate) fn new(call: u64, future: BoxFuture<T>) -> Self {
            OfCall { call, future }
        }
    }

    impl<T> Future for OfCall<T> {
        type Output = T;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
            let _in_call = InCall::enter(self.call);
            self.future.as_mut().poll(cx)
        }
    }
}

#[cfg(feature = "async")]
pub use concurrent::BoxFuture;
#[cfg(feature = "async")]
pub(crate) use concurrent::{InCall, OfCall};
