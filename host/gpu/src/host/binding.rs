//! Bind groups, their layouts, and layouts of pipelines.

use std::num::NonZeroU64;
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::convert::layout_entry;
use crate::ctx::GpuCtx;
use crate::device::{Device, Held};
use crate::errors::Error;
use crate::limits::OBJECT_BYTES;
use crate::objects::{BindGroup, BindGroupLayout, DeviceHandle, Label, PipelineLayout};

/// What is counted for each binding.
const ENTRY_BYTES: u64 = 64;

/// A layout with one binding twice is invalid.
pub(super) fn invalid_layout(wgpu: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entry = wgpu::BindGroupLayoutEntry {
        binding: 0,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
        count: None,
    };
    wgpu.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &[entry, entry],
    })
}

/// What an object with so many bindings counts for.
fn charge(device: &Device, entries: usize) -> Result<std::result::Result<Held, Error>> {
    let bytes = OBJECT_BYTES + ENTRY_BYTES * entries as u64;
    Ok(device.charge(bytes)?.map(Arc::new).map_err(Error::from))
}

/// wgpu panics at more groups than it has room for.
fn count(device: &Device, groups: usize) -> std::result::Result<(), Error> {
    let most = device.limits().max_bind_groups as usize;
    if groups <= most {
        return Ok(());
    }
    Err(Error::validation(format!(
        "a pipeline layout of this device has at most {most} groups, not {groups}"
    )))
}

impl GpuCtx {
    pub(super) fn make_bind_group_layout(
        &mut self,
        device: &Resource<DeviceHandle>,
        descriptor: wit::GpuBindGroupLayoutDescriptor,
    ) -> Result<Resource<BindGroupLayout>> {
        let device = self.get(device)?.device.clone();
        let label = Label::new(descriptor.label);
        let entries: std::result::Result<Vec<_>, Error> =
            descriptor.entries.iter().map(layout_entry).collect();
        let held = charge(&device, descriptor.entries.len())?;
        let (wgpu, held) = match entries.and_then(|entries| Ok((entries, held?))) {
            Ok((entries, held)) => {
                let wanted =
                    wgpu::BindGroupLayoutDescriptor { label: label.wgpu(), entries: &entries };
                (device.call(|wgpu, _| wgpu.create_bind_group_layout(&wanted))?, held)
            }
            Err(error) => {
                device.report(error);
                (device.invalid(invalid_layout)?, Arc::new(device.grant().nothing()))
            }
        };
        self.push(BindGroupLayout { wgpu, _held: held, label })
    }

    pub(super) fn make_pipeline_layout(
        &mut self,
        device: &Resource<DeviceHandle>,
        descriptor: wit::GpuPipelineLayoutDescriptor,
    ) -> Result<Resource<PipelineLayout>> {
        let device = self.get(device)?.device.clone();
        let label = Label::new(descriptor.label);
        let layouts = descriptor.bind_group_layouts;
        let held = match count(&device, layouts.len()) {
            Ok(()) => charge(&device, layouts.len())?,
            Err(error) => Err(error),
        };
        let layouts = layouts.iter().map(|layout| match layout {
            Some(layout) => Ok(Some(&self.get(layout)?.wgpu)),
            None => Ok(None),
        });
        let layouts = layouts.collect::<Result<Vec<_>>>()?;
        let immediate_size = descriptor.immediate_size.unwrap_or(0);
        let (wgpu, held) = match held {
            Ok(held) => {
                let wanted = wgpu::PipelineLayoutDescriptor {
                    label: label.wgpu(),
                    bind_group_layouts: &layouts,
                    immediate_size,
                };
                (device.call(|wgpu, _| wgpu.create_pipeline_layout(&wanted))?, held)
            }
            Err(error) => {
                device.report(error);
                // More than any device has.
                let wanted = wgpu::PipelineLayoutDescriptor {
                    immediate_size: u32::MAX,
                    ..Default::default()
                };
                let wgpu = device.invalid(|wgpu| wgpu.create_pipeline_layout(&wanted))?;
                (wgpu, Arc::new(device.grant().nothing()))
            }
        };
        self.push(PipelineLayout { wgpu, _held: held, label })
    }

