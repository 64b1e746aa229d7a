//! Adapters, what they say of themselves, and devices made from them.

use std::result::Result as StdResult;

use wasmtime::Result;
use wasmtime::component::{Accessor, Resource};
use wgpu::MemoryHints;

use super::ends;
use crate::bindings::webgpu as wit;
use crate::convert::{capped, feature, has_feature, offered, requirable, require};
use crate::ctx::{GpuCtx, HasGpu};
use crate::device::Device;
use crate::objects::{Adapter, AdapterInfo, DeviceHandle, Features, Label, Limits};
use crate::{Grant, limits};

type Refused = wit::RequestDeviceError;

impl<T: Send> wit::HostGpuAdapterWithStore<T> for HasGpu {
    async fn request_device(
        accessor: &Accessor<T, Self>,
        adapter: Resource<Adapter>,
        descriptor: Option<wit::GpuDeviceDescriptor>,
    ) -> Result<StdResult<Resource<DeviceHandle>, Refused>> {
        let wanted = accessor.with(|mut access| wanted(access.get(), &adapter, descriptor))?;
        let (grant, wanted) = match wanted {
            Ok(wanted) => wanted,
            Err(refused) => return Ok(Err(refused)),
        };
        let Some(seat) = grant.seat() else {
            let most = limits::DEVICES;
            return Ok(Err(refused(format!("an actor has at most {most} GPU devices"))));
        };
        // Drivers take their time for this.
        let timeout = grant.timeout();
        let Wanted { label, features, limits } = wanted;
        let opening = tokio::task::spawn_blocking(move || {
            let descriptor = wgpu::DeviceDescriptor {
                required_features: features,
                required_limits: limits,
                memory_hints: MemoryHints::MemoryUsage,
                ..Default::default()
            };
            Device::open(&grant, seat, &descriptor)
        });
        let Ok(opened) = tokio::time::timeout(timeout, opening).await else {
            wasmtime::bail!("the GPU's driver did not open a device within {timeout:?}")
        };
        match opened?? {
            Ok(device) => {
                let handle = DeviceHandle { device, label };
                accessor.with(|mut access| access.get().push(handle).map(Ok))
            }
            Err(error) => Ok(Err(refused(error.to_string()))),
        }
    }
}

struct Wanted {
    label: Label,
    features: wgpu::Features,
    limits: wgpu::Limits,
}

fn refused(message: String) -> Refused {
    Refused { kind: wit::RequestDeviceErrorKind::OperationError, message }
}

fn wanted(
    ctx: &mut GpuCtx,
    adapter: &Resource<Adapter>,
    descriptor: Option<wit::GpuDeviceDescriptor>,
) -> Result<StdResult<(Grant, Wanted), Refused>> {
    let grant = ctx.get(adapter)?.0.clone();
    let of = grant.adapter().wgpu();
    let mut limits = requirable(&of.limits(), grant.memory());
    let mut features = wgpu::Features::empty();
    let Some(descriptor) = descriptor else {
        let wanted = Wanted { label: Label::default(), features, limits };
        return Ok(Ok((grant, wanted)));
    };
    if let Some(required) = descriptor.required_limits {
        for (name, value) in ctx.take(required)?.0 {
            let Some(value) = value else { continue };
            if let Err(message) = require(&mut limits, &name, value) {
                return Ok(Err(refused(message)));
            }
        }
    }
    let most = capped(of.limits(), grant.memory()).max_buffer_size;
    if limits.max_buffer_size > most {
        let asked = limits.max_buffer_size;
        let message = format!("maxBufferSize {asked} is more than this actor can have ({most})");
        return Ok(Err(refused(message)));
    }
    for name in descriptor.required_features.unwrap_or_default() {
        match feature(name).filter(|wanted| of.features().contains(*wanted)) {
            Some(wanted) => features |= wanted,
            None => {
                let kind = wit::RequestDeviceErrorKind::TypeError;
                let message = format!("this GPU, or this host, does not have {name:?}");
                return Ok(Err(Refused { kind, message }));
            }
        }
    }
    if limits.max_immediate_size > 0 && of.features().contains(wgpu::Features::IMMEDIATES) {
        features |= wgpu::Features::IMMEDIATES;
    }
    Ok(Ok((grant, Wanted { label: Label::new(descriptor.label), features, limits })))
}

impl wit::HostGpuAdapter for GpuCtx {
    fn features(&mut self, adapter: Resource<Adapter>) -> Result<Resource<Features>> {
        let features = self.get(&adapter)?.0.adapter().wgpu().features();
        self.push(Features(offered(features)))
    }

    fn limits(&mut self, adapter: Resource<Adapter>) -> Result<Resource<Limits>> {
        let grant = &self.get(&adapter)?.0;
        let limits = capped(grant.adapter().wgpu().limits(), grant.memory());
        self.push(Limits(limits))
    }

    fn info(&mut self, adapter: Resource<Adapter>) -> Result<Resource<AdapterInfo>> {
        let info = self.get(&adapter)?.0.adapter().wgpu().get_info();
        self.push(AdapterInfo(info))
    }

    ends!(Adapter);
}

