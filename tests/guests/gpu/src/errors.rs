//! Mistakes of all kinds, and what a guest is told of them.

use crate::Case;
use crate::bindings::wasi::webgpu::webgpu::*;
use crate::kit::*;

pub(crate) const CASES: &[Case] = &[
    ("shader_with_an_error", |_| bad_shader()),
    ("shader_of_nested_parentheses", |_| nested()),
    ("shader_of_many_functions", |_| many_functions()),
    ("shader_that_is_too_long", |_| too_long()),
    ("pipelines_that_cannot_be", |_| bad_pipelines()),
    ("layouts_that_cannot_be", |_| bad_layouts()),
    ("bind_groups_that_cannot_be", |_| bad_bind_groups()),
    ("recordings_that_cannot_be", |_| bad_recordings()),
    ("passes_that_cannot_be", |_| bad_passes()),
    ("dispatches_that_cannot_be", |_| bad_dispatches()),
    ("buffers_submitted_twice", |_| submitted_twice()),
    ("query_sets_that_cannot_be", |_| bad_query_sets()),
    ("scopes_nest", |_| scopes()),
    ("drawing_is_an_error", |_| drawing()),
];

fn bad_shader() {
    let kit = kit();
    for code in ["fn nonsense(", "", "\0", "@compute fn main() {}", "fn f() -> u32 { return x; }"] {
        let mut module = None;
        let message = kit.error(GpuErrorFilter::Validation, || module = Some(kit.shader(code)));
        let messages = module.unwrap().get_compilation_info().messages();
        assert_eq!(message.is_some(), !messages.is_empty(), "{code:?}");
        if code == "fn nonsense(" {
            let first = &messages[0];
            assert_eq!(first.type_(), GpuCompilationMessageType::Error);
            assert!(first.line_num() == 1 && !first.message().is_empty());
        }
    }
    kit.invalid("", || drop(kit.pipeline("fn nonsense(")));
}

fn nested() {
    let kit = kit();
    for depth in [50, 1_000, 60_000, 120_000] {
        let open = "(".repeat(depth);
        let close = ")".repeat(depth);
        let code = format!("@compute @workgroup_size(1) fn main() {{ var x = {open}1{close}; }}");
        kit.error(GpuErrorFilter::Validation, || drop(kit.shader(&code)));
        let code = format!("fn f() {}{}", "{".repeat(depth), "}".repeat(depth));
        kit.error(GpuErrorFilter::Validation, || drop(kit.shader(&code)));
        let code = format!("const x = {}1;", "-".repeat(depth));
        kit.error(GpuErrorFilter::Validation, || drop(kit.shader(&code)));
        let code = format!("var<private> x: {}u32{};", "array<".repeat(depth), ",2>".repeat(depth));
        let code = if code.len() < 200_000 { code } else { "array<".repeat(depth / 6) };
        kit.error(GpuErrorFilter::Validation, || drop(kit.shader(&code)));
    }
}

fn many_functions() {
    let kit = kit();
    let mut code = String::from("fn f0() -> u32 { return 1u; }\n");
    for i in 1..2_000 {
        code += &format!("fn f{i}() -> u32 {{ return f{}() + {i}u; }}\n", i - 1);
    }
    kit.error(GpuErrorFilter::Validation, || drop(kit.shader(&code)));
}

fn too_long() {
    let kit = kit();
    let code = format!("{DOUBLE}{}", " ".repeat(256 << 10));
    kit.invalid("bytes of WGSL", || {
        let module = kit.shader(&code);
        assert_eq!(module.get_compilation_info().messages().len(), 1);
    });
}

fn bad_pipelines() {
    let kit = kit();
    let made = |code: &str, name: Option<&str>| {
        let module = kit.shader(code);
        let pipeline = kit.device.create_compute_pipeline(GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage {
                module: &module,
                entry_point: name.map(str::to_owned),
                constants: None,
            },
            layout: GpuLayoutMode::Auto,
            label: None,
        });
        pipeline.get_bind_group_layout(0);
    };
    kit.invalid("", || made(DOUBLE, Some("nothing")));
    kit.invalid("", || made(DOUBLE, Some("")));
    let group = |size: &str| format!("@compute @workgroup_size({size}) fn main() {{}}");
    for size in ["0", "100000", "1, 1, 1000", "4294967295, 4294967295, 4294967295"] {
        kit.invalid("", || made(&group(size), None));
    }
    kit.invalid("", || {
        made("@vertex fn main() -> @builtin(position) vec4f { return vec4f(); }", None)
    });
    for code in [
        "var<workgroup> big: array<u32, 1000000>;
        @compute @workgroup_size(1) fn main() { big[0] = 1u; }",
        "override count = 1000000u;
        var<workgroup> big: array<u32, count>;
        @compute @workgroup_size(1) fn main() { helper(); }
        fn helper() { big[0] = 1u; }",
    ] {
        kit.invalid("bytes of workgroup memory", || made(code, None));
    }
    kit.fine(|| {
        made(
            "var<workgroup> some: array<u32, 1000>;
            var<workgroup> unused: array<u32, 1000000>;
            @compute @workgroup_size(1) fn main() { some[0] = 1u; }",
            None,
        );
    });
    kit.invalid("", || drop(kit.pipeline(DOUBLE).get_bind_group_layout(u32::MAX)));
}

