//! Drawing, which this host does not do: making something for it is an error
//! in the guest's error scope, and what was made does nothing.

use std::result::Result as StdResult;
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::ctx::GpuCtx;
use crate::device::Device;
use crate::errors::Error;
use crate::objects::{BindGroup, BindGroupLayout, Buffer, Inert, Label, Never, Texture};

/// What a guest that wants to draw is told.
pub(super) fn unsupported() -> Error {
    Error::validation(
        "this host's GPUs compute and do not draw: render functions are not supported",
    )
}

/// What a guest would be told that holds what nobody can hold.
pub(super) fn nobody() -> wasmtime::Error {
    wasmtime::format_err!("this host makes no such object")
}

impl GpuCtx {
    /// Reports that it is an error, and makes something that does nothing.
    pub(super) fn push_inert(&mut self, device: Arc<Device>) -> Result<Resource<Inert>> {
        device.report(unsupported());
        self.push(Inert { device, label: Label::default() })
    }

    /// Takes what the host was given with a pipeline for drawing.
    pub(super) fn discard(&mut self, descriptor: wit::GpuRenderPipelineDescriptor) -> Result<()> {
        let of_fragment = descriptor.fragment.and_then(|fragment| fragment.constants);
        for constants in descriptor.vertex.constants.into_iter().chain(of_fragment) {
            self.take(constants)?;
        }
        Ok(())
    }
}

/// What passes and bundles for drawing have in common.
macro_rules! draws {
    () => {
        fn set_pipeline(&mut self, _: Resource<Inert>, _: Resource<Inert>) -> Result<()> {
            Ok(())
        }

        fn set_index_buffer(
            &mut self,
            _: Resource<Inert>,
            _: Resource<Buffer>,
            _: wit::GpuIndexFormat,
            _: Option<u64>,
            _: Option<u64>,
        ) -> Result<()> {
            Ok(())
        }

        fn set_vertex_buffer(
            &mut self,
            _: Resource<Inert>,
            _: u32,
            _: Option<Resource<Buffer>>,
            _: Option<u64>,
            _: Option<u64>,
        ) -> Result<()> {
            Ok(())
        }

        fn draw(
            &mut self,
            _: Resource<Inert>,
            _: u32,
            _: Option<u32>,
            _: Option<u32>,
            _: Option<u32>,
        ) -> Result<()> {
            Ok(())
        }

        fn draw_indexed(
            &mut self,
            _: Resource<Inert>,
            _: u32,
            _: Option<u32>,
            _: Option<u32>,
            _: Option<i32>,
            _: Option<u32>,
        ) -> Result<()> {
            Ok(())
        }

        fn draw_indirect(&mut self, _: Resource<Inert>, _: Resource<Buffer>, _: u64) -> Result<()> {
            Ok(())
        }

        fn draw_indexed_indirect(
            &mut self,
            _: Resource<Inert>,
            _: Resource<Buffer>,
            _: u64,
        ) -> Result<()> {
            Ok(())
        }

        fn set_bind_group(
            &mut self,
            _: Resource<Inert>,
            _: u32,
            _: Option<Resource<BindGroup>>,
            _: Option<Vec<u32>>,
            _: Option<u64>,
            _: Option<u32>,
        ) -> Result<StdResult<(), wit::SetBindGroupError>> {
            Ok(Ok(()))
        }

        fn set_immediates(
            &mut self,
            _: Resource<Inert>,
            _: u32,
            _: Vec<u8>,
            _: Option<u64>,
            _: Option<u64>,
        ) -> Result<()> {
            Ok(())
        }

        fn push_debug_group(&mut self, _: Resource<Inert>, _: String) -> Result<()> {
            Ok(())
        }

        fn pop_debug_group(&mut self, _: Resource<Inert>) -> Result<()> {
            Ok(())
        }

        fn insert_debug_marker(&mut self, _: Resource<Inert>, _: String) -> Result<()> {
            Ok(())
        }

        labels!(Inert);
        ends!(Inert);
    };
}

impl wit::HostGpuRenderPassEncoder for GpuCtx {
    fn set_viewport(
        &mut self,
        _: Resource<Inert>,
        _: f32,
        _: f32,
        _: f32,
        _: f32,
        _: f32,
        _: f32,
    ) -> Result<()> {
        Ok(())
    }

    fn set_scissor_rect(
        &mut self,
        _: Resource<Inert>,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
    ) -> Result<()> {
        Ok(())
    }

    fn set_blend_constant(&mut self, _: Resource<Inert>, _: wit::GpuColor) -> Result<()> {
        Ok(())
    }

    fn set_stencil_reference(&mut self, _: Resource<Inert>, _: u32) -> Result<()> {
        Ok(())
    }

    fn begin_occlusion_query(&mut self, _: Resource<Inert>, _: u32) -> Result<()> {
        Ok(())
    }

    fn end_occlusion_query(&mut self, _: Resource<Inert>) -> Result<()> {
        Ok(())
    }

    fn execute_bundles(&mut self, _: Resource<Inert>, _: Vec<Resource<Inert>>) -> Result<()> {
        Ok(())
    }

    fn end(&mut self, _: Resource<Inert>) -> Result<()> {
        Ok(())
    }

    draws!();
}

impl wit::HostGpuRenderBundleEncoder for GpuCtx {
    fn finish(
        &mut self,
        encoder: Resource<Inert>,
        _: Option<wit::GpuRenderBundleDescriptor>,
    ) -> Result<Resource<Inert>> {
        let device = self.get(&encoder)?.device.clone();
        self.push_inert(device)
    }

    draws!();
}

impl wit::HostGpuRenderBundle for GpuCtx {
    labels!(Inert);
    ends!(Inert);
}

impl wit::HostGpuRenderPipeline for GpuCtx {
    fn get_bind_group_layout(
        &mut self,
        pipeline: Resource<Inert>,
        _: u32,
    ) -> Result<Resource<BindGroupLayout>> {
        let device = self.get(&pipeline)?.device.clone();
        device.report(unsupported());
        let wgpu = device.invalid(super::binding::invalid_layout)?;
        let _held = Arc::new(device.grant().nothing());
        self.push(BindGroupLayout { wgpu, _held, label: Label::default() })
    }

    labels!(Inert);
    ends!(Inert);
}

// There is no way to a canvas, so nobody has a context of one.
impl wit::HostGpuCanvasContext for GpuCtx {
    fn configure(&mut self, _: Resource<Never>, _: wit::GpuCanvasConfiguration) -> Result<()> {
        Err(nobody())
    }

    fn unconfigure(&mut self, _: Resource<Never>) -> Result<()> {
        Err(nobody())
    }

    fn get_configuration(
        &mut self,
        _: Resource<Never>,
    ) -> Result<Option<wit::GpuCanvasConfigurationOwned>> {
        Err(nobody())
    }

    fn get_current_texture(&mut self, _: Resource<Never>) -> Result<Resource<Texture>> {
        Err(nobody())
    }

    fn drop(&mut self, _: Resource<Never>) -> Result<()> {
        Err(nobody())
    }
}
