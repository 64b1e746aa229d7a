//! Textures, their views, and samplers.

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;
use wgpu::{Extent3d, TextureDimension, TextureUsages};

use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::convert::{dimension, extent, format, sampler, texture_usage, view};
use crate::ctx::GpuCtx;
use crate::device::Device;
use crate::errors::Error;
use crate::objects::{DeviceHandle, Label, Sampler, Texture, TextureView};

/// Memory for a texture comes in pieces of this size at least.
const PIECE: u64 = 4 << 10;

/// More levels than a size of 32 bits can have.
const LEVELS: u32 = 33;

/// Formats that a texture may be viewed in.
const VIEW_FORMATS: usize = 128;

/// A texture without a size is invalid.
const INVALID: wgpu::TextureDescriptor<'static> = wgpu::TextureDescriptor {
    label: None,
    size: Extent3d { width: 0, height: 0, depth_or_array_layers: 0 },
    mip_level_count: 1,
    sample_count: 1,
    dimension: TextureDimension::D2,
    format: wgpu::TextureFormat::R8Unorm,
    usage: TextureUsages::COPY_SRC,
    view_formats: &[],
};

impl GpuCtx {
    pub(super) fn make_texture(
        &mut self,
        device: &Resource<DeviceHandle>,
        descriptor: wit::GpuTextureDescriptor,
    ) -> Result<Resource<Texture>> {
        let device = self.get(device)?.device.clone();
        let label = Label::new(descriptor.label.clone());
        let formats: Vec<_> = descriptor.view_formats.iter().flatten().copied().collect();
        let formats: Vec<_> = formats.into_iter().take(VIEW_FORMATS).map(format).collect();
        let wanted = wgpu::TextureDescriptor {
            label: label.wgpu(),
            size: extent(descriptor.size),
            mip_level_count: descriptor.mip_level_count.unwrap_or(1),
            sample_count: descriptor.sample_count.unwrap_or(1),
            dimension: descriptor.dimension.map_or(TextureDimension::D2, dimension),
            format: format(descriptor.format),
            usage: texture_usage(descriptor.usage),
            view_formats: &formats,
        };
        let charge = match check(&device, &descriptor) {
            Ok(()) => device.charge(bytes(&wanted))?.map_err(Error::from),
            Err(error) => Err(error),
        };
        let (charge, wgpu) = match charge {
            Ok(charge) => {
                let (wgpu, errors) = device.apart(|wgpu| wgpu.create_texture(&wanted))?;
                if !errors.is_empty() {
                    charge.release();
                }
                errors.into_iter().for_each(|error| device.report(error));
                (charge, wgpu)
            }
            Err(error) => {
                device.report(error);
                let wgpu = device.invalid(|wgpu| wgpu.create_texture(&INVALID))?;
                (device.grant().nothing(), wgpu)
            }
        };
        let held = Arc::new(charge);
        let about = wit::GpuTextureDescriptor { label: None, view_formats: None, ..descriptor };
        self.push(Texture { wgpu, device, held, about, label })
    }

    pub(super) fn make_sampler(
        &mut self,
        device: &Resource<DeviceHandle>,
        descriptor: Option<wit::GpuSamplerDescriptor>,
    ) -> Result<Resource<Sampler>> {
        let device = self.get(device)?.device.clone();
        let descriptor = descriptor.unwrap_or(wit::GpuSamplerDescriptor {
            address_mode_u: None,
            address_mode_v: None,
            address_mode_w: None,
            mag_filter: None,
            min_filter: None,
            mipmap_filter: None,
            lod_min_clamp: None,
            lod_max_clamp: None,
            compare: None,
            max_anisotropy: None,
            label: None,
        });
        let wanted = sampler(&descriptor, None);
        let wgpu = device.call(|wgpu, _| wgpu.create_sampler(&wanted))?;
        self.push(Sampler { wgpu, label: Label::new(descriptor.label) })
    }
}

/// What wgpu does not check, or not before it computes with it.
fn check(device: &Device, wanted: &wit::GpuTextureDescriptor) -> Result<(), Error> {
    if wanted.usage.contains(wit::GpuTextureUsage::TRANSIENT_ATTACHMENT) {
        return Err(super::render::unsupported());
    }
    let limits = device.limits();
    let most = limits
        .max_texture_dimension_1d
        .max(limits.max_texture_dimension_2d)
        .max(limits.max_texture_dimension_3d)
        .max(limits.max_texture_array_layers);
    let Extent3d { width, height, depth_or_array_layers } = extent(wanted.size);
    if width.max(height).max(depth_or_array_layers) > most {
        return Err(Error::validation(format!(
            "a texture of {width} x {height} x {depth_or_array_layers} is larger than this device allows ({most})"
        )));
    }
    let levels = wanted.mip_level_count.unwrap_or(1);
    if levels > LEVELS {
        return Err(Error::validation(format!("a texture cannot have {levels} mip levels")));
    }
    Ok(())
}

