//! What a guest sees of the world outside, by way of WASI 0.2: nothing, but
//! for clocks, random numbers, and what the operator granted.
//!
//! This crate owns [`Data`], the store data of every guest, and the WASI
//! functions behind it. It never decides what is granted (that is the command
//! line, through [`Grants`]) and never keeps what a guest prints (that is
//! [`Output`]). It is a crate of its own, a leaf, because the code that
//! wasmtime-wasi generates is slow to compile.
//!
//! Start with [`Profile`] (what guests are granted) and [`Data`]; then
//! [`add_to_linker`].

mod data;
mod files;
pub mod grants;
#[cfg(test)]
mod guest_tests;
mod handles;
mod limits;
mod names;
mod network;
mod output;
mod profile;
mod random;
mod streams;

pub use data::Data;
pub use grants::Grants;
pub use output::{Output, Stream};
pub use profile::Profile;
pub use wasmtime_wasi::I32Exit;

use wasmtime::component::Linker;

/// Adds every interface of `wasi:cli/imports` to `linker`. It is the same set
/// for engines with and without `concurrency_support`.
///
/// Where wasmtime-wasi lets a guest choose how much the host holds or does,
/// functions of our own take the place of its.
pub fn add_to_linker(linker: &mut Linker<Data>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    random::add_to_linker(linker)?;
    streams::add_to_linker(linker)?;
    files::add_to_linker(linker)?;
    network::add_to_linker(linker)?;
    names::add_to_linker(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}
