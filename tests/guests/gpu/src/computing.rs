//! What computes, and right.

use crate::Case;
use crate::bindings::wasi::webgpu::webgpu::*;
use crate::kit::*;

pub(crate) const CASES: &[Case] = &[
    ("square_numbers", |_| double(1_000)),
    ("many_small_dispatches", |_| (0..200).for_each(|_| double(1))),
    ("pipeline_made_async", |_| made_async()),
    ("constants_reach_the_shader", |_| constants()),
    ("dynamic_offsets_select_parts", |_| dynamic_offsets()),
    ("timestamps_go_forward", |_| timestamps()),
    ("workgroup_memory_is_zero", |_| workgroup_memory()),
    ("labels_are_kept_and_cut", |_| labels()),
];

fn double(count: u32) {
    let kit = kit();
    kit.fine(|| {
        let numbers: Vec<u32> = (0..count).collect();
        let buffer = kit.buffer(u64::from(count) * 4, STORAGE);
        kit.write(&buffer, &numbers);
        kit.dispatch(&kit.pipeline(DOUBLE), &buffer, count.div_ceil(64));
        let expected: Vec<u32> = numbers.iter().map(|number| number * 2).collect();
        assert_eq!(kit.read(&buffer), expected);
    });
}

fn made_async() {
    let kit = kit();
    let made = |module: &GpuShaderModule, name: &str| {
        kit.device.create_compute_pipeline_async(GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage {
                module,
                entry_point: Some(name.to_owned()),
                constants: None,
            },
            layout: GpuLayoutMode::Auto,
            label: None,
        })
    };
    let module = kit.shader(DOUBLE);
    kit.fine(|| {
        let pipeline = made(&module, "main").unwrap();
        let buffer = kit.buffer(4, STORAGE);
        kit.write(&buffer, &[21]);
        kit.dispatch(&pipeline, &buffer, 1);
        assert_eq!(kit.read(&buffer), [42]);
        // Its errors are its answer, and no scope's.
        assert!(made(&module, "nothing").is_err());
    });
}

fn constants() {
    let kit = kit();
    let module = kit.shader(
        "override factor: u32 = 1u;
        @group(0) @binding(0) var<storage, read_write> data: array<u32>;
        @compute @workgroup_size(1) fn main() { data[0] = factor; }",
    );
    let made = |name: &str| {
        let constants = RecordGpuPipelineConstantValue::new();
        constants.add(name, 7.0);
        assert_eq!(constants.get(name), Some(7.0));
        kit.device.create_compute_pipeline(GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage {
                module: &module,
                entry_point: None,
                constants: Some(constants),
            },
            layout: GpuLayoutMode::Auto,
            label: None,
        })
    };
    let buffer = kit.buffer(4, STORAGE);
    kit.fine(|| kit.dispatch(&made("factor"), &buffer, 1));
    assert_eq!(kit.read(&buffer), [7]);
    kit.invalid("", || drop(made("nothing")));
}

fn dynamic_offsets() {
    let kit = kit();
    kit.fine(|| {
        let layout = kit.device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor {
            entries: vec![GpuBindGroupLayoutEntry {
                binding: 0,
                visibility: GpuShaderStage::COMPUTE,
                buffer: Some(GpuBufferBindingLayout {
                    type_: Some(GpuBufferBindingType::Storage),
                    has_dynamic_offset: Some(true),
                    min_binding_size: Some(4),
                }),
                sampler: None,
                texture: None,
                storage_texture: None,
            }],
            label: None,
        });
        let pipeline_layout = kit.device.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
            bind_group_layouts: vec![Some(&layout)],
            immediate_size: None,
            label: None,
        });
        let module = kit.shader(DOUBLE);
        let pipeline = kit.device.create_compute_pipeline(GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage { module: &module, entry_point: None, constants: None },
            layout: GpuLayoutMode::Specific(&pipeline_layout),
            label: None,
        });
        let buffer = kit.buffer(512, STORAGE);
        kit.write(&buffer, &[5; 128]);
        let part = GpuBufferBinding { buffer: &buffer, offset: None, size: Some(4) };
        let group = kit.device.create_bind_group(&GpuBindGroupDescriptor {
            layout: &layout,
            entries: vec![GpuBindGroupEntry {
                binding: 0,
                resource: GpuBindingResource::GpuBufferBinding(part),
            }],
            label: None,
        });
        let encoder = kit.encoder();
        let pass = encoder.begin_compute_pass(None);
        pass.set_pipeline(&pipeline);
        assert!(pass.set_bind_group(0, Some(&group), Some(&[256]), Some(1), Some(1)).is_err());
        pass.set_bind_group(0, Some(&group), Some(&[9, 256]), Some(1), Some(1)).unwrap();
        pass.dispatch_workgroups(1, None, None);
        pass.end();
        kit.submit(&encoder);
        let numbers = kit.read(&buffer);
        assert_eq!((numbers[0], numbers[63], numbers[64], numbers[65]), (5, 5, 10, 5));
    });
}

