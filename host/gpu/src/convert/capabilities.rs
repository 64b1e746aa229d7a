//! Limits and features: what a GPU has, what of it a guest is told, and what
//! it may ask for.

use wgpu::{Features, Limits};

use crate::bindings::webgpu::GpuFeatureName as Name;

/// The features of WebGPU that a guest can have, by the name that WebGPU gives
/// them. Those that only drawing uses are left out.
const FEATURES: &[(&str, Name, Features)] = &[
    ("timestamp-query", Name::TimestampQuery, Features::TIMESTAMP_QUERY),
    ("shader-f16", Name::ShaderF16, Features::SHADER_F16),
    ("subgroups", Name::Subgroups, Features::SUBGROUP),
    ("bgra8unorm-storage", Name::Bgra8unormStorage, Features::BGRA8UNORM_STORAGE),
    ("float32-filterable", Name::Float32Filterable, Features::FLOAT32_FILTERABLE),
    ("texture-compression-bc", Name::TextureCompressionBc, Features::TEXTURE_COMPRESSION_BC),
    ("texture-compression-etc2", Name::TextureCompressionEtc2, Features::TEXTURE_COMPRESSION_ETC2),
    ("texture-compression-astc", Name::TextureCompressionAstc, Features::TEXTURE_COMPRESSION_ASTC),
];

/// The features that every device has.
const CORE: &str = "core-features-and-limits";

/// Of a GPU's features, those that a guest may have.
pub(crate) fn offered(of: Features) -> Features {
    FEATURES.iter().map(|(_, _, feature)| *feature).fold(Features::empty(), Features::union) & of
}

/// Whether a set of features has the one of this name.
pub(crate) fn has_feature(features: Features, name: &str) -> bool {
    let known = FEATURES.iter().find(|(known, ..)| *known == name);
    name == CORE || known.is_some_and(|(.., feature)| features.contains(*feature))
}

/// A feature that a guest asks for; `None` if no guest can have it.
pub(crate) fn feature(name: Name) -> Option<Features> {
    if name == Name::CoreFeaturesAndLimits {
        return Some(Features::empty());
    }
    FEATURES.iter().find(|(_, known, _)| *known == name).map(|(.., feature)| *feature)
}

/// A GPU's limits, as far as a budget of `memory` bytes allows them.
pub(crate) fn capped(limits: Limits, memory: u64) -> Limits {
    Limits {
        max_buffer_size: limits.max_buffer_size.min(memory),
        max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size.min(memory),
        max_uniform_buffer_binding_size: limits.max_uniform_buffer_binding_size.min(memory),
        ..limits
    }
}

/// The limits of a device that asks for none: WebGPU's, or what there is.
pub(crate) fn requirable(of: &Limits, memory: u64) -> Limits {
    let limits = capped(Limits::defaults(), memory);
    Limits { max_buffer_size: limits.max_buffer_size.min(of.max_buffer_size), ..limits }
}

macro_rules! limits {
    ($($name:ident: $type:ty,)*) => {
        /// Sets the limit that WebGPU calls `name`. Whether the GPU has so
        /// much is wgpu's to say.
        ///
        /// # Errors
        /// If there is no such limit, or it can have no such value.
        pub(crate) fn require(limits: &mut Limits, name: &str, value: u64) -> Result<(), String> {
            let normal = |name: &str| -> String {
                name.chars().filter(|c| !"-_".contains(*c)).map(|c| c.to_ascii_lowercase()).collect()
            };
            let wanted = normal(name);
            $(if wanted == normal(stringify!($name)) {
                let given = <$type>::try_from(value);
                limits.$name = given.map_err(|_| format!("limit {name} cannot be {value}"))?;
                if wanted.starts_with("min") && !value.is_power_of_two() {
                    return Err(format!("limit {name} must be a power of two, not {value}"));
                }
                return Ok(());
            })*
            Err(format!("there is no limit {name:?}, or this host does not have it"))
        }
    };
}

limits! {
    max_texture_dimension_1d: u32,
    max_texture_dimension_2d: u32,
    max_texture_dimension_3d: u32,
    max_texture_array_layers: u32,
    max_bind_groups: u32,
    max_bind_groups_plus_vertex_buffers: u32,
    max_immediate_size: u32,
    max_bindings_per_bind_group: u32,
    max_dynamic_uniform_buffers_per_pipeline_layout: u32,
    max_dynamic_storage_buffers_per_pipeline_layout: u32,
    max_sampled_textures_per_shader_stage: u32,
    max_samplers_per_shader_stage: u32,
    max_storage_buffers_per_shader_stage: u32,
    max_storage_textures_per_shader_stage: u32,
    max_uniform_buffers_per_shader_stage: u32,
    max_uniform_buffer_binding_size: u64,
    max_storage_buffer_binding_size: u64,
    min_uniform_buffer_offset_alignment: u32,
    min_storage_buffer_offset_alignment: u32,
    max_vertex_buffers: u32,
    max_buffer_size: u64,
    max_vertex_attributes: u32,
    max_vertex_buffer_array_stride: u32,
    max_inter_stage_shader_variables: u32,
    max_color_attachments: u32,
    max_color_attachment_bytes_per_sample: u32,
    max_compute_workgroup_storage_size: u32,
    max_compute_invocations_per_workgroup: u32,
    max_compute_workgroup_size_x: u32,
    max_compute_workgroup_size_y: u32,
    max_compute_workgroup_size_z: u32,
    max_compute_workgroups_per_dimension: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_the_names_that_webgpu_gives_them() {
        let mut limits = Limits::defaults();
        require(&mut limits, "maxBufferSize", 7).unwrap();
        require(&mut limits, "maxTextureDimension1D", 9).unwrap();
        assert_eq!((limits.max_buffer_size, limits.max_texture_dimension_1d), (7, 9));
        for (name, value) in [
            ("maxFoo", 1),
            ("maxBindGroups", u64::MAX),
            ("minStorageBufferOffsetAlignment", 0),
            ("minStorageBufferOffsetAlignment", 257),
        ] {
            assert!(require(&mut limits, name, value).is_err(), "{name}");
        }
    }

    #[test]
    fn features_of_drawing_are_not_offered() {
        assert!(!has_feature(Features::all(), "depth-clip-control"));
        assert!(has_feature(Features::empty(), "core-features-and-limits"));
        assert!(!offered(Features::all()).contains(Features::DEPTH_CLIP_CONTROL));
        assert!(feature(Name::DualSourceBlending).is_none());
    }
}
