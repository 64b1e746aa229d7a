//! Guests that take what they can.

use crate::Case;
use crate::bindings::wasi::webgpu::webgpu::*;
use crate::kit::*;

pub(crate) const CASES: &[Case] = &[
    ("buffer_larger_than_the_grant", |_| huge()),
    ("memory_is_given_back_by_destroy_and_by_drop", |_| given_back()),
    ("memory_in_flight_is_not_given_back_early", |_| in_flight()),
    ("writes_without_a_submission", |_| staged()),
    ("commands_without_end", |_| commands()),
    ("submissions_without_end", |_| submissions()),
    ("objects_left_behind", |_| left_behind()),
    ("traps_when_it_panics_with_the_gpu_full", |_| panics()),
    ("traps_at_a_million_buffers", |_| million("buffers")),
    ("traps_at_a_million_limits", |_| million("limits")),
    ("traps_at_a_million_encoders", |_| million("encoders")),
    ("traps_at_a_million_samplers", |_| million("samplers")),
    ("traps_at_a_million_shaders", |_| million("shaders")),
    ("traps_at_a_million_scopes", |_| million("scopes")),
    ("traps_at_a_million_keys", |_| million("keys")),
    ("traps_at_a_long_key", |_| RecordGpuPipelineConstantValue::new().add(&"k".repeat(999), 0.0)),
    ("traps_while_it_waits_for_long_work", |_| long_work()),
];

fn refused(kit: &Kit, act: impl FnOnce()) {
    let message = kit.error(GpuErrorFilter::OutOfMemory, act).expect("it is refused");
    assert!(message.contains("GPU memory"), "{message}");
}

fn huge() {
    let kit = kit();
    let most = kit.device.limits().max_buffer_size();
    let mut buffers = vec![kit.buffer(most - (1 << 20), STORAGE)];
    refused(&kit, || buffers.push(kit.buffer(most, STORAGE)));
    refused(&kit, || buffers.push(kit.buffer(u64::MAX, STORAGE)));
    refused(&kit, || buffers.push(kit.buffer(u64::MAX - 255, STORAGE)));
    // What was refused can be used like any other, and is an error.
    kit.invalid("", || kit.write(&buffers[1], &[1]));
    assert_eq!(buffers[1].size(), most);
    assert!(buffers[1].map_async(GpuMapMode::READ, None, None).is_err());
}

fn given_back() {
    let kit = kit();
    let large = kit.device.limits().max_buffer_size() / 4 * 3;
    for round in 0..8 {
        let buffer = kit.fine(|| kit.buffer(large, STORAGE));
        refused(&kit, || drop(kit.buffer(large, STORAGE)));
        if round % 2 == 0 {
            buffer.destroy();
        }
    }
}

fn in_flight() {
    let kit = kit();
    let size = kit.device.limits().max_buffer_size() / 4;
    let pipeline = kit.pipeline(DOUBLE);
    let mut refusals = 0;
    for _ in 0..64 {
        let made = kit.error(GpuErrorFilter::OutOfMemory, || {
            let buffer = kit.buffer(size, STORAGE);
            kit.error(GpuErrorFilter::Validation, || kit.dispatch(&pipeline, &buffer, 65_535));
            buffer.destroy();
        });
        refusals += usize::from(made.is_some());
    }
    // The host counts; that it never counts too little is the host's to check.
    kit.queue.on_submitted_work_done();
    kit.fine(|| drop(kit.buffer(size, STORAGE)));
    assert!(refusals < 64);
}

fn staged() {
    let kit = kit();
    let buffer = kit.buffer(1 << 20, STORAGE);
    let data = vec![7; 1 << 18];
    kit.fine(|| (0..512).for_each(|_| kit.write(&buffer, &data)));
    assert_eq!(kit.read(&buffer)[9], 7);
}

fn commands() {
    let kit = kit();
    let buffer = kit.buffer(64, STORAGE);
    let encoder = kit.encoder();
    refused(&kit, || {
        for _ in 0..1_000_000 {
            encoder.clear_buffer(&buffer, None, None);
        }
    });
    kit.invalid("failed", || drop(encoder.finish(None)));
}

fn submissions() {
    let kit = kit();
    kit.fine(|| {
        let pipeline = kit.pipeline(DOUBLE);
        let buffer = kit.buffer(64, STORAGE);
        for _ in 0..3_000 {
            kit.dispatch(&pipeline, &buffer, 1);
        }
    });
}

fn left_behind() {
    let kit = kit();
    let size = kit.device.limits().max_buffer_size() / 2;
    let buffer = kit.buffer(size, STORAGE);
    let pipeline = kit.pipeline(DOUBLE);
    kit.error(GpuErrorFilter::Validation, || kit.dispatch(&pipeline, &buffer, 65_535));
    std::mem::forget((kit, buffer, pipeline));
}

fn panics() {
    left_behind();
    panic!("with the GPU full");
}

fn million(what: &str) {
    let (kit, adapter) = (kit(), adapter());
    let record = RecordGpuPipelineConstantValue::new();
    kit.device.push_error_scope(GpuErrorFilter::OutOfMemory);
    for i in 0..1_000_000 {
        match what {
            "buffers" => std::mem::forget(kit.buffer(16, STORAGE)),
            "limits" => std::mem::forget(adapter.limits()),
            "encoders" => std::mem::forget(kit.encoder()),
            "samplers" => std::mem::forget(kit.device.create_sampler(None)),
            "shaders" => std::mem::forget(kit.shader("fn f() {}")),
            "scopes" => kit.device.push_error_scope(GpuErrorFilter::Validation),
            "keys" => record.add(&i.to_string(), 1.0),
            other => panic!("no {other}"),
        }
    }
}

/// A few seconds on a processor. One loop cannot take that long: this driver
/// ends each after 65,535 rounds.
fn long_work() {
    let kit = kit();
    let code = "
        @group(0) @binding(0) var<storage, read_write> data: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            var x = id.x;
            for (var i = 0u; i < 60000u; i++) { x = x * 1664525u + i; }
            data[id.x % 64u] = x;
        }";
    let pipeline = kit.pipeline(code);
    let buffer = kit.buffer(4096, STORAGE);
    kit.fine(|| kit.dispatch(&pipeline, &buffer, 6_000));
    kit.read(&buffer);
}