/// The memory of a texture: of all its levels, layers and samples.
fn bytes(texture: &wgpu::TextureDescriptor<'_>) -> u64 {
    let (block_width, block_height) = texture.format.block_dimensions();
    // A depth format that has no size to copy takes up to 8 bytes.
    let block = texture.format.block_copy_size(None).map_or(8, u64::from);
    let Extent3d { width, height, depth_or_array_layers } = texture.size;
    let level = |level: u32| {
        let shrunk = |length: u32| u64::from(length.checked_shr(level).unwrap_or(0).max(1));
        let depth = match texture.dimension {
            TextureDimension::D3 => shrunk(depth_or_array_layers),
            TextureDimension::D1 | TextureDimension::D2 => u64::from(depth_or_array_layers),
        };
        let columns = shrunk(width).div_ceil(u64::from(block_width));
        let rows = shrunk(height).div_ceil(u64::from(block_height));
        columns.saturating_mul(rows).saturating_mul(depth).saturating_mul(block)
    };
    let all = (0..texture.mip_level_count).map(level).fold(0, u64::saturating_add);
    let all = all.saturating_mul(u64::from(texture.sample_count.max(1)));
    all.max(PIECE).checked_next_multiple_of(PIECE).unwrap_or(u64::MAX)
}

impl wit::HostGpuTexture for GpuCtx {
    fn create_view(
        &mut self,
        texture: Resource<Texture>,
        descriptor: Option<wit::GpuTextureViewDescriptor>,
    ) -> Result<Resource<TextureView>> {
        let texture = self.get(&texture)?;
        let label = descriptor.as_ref().and_then(|descriptor| descriptor.label.clone());
        let label = Label::new(label);
        let device = &texture.device;
        let wanted = match &descriptor {
            Some(descriptor) => view(descriptor, label.wgpu()),
            None => Ok(wgpu::TextureViewDescriptor::default()),
        };
        let wgpu = match wanted {
            Ok(wanted) => device.call(|_, _| texture.wgpu.create_view(&wanted))?,
            Err(error) => {
                device.report(error);
                // No texture has this level.
                let nothing =
                    wgpu::TextureViewDescriptor { base_mip_level: LEVELS, ..Default::default() };
                device.invalid(|_| texture.wgpu.create_view(&nothing))?
            }
        };
        let held = texture.held.clone();
        self.push(TextureView { wgpu, held, label })
    }

    fn destroy(&mut self, texture: Resource<Texture>) -> Result<()> {
        let texture = self.get(&texture)?;
        texture.device.call(|_, _| texture.wgpu.destroy())?;
        texture.device.release(texture.held.clone())
    }

    fn width(&mut self, texture: Resource<Texture>) -> Result<u32> {
        Ok(extent(self.get(&texture)?.about.size).width)
    }

    fn height(&mut self, texture: Resource<Texture>) -> Result<u32> {
        Ok(extent(self.get(&texture)?.about.size).height)
    }

    fn depth_or_array_layers(&mut self, texture: Resource<Texture>) -> Result<u32> {
        Ok(extent(self.get(&texture)?.about.size).depth_or_array_layers)
    }

    fn mip_level_count(&mut self, texture: Resource<Texture>) -> Result<u32> {
        Ok(self.get(&texture)?.about.mip_level_count.unwrap_or(1))
    }

    fn sample_count(&mut self, texture: Resource<Texture>) -> Result<u32> {
        Ok(self.get(&texture)?.about.sample_count.unwrap_or(1))
    }

    fn dimension(&mut self, texture: Resource<Texture>) -> Result<wit::GpuTextureDimension> {
        Ok(self.get(&texture)?.about.dimension.unwrap_or(wit::GpuTextureDimension::D2))
    }

    fn format(&mut self, texture: Resource<Texture>) -> Result<wit::GpuTextureFormat> {
        Ok(self.get(&texture)?.about.format)
    }

    fn usage(&mut self, texture: Resource<Texture>) -> Result<wit::GpuTextureUsage> {
        Ok(self.get(&texture)?.about.usage)
    }

    fn texture_binding_view_dimension(
        &mut self,
        texture: Resource<Texture>,
    ) -> Result<Option<wit::GpuTextureViewDimension>> {
        Ok(self.get(&texture)?.about.texture_binding_view_dimension)
    }

    labels!(Texture);
    ends!(Texture);
}

impl wit::HostGpuTextureView for GpuCtx {
    labels!(TextureView);
    ends!(TextureView);
}

impl wit::HostGpuSampler for GpuCtx {
    labels!(Sampler);
    ends!(Sampler);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_a_texture_counts_levels_layers_and_samples() {
        let size = Extent3d { width: 64, height: 64, depth_or_array_layers: 2 };
        let format = wgpu::TextureFormat::Rgba8Unorm;
        let one = wgpu::TextureDescriptor { size, format, ..INVALID };
        assert_eq!(bytes(&one), 64 * 64 * 4 * 2);
        assert_eq!(bytes(&wgpu::TextureDescriptor { mip_level_count: 2, ..one }), 40 << 10);
        assert_eq!(bytes(&wgpu::TextureDescriptor { sample_count: 4, ..one }), 128 << 10);
        let size = Extent3d { width: u32::MAX, height: u32::MAX, depth_or_array_layers: u32::MAX };
        let huge = wgpu::TextureDescriptor { size, mip_level_count: LEVELS, ..INVALID };
        assert_eq!(bytes(&huge), u64::MAX);
    }
}
