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
    async: [
        "-import:wasi:webgpu/webgpu@0.3.0-rc.2#[method]gpu.request-adapter",
        "-import:wasi:webgpu/webgpu@0.3.0-rc.2#[method]gpu-adapter.request-device",
        "-import:wasi:webgpu/webgpu@0.3.0-rc.2#[method]gpu-buffer.map-async",
        "-import:wasi:webgpu/webgpu@0.3.0-rc.2#[method]gpu-device.create-compute-pipeline-async",
        "-import:wasi:webgpu/webgpu@0.3.0-rc.2#[method]gpu-device.create-render-pipeline-async",
        "-import:wasi:webgpu/webgpu@0.3.0-rc.2#[method]gpu-device.pop-error-scope",
        "-import:wasi:webgpu/webgpu@0.3.0-rc.2#[method]gpu-queue.on-submitted-work-done",
        "-import:wasi:webgpu/webgpu@0.3.0-rc.2#[method]gpu-shader-module.get-compilation-info",
    ],
});
