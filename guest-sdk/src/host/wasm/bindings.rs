//! Generated from `wit/`. Sends borrow (`&[u8]`, `&str`), receipts own.
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::undocumented_unsafe_blocks,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code"
)]

#[cfg(not(feature = "async"))]
wit_bindgen::generate!({
    path: "../wit",
    world: "actor",
    ownership: Borrowing { duplicate_if_necessary: true },
});

#[cfg(feature = "async")]
wit_bindgen::generate!({
    path: "../wit",
    world: "async-actor",
    ownership: Borrowing { duplicate_if_necessary: true },
});
