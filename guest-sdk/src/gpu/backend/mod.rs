//! A backend of `wgpu` over the component's `wasi:webgpu` imports, by way of
//! wgpu's feature `custom`.
//!
//! What belongs to computing is there. What draws panics with its name, as
//! wgpu has no other way to refuse it.

mod adapter;
mod binding;
mod bindings;
mod buffer;
mod convert;
mod device;
mod encoder;
mod format;
mod queue;
mod texture;

use std::future::{Ready, ready};
use std::pin::Pin;

use wgpu::custom::{
    DispatchAdapter, DispatchSurface, EnumerateAdapterFuture, InstanceInterface,
    RequestAdapterFuture,
};

use self::adapter::Adapter;
use self::bindings::webgpu as wit;

/// The entry to everything.
#[derive(Debug)]
struct Instance(wit::Gpu);

/// The host's GPU as a `wgpu` instance.
pub(super) fn instance() -> wgpu::Instance {
    wgpu::Instance::from_custom(Instance(wit::get_gpu()))
}

/// What this backend does not have.
#[track_caller]
fn no<T>(what: &str) -> T {
    panic!("GPUs of Greenroom compute, and do nothing else: they have no {what}")
}

/// A future of what is there already.
fn done<T>(value: T) -> Pin<Box<Ready<T>>> {
    Box::pin(ready(value))
}

fn label(label: Option<&str>) -> Option<String> {
    label.map(str::to_owned)
}

impl Instance {
    fn adapter(&self, options: Option<&wit::GpuRequestAdapterOptions>) -> Option<DispatchAdapter> {
        self.0.request_adapter(options).map(|adapter| DispatchAdapter::custom(Adapter(adapter)))
    }
}

#[allow(unsafe_code, reason = "wgpu's trait has unsafe functions")]
impl InstanceInterface for Instance {
    fn new(_: wgpu::InstanceDescriptor) -> Self {
        Instance(wit::get_gpu())
    }

    unsafe fn create_surface(
        &self,
        _: wgpu::SurfaceTargetUnsafe,
    ) -> Result<DispatchSurface, wgpu::CreateSurfaceError> {
        no("surfaces")
    }

    fn request_adapter(
        &self,
        options: &wgpu::RequestAdapterOptions<'_, '_>,
    ) -> Pin<Box<dyn RequestAdapterFuture>> {
        let none = wgpu::Backends::empty();
        let adapter = self.adapter(Some(&convert::adapter_options(options)));
        done(adapter.ok_or(wgpu::RequestAdapterError::NotFound {
            active_backends: none,
            requested_backends: none,
            supported_backends: none,
            no_fallback_backends: none,
            no_adapter_backends: none,
            incompatible_surface_backends: none,
        }))
    }

    fn poll_all_devices(&self, _: bool) -> bool {
        // Each device runs its callbacks when it is polled itself.
        true
    }

    fn wgsl_language_features(&self) -> wgpu::WgslLanguageFeatures {
        wgpu::WgslLanguageFeatures::empty()
    }

    fn enumerate_adapters(&self, _: wgpu::Backends) -> Pin<Box<dyn EnumerateAdapterFuture>> {
        done(self.adapter(None).into_iter().collect::<Vec<_>>())
    }
}
