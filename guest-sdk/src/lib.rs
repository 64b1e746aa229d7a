//! Write actors for Greenroom: Rust structs whose methods other programs call,
//! compiled to WebAssembly and run each in a sandbox of its own.
//!
//! ```
//! use greenroom::prelude::*;
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Counter { value: i64 }
//!
//! #[actor]
//! impl Counter {
//!     fn new() -> Self { Self::default() }
//!     fn increment(&mut self) -> i64 { self.value += 1; self.value }
//!     fn get_value(&self) -> i64 { self.value }
//! }
//!
//! #[driver]
//! fn main() -> Result<()> {
//!     let counter = Counter::remote()?;                 // Handle<Counter>; placed on any node
//!     let first = counter.increment().remote()?;        // ObjectRef<i64>, returns at once
//!     let second = counter.increment().remote()?;
//!     println!("{:?}", get([first, second])?);          // [1, 2]
//!     Ok(())
//! }
//! ```
//!
//! The crate is a `cdylib`, and its `Cargo.toml` names `greenroom` and `serde`.
//! `host build` compiles it to a component, `host run` runs its driver, and
//! plain `cargo test` runs its unit tests, against [`testing`]'s host in the
//! same process.
//!
//! # Classes
//!
//! [`#[actor]`](macro@actor) before the `impl` block of a struct makes it a
//! class: `new` is its constructor, and every other function with `&self` or
//! `&mut self` a method. `Class::remote(…)` creates an actor and answers a
//! [`Handle`]; the handle has a method for each of the class's, with the same
//! parameters, which answers a [`Call`] to send with `remote` or `tell`.
//! [`Class::options()`](Actor::options) says more about one actor: how much it
//! needs, its name, its restarts.
//!
//! An actor runs one call at a time and keeps its state between calls. Calls
//! from one caller run in the order sent. It may block, in [`get`] say, without
//! blocking its host.
//!
//! # Values
//!
//! Arguments and results are any types that serde knows, and are copied. A
//! parameter of type `T` takes a `T`, a `&T`, or an [`ObjectRef<T>`] to a
//! result that need not be there yet: see [`IntoArg`]. Refs and handles may
//! also stand inside other values. For more than a few bytes use [`Bytes`].
//!
//! # Errors
//!
//! Whatever goes wrong is an [`Error`], which a program can match on. A method
//! whose return type is a `Result` may fail with any error that has a message;
//! if serde knows it too, callers get it back with [`Error::application`]. A
//! panic ends the actor.
//!
//! # Async actors
//!
//! With the feature `async`, a class with an `async fn` is an async actor: its
//! calls interleave where they await. Refs can be awaited, `time::sleep` waits,
//! and methods take `&self`. Calls of such packages cost several times as much
//! as those of others.

#[cfg(any(test, all(target_family = "wasm", feature = "allocator")))]
mod allocator;
mod args;
mod arguments;
mod attachments;
mod bytes;
mod call;
mod class;
mod codec;
pub mod context;
mod entry;
mod error;
#[cfg(not(target_family = "wasm"))]
mod fake;
#[cfg(feature = "async")]
mod future;
mod get;
#[cfg(feature = "gpu")]
pub mod gpu;
mod group;
mod handle;
mod host;
mod logger;
mod object;
mod options;
mod pool;
mod scratch;
mod task;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
#[cfg(feature = "async")]
pub mod time;

pub use args::IntoArg;
pub use bytes::Bytes;
pub use call::Call;
pub use class::Actor;
pub use error::{Cause, Death, Error, Failure, Result, Trap};
#[cfg(feature = "async")]
pub use future::{get_async, get_async_timeout, wait_async};
pub use get::{AnyRef, Gettable, get, get_timeout, wait};
pub use greenroom_macros::{actor, driver};
pub use group::{Bundle, PlacementGroup};
pub use handle::Handle;
pub use object::{ObjectRef, cancel, put};
pub use options::{Isolation, MemorySize, Options};
pub use pool::ActorPool;

/// Everything a program with actors usually needs: `use greenroom::prelude::*;`
pub mod prelude {
    pub use crate::{
        Actor, ActorPool, Bytes, Error, Handle, ObjectRef, Options, Result, actor, cancel, context,
        driver, get, get_timeout, put, wait,
    };
    #[cfg(feature = "async")]
    pub use crate::{get_async, wait_async};
    pub use serde::{Deserialize, Serialize};
}

/// What the macros' output uses. Not for anyone else: it changes at will.
#[doc(hidden)]
pub mod __private {
    pub use crate::args::Args;
    pub use crate::arguments::Arguments;
    #[cfg(feature = "async")]
    pub use crate::class::Concurrent;
    pub use crate::class::{
        Class, Construct, Driver, Fallible, Method, Param, Registration, Run, Sequential, reply,
        unknown_method,
    };
    pub use crate::error::{MessageOnly, MethodError, Outcome};
    pub use crate::handle::Target;
    /// Arguments as the host hands them over.
    pub use crate::host::Arguments as Values;
    pub use crate::host::Value;
    pub use crate::options::{ActorOptions, Spawning, Strategy};
    #[cfg(feature = "async")]
    pub use crate::task::BoxFuture;
    pub use inventory;
}
