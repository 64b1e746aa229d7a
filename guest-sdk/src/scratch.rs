//! The buffer that values are encoded into, kept between calls.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// A buffer larger than this is freed and not kept for the next call: an idle
/// actor should not hold on to its largest message.
const KEPT_MAX: usize = 64 * 1024;

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer, from the last user if it is free.
#[derive(Default)]
pub(crate) struct Scratch(Vec<u8>);

impl Scratch {
    #[inline]
    pub(crate) fn take() -> Self {
        Scratch(KEPT.take())
    }

    /// What was written, in a vector of its exact size, as the bindings need
    /// to hand it on without a copy.
    #[inline]
    pub(crate) fn into_exact(mut self) -> Vec<u8> {
        if self.0.len() > KEPT_MAX { std::mem::take(&mut self.0) } else { self.0.to_vec() }
    }
}

impl Deref for Scratch {
    type Target = Vec<u8>;

    #[inline]
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Scratch {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Scratch {
    #[inline]
    fn drop(&mut self) {
        if self.0.capacity() <= KEPT_MAX {
            self.0.clear();
            KEPT.set(std::mem::take(&mut self.0));
        }
    }
}