fn entry(binding: u32) -> GpuBindGroupLayoutEntry {
    GpuBindGroupLayoutEntry {
        binding,
        visibility: GpuShaderStage::COMPUTE,
        buffer: Some(GpuBufferBindingLayout {
            type_: Some(GpuBufferBindingType::Storage),
            has_dynamic_offset: None,
            min_binding_size: None,
        }),
        sampler: None,
        texture: None,
        storage_texture: None,
    }
}

fn bad_layouts() {
    let kit = kit();
    let made = |entries| {
        kit.device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor { entries, label: None })
    };
    let sampler = Some(GpuSamplerBindingLayout { type_: None });
    kit.invalid("", || drop(made(vec![entry(0), entry(0)])));
    kit.invalid("", || drop(made(vec![entry(u32::MAX)])));
    kit.invalid("exactly one", || {
        drop(made(vec![GpuBindGroupLayoutEntry { sampler, ..entry(0) }]))
    });
    kit.invalid("exactly one", || {
        drop(made(vec![GpuBindGroupLayoutEntry { buffer: None, ..entry(0) }]))
    });
    let storage_texture = Some(GpuStorageTextureBindingLayout {
        access: Some(GpuStorageTextureAccess::ReadWrite),
        format: GpuTextureFormat::Bc1RgbaUnorm,
        view_dimension: Some(GpuTextureViewDimension::CubeArray),
    });
    kit.invalid("", || {
        made(vec![GpuBindGroupLayoutEntry { buffer: None, storage_texture, ..entry(0) }]);
    });
    let many = made((0..8).map(entry).collect());
    let pipeline_layout = |count: usize, immediate_size| {
        kit.device.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
            bind_group_layouts: vec![Some(&many); count],
            immediate_size,
            label: None,
        })
    };
    kit.fine(|| drop(pipeline_layout(1, None)));
    kit.invalid("", || drop(pipeline_layout(1_000, None)));
    kit.invalid("", || drop(pipeline_layout(1, Some(u32::MAX))));
    kit.invalid("", || drop(made((0..2_000).map(entry).collect())));
}

fn bad_bind_groups() {
    let kit = kit();
    let layout = kit.device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor {
        entries: vec![entry(0)],
        label: None,
    });
    let buffer = kit.buffer(1024, STORAGE);
    let other = kit.buffer(1024, READ);
    let sampler = kit.device.create_sampler(None);
    let part = |buffer, offset, size| {
        GpuBindingResource::GpuBufferBinding(GpuBufferBinding { buffer, offset, size })
    };
    let made = |resources: Vec<GpuBindingResource<'_>>| {
        let entries = (0..).zip(resources);
        kit.device.create_bind_group(&GpuBindGroupDescriptor {
            layout: &layout,
            entries: entries
                .map(|(binding, resource)| GpuBindGroupEntry { binding, resource })
                .collect(),
            label: None,
        })
    };
    kit.fine(|| drop(made(vec![GpuBindingResource::GpuBuffer(&buffer)])));
    for resources in [
        vec![],
        vec![GpuBindingResource::GpuBuffer(&buffer), GpuBindingResource::GpuBuffer(&buffer)],
        vec![GpuBindingResource::GpuBuffer(&other)],
        vec![GpuBindingResource::GpuSampler(&sampler)],
        vec![part(&buffer, Some(1), Some(4))],
        vec![part(&buffer, Some(0), Some(0))],
        vec![part(&buffer, Some(0), Some(1028))],
        vec![part(&buffer, Some(1024), None)],
        vec![part(&buffer, Some(2048), None)],
        vec![part(&buffer, Some(u64::MAX - 255), Some(256))],
        vec![part(&buffer, Some(u64::MAX - 255), None)],
        vec![part(&buffer, Some(256), Some(u64::MAX))],
    ] {
        kit.invalid("", || drop(made(resources)));
    }
}

