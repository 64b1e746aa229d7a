//! The compiled kernels.

/// All kernels, each from the file of its name.
#[derive(Debug)]
pub(super) struct Kernels {
    pub(super) gather: wgpu::ComputePipeline,
    /// One token with each row.
    pub(super) product: wgpu::ComputePipeline,
    /// Many tokens with each row.
    pub(super) products: wgpu::ComputePipeline,
    pub(super) add: wgpu::ComputePipeline,
    pub(super) layer_norm: wgpu::ComputePipeline,
    pub(super) rms_norm: wgpu::ComputePipeline,
    pub(super) gelu: wgpu::ComputePipeline,
    pub(super) swiglu: wgpu::ComputePipeline,
    pub(super) rope: wgpu::ComputePipeline,
    pub(super) attention: wgpu::ComputePipeline,
}

impl Kernels {
    pub(super) fn compile(device: &wgpu::Device) -> Self {
        let compile = |name, wgsl: &'static str| {
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(name),
                source: wgpu::ShaderSource::Wgsl(wgsl.into()),
            });
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(name),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        };
        Kernels {
            gather: compile("gather", include_str!("gather.wgsl")),
            product: compile("product", include_str!("product.wgsl")),
            products: compile("products", include_str!("products.wgsl")),
            add: compile("add", include_str!("add.wgsl")),
            layer_norm: compile("layer norm", include_str!("layer_norm.wgsl")),
            rms_norm: compile("rms norm", include_str!("rms_norm.wgsl")),
            gelu: compile("gelu", include_str!("gelu.wgsl")),
            swiglu: compile("swiglu", include_str!("swiglu.wgsl")),
            rope: compile("rope", include_str!("rope.wgsl")),
            attention: compile("attention", include_str!("attention.wgsl")),
        }
    }
}