fn timestamps() {
    let adapter = adapter();
    if !adapter.features().has("timestamp-query") {
        let kit = kit();
        let wanted =
            GpuQuerySetDescriptor { type_: GpuQueryType::Timestamp, count: 2, label: None };
        assert!(kit.device.create_query_set(&wanted).is_err());
        return;
    }
    let device = adapter
        .request_device(Some(GpuDeviceDescriptor {
            required_features: Some(vec![GpuFeatureName::TimestampQuery]),
            required_limits: None,
            default_queue: None,
            label: None,
        }))
        .unwrap();
    let kit = Kit { queue: device.queue(), device };
    kit.fine(|| {
        let wanted =
            GpuQuerySetDescriptor { type_: GpuQueryType::Timestamp, count: 2, label: None };
        let set = kit.device.create_query_set(&wanted).unwrap();
        let buffer = kit.buffer(1 << 16, STORAGE);
        let pipeline = kit.pipeline(DOUBLE);
        let group = kit.bind(&pipeline, &buffer);
        let times = kit.buffer(256, STORAGE.union(GpuBufferUsage::QUERY_RESOLVE));
        let encoder = kit.encoder();
        let pass = encoder.begin_compute_pass(Some(&GpuComputePassDescriptor {
            timestamp_writes: Some(GpuComputePassTimestampWrites {
                query_set: &set,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            }),
            label: None,
        }));
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, Some(&group), None, None, None).unwrap();
        pass.dispatch_workgroups(256, None, None);
        pass.end();
        encoder.resolve_query_set(&set, 0, 2, &times, 0);
        kit.submit(&encoder);
        let numbers = kit.read(&times);
        let time = |i: usize| u64::from(numbers[2 * i]) | u64::from(numbers[2 * i + 1]) << 32;
        assert!(time(0) > 0 && time(0) <= time(1), "{} {}", time(0), time(1));
    });
}

fn workgroup_memory() {
    let kit = kit();
    let fill = "
        var<workgroup> shared_data: array<u32, 1024>;
        @group(0) @binding(0) var<storage, read_write> data: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(local_invocation_id) id: vec3<u32>) {
            var sum = 0u;
            for (var i = id.x; i < 1024u; i += 64u) { sum += shared_data[i]; shared_data[i] = 7u; }
            data[id.x] = sum + shared_data[id.x] - 7u;
        }";
    let pipeline = kit.pipeline(fill);
    let buffer = kit.buffer(256, STORAGE);
    for _ in 0..4 {
        kit.dispatch(&pipeline, &buffer, 1);
        assert_eq!(kit.read(&buffer), [0; 64]);
    }
}

fn labels() {
    let kit = kit();
    let buffer = kit.buffer(4, STORAGE);
    assert_eq!(buffer.label(), "");
    buffer.set_label("a buffer");
    assert_eq!(buffer.label(), "a buffer");
    buffer.set_label(&"ä".repeat(1 << 20));
    assert!(buffer.label().len() <= 256);
    let encoder = kit.encoder();
    encoder.push_debug_group(&"long".repeat(1 << 16));
    encoder.insert_debug_marker("here");
    encoder.pop_debug_group();
    kit.fine(|| kit.submit(&encoder));
}
