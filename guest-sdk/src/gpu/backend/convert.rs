//! wgpu's types as the interface's, and back.

use super::bindings::webgpu as wit;
use super::no;

macro_rules! flags {
    ($name:ident: $from:ident => $into:ident { $($flag:ident)* }) => {
        pub(super) fn $name(flags: wgpu::$from) -> wit::$into {
            let mut converted = wit::$into::empty();
            $(if flags.contains(wgpu::$from::$flag) {
                converted = converted | wit::$into::$flag;
            })*
            converted
        }
    };
}

flags! {
    buffer_usage: BufferUsages => GpuBufferUsage {
        MAP_READ MAP_WRITE COPY_SRC COPY_DST INDEX VERTEX UNIFORM STORAGE INDIRECT QUERY_RESOLVE
    }
}

flags! {
    texture_usage: TextureUsages => GpuTextureUsage {
        COPY_SRC COPY_DST TEXTURE_BINDING STORAGE_BINDING RENDER_ATTACHMENT
    }
}

flags! { stages: ShaderStages => GpuShaderStage { VERTEX FRAGMENT COMPUTE } }

macro_rules! enums {
    ($($name:ident: $from:ident => $into:ident { $($variant:ident => $wit:ident,)* })*) => {$(
        pub(super) fn $name(value: wgpu::$from) -> wit::$into {
            #[allow(unreachable_patterns, reason = "some of wgpu's have more than WebGPU's")]
            match value {
                $(wgpu::$from::$variant => wit::$into::$wit,)*
                other => no(&format!("{other:?}")),
            }
        }
    )*};
}

enums! {
    aspect: TextureAspect => GpuTextureAspect {
        All => All, StencilOnly => StencilOnly, DepthOnly => DepthOnly,
    }
    dimension: TextureDimension => GpuTextureDimension { D1 => D1, D2 => D2, D3 => D3, }
    view_dimension: TextureViewDimension => GpuTextureViewDimension {
        D1 => D1, D2 => D2, D2Array => D2Array, Cube => Cube, CubeArray => CubeArray, D3 => D3,
    }
    address_mode: AddressMode => GpuAddressMode {
        ClampToEdge => ClampToEdge, Repeat => Repeat, MirrorRepeat => MirrorRepeat,
    }
    filter: FilterMode => GpuFilterMode { Nearest => Nearest, Linear => Linear, }
    mipmap_filter: MipmapFilterMode => GpuMipmapFilterMode { Nearest => Nearest, Linear => Linear, }
    compare: CompareFunction => GpuCompareFunction {
        Never => Never, Less => Less, Equal => Equal, LessEqual => LessEqual,
        Greater => Greater, NotEqual => NotEqual, GreaterEqual => GreaterEqual, Always => Always,
    }
    error_filter: ErrorFilter => GpuErrorFilter {
        OutOfMemory => OutOfMemory, Validation => Validation, Internal => Internal,
    }
    storage_access: StorageTextureAccess => GpuStorageTextureAccess {
        WriteOnly => WriteOnly, ReadOnly => ReadOnly, ReadWrite => ReadWrite,
    }
    sampler_type: SamplerBindingType => GpuSamplerBindingType {
        Filtering => Filtering, NonFiltering => NonFiltering, Comparison => Comparison,
    }
}

/// What kind of adapter is wanted.
pub(super) fn adapter_options(
    wanted: &wgpu::RequestAdapterOptions<'_, '_>,
) -> wit::GpuRequestAdapterOptions {
    wit::GpuRequestAdapterOptions {
        feature_level: None,
        power_preference: match wanted.power_preference {
            wgpu::PowerPreference::None => None,
            wgpu::PowerPreference::LowPower => Some(wit::GpuPowerPreference::LowPower),
            wgpu::PowerPreference::HighPerformance => {
                Some(wit::GpuPowerPreference::HighPerformance)
            }
        },
        force_fallback_adapter: Some(wanted.force_fallback_adapter),
        xr_compatible: None,
    }
}

/// A size.
pub(super) fn extent(size: wgpu::Extent3d) -> wit::GpuExtent3D {
    wit::GpuExtent3D {
        width: size.width,
        height: Some(size.height),
        depth_or_array_layers: Some(size.depth_or_array_layers),
    }
}

/// An error of a device.
pub(super) fn error(error: &wit::GpuError) -> wgpu::Error {
    let description = error.message();
    let source = description.clone().into();
    match error.kind() {
        wit::GpuErrorKind::ValidationError => wgpu::Error::Validation { source, description },
        wit::GpuErrorKind::OutOfMemoryError => wgpu::Error::OutOfMemory { source },
        wit::GpuErrorKind::InternalError => wgpu::Error::Internal { source, description },
    }
}

