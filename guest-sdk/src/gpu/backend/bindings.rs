//! Generated from `wit/deps`. Asynchronous functions block: wgpu's own are
//! callbacks, and this way its futures are ready when they are first polled,
//! so any way of waiting for them works.
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code"
)]

pub(super) use wasi::webgpu::webgpu;

wit_bindgen::generate!({
    path: "../wit/deps/wasi-webgpu-0.3.0-rc.2",
    world: "wasi:webgpu/imports",
    async: false,
});