    pub(super) fn make_bind_group(
        &mut self,
        device: &Resource<DeviceHandle>,
        descriptor: wit::GpuBindGroupDescriptor,
    ) -> Result<Resource<BindGroup>> {
        let device = self.get(device)?.device.clone();
        let label = Label::new(descriptor.label);
        let layout = &self.get(&descriptor.layout)?.wgpu;
        let mut kept = vec![match charge(&device, descriptor.entries.len())? {
            Ok(held) => held,
            Err(error) => {
                device.report(error);
                Arc::new(device.grant().nothing())
            }
        }];
        let refused = kept[0].bytes() == 0;
        // A view for each texture that is bound without one.
        let views = self.whole_views(&device, &descriptor.entries)?;
        let mut entries = Vec::with_capacity(descriptor.entries.len());
        for (entry, view) in descriptor.entries.iter().zip(&views) {
            let (resource, held) = self.binding(&device, &entry.resource, view.as_ref())?;
            kept.extend(held);
            entries.push(wgpu::BindGroupEntry { binding: entry.binding, resource });
        }
        let wgpu = if refused {
            device.invalid(|wgpu| {
                let layout = &invalid_layout(wgpu);
                wgpu.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: None,
                    layout,
                    entries: &[],
                })
            })?
        } else {
            let wanted =
                wgpu::BindGroupDescriptor { label: label.wgpu(), layout, entries: &entries };
            device.call(|wgpu, _| wgpu.create_bind_group(&wanted))?
        };
        self.push(BindGroup { wgpu, held: kept.into(), label })
    }

    /// Views of whole textures, for bindings that name a texture.
    fn whole_views(
        &self,
        device: &Device,
        entries: &[wit::GpuBindGroupEntry],
    ) -> Result<Vec<Option<wgpu::TextureView>>> {
        let views = entries.iter().map(|entry| match &entry.resource {
            wit::GpuBindingResource::GpuTexture(texture) => {
                let texture = &self.get(texture)?.wgpu;
                let whole = wgpu::TextureViewDescriptor::default();
                device.call(|_, _| texture.create_view(&whole)).map(Some)
            }
            _ => Ok(None),
        });
        views.collect()
    }

    /// What is bound, and what keeps its memory.
    fn binding<'a>(
        &'a self,
        device: &Device,
        bound: &wit::GpuBindingResource,
        view: Option<&'a wgpu::TextureView>,
    ) -> Result<(wgpu::BindingResource<'a>, Option<Held>)> {
        Ok(match bound {
            wit::GpuBindingResource::GpuBuffer(buffer) => {
                let buffer = self.get(buffer)?;
                (buffer.wgpu.as_entire_binding(), Some(buffer.held.clone()))
            }
            wit::GpuBindingResource::GpuBufferBinding(part) => {
                let buffer = self.get(&part.buffer)?;
                let size = part.size.and_then(NonZeroU64::new);
                if part.size == Some(0) {
                    device.report(Error::validation("a binding of 0 bytes of a buffer"));
                }
                let offset = part.offset.unwrap_or(0);
                let binding = wgpu::BufferBinding { buffer: &buffer.wgpu, offset, size };
                (wgpu::BindingResource::Buffer(binding), Some(buffer.held.clone()))
            }
            wit::GpuBindingResource::GpuSampler(sampler) => {
                (wgpu::BindingResource::Sampler(&self.get(sampler)?.wgpu), None)
            }
            wit::GpuBindingResource::GpuTextureView(view) => {
                let view = self.get(view)?;
                (wgpu::BindingResource::TextureView(&view.wgpu), Some(view.held.clone()))
            }
            wit::GpuBindingResource::GpuTexture(texture) => {
                let view = view.expect("there is a view for each texture");
                (wgpu::BindingResource::TextureView(view), Some(self.get(texture)?.held.clone()))
            }
        })
    }
}

impl wit::HostGpuBindGroupLayout for GpuCtx {
    labels!(BindGroupLayout);
    ends!(BindGroupLayout);
}

impl wit::HostGpuBindGroup for GpuCtx {
    labels!(BindGroup);
    ends!(BindGroup);
}

impl wit::HostGpuPipelineLayout for GpuCtx {
    labels!(PipelineLayout);
    ends!(PipelineLayout);
}