impl wit::HostGpuAdapterInfo for GpuCtx {
    fn vendor(&mut self, info: Resource<AdapterInfo>) -> Result<String> {
        Ok(self.get(&info)?.0.vendor.to_string())
    }

    fn architecture(&mut self, _: Resource<AdapterInfo>) -> Result<String> {
        // Vulkan does not say; WebGPU allows an empty one.
        Ok(String::new())
    }

    fn device(&mut self, info: Resource<AdapterInfo>) -> Result<String> {
        Ok(self.get(&info)?.0.device.to_string())
    }

    fn description(&mut self, info: Resource<AdapterInfo>) -> Result<String> {
        Ok(self.get(&info)?.0.name.clone())
    }

    fn subgroup_min_size(&mut self, info: Resource<AdapterInfo>) -> Result<u32> {
        Ok(self.get(&info)?.0.subgroup_min_size)
    }

    fn subgroup_max_size(&mut self, info: Resource<AdapterInfo>) -> Result<u32> {
        Ok(self.get(&info)?.0.subgroup_max_size)
    }

    fn is_fallback_adapter(&mut self, info: Resource<AdapterInfo>) -> Result<bool> {
        Ok(self.get(&info)?.0.device_type == wgpu::DeviceType::Cpu)
    }

    ends!(AdapterInfo);
}

impl wit::HostGpuSupportedFeatures for GpuCtx {
    fn has(&mut self, features: Resource<Features>, name: String) -> Result<bool> {
        Ok(has_feature(self.get(&features)?.0, &name))
    }

    ends!(Features);
}

macro_rules! limits {
    ($($function:ident: $type:ty = $limit:ident,)*) => {
        impl wit::HostGpuSupportedLimits for GpuCtx {
            $(fn $function(&mut self, limits: Resource<Limits>) -> Result<$type> {
                Ok(self.get(&limits)?.0.$limit)
            })*

            ends!(Limits);
        }
    };
}

// Limits of single stages are not apart in wgpu: what holds for any, holds.
limits! {
    max_texture_dimension1_d: u32 = max_texture_dimension_1d,
    max_texture_dimension2_d: u32 = max_texture_dimension_2d,
    max_texture_dimension3_d: u32 = max_texture_dimension_3d,
    max_texture_array_layers: u32 = max_texture_array_layers,
    max_bind_groups: u32 = max_bind_groups,
    max_bind_groups_plus_vertex_buffers: u32 = max_bind_groups_plus_vertex_buffers,
    max_immediate_size: u32 = max_immediate_size,
    max_bindings_per_bind_group: u32 = max_bindings_per_bind_group,
    max_dynamic_uniform_buffers_per_pipeline_layout: u32 = max_dynamic_uniform_buffers_per_pipeline_layout,
    max_dynamic_storage_buffers_per_pipeline_layout: u32 = max_dynamic_storage_buffers_per_pipeline_layout,
    max_sampled_textures_per_shader_stage: u32 = max_sampled_textures_per_shader_stage,
    max_samplers_per_shader_stage: u32 = max_samplers_per_shader_stage,
    max_storage_buffers_per_shader_stage: u32 = max_storage_buffers_per_shader_stage,
    max_storage_buffers_in_vertex_stage: u32 = max_storage_buffers_per_shader_stage,
    max_storage_buffers_in_fragment_stage: u32 = max_storage_buffers_per_shader_stage,
    max_storage_textures_per_shader_stage: u32 = max_storage_textures_per_shader_stage,
    max_storage_textures_in_vertex_stage: u32 = max_storage_textures_per_shader_stage,
    max_storage_textures_in_fragment_stage: u32 = max_storage_textures_per_shader_stage,
    max_uniform_buffers_per_shader_stage: u32 = max_uniform_buffers_per_shader_stage,
    max_uniform_buffer_binding_size: u64 = max_uniform_buffer_binding_size,
    max_storage_buffer_binding_size: u64 = max_storage_buffer_binding_size,
    min_uniform_buffer_offset_alignment: u32 = min_uniform_buffer_offset_alignment,
    min_storage_buffer_offset_alignment: u32 = min_storage_buffer_offset_alignment,
    max_vertex_buffers: u32 = max_vertex_buffers,
    max_buffer_size: u64 = max_buffer_size,
    max_vertex_attributes: u32 = max_vertex_attributes,
    max_vertex_buffer_array_stride: u32 = max_vertex_buffer_array_stride,
    max_inter_stage_shader_variables: u32 = max_inter_stage_shader_variables,
    max_color_attachments: u32 = max_color_attachments,
    max_color_attachment_bytes_per_sample: u32 = max_color_attachment_bytes_per_sample,
    max_compute_workgroup_storage_size: u32 = max_compute_workgroup_storage_size,
    max_compute_invocations_per_workgroup: u32 = max_compute_invocations_per_workgroup,
    max_compute_workgroup_size_x: u32 = max_compute_workgroup_size_x,
    max_compute_workgroup_size_y: u32 = max_compute_workgroup_size_y,
    max_compute_workgroup_size_z: u32 = max_compute_workgroup_size_z,
    max_compute_workgroups_per_dimension: u32 = max_compute_workgroups_per_dimension,
}
