//! Errors of a device: where they come from and who gets them.
//!
//! wgpu keeps error scopes for each thread, and a guest moves between threads.
//! So every call of wgpu goes through [`caught`], which takes the errors of
//! that call, and the device's own [`Scopes`] give them to the guest.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::limits;

/// What went wrong, as the guest sees it.
#[allow(unreachable_pub, reason = "the generated bindings name it in public")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

/// WebGPU's three kinds of errors, and of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Validation,
    OutOfMemory,
    Internal,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Error {
        let mut message = message.into();
        cut(&mut message, limits::MESSAGE_BYTES);
        Error { kind, message }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Error {
        Error::new(Kind::Validation, message)
    }
}

impl From<crate::grant::Spent> for Error {
    fn from(spent: crate::grant::Spent) -> Error {
        Error::new(Kind::OutOfMemory, spent.to_string())
    }
}

impl From<wgpu::Error> for Error {
    fn from(error: wgpu::Error) -> Error {
        let kind = match &error {
            wgpu::Error::OutOfMemory { .. } => Kind::OutOfMemory,
            wgpu::Error::Validation { .. } => Kind::Validation,
            wgpu::Error::Internal { .. } => Kind::Internal,
        };
        Error::new(kind, error.to_string())
    }
}

/// Cuts a text at the border of a character.
pub(crate) fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
}

thread_local! {
    /// The errors of the call that this thread is in.
    static CAUGHT: RefCell<Option<Vec<Error>>> = const { RefCell::new(None) };
}

/// Calls wgpu, and answers what it answers and the errors it reported.
///
/// # Errors
/// If wgpu panicked: the guest that brought it about is trapped, and the host
/// goes on.
pub(crate) fn caught<R>(call: impl FnOnce() -> R) -> wasmtime::Result<(R, Vec<Error>)> {
    let outer = CAUGHT.replace(Some(Vec::new()));
    let result = catch_unwind(AssertUnwindSafe(call));
    let errors = CAUGHT.replace(outer).unwrap_or_default();
    match result {
        Ok(answer) => Ok((answer, errors)),
        Err(panic) => Err(panicked(panic.as_ref())),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> wasmtime::Error {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(message = text, "a GPU function panicked; the actor that called it is trapped");
    wasmtime::format_err!("the GPU function failed in the host: {text}")
}

/// A device's error scopes, and the errors that no scope took.
#[derive(Default)]
pub(crate) struct Scopes(Mutex<State>);

#[derive(Default)]
struct State {
    open: Vec<Scope>,
    uncaptured: VecDeque<Error>,
    /// Whoever waits for the next of those.
    wakers: Vec<Waker>,
    closed: bool,
}

struct Scope {
    kind: Kind,
    first: Option<Error>,
}

impl Scopes {
    /// What wgpu reports, from any thread.
    pub(crate) fn take(&self, error: wgpu::Error) {
        let error = Error::from(error);
        let rest = CAUGHT.with_borrow_mut(|caught| match caught {
            Some(errors) => {
                // One call that reports more than this says nothing new.
                if errors.len() < limits::UNCAPTURED {
                    errors.push(error);
                }
                None
            }
            None => Some(error),
        });
        if let Some(error) = rest {
            self.report(error);
        }
    }

    /// Gives an error to the innermost scope of its kind, or else to whoever
    /// reads the errors that no scope took.
    pub(crate) fn report(&self, error: Error) {
        let mut state = self.0.lock();
        if let Some(scope) = state.open.iter_mut().rev().find(|scope| scope.kind == error.kind) {
            scope.first.get_or_insert(error);
            return;
        }
        tracing::debug!(message = error.message, "GPU error outside every scope");
        if state.uncaptured.len() < limits::UNCAPTURED {
            state.uncaptured.push_back(error);
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Opens a scope.
    pub(crate) fn push(&self, kind: Kind) -> wasmtime::Result<()> {
        let mut state = self.0.lock();
        if state.open.len() >= limits::SCOPES {
            wasmtime::bail!("a GPU device has at most {} error scopes open", limits::SCOPES);
        }
        state.open.push(Scope { kind, first: None });
        Ok(())
    }

    /// Closes the innermost scope, and answers its first error; `None` if
    /// there is no scope.
    pub(crate) fn pop(&self) -> Option<Option<Error>> {
        self.0.lock().open.pop().map(|scope| scope.first)
    }

    /// The next error that no scope took; `None` once the device is gone.
    pub(crate) fn poll_uncaptured(&self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        let mut state = self.0.lock();
        if let Some(error) = state.uncaptured.pop_front() {
            return Poll::Ready(Some(error));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        let known = state.wakers.iter().any(|waker| waker.will_wake(cx.waker()));
        if !known {
            // More wait than there may be streams: those wait no longer.
            if state.wakers.len() >= limits::WATCHES {
                state.wakers.clear();
            }
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// No more errors will come.
    pub(crate) fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_scope_of_its_kind_takes_an_error_and_keeps_the_first() {
        let scopes = Scopes::default();
        scopes.push(Kind::Validation).unwrap();
        scopes.push(Kind::OutOfMemory).unwrap();
        scopes.report(Error::validation("one"));
        scopes.report(Error::validation("two"));
        assert_eq!(scopes.pop(), Some(None));
        assert_eq!(scopes.pop(), Some(Some(Error::validation("one"))));
        assert_eq!(scopes.pop(), None);
    }

    #[test]
    fn errors_outside_every_scope_are_kept_up_to_a_bound() {
        let scopes = Scopes::default();
        for _ in 0..10 * limits::UNCAPTURED {
            scopes.report(Error::validation("lost"));
        }
        let mut cx = Context::from_waker(Waker::noop());
        let mut read = 0;
        while scopes.poll_uncaptured(&mut cx).is_ready() {
            read += 1;
        }
        assert_eq!(read, limits::UNCAPTURED);
        scopes.close();
        assert_eq!(scopes.poll_uncaptured(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn scopes_have_a_bound() {
        let scopes = Scopes::default();
        for _ in 0..limits::SCOPES {
            scopes.push(Kind::Internal).unwrap();
        }
        assert!(scopes.push(Kind::Internal).is_err());
    }

    #[test]
    fn a_panic_is_an_error_and_leaves_no_trace() {
        let error = caught(|| panic!("of wgpu")).map(|((), _)| ()).unwrap_err();
        assert!(error.to_string().ends_with("of wgpu"), "{error}");
        assert!(CAUGHT.with_borrow(Option::is_none));
    }

    #[test]
    fn messages_are_cut_at_a_character() {
        let error = Error::validation("ä".repeat(limits::MESSAGE_BYTES));
        assert_eq!(error.message.len(), limits::MESSAGE_BYTES);
        let mut text = "aä".to_owned();
        cut(&mut text, 2);
        assert_eq!(text, "a");
    }
}
