//! Textures, their views, samplers, and sets of queries.

use wgpu::custom::{
    DispatchTextureView, QuerySetInterface, SamplerInterface, TextureInterface,
    TextureViewInterface,
};

use super::bindings::webgpu as wit;
use super::convert::{
    address_mode, aspect, compare, dimension, extent, filter, mipmap_filter, texture_usage,
    view_dimension,
};
use super::format::format;
use super::label;

/// A texture.
#[derive(Debug)]
pub(super) struct Texture(pub(super) wit::GpuTexture);

/// A view of a texture.
#[derive(Debug)]
pub(super) struct TextureView(pub(super) wit::GpuTextureView);

/// A sampler.
#[derive(Debug)]
pub(super) struct Sampler(pub(super) wit::GpuSampler);

/// A set of queries.
#[derive(Debug)]
pub(super) struct QuerySet(pub(super) wit::GpuQuerySet);

impl TextureInterface for Texture {
    fn create_view(&self, wanted: &wgpu::TextureViewDescriptor<'_>) -> DispatchTextureView {
        DispatchTextureView::custom(TextureView(self.0.create_view(Some(
            &wit::GpuTextureViewDescriptor {
                format: wanted.format.map(format),
                dimension: wanted.dimension.map(view_dimension),
                usage: wanted.usage.map(texture_usage),
                aspect: Some(aspect(wanted.aspect)),
                base_mip_level: Some(wanted.base_mip_level),
                mip_level_count: wanted.mip_level_count,
                base_array_layer: Some(wanted.base_array_layer),
                array_layer_count: wanted.array_layer_count,
                swizzle: None,
                label: label(wanted.label),
            },
        ))))
    }

    fn destroy(&self) {
        self.0.destroy();
    }
}

impl TextureViewInterface for TextureView {}

impl SamplerInterface for Sampler {}

impl QuerySetInterface for QuerySet {
    fn destroy(&self) {
        self.0.destroy();
    }
}

/// A texture as the interface describes one.
pub(super) fn texture(wanted: &wgpu::TextureDescriptor<'_>) -> wit::GpuTextureDescriptor {
    wit::GpuTextureDescriptor {
        size: extent(wanted.size),
        mip_level_count: Some(wanted.mip_level_count),
        sample_count: Some(wanted.sample_count),
        dimension: Some(dimension(wanted.dimension)),
        format: format(wanted.format),
        usage: texture_usage(wanted.usage),
        view_formats: Some(wanted.view_formats.iter().copied().map(format).collect()),
        texture_binding_view_dimension: None,
        label: label(wanted.label),
    }
}

/// A sampler as the interface describes one.
pub(super) fn sampler(wanted: &wgpu::SamplerDescriptor<'_>) -> wit::GpuSamplerDescriptor {
    wit::GpuSamplerDescriptor {
        address_mode_u: Some(address_mode(wanted.address_mode_u)),
        address_mode_v: Some(address_mode(wanted.address_mode_v)),
        address_mode_w: Some(address_mode(wanted.address_mode_w)),
        mag_filter: Some(filter(wanted.mag_filter)),
        min_filter: Some(filter(wanted.min_filter)),
        mipmap_filter: Some(mipmap_filter(wanted.mipmap_filter)),
        lod_min_clamp: Some(wanted.lod_min_clamp),
        lod_max_clamp: Some(wanted.lod_max_clamp),
        compare: wanted.compare.map(compare),
        max_anisotropy: Some(wanted.anisotropy_clamp),
        label: label(wanted.label),
    }
}
