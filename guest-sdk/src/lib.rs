//! Write actors for Greenroom: Rust structs whose methods other programs call,
//! compiled to WebAssembly and run each in a sandbox of its own.

mod args;
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
mod handle;
mod host;
mod logger;
mod object;
mod options;
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
pub use handle::Handle;
pub use object::{ObjectRef, cancel, put};
pub use options::{MemorySize, Options};

/// Everything a program with actors usually needs: `use greenroom::prelude::*;`
pub mod prelude {
    pub use crate::{
        Actor, Bytes, Error, Handle, ObjectRef, Options, Result, actor, cancel, context, driver,
        get, get_timeout, put, wait,
    };
    #[cfg(feature = "async")]
    pub use crate::{get_async, wait_async};
    pub use serde::{Deserialize, Serialize};
}

/// What the macros' output uses. Not for anyone else: it changes at will.
#[doc(hidden)]
pub mod __private {
    pub use crate::args::Args;
    #[cfg(feature = "async")]
    pub use crate::class::Concurrent;
    pub use crate::class::{
        Arguments, Class, Construct, Driver, Method, Param, Registration, Run, Sequential, reply,
        unknown_method,
    };
    pub use crate::error::{MessageOnly, MethodError, Outcome};
    pub use crate::handle::Target;
    pub use crate::host::Value;
    pub use crate::options::{ActorOptions, Spawning};
    #[cfg(feature = "async")]
    pub use crate::task::BoxFuture;
    pub use inventory;
    pub use serde;

    /// `Result`s of methods, by whatever alias they are written.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is called `Result` and is not one",
        note = "a method whose return type ends in `Result` may fail; name other types differently"
    )]
    pub trait Fallible {
        /// What callers get.
        type Value;
        /// What callers get told.
        type Error;
    }

    impl<T, E> Fallible for std::result::Result<T, E> {
        type Value = T;
        type Error = E;
    }
}
