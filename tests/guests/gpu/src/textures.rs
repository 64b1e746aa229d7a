//! Textures and samplers, as far as computing uses them.

use crate::Case;
use crate::bindings::wasi::webgpu::webgpu::*;
use crate::kit::*;

pub(crate) const CASES: &[Case] = &[
    ("fresh_textures_are_zero", |_| fresh()),
    ("texture_sampled_and_stored", |_| sampled_and_stored()),
    ("textures_that_cannot_be", |_| bad_textures()),
    ("views_that_cannot_be", |_| bad_views()),
    ("samplers_that_cannot_be", |_| bad_samplers()),
    ("texture_copies_out_of_range", |_| bad_copies()),
    ("texture_used_after_destroy", |_| after_destroy()),
];

const USAGE: GpuTextureUsage = GpuTextureUsage::COPY_SRC
    .union(GpuTextureUsage::COPY_DST)
    .union(GpuTextureUsage::TEXTURE_BINDING)
    .union(GpuTextureUsage::STORAGE_BINDING);

fn size(width: u32, height: u32) -> GpuExtent3D {
    GpuExtent3D { width, height: Some(height), depth_or_array_layers: None }
}

fn wanted(size: GpuExtent3D, format: GpuTextureFormat) -> GpuTextureDescriptor {
    GpuTextureDescriptor {
        size,
        mip_level_count: None,
        sample_count: None,
        dimension: None,
        format,
        usage: USAGE,
        view_formats: None,
        texture_binding_view_dimension: None,
        label: None,
    }
}

fn whole(texture: &GpuTexture) -> GpuTexelCopyTextureInfo<'_> {
    GpuTexelCopyTextureInfo { texture, mip_level: None, origin: None, aspect: None }
}

fn rows(buffer: &GpuBuffer, bytes: u32) -> GpuTexelCopyBufferInfo<'_> {
    GpuTexelCopyBufferInfo {
        buffer,
        offset: None,
        bytes_per_row: Some(bytes),
        rows_per_image: None,
    }
}

fn fresh() {
    let kit = kit();
    kit.fine(|| {
        let wanted = wanted(size(64, 64), GpuTextureFormat::R32uint);
        for _ in 0..4 {
            let texture = kit.device.create_texture(&wanted);
            let buffer = kit.buffer(64 * 64 * 4, STORAGE);
            let encoder = kit.encoder();
            encoder.copy_texture_to_buffer(&whole(&texture), &rows(&buffer, 256), size(64, 64));
            kit.submit(&encoder);
            assert!(kit.read(&buffer).iter().all(|number| *number == 0));
            let data = [0xaa; 64 * 64 * 4];
            let layout = GpuTexelCopyBufferLayout {
                offset: None,
                bytes_per_row: Some(256),
                rows_per_image: None,
            };
            kit.queue.write_texture_with_copy(&whole(&texture), &data, layout, size(64, 64));
            let encoder = kit.encoder();
            encoder.copy_texture_to_buffer(&whole(&texture), &rows(&buffer, 256), size(64, 64));
            kit.submit(&encoder);
            assert!(kit.read(&buffer).iter().all(|number| *number == 0xaaaa_aaaa));
            texture.destroy();
        }
    });
}

fn sampled_and_stored() {
    let kit = kit();
    let code = "
        @group(0) @binding(0) var image: texture_2d<f32>;
        @group(0) @binding(1) var how: sampler;
        @group(0) @binding(2) var to: texture_storage_2d<r32uint, write>;
        @compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            let color = textureSampleLevel(image, how, (vec2<f32>(id.xy) + 0.5) / 8.0, 0.0);
            textureStore(to, id.xy, vec4<u32>(u32(round(color.r * 255.0)), 0u, 0u, 0u));
        }";
    kit.fine(|| {
        let from = kit.device.create_texture(&wanted(size(8, 8), GpuTextureFormat::Rgba8unorm));
        let to = kit.device.create_texture(&wanted(size(8, 8), GpuTextureFormat::R32uint));
        assert_eq!((from.width(), from.height(), from.mip_level_count()), (8, 8, 1));
        let data: Vec<u8> = (0..64).flat_map(|texel| [texel, 0, 0, 255]).collect();
        let layout = GpuTexelCopyBufferLayout {
            offset: None,
            bytes_per_row: Some(32),
            rows_per_image: None,
        };
        kit.queue.write_texture_with_copy(&whole(&from), &data, layout, size(8, 8));
        let pipeline = kit.pipeline(code);
        let (view, sampler) = (to.create_view(None), kit.device.create_sampler(None));
        let resources = [
            GpuBindingResource::GpuTexture(&from),
            GpuBindingResource::GpuSampler(&sampler),
            GpuBindingResource::GpuTextureView(&view),
        ];
        let entries = (0..).zip(resources);
        let layout = pipeline.get_bind_group_layout(0);
        let group = kit.device.create_bind_group(&GpuBindGroupDescriptor {
            layout: &layout,
            entries: entries
                .map(|(binding, resource)| GpuBindGroupEntry { binding, resource })
                .collect(),
            label: None,
        });
        let out = kit.buffer(8 * 256, STORAGE);
        let encoder = kit.encoder();
        let pass = encoder.begin_compute_pass(None);
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, Some(&group), None, None, None).unwrap();
        pass.dispatch_workgroups(1, None, None);
        pass.end();
        encoder.copy_texture_to_buffer(&whole(&to), &rows(&out, 256), size(8, 8));
        kit.submit(&encoder);
        let numbers = kit.read(&out);
        for texel in 0..64 {
            assert_eq!(numbers[texel / 8 * 64 + texel % 8], u32::try_from(texel).unwrap());
        }
    });
}

