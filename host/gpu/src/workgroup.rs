//! How much workgroup memory a shader takes, which wgpu 30 does not hold to the
//! device's limit: a driver that gets more may do anything.
//!
//! Counted as [WebGPU] does: the variables that an entry point uses, each
//! rounded up to 16 bytes.
//!
//! [WebGPU]: https://www.w3.org/TR/webgpu/#dom-supported-limits-maxcomputeworkgroupstoragesize

use std::collections::HashMap;

use wgpu::naga::back::pipeline_constants::process_overrides;
use wgpu::naga::proc::Layouter;
use wgpu::naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use wgpu::naga::{AddressSpace, EntryPoint, Module, ShaderStage, front::wgsl};

/// What a variable's size is rounded up to.
const ROUNDED_TO: u64 = 16;

/// A shader with variables in workgroup memory.
pub(crate) struct Shader {
    module: Module,
    info: ModuleInfo,
}

impl Shader {
    /// Reads a shader. `None` if it has no variables there, or wgpu refuses it:
    /// it is read by the same parser, and held to less.
    pub(crate) fn parse(code: &str) -> Option<Shader> {
        let module = wgsl::parse_str(code).ok()?;
        let is_there = |space: AddressSpace| space == AddressSpace::WorkGroup;
        if !module.global_variables.iter().any(|(_, variable)| is_there(variable.space)) {
            return None;
        }
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
        let info = validator.validate(&module).ok()?;
        Some(Shader { module, info })
    }

    /// The bytes of workgroup memory that an entry point takes, with these
    /// constants. `None` if wgpu refuses that: no such entry point, or
    /// constants that make no sense.
    pub(crate) fn bytes(
        &self,
        entry_point: Option<&str>,
        constants: &HashMap<String, f64>,
    ) -> Option<u64> {
        let is_meant = |entry: &&EntryPoint| {
            entry.stage == ShaderStage::Compute && entry_point.is_none_or(|name| entry.name == name)
        };
        let name = &self.module.entry_points.iter().find(is_meant)?.name;
        let chosen = Some((ShaderStage::Compute, name.as_str()));
        let constants = constants.iter().map(|(name, value)| (name.clone(), *value)).collect();
        let (module, info) =
            process_overrides(&self.module, &self.info, chosen, &constants).ok()?;
        let index = module.entry_points.iter().position(|entry| entry.name == *name)?;
        let uses = info.get_entry_point(index);
        let mut sizes = Layouter::default();
        sizes.update(module.to_ctx()).ok()?;
        let used = module.global_variables.iter().filter(|(handle, variable)| {
            variable.space == AddressSpace::WorkGroup && !uses[*handle].is_empty()
        });
        let bytes = used.map(|(_, variable)| u64::from(sizes[variable.ty].size));
        Some(bytes.map(|bytes| bytes.next_multiple_of(ROUNDED_TO)).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "
        override count: u32 = 10;
        var<workgroup> small: array<u32, 3>;
        var<workgroup> chosen: array<vec4<f32>, count>;
        var<workgroup> unused: array<f32, 100000>;
        @compute @workgroup_size(1) fn first() { small[0] = 1u; }
        @compute @workgroup_size(1) fn both() { small[0] = 1u; helper(); }
        fn helper() { chosen[1] = vec4(1.0); }
    ";

    #[test]
    fn what_an_entry_point_uses_is_counted() {
        let shader = Shader::parse(CODE).unwrap();
        let none = HashMap::new();
        assert_eq!(shader.bytes(Some("first"), &none), Some(16));
        assert_eq!(shader.bytes(None, &none), Some(16));
        assert_eq!(shader.bytes(Some("both"), &none), Some(16 + 160));
        let constants = HashMap::from([("count".to_owned(), 1000.0)]);
        assert_eq!(shader.bytes(Some("both"), &constants), Some(16 + 16_000));
        assert_eq!(shader.bytes(Some("helper"), &none), None);
    }

    #[test]
    fn most_shaders_have_none() {
        assert!(Shader::parse("@compute @workgroup_size(1) fn main() {}").is_none());
        assert!(Shader::parse("no shader").is_none());
    }
}
