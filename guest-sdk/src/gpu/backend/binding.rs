//! Layouts, bind groups, shaders and pipelines.

use std::pin::Pin;

use wgpu::custom::{
    BindGroupInterface, BindGroupLayoutInterface, ComputePipelineInterface,
    DispatchBindGroupLayout, PipelineLayoutInterface, ShaderCompilationInfoFuture,
    ShaderModuleInterface,
};

use super::bindings::webgpu as wit;
use super::buffer::Buffer;
use super::convert::{sampler_type, stages, storage_access, view_dimension};
use super::format::format;
use super::texture::{Sampler, TextureView};
use super::{done, no};

/// What is not ours was not made by this backend.
pub(super) const OURS: &str = "all of wgpu's objects in an actor are of this backend";

#[derive(Debug)]
pub(super) struct BindGroupLayout(pub(super) wit::GpuBindGroupLayout);
#[derive(Debug)]
pub(super) struct BindGroup(pub(super) wit::GpuBindGroup);
#[derive(Debug)]
pub(super) struct PipelineLayout(pub(super) wit::GpuPipelineLayout);
#[derive(Debug)]
pub(super) struct ShaderModule(pub(super) wit::GpuShaderModule);
#[derive(Debug)]
pub(super) struct ComputePipeline(pub(super) wit::GpuComputePipeline);

impl BindGroupLayoutInterface for BindGroupLayout {}
impl BindGroupInterface for BindGroup {}
impl PipelineLayoutInterface for PipelineLayout {}

impl ComputePipelineInterface for ComputePipeline {
    fn get_bind_group_layout(&self, index: u32) -> DispatchBindGroupLayout {
        DispatchBindGroupLayout::custom(BindGroupLayout(self.0.get_bind_group_layout(index)))
    }
}

impl ShaderModuleInterface for ShaderModule {
    fn get_compilation_info(&self) -> Pin<Box<dyn ShaderCompilationInfoFuture>> {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let message = |message: wit::GpuCompilationMessage| wgpu::CompilationMessage {
            message: message.message(),
            message_type: match message.type_() {
                wit::GpuCompilationMessageType::Error => wgpu::CompilationMessageType::Error,
                wit::GpuCompilationMessageType::Warning => wgpu::CompilationMessageType::Warning,
                wit::GpuCompilationMessageType::Info => wgpu::CompilationMessageType::Info,
            },
            // Line 0 is no place.
            location: (message.line_num() > 0).then(|| wgpu::SourceLocation {
                line_number: number(message.line_num()),
                line_position: number(message.line_pos()),
                offset: number(message.offset()),
                length: number(message.length()),
            }),
        };
        let messages = self.0.get_compilation_info().messages();
        let messages = messages.into_iter().map(message).collect();
        done(wgpu::CompilationInfo { messages })
    }
}

/// One binding of a layout.
pub(super) fn layout_entry(entry: &wgpu::BindGroupLayoutEntry) -> wit::GpuBindGroupLayoutEntry {
    let mut converted = wit::GpuBindGroupLayoutEntry {
        binding: entry.binding,
        visibility: stages(entry.visibility),
        buffer: None,
        sampler: None,
        texture: None,
        storage_texture: None,
    };
    match entry.ty {
        _ if entry.count.is_some() => no("arrays of bindings"),
        wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size } => {
            converted.buffer = Some(wit::GpuBufferBindingLayout {
                type_: Some(match ty {
                    wgpu::BufferBindingType::Uniform => wit::GpuBufferBindingType::Uniform,
                    wgpu::BufferBindingType::Storage { read_only: true } => {
                        wit::GpuBufferBindingType::ReadOnlyStorage
                    }
                    wgpu::BufferBindingType::Storage { read_only: false } => {
                        wit::GpuBufferBindingType::Storage
                    }
                }),
                has_dynamic_offset: Some(has_dynamic_offset),
                min_binding_size: min_binding_size.map(wgpu::BufferSize::get),
            });
        }
        wgpu::BindingType::Sampler(kind) => {
            let type_ = Some(sampler_type(kind));
            converted.sampler = Some(wit::GpuSamplerBindingLayout { type_ });
        }
        wgpu::BindingType::Texture { sample_type, view_dimension: shape, multisampled } => {
            converted.texture = Some(wit::GpuTextureBindingLayout {
                sample_type: Some(texture_sample_type(sample_type)),
                view_dimension: Some(view_dimension(shape)),
                multisampled: Some(multisampled),
            });
        }
        wgpu::BindingType::StorageTexture { access, format: kind, view_dimension: shape } => {
            converted.storage_texture = Some(wit::GpuStorageTextureBindingLayout {
                access: Some(storage_access(access)),
                format: format(kind),
                view_dimension: Some(view_dimension(shape)),
            });
        }
        other => no(&format!("{other:?}")),
    }
    converted
}

fn texture_sample_type(kind: wgpu::TextureSampleType) -> wit::GpuTextureSampleType {
    match kind {
        wgpu::TextureSampleType::Float { filterable: true } => wit::GpuTextureSampleType::Float,
        wgpu::TextureSampleType::Float { filterable: false } => {
            wit::GpuTextureSampleType::UnfilterableFloat
        }
        wgpu::TextureSampleType::Depth => wit::GpuTextureSampleType::Depth,
        wgpu::TextureSampleType::Sint => wit::GpuTextureSampleType::Sint,
        wgpu::TextureSampleType::Uint => wit::GpuTextureSampleType::Uint,
    }
}

/// One binding of a group.
pub(super) fn group_entry<'a>(entry: &wgpu::BindGroupEntry<'a>) -> wit::GpuBindGroupEntry<'a> {
    let resource = match &entry.resource {
        wgpu::BindingResource::Buffer(part) => {
            wit::GpuBindingResource::GpuBufferBinding(wit::GpuBufferBinding {
                buffer: &part.buffer.as_custom::<Buffer>().expect(OURS).inner.raw,
                offset: Some(part.offset),
                size: part.size.map(wgpu::BufferSize::get),
            })
        }
        wgpu::BindingResource::Sampler(sampler) => {
            wit::GpuBindingResource::GpuSampler(&sampler.as_custom::<Sampler>().expect(OURS).0)
        }
        wgpu::BindingResource::TextureView(view) => {
            wit::GpuBindingResource::GpuTextureView(&view.as_custom::<TextureView>().expect(OURS).0)
        }
        other => no(&format!("{other:?}")),
    };
    wit::GpuBindGroupEntry { binding: entry.binding, resource }
}
