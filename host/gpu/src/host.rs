//! The interface's functions, one file for each part of it. They check what
//! wgpu would panic on, count what is taken, and leave the rest to wgpu.

mod adapter;
mod binding;
mod buffer;
mod device;
mod encoder;
mod error;
mod pass;
mod pipeline;
mod query;
mod queue;
mod record;
mod render;
mod request;
mod shader;
mod texture;

use wasmtime::Result;
use wasmtime::component::Resource;

use crate::bindings::webgpu as wit;
use crate::ctx::GpuCtx;
use crate::objects::Gpu;

/// The functions that every object with a label has.
macro_rules! labels {
    ($object:ty) => {
        fn label(&mut self, object: Resource<$object>) -> Result<String> {
            GpuCtx::label(self, &object)
        }

        fn set_label(&mut self, object: Resource<$object>, label: String) -> Result<()> {
            GpuCtx::set_label(self, &object, label)
        }
    };
}

/// The end of an object. Dropping it calls wgpu, so what that may panic with
/// is caught.
macro_rules! ends {
    ($object:ty) => {
        fn drop(&mut self, object: Resource<$object>) -> Result<()> {
            let object = self.take(object)?;
            crate::errors::caught(move || {
                let _ended = object;
            })?;
            Ok(())
        }
    };
}

use {ends, labels};

impl wit::Host for GpuCtx {
    fn get_gpu(&mut self) -> Result<Resource<Gpu>> {
        self.push(Gpu)
    }
}
