//! Adapters: what the GPU is, and devices made from it.

use std::pin::Pin;
use std::sync::Arc;

use wgpu::custom::{
    AdapterInterface, DispatchDevice, DispatchQueue, DispatchSurface, RequestDeviceFuture,
};

use super::bindings::webgpu as wit;
use super::convert;
use super::device::{Device, Shared};
use super::queue::Queue;
use super::{done, label, no};

/// The GPU that the actor was granted.
#[derive(Debug)]
pub(super) struct Adapter(pub(super) wit::GpuAdapter);

/// What a GPU says of itself.
pub(super) fn info(info: &wit::GpuAdapterInfo) -> wgpu::AdapterInfo {
    wgpu::AdapterInfo {
        name: info.description(),
        vendor: info.vendor().parse().unwrap_or(0),
        device: info.device().parse().unwrap_or(0),
        device_type: match info.is_fallback_adapter() {
            true => wgpu::DeviceType::Cpu,
            false => wgpu::DeviceType::Other,
        },
        device_pci_bus_id: String::new(),
        driver: "wasi:webgpu".to_owned(),
        driver_info: String::new(),
        backend: wgpu::Backend::BrowserWebGpu,
        subgroup_min_size: info.subgroup_min_size(),
        subgroup_max_size: info.subgroup_max_size(),
        transient_saves_memory: None,
        limit_bucket: None,
    }
}

impl AdapterInterface for Adapter {
    fn request_device(
        &self,
        wanted: &wgpu::DeviceDescriptor<'_>,
    ) -> Pin<Box<dyn RequestDeviceFuture>> {
        let opened = self.0.request_device(Some(wit::GpuDeviceDescriptor {
            required_features: Some(convert::required_features(wanted.required_features)),
            required_limits: Some(convert::required_limits(&wanted.required_limits)),
            default_queue: None,
            label: label(wanted.label),
        }));
        done(match opened {
            Ok(device) => {
                let queue = device.queue();
                let shared = Arc::new(Shared::new(device));
                let device = DispatchDevice::custom(Device(shared.clone()));
                Ok((device, DispatchQueue::custom(Queue { queue, shared })))
            }
            Err(refused) => Err(wgpu::RequestDeviceError::from_message(refused.message)),
        })
    }

    fn is_surface_supported(&self, _: &DispatchSurface) -> bool {
        false
    }

    fn features(&self) -> wgpu::Features {
        convert::features(&self.0.features())
    }

    fn limits(&self) -> wgpu::Limits {
        convert::limits(&self.0.limits())
    }

    fn downlevel_capabilities(&self) -> wgpu::DownlevelCapabilities {
        wgpu::DownlevelCapabilities::default()
    }

    fn get_info(&self) -> wgpu::AdapterInfo {
        info(&self.0.info())
    }

    fn get_texture_format_features(
        &self,
        format: wgpu::TextureFormat,
    ) -> wgpu::TextureFormatFeatures {
        format.guaranteed_format_features(self.features())
    }

    fn get_presentation_timestamp(&self) -> wgpu::PresentationTimestamp {
        no("presentation")
    }

    fn cooperative_matrix_properties(&self) -> Vec<wgpu::wgt::CooperativeMatrixProperties> {
        Vec::new()
    }
}
