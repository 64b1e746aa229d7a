//! The interface's types as wgpu's.

mod capabilities;
mod format;
mod layout;

use wgpu::{BufferUsages, Extent3d, Origin3d, ShaderStages, TextureUsages};

pub(crate) use self::capabilities::{capped, feature, has_feature, offered, requirable, require};
pub(crate) use self::format::format;
pub(crate) use self::layout::{layout_entry, view_dimension};

use crate::bindings::webgpu as wit;
use crate::errors::{Error, Kind};

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident: $from:ident => $into:ident { $($flag:ident)* }) => {
        $(#[$doc])*
        pub(crate) fn $name(flags: wit::$from) -> $into {
            let mut converted = $into::empty();
            $(converted.set($into::$flag, flags.contains(wit::$from::$flag));)*
            converted
        }
    };
}

flags! {
    /// What a buffer may be used for.
    buffer_usage: GpuBufferUsage => BufferUsages {
        MAP_READ MAP_WRITE COPY_SRC COPY_DST INDEX VERTEX UNIFORM STORAGE INDIRECT QUERY_RESOLVE
    }
}

flags! {
    /// What a texture may be used for. `TRANSIENT_ATTACHMENT` is for drawing.
    texture_usage: GpuTextureUsage => TextureUsages {
        COPY_SRC COPY_DST TEXTURE_BINDING STORAGE_BINDING RENDER_ATTACHMENT
    }
}

flags! {
    /// Where a binding is seen.
    stages: GpuShaderStage => ShaderStages { VERTEX FRAGMENT COMPUTE }
}

macro_rules! enums {
    ($($name:ident: $from:ident => $into:ident { $($wit:ident => $wgpu:ident,)* })*) => {$(
        pub(crate) fn $name(value: wit::$from) -> wgpu::$into {
            match value {
                $(wit::$from::$wit => wgpu::$into::$wgpu,)*
            }
        }
    )*};
}

enums! {
    aspect: GpuTextureAspect => TextureAspect {
        All => All, StencilOnly => StencilOnly, DepthOnly => DepthOnly,
    }
    dimension: GpuTextureDimension => TextureDimension { D1 => D1, D2 => D2, D3 => D3, }
    address_mode: GpuAddressMode => AddressMode {
        ClampToEdge => ClampToEdge, Repeat => Repeat, MirrorRepeat => MirrorRepeat,
    }
    filter: GpuFilterMode => FilterMode { Nearest => Nearest, Linear => Linear, }
    mipmap_filter: GpuMipmapFilterMode => MipmapFilterMode { Nearest => Nearest, Linear => Linear, }
    compare: GpuCompareFunction => CompareFunction {
        Never => Never, Less => Less, Equal => Equal, LessEqual => LessEqual,
        Greater => Greater, NotEqual => NotEqual, GreaterEqual => GreaterEqual, Always => Always,
    }
}

/// A size; WebGPU's defaults are 1.
pub(crate) fn extent(size: wit::GpuExtent3D) -> Extent3d {
    Extent3d {
        width: size.width,
        height: size.height.unwrap_or(1),
        depth_or_array_layers: size.depth_or_array_layers.unwrap_or(1),
    }
}

/// A place in a texture; WebGPU's defaults are 0.
pub(crate) fn origin(origin: Option<wit::GpuOrigin3D>) -> Origin3d {
    origin.map_or(Origin3d::ZERO, |origin| Origin3d {
        x: origin.x.unwrap_or(0),
        y: origin.y.unwrap_or(0),
        z: origin.z.unwrap_or(0),
    })
}

