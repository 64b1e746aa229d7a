//! Texture formats. Compressed ones, which no kernel writes, are left out.

use super::bindings::webgpu::GpuTextureFormat;

macro_rules! formats {
    ($($wgpu:ident => $wit:ident,)*) => {
        pub(super) fn format(format: wgpu::TextureFormat) -> GpuTextureFormat {
            match format {
                $(wgpu::TextureFormat::$wgpu => GpuTextureFormat::$wit,)*
                other => super::no(&format!("texture format {other:?}")),
            }
        }
    };
}

formats! {
    R8Unorm => R8unorm,
    R8Snorm => R8snorm,
    R8Uint => R8uint,
    R8Sint => R8sint,
    R16Unorm => R16unorm,
    R16Snorm => R16snorm,
    R16Uint => R16uint,
    R16Sint => R16sint,
    R16Float => R16float,
    Rg8Unorm => Rg8unorm,
    Rg8Snorm => Rg8snorm,
    Rg8Uint => Rg8uint,
    Rg8Sint => Rg8sint,
    R32Uint => R32uint,
    R32Sint => R32sint,
    R32Float => R32float,
    Rg16Unorm => Rg16unorm,
    Rg16Snorm => Rg16snorm,
    Rg16Uint => Rg16uint,
    Rg16Sint => Rg16sint,
    Rg16Float => Rg16float,
    Rgba8Unorm => Rgba8unorm,
    Rgba8UnormSrgb => Rgba8unormSrgb,
    Rgba8Snorm => Rgba8snorm,
    Rgba8Uint => Rgba8uint,
    Rgba8Sint => Rgba8sint,
    Bgra8Unorm => Bgra8unorm,
    Bgra8UnormSrgb => Bgra8unormSrgb,
    Rgb9e5Ufloat => Rgb9e5ufloat,
    Rgb10a2Uint => Rgb10a2uint,
    Rgb10a2Unorm => Rgb10a2unorm,
    Rg11b10Ufloat => Rg11b10ufloat,
    Rg32Uint => Rg32uint,
    Rg32Sint => Rg32sint,
    Rg32Float => Rg32float,
    Rgba16Unorm => Rgba16unorm,
    Rgba16Snorm => Rgba16snorm,
    Rgba16Uint => Rgba16uint,
    Rgba16Sint => Rgba16sint,
    Rgba16Float => Rgba16float,
    Rgba32Uint => Rgba32uint,
    Rgba32Sint => Rgba32sint,
    Rgba32Float => Rgba32float,
    Stencil8 => Stencil8,
    Depth16Unorm => Depth16unorm,
    Depth24Plus => Depth24plus,
    Depth24PlusStencil8 => Depth24plusStencil8,
    Depth32Float => Depth32float,
    Depth32FloatStencil8 => Depth32floatStencil8,
}