fn bad_recordings() {
    let kit = kit();
    kit.invalid("", || {
        let encoder = kit.encoder();
        encoder.pop_debug_group();
        kit.submit(&encoder);
    });
    kit.invalid("", || {
        let encoder = kit.encoder();
        encoder.push_debug_group("open");
        kit.submit(&encoder);
    });
    kit.invalid("finished", || {
        let encoder = kit.encoder();
        encoder.finish(None);
        encoder.finish(None);
    });
    kit.invalid("finished", || {
        let encoder = kit.encoder();
        encoder.finish(None);
        encoder.insert_debug_marker("late");
    });
    kit.invalid("finished", || {
        let encoder = kit.encoder();
        encoder.finish(None);
        let pass = encoder.begin_compute_pass(None);
        pass.dispatch_workgroups(1, None, None);
        pass.end();
    });
    kit.invalid("", || {
        let encoder = kit.encoder();
        let _pass = encoder.begin_compute_pass(None);
        encoder.finish(None);
    });
    kit.invalid("", || {
        let encoder = kit.encoder();
        let first = encoder.begin_compute_pass(None);
        let second = encoder.begin_compute_pass(None);
        second.end();
        first.end();
        kit.submit(&encoder);
    });
    kit.invalid("ended", || {
        let encoder = kit.encoder();
        let pass = encoder.begin_compute_pass(None);
        pass.end();
        pass.end();
    });
    let encoder = kit.encoder();
    let pass = encoder.begin_compute_pass(None);
    drop(encoder);
    kit.error(GpuErrorFilter::Validation, || {
        pass.dispatch_workgroups(1, None, None);
        pass.end();
    });
}

fn bad_passes() {
    let kit = kit();
    let pipeline = kit.pipeline(DOUBLE);
    let buffer = kit.buffer(1024, STORAGE);
    let group = kit.bind(&pipeline, &buffer);
    let pass = |says: &str, act: &dyn Fn(&GpuComputePassEncoder)| {
        kit.invalid(says, || {
            let encoder = kit.encoder();
            let pass = encoder.begin_compute_pass(None);
            act(&pass);
            pass.end();
            kit.submit(&encoder);
        });
    };
    pass("", &|pass| pass.dispatch_workgroups(1, None, None));
    pass("", &|pass| {
        pass.set_pipeline(&pipeline);
        pass.dispatch_workgroups(1, None, None);
    });
    pass("", &|pass| pass.set_bind_group(u32::MAX, Some(&group), None, None, None).unwrap());
    pass("", &|pass| pass.set_bind_group(0, Some(&group), Some(&[256; 100]), None, None).unwrap());
    pass("", &|pass| {
        let most = Some(u64::MAX);
        assert!(pass.set_bind_group(0, None, Some(&[0]), most, Some(u32::MAX)).is_err());
        pass.pop_debug_group();
    });
    pass("immediate", &|pass| pass.set_immediates(0, &[0; 4096], None, None));
    pass("immediate", &|pass| pass.set_immediates(u32::MAX, &[0; 4], None, None));
    pass("immediate", &|pass| pass.set_immediates(0, &[0; 4], Some(u64::MAX), Some(4)));
}

fn bad_dispatches() {
    let kit = kit();
    let pipeline = kit.pipeline(DOUBLE);
    let buffer = kit.buffer(1024, STORAGE);
    let group = kit.bind(&pipeline, &buffer);
    let counts = kit.buffer(64, STORAGE.union(GpuBufferUsage::INDIRECT));
    let run = |act: &dyn Fn(&GpuComputePassEncoder)| {
        let encoder = kit.encoder();
        let pass = encoder.begin_compute_pass(None);
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, Some(&group), None, None, None).unwrap();
        act(&pass);
        pass.end();
        kit.submit(&encoder);
    };
    let most = Some(u32::MAX);
    kit.invalid("", || run(&|pass| pass.dispatch_workgroups(u32::MAX, most, most)));
    kit.fine(|| run(&|pass| pass.dispatch_workgroups(0, Some(0), Some(0))));
    for offset in [1, 56, 64, u64::MAX, u64::MAX - 3] {
        kit.invalid("", || run(&|pass| pass.dispatch_workgroups_indirect(&counts, offset)));
    }
    kit.invalid("", || run(&|pass| pass.dispatch_workgroups_indirect(&buffer, 0)));
    // Counts that only the GPU sees: too many run as none.
    kit.write(&buffer, &[1]);
    kit.write(&counts, &[u32::MAX, u32::MAX, u32::MAX, 1, 1, 1]);
    kit.fine(|| run(&|pass| pass.dispatch_workgroups_indirect(&counts, 0)));
    assert_eq!(kit.read(&buffer)[0], 1);
    kit.fine(|| run(&|pass| pass.dispatch_workgroups_indirect(&counts, 12)));
    assert_eq!(kit.read(&buffer)[0], 2);
}