/// A sampler, with WebGPU's defaults.
pub(crate) fn sampler<'a>(
    wanted: &wit::GpuSamplerDescriptor,
    label: Option<&'a str>,
) -> wgpu::SamplerDescriptor<'a> {
    let default = wgpu::SamplerDescriptor::default();
    wgpu::SamplerDescriptor {
        label,
        address_mode_u: wanted.address_mode_u.map_or(default.address_mode_u, address_mode),
        address_mode_v: wanted.address_mode_v.map_or(default.address_mode_v, address_mode),
        address_mode_w: wanted.address_mode_w.map_or(default.address_mode_w, address_mode),
        mag_filter: wanted.mag_filter.map_or(default.mag_filter, filter),
        min_filter: wanted.min_filter.map_or(default.min_filter, filter),
        mipmap_filter: wanted.mipmap_filter.map_or(default.mipmap_filter, mipmap_filter),
        lod_min_clamp: wanted.lod_min_clamp.unwrap_or(default.lod_min_clamp),
        lod_max_clamp: wanted.lod_max_clamp.unwrap_or(default.lod_max_clamp),
        compare: wanted.compare.map(compare),
        anisotropy_clamp: wanted.max_anisotropy.unwrap_or(default.anisotropy_clamp),
        border_color: None,
    }
}

/// A view of a texture.
pub(crate) fn view<'a>(
    wanted: &wit::GpuTextureViewDescriptor,
    label: Option<&'a str>,
) -> Result<wgpu::TextureViewDescriptor<'a>, Error> {
    if let Some(swizzle) = wanted.swizzle.as_deref().filter(|swizzle| *swizzle != "rgba") {
        return Err(Error::validation(format!("this host cannot swizzle a texture ({swizzle:?})")));
    }
    Ok(wgpu::TextureViewDescriptor {
        label,
        format: wanted.format.map(format),
        dimension: wanted.dimension.map(view_dimension),
        usage: wanted.usage.map(texture_usage),
        aspect: wanted.aspect.map_or(wgpu::TextureAspect::All, aspect),
        base_mip_level: wanted.base_mip_level.unwrap_or(0),
        mip_level_count: wanted.mip_level_count,
        base_array_layer: wanted.base_array_layer.unwrap_or(0),
        array_layer_count: wanted.array_layer_count,
    })
}

/// How data for a texture lies in a buffer.
pub(crate) fn copy_layout(
    offset: Option<u64>,
    bytes_per_row: Option<u32>,
    rows_per_image: Option<u32>,
) -> wgpu::TexelCopyBufferLayout {
    wgpu::TexelCopyBufferLayout { offset: offset.unwrap_or(0), bytes_per_row, rows_per_image }
}

/// A part of data that a guest passed: WebGPU's `dataOffset` and `size`.
pub(crate) fn part<T>(data: &[T], offset: Option<u64>, size: Option<u64>) -> Option<&[T]> {
    let rest = data.get(usize::try_from(offset.unwrap_or(0)).ok()?..)?;
    match size {
        Some(size) => rest.get(..usize::try_from(size).ok()?),
        None => Some(rest),
    }
}

impl From<wit::GpuErrorFilter> for Kind {
    fn from(filter: wit::GpuErrorFilter) -> Kind {
        match filter {
            wit::GpuErrorFilter::Validation => Kind::Validation,
            wit::GpuErrorFilter::OutOfMemory => Kind::OutOfMemory,
            wit::GpuErrorFilter::Internal => Kind::Internal,
        }
    }
}

impl From<Kind> for wit::GpuErrorKind {
    fn from(kind: Kind) -> wit::GpuErrorKind {
        match kind {
            Kind::Validation => wit::GpuErrorKind::ValidationError,
            Kind::OutOfMemory => wit::GpuErrorKind::OutOfMemoryError,
            Kind::Internal => wit::GpuErrorKind::InternalError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_inside_or_none() {
        let data = [1, 2, 3, 4];
        assert_eq!(part(&data, None, None), Some(&data[..]));
        assert_eq!(part(&data, Some(1), Some(2)), Some(&data[1..3]));
        assert_eq!(part(&data, Some(4), None), Some(&data[4..]));
        for (offset, size) in [(5, None), (1, Some(4)), (u64::MAX, Some(1)), (1, Some(u64::MAX))] {
            assert_eq!(part(&data, Some(offset), size), None);
        }
    }
}
