//! `wasi:webgpu` for guests, over [`wgpu`].
//!
//! A guest sees the standard interface, and of the machine's GPUs the one it
//! was granted, with a budget of bytes. It cannot make the host panic, block
//! or grow beyond the bounds in `limits.rs`, whatever it calls; it gets its
//! mistakes as WebGPU's errors, and is trapped where WebGPU has none.
//!
//! ```
//! # async fn f() -> wasmtime::Result<()> {
//! use host_gpu::{Devices, GpuCtx, Grant, Wanted};
//! use wasmtime::component::Linker;
//! use wasmtime::{Engine, Store};
//!
//! struct Data { gpu: GpuCtx }
//!
//! let devices = Devices::find(Wanted::Gpus).await;
//! let grant = devices.all().first().map(|gpu| Grant::new(gpu.clone(), 1 << 30));
//!
//! let engine = Engine::default();
//! let mut linker = Linker::<Data>::new(&engine);
//! host_gpu::add_to_linker(&mut linker, |data| &mut data.gpu)?;
//! let store = Store::new(&engine, Data { gpu: GpuCtx::new(grant) });
//! # drop(store);
//! # Ok(())
//! # }
//! ```
//!
//! What belongs to computing is there; what only draws is not: it is an error
//! that the guest can read.
//!
//! # What a process must know
//!
//! - Work on a GPU cannot be stopped inside a process, nor can the compilation
//!   of a shader. A guest that waits for either longer than its grant allows
//!   is trapped, but the work goes on: a process that runs guests nobody
//!   trusts should be one that can be killed.
//! - Before it exits it calls [`drain`].
//!
//! # How it is built
//!
//! `host` has one file for each part of the interface. Every call of wgpu goes
//! through `device::Device`, which catches panics and takes the errors of that
//! call, for the guest's own error scopes. Memory is counted by values that
//! give it back when they are dropped (`grant::Charge`); whatever keeps memory
//! alive on the GPU holds the value. Nothing waits inside wgpu, where a lock
//! is held during it: callbacks are polled for, in place for as long as a
//! thread's wake-up would take, then by a thread of the device. Shaders are
//! compiled on a thread with a stack that the worst nesting fits.

mod bindings;
mod convert;
mod ctx;
mod device;
mod devices;
mod errors;
mod grant;
mod host;
mod limits;
mod objects;
mod workgroup;

pub use ctx::GpuCtx;
pub use device::drain;
pub use devices::{About, Adapter, Devices, Kind, Wanted};
pub use grant::Grant;

use wasmtime::component::Linker;

/// Gives guests `wasi:webgpu`. `find` says where in a store's data its guest's
/// GPU is.
///
/// Its asynchronous functions need an engine with the component model's
/// concurrency support.
///
/// # Errors
/// If the linker has it already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    find: fn(&mut T) -> &mut GpuCtx,
) -> wasmtime::Result<()> {
    bindings::webgpu::add_to_linker::<T, ctx::HasGpu>(linker, find)
}