fn bad_textures() {
    let kit = kit();
    let format = GpuTextureFormat::Rgba8unorm;
    let fine = wanted(size(8, 8), format);
    let (most, d3) = (Some(u32::MAX), Some(GpuTextureDimension::D3));
    let huge = GpuExtent3D { width: u32::MAX, height: most, depth_or_array_layers: most };
    let bad = [
        GpuTextureDescriptor { size: size(0, 8), ..fine.clone() },
        GpuTextureDescriptor { size: huge, ..fine.clone() },
        GpuTextureDescriptor { size: huge, dimension: d3, ..fine.clone() },
        GpuTextureDescriptor { mip_level_count: Some(0), ..fine.clone() },
        GpuTextureDescriptor { mip_level_count: Some(9), ..fine.clone() },
        GpuTextureDescriptor { mip_level_count: Some(u32::MAX), ..fine.clone() },
        GpuTextureDescriptor { sample_count: Some(0), ..fine.clone() },
        GpuTextureDescriptor { sample_count: Some(3), ..fine.clone() },
        GpuTextureDescriptor { sample_count: Some(u32::MAX), ..fine.clone() },
        GpuTextureDescriptor { usage: GpuTextureUsage::empty(), ..fine.clone() },
        GpuTextureDescriptor { usage: GpuTextureUsage::all(), ..fine.clone() },
        GpuTextureDescriptor { format: GpuTextureFormat::Astc12x12UnormSrgb, ..fine.clone() },
        GpuTextureDescriptor { format: GpuTextureFormat::Depth24plusStencil8, ..fine.clone() },
        GpuTextureDescriptor {
            view_formats: Some(vec![GpuTextureFormat::R8unorm; 10_000]),
            ..fine.clone()
        },
    ];
    for wanted in &bad {
        kit.invalid("", || {
            let texture = kit.device.create_texture(wanted);
            texture.create_view(None);
        });
    }
    let most = kit.device.limits().max_texture_dimension2_d();
    let mut large = wanted(size(most, most), GpuTextureFormat::Rgba32float);
    large.size.depth_or_array_layers = Some(256);
    let refused = kit.error(GpuErrorFilter::OutOfMemory, || {
        kit.device.create_texture(&large);
    });
    assert!(refused.is_some_and(|message| message.contains("GPU memory")));
}

fn bad_views() {
    let kit = kit();
    let texture = kit.device.create_texture(&wanted(size(8, 8), GpuTextureFormat::Rgba8unorm));
    let fine = GpuTextureViewDescriptor {
        format: None,
        dimension: None,
        usage: None,
        aspect: None,
        base_mip_level: None,
        mip_level_count: None,
        base_array_layer: None,
        array_layer_count: None,
        swizzle: None,
        label: None,
    };
    let bad = [
        GpuTextureViewDescriptor { base_mip_level: Some(u32::MAX), ..fine.clone() },
        GpuTextureViewDescriptor {
            base_mip_level: Some(u32::MAX),
            mip_level_count: Some(u32::MAX),
            ..fine.clone()
        },
        GpuTextureViewDescriptor { mip_level_count: Some(0), ..fine.clone() },
        GpuTextureViewDescriptor {
            base_array_layer: Some(u32::MAX),
            array_layer_count: Some(1),
            ..fine.clone()
        },
        GpuTextureViewDescriptor { base_array_layer: Some(u32::MAX), ..fine.clone() },
        GpuTextureViewDescriptor { array_layer_count: Some(0), ..fine.clone() },
        GpuTextureViewDescriptor { format: Some(GpuTextureFormat::R32uint), ..fine.clone() },
        GpuTextureViewDescriptor {
            dimension: Some(GpuTextureViewDimension::CubeArray),
            ..fine.clone()
        },
        GpuTextureViewDescriptor { aspect: Some(GpuTextureAspect::StencilOnly), ..fine.clone() },
        GpuTextureViewDescriptor { swizzle: Some("bgra".to_owned()), ..fine.clone() },
    ];
    for wanted in &bad {
        kit.invalid("", || drop(texture.create_view(Some(wanted))));
    }
    kit.fine(|| drop(texture.create_view(Some(&fine))));
}

