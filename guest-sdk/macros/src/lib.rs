//! `#[actor]` and `#[driver]`, to be used through the crate `greenroom`.
//!
//! An attribute goes three ways: `options` reads what stands in brackets,
//! `class` reads the impl block and refuses what cannot be an actor, `expand`
//! and `stubs` write the code. The output calls `::greenroom::__private` and nothing else.

mod check;
mod class;
mod driver;
mod expand;
mod options;
mod stubs;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a struct a class of actors. Stands before its `impl` block.
///
/// Every function of the block that takes `&self` or `&mut self` is a method
/// that others can call; `new` is the constructor, and may answer `Self` or
/// `Result<Self, E>`. A function without `self` is an ordinary associated
/// function, and a private helper with `self` goes into another `impl` block.
///
/// Parameters and results are owned types that serde knows. A return type
/// whose name ends in `Result` may fail: callers get its value, or its error
/// as `Error::Failed`.
///
/// A class with an `async fn` is an async actor (feature `async`): calls
/// interleave where they await, so all its methods take `&self`.
///
/// Options, all overridable with `Class::options()`:
/// `#[actor(cpus = 0.5, gpus = 1, memory = "256MiB", resources(tpu = 2),
/// strategy = "spread", labels = "zone=a, !slow", max_restarts = 3, max_retries = 1,
/// max_concurrency = 100, max_pending_calls = 1000, name = "hits",
/// namespace = "web", detached, isolation = "process")]`. A strategy is `"pack"`, `"spread"`,
/// `"on-node NAME"` or `"near-node NAME"`.
#[proc_macro_attribute]
pub fn actor(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(attribute as options::Options);
    let block = parse_macro_input!(item as syn::ItemImpl);
    let expanded = class::Class::read(&block, &options)
        .map(|class| expand::class(&class, &options))
        .unwrap_or_else(syn::Error::into_compile_error);
    // The block stays as it is even when it cannot be an actor, so that one
    // mistake makes one error.
    quote::quote!(#block #expanded).into()
}

/// Makes a function the driver of the package: the program that `host run`
/// starts. At most one, in the crate's root.
///
/// `fn main() -> Result<()>`, or `fn main(args: Vec<String>) -> Result<()>`
/// for one that takes arguments; with the feature `async` it may be an
/// `async fn`.
#[proc_macro_attribute]
pub fn driver(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = proc_macro2::TokenStream::from(attribute);
    let function = parse_macro_input!(item as syn::ItemFn);
    let expanded =
        driver::expand(&attribute, &function).unwrap_or_else(syn::Error::into_compile_error);
    quote::quote!(#function #expanded).into()
}
