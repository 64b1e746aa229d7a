//! `gpu`: the way to an adapter.

use wasmtime::Result;
use wasmtime::component::{Accessor, Resource};

use super::ends;
use crate::bindings::webgpu as wit;
use crate::ctx::{GpuCtx, HasGpu};
use crate::devices::Kind;
use crate::objects::{Adapter, Gpu, LanguageFeatures};

impl<T: Send> wit::HostGpuWithStore<T> for HasGpu {
    async fn request_adapter(
        accessor: &Accessor<T, Self>,
        gpu: Resource<Gpu>,
        options: Option<wit::GpuRequestAdapterOptions>,
    ) -> Result<Option<Resource<Adapter>>> {
        accessor.with(|mut access| {
            let ctx = access.get();
            ctx.get(&gpu)?;
            let Some(grant) = ctx.grant().cloned() else { return Ok(None) };
            let software = options.and_then(|options| options.force_fallback_adapter);
            let kind = grant.adapter().about().kind;
            if software == Some(true) && kind != Kind::Software {
                return Ok(None);
            }
            ctx.push(Adapter(grant)).map(Some)
        })
    }
}

impl wit::HostGpu for GpuCtx {
    fn get_preferred_canvas_format(&mut self, _: Resource<Gpu>) -> Result<wit::GpuTextureFormat> {
        Ok(wit::GpuTextureFormat::Bgra8unorm)
    }

    fn wgsl_language_features(&mut self, _: Resource<Gpu>) -> Result<Resource<LanguageFeatures>> {
        self.push(LanguageFeatures)
    }

    ends!(Gpu);
}

impl wit::HostWgslLanguageFeatures for GpuCtx {
    fn has(&mut self, _: Resource<LanguageFeatures>, _: String) -> Result<bool> {
        Ok(false)
    }

    ends!(LanguageFeatures);
}