fn bad_samplers() {
    let kit = kit();
    let fine = GpuSamplerDescriptor {
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
    };
    kit.fine(|| drop(kit.device.create_sampler(Some(&fine))));
    for wanted in [
        GpuSamplerDescriptor { max_anisotropy: Some(0), ..fine.clone() },
        GpuSamplerDescriptor { max_anisotropy: Some(u16::MAX), ..fine.clone() },
        GpuSamplerDescriptor { lod_min_clamp: Some(-1.0), ..fine.clone() },
        GpuSamplerDescriptor { lod_min_clamp: Some(2.0), lod_max_clamp: Some(1.0), ..fine.clone() },
    ] {
        kit.invalid("", || drop(kit.device.create_sampler(Some(&wanted))));
    }
    // Not a number is no error of the specification's; it must only be harmless.
    let (lod_min_clamp, lod_max_clamp) = (Some(f32::NAN), Some(f32::NAN));
    kit.error(GpuErrorFilter::Validation, || {
        let strange = GpuSamplerDescriptor { lod_min_clamp, lod_max_clamp, ..fine };
        kit.device.create_sampler(Some(&strange));
    });
}

fn bad_copies() {
    let kit = kit();
    let texture = kit.device.create_texture(&wanted(size(8, 8), GpuTextureFormat::R32uint));
    let buffer = kit.buffer(4096, STORAGE);
    let most = Some(u32::MAX);
    let far = Some(GpuOrigin3D { x: most, y: most, z: most });
    for (origin, level, bytes, area) in [
        (None, None, 256, size(9, 8)),
        (far, None, 256, size(1, 1)),
        (
            far,
            None,
            256,
            GpuExtent3D { width: u32::MAX, height: most, depth_or_array_layers: most },
        ),
        (None, Some(1), 256, size(1, 1)),
        (None, most, 256, size(1, 1)),
        (None, None, 8, size(8, 8)),
        (None, None, u32::MAX, size(8, 8)),
        (None, None, u32::MAX - 255, size(8, 8)),
    ] {
        let place =
            GpuTexelCopyTextureInfo { texture: &texture, mip_level: level, origin, aspect: None };
        kit.invalid("", || {
            let encoder = kit.encoder();
            encoder.copy_texture_to_buffer(&place, &rows(&buffer, bytes), area);
            kit.submit(&encoder);
        });
        kit.invalid("", || {
            let encoder = kit.encoder();
            encoder.copy_buffer_to_texture(&rows(&buffer, bytes), &place, area);
            kit.submit(&encoder);
        });
        // What would take more than there is is refused before it is looked at.
        let write = || {
            let bytes_per_row = Some(bytes);
            let layout =
                GpuTexelCopyBufferLayout { offset: None, bytes_per_row, rows_per_image: most };
            kit.queue.write_texture_with_copy(&place, &[0; 64], layout, area);
        };
        let mut invalid = None;
        let refused = kit.error(GpuErrorFilter::OutOfMemory, || {
            invalid = kit.error(GpuErrorFilter::Validation, write);
        });
        assert!(refused.is_some() || invalid.is_some());
    }
}

fn after_destroy() {
    let kit = kit();
    let texture = kit.device.create_texture(&wanted(size(8, 8), GpuTextureFormat::R32uint));
    let buffer = kit.buffer(4096, STORAGE);
    texture.destroy();
    texture.destroy();
    kit.invalid("", || {
        let encoder = kit.encoder();
        encoder.copy_texture_to_buffer(&whole(&texture), &rows(&buffer, 256), size(8, 8));
        kit.submit(&encoder);
    });
    kit.invalid("", || {
        let layout = GpuTexelCopyBufferLayout {
            offset: None,
            bytes_per_row: Some(256),
            rows_per_image: None,
        };
        kit.queue.write_texture_with_copy(&whole(&texture), &[0; 4096], layout, size(8, 8));
    });
    kit.error(GpuErrorFilter::Validation, || drop(texture.create_view(None)));
}