fn submitted_twice() {
    let kit = kit();
    let commands = kit.encoder().finish(None);
    kit.fine(|| kit.queue.submit(&[&commands]));
    kit.invalid("before", || kit.queue.submit(&[&commands]));
    let commands = kit.encoder().finish(None);
    kit.invalid("before", || kit.queue.submit(&[&commands, &commands]));
    kit.fine(|| kit.queue.submit(&[]));
}

fn bad_query_sets() {
    let kit = kit();
    for type_ in [GpuQueryType::Timestamp, GpuQueryType::Occlusion] {
        let wanted = GpuQuerySetDescriptor { type_, count: u32::MAX, label: None };
        assert!(kit.device.create_query_set(&wanted).is_err());
    }
    let descriptor = GpuDeviceDescriptor {
        required_features: Some(vec![GpuFeatureName::TimestampQuery]),
        required_limits: None,
        default_queue: None,
        label: None,
    };
    let Ok(device) = adapter().request_device(Some(descriptor)) else { return };
    let kit = Kit { queue: device.queue(), device };
    let made = |count| {
        let wanted = GpuQuerySetDescriptor { type_: GpuQueryType::Timestamp, count, label: None };
        kit.device.create_query_set(&wanted).unwrap()
    };
    kit.invalid("", || drop(made(0)));
    kit.invalid("", || drop(made(1 << 20)));
    let set = made(2);
    let buffer = kit.buffer(256, STORAGE.union(GpuBufferUsage::QUERY_RESOLVE));
    for (first, count, offset) in [
        (0, 3, 0),
        (2, 1, 0),
        (u32::MAX, u32::MAX, 0),
        (0, 2, 1),
        (0, 2, 256),
        (0, 1, u64::MAX - 255),
    ] {
        kit.invalid("", || {
            let encoder = kit.encoder();
            encoder.resolve_query_set(&set, first, count, &buffer, offset);
            kit.submit(&encoder);
        });
    }
    set.destroy();
    kit.invalid("", || {
        let encoder = kit.encoder();
        encoder.resolve_query_set(&set, 0, 2, &buffer, 0);
        kit.submit(&encoder);
    });
}

fn scopes() {
    let kit = kit();
    assert!(kit.device.pop_error_scope().is_err());
    kit.device.push_error_scope(GpuErrorFilter::Validation);
    kit.device.push_error_scope(GpuErrorFilter::OutOfMemory);
    kit.buffer(16, GpuBufferUsage::empty());
    assert!(kit.device.pop_error_scope().unwrap().is_none());
    let error = kit.device.pop_error_scope().unwrap().unwrap();
    assert!(matches!(error.kind(), GpuErrorKind::ValidationError));
    assert!(kit.device.pop_error_scope().is_err());
}

fn drawing() {
    let kit = kit();
    let module = kit.shader("@vertex fn main() -> @builtin(position) vec4f { return vec4f(); }");
    let wanted = || GpuRenderPipelineDescriptor {
        vertex: GpuVertexState {
            buffers: None,
            module: &module,
            entry_point: None,
            constants: Some(RecordGpuPipelineConstantValue::new()),
        },
        primitive: None,
        depth_stencil: None,
        multisample: None,
        fragment: None,
        layout: GpuLayoutMode::Auto,
        label: None,
    };
    let mut pipeline = None;
    kit.invalid("not supported", || {
        pipeline = Some(kit.device.create_render_pipeline(wanted()));
    });
    assert!(kit.device.create_render_pipeline_async(wanted()).is_err());
    kit.invalid("not supported", || {
        pipeline.as_ref().unwrap().get_bind_group_layout(0);
    });
    let encoder = kit.encoder();
    kit.invalid("not supported", || {
        let pass = encoder.begin_render_pass(&GpuRenderPassDescriptor {
            color_attachments: vec![],
            depth_stencil_attachment: None,
            occlusion_query_set: None,
            timestamp_writes: None,
            max_draw_count: None,
            label: None,
        });
        pass.set_pipeline(pipeline.as_ref().unwrap());
        pass.draw(3, None, None, None);
        pass.end();
    });
    kit.invalid("failed", || drop(encoder.finish(None)));
}