/// The features that computing has use for.
const FEATURES: &[(&str, wit::GpuFeatureName, wgpu::Features)] = {
    use wgpu::Features as F;
    use wit::GpuFeatureName as N;
    &[
        ("timestamp-query", N::TimestampQuery, F::TIMESTAMP_QUERY),
        ("shader-f16", N::ShaderF16, F::SHADER_F16),
        ("subgroups", N::Subgroups, F::SUBGROUP),
        ("bgra8unorm-storage", N::Bgra8unormStorage, F::BGRA8UNORM_STORAGE),
        ("float32-filterable", N::Float32Filterable, F::FLOAT32_FILTERABLE),
    ]
};

pub(super) fn features(has: &wit::GpuSupportedFeatures) -> wgpu::Features {
    let there = FEATURES.iter().filter(|(name, ..)| has.has(name));
    there.fold(wgpu::Features::empty(), |all, (.., feature)| all | *feature)
}

/// Those asked for. One that the interface has no name for is answered by
/// asking for what no host has, so that the request fails as it should.
pub(super) fn required_features(wanted: wgpu::Features) -> Vec<wit::GpuFeatureName> {
    let known = FEATURES.iter().filter(|(.., feature)| wanted.contains(*feature));
    let mut names: Vec<_> = known.map(|(_, name, _)| *name).collect();
    let all = FEATURES.iter().fold(wgpu::Features::IMMEDIATES, |all, (.., feature)| all | *feature);
    if !all.contains(wanted) {
        names.push(wit::GpuFeatureName::DepthClipControl);
    }
    names
}

macro_rules! limits {
    ($($name:ident $function:ident $key:literal,)*) => {
        pub(super) fn limits(of: &wit::GpuSupportedLimits) -> wgpu::Limits {
            wgpu::Limits { $($name: of.$function(),)* ..wgpu::Limits::defaults() }
        }

        /// The limits that differ from the usual ones: those a device has
        /// anyway, as far as the actor's grant goes.
        pub(super) fn required_limits(wanted: &wgpu::Limits) -> wit::RecordOptionGpuSize64 {
            let usual = wgpu::Limits::defaults();
            let record = wit::RecordOptionGpuSize64::new();
            $(if wanted.$name != usual.$name {
                record.add($key, Some(u64::from(wanted.$name)));
            })*
            record
        }
    };
}

limits! {
    max_texture_dimension_1d max_texture_dimension1_d "maxTextureDimension1D",
    max_texture_dimension_2d max_texture_dimension2_d "maxTextureDimension2D",
    max_texture_dimension_3d max_texture_dimension3_d "maxTextureDimension3D",
    max_texture_array_layers max_texture_array_layers "maxTextureArrayLayers",
    max_bind_groups max_bind_groups "maxBindGroups",
    max_bindings_per_bind_group max_bindings_per_bind_group "maxBindingsPerBindGroup",
    max_dynamic_uniform_buffers_per_pipeline_layout max_dynamic_uniform_buffers_per_pipeline_layout "maxDynamicUniformBuffersPerPipelineLayout",
    max_dynamic_storage_buffers_per_pipeline_layout max_dynamic_storage_buffers_per_pipeline_layout "maxDynamicStorageBuffersPerPipelineLayout",
    max_sampled_textures_per_shader_stage max_sampled_textures_per_shader_stage "maxSampledTexturesPerShaderStage",
    max_samplers_per_shader_stage max_samplers_per_shader_stage "maxSamplersPerShaderStage",
    max_storage_buffers_per_shader_stage max_storage_buffers_per_shader_stage "maxStorageBuffersPerShaderStage",
    max_storage_textures_per_shader_stage max_storage_textures_per_shader_stage "maxStorageTexturesPerShaderStage",
    max_uniform_buffers_per_shader_stage max_uniform_buffers_per_shader_stage "maxUniformBuffersPerShaderStage",
    max_uniform_buffer_binding_size max_uniform_buffer_binding_size "maxUniformBufferBindingSize",
    max_storage_buffer_binding_size max_storage_buffer_binding_size "maxStorageBufferBindingSize",
    max_buffer_size max_buffer_size "maxBufferSize",
    max_immediate_size max_immediate_size "maxImmediateSize",
    min_uniform_buffer_offset_alignment min_uniform_buffer_offset_alignment "minUniformBufferOffsetAlignment",
    min_storage_buffer_offset_alignment min_storage_buffer_offset_alignment "minStorageBufferOffsetAlignment",
    max_compute_workgroup_storage_size max_compute_workgroup_storage_size "maxComputeWorkgroupStorageSize",
    max_compute_invocations_per_workgroup max_compute_invocations_per_workgroup "maxComputeInvocationsPerWorkgroup",
    max_compute_workgroup_size_x max_compute_workgroup_size_x "maxComputeWorkgroupSizeX",
    max_compute_workgroup_size_y max_compute_workgroup_size_y "maxComputeWorkgroupSizeY",
    max_compute_workgroup_size_z max_compute_workgroup_size_z "maxComputeWorkgroupSizeZ",
    max_compute_workgroups_per_dimension max_compute_workgroups_per_dimension "maxComputeWorkgroupsPerDimension",
}
