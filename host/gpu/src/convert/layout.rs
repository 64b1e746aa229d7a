//! Layouts of bindings.

use wgpu::{
    BindGroupLayoutEntry, BindingType, BufferBindingType, BufferSize, SamplerBindingType,
    StorageTextureAccess, TextureSampleType, TextureViewDimension,
};

use super::{format, stages};
use crate::bindings::webgpu as wit;
use crate::errors::Error;

/// One binding of a layout. WebGPU has one of four kinds in each.
pub(crate) fn layout_entry(
    entry: &wit::GpuBindGroupLayoutEntry,
) -> Result<BindGroupLayoutEntry, Error> {
    let kinds = [
        entry.buffer.as_ref().map(buffer),
        entry.sampler.as_ref().map(sampler),
        entry.texture.as_ref().map(texture),
        entry.storage_texture.as_ref().map(storage_texture),
    ];
    let mut kinds = kinds.into_iter().flatten();
    let (Some(ty), None) = (kinds.next(), kinds.next()) else {
        let binding = entry.binding;
        return Err(Error::validation(format!(
            "binding {binding} of a bind group layout must be exactly one of buffer, sampler, texture and storage texture"
        )));
    };
    let visibility = stages(entry.visibility);
    Ok(BindGroupLayoutEntry { binding: entry.binding, visibility, ty, count: None })
}

fn buffer(layout: &wit::GpuBufferBindingLayout) -> BindingType {
    use wit::GpuBufferBindingType as Type;
    let ty = match layout.type_.unwrap_or(Type::Uniform) {
        Type::Uniform => BufferBindingType::Uniform,
        Type::Storage => BufferBindingType::Storage { read_only: false },
        Type::ReadOnlyStorage => BufferBindingType::Storage { read_only: true },
    };
    BindingType::Buffer {
        ty,
        has_dynamic_offset: layout.has_dynamic_offset.unwrap_or(false),
        min_binding_size: layout.min_binding_size.and_then(BufferSize::new),
    }
}

fn sampler(layout: &wit::GpuSamplerBindingLayout) -> BindingType {
    use wit::GpuSamplerBindingType as Type;
    BindingType::Sampler(match layout.type_.unwrap_or(Type::Filtering) {
        Type::Filtering => SamplerBindingType::Filtering,
        Type::NonFiltering => SamplerBindingType::NonFiltering,
        Type::Comparison => SamplerBindingType::Comparison,
    })
}

fn texture(layout: &wit::GpuTextureBindingLayout) -> BindingType {
    use wit::GpuTextureSampleType as Type;
    let sample_type = match layout.sample_type.unwrap_or(Type::Float) {
        Type::Float => TextureSampleType::Float { filterable: true },
        Type::UnfilterableFloat => TextureSampleType::Float { filterable: false },
        Type::Depth => TextureSampleType::Depth,
        Type::Sint => TextureSampleType::Sint,
        Type::Uint => TextureSampleType::Uint,
    };
    BindingType::Texture {
        sample_type,
        view_dimension: layout.view_dimension.map_or(TextureViewDimension::D2, view_dimension),
        multisampled: layout.multisampled.unwrap_or(false),
    }
}

fn storage_texture(layout: &wit::GpuStorageTextureBindingLayout) -> BindingType {
    use wit::GpuStorageTextureAccess as Access;
    let access = match layout.access.unwrap_or(Access::WriteOnly) {
        Access::WriteOnly => StorageTextureAccess::WriteOnly,
        Access::ReadOnly => StorageTextureAccess::ReadOnly,
        Access::ReadWrite => StorageTextureAccess::ReadWrite,
    };
    BindingType::StorageTexture {
        access,
        format: format(layout.format),
        view_dimension: layout.view_dimension.map_or(TextureViewDimension::D2, view_dimension),
    }
}

/// The shape of a view.
pub(crate) fn view_dimension(dimension: wit::GpuTextureViewDimension) -> TextureViewDimension {
    use wit::GpuTextureViewDimension as Dimension;
    match dimension {
        Dimension::D1 => TextureViewDimension::D1,
        Dimension::D2 => TextureViewDimension::D2,
        Dimension::D2Array => TextureViewDimension::D2Array,
        Dimension::Cube => TextureViewDimension::Cube,
        Dimension::CubeArray => TextureViewDimension::CubeArray,
        Dimension::D3 => TextureViewDimension::D3,
    }
}
