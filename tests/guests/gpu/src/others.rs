//! Adapters, devices, and devices of others.

use crate::Case;
use crate::bindings::wasi::webgpu::webgpu::*;
use crate::kit::*;

pub(crate) const CASES: &[Case] = &[
    ("adapter_says_what_it_is", |_| says()),
    ("devices_that_cannot_be", |_| bad_devices()),
    ("limits_that_can_be_raised", |_| raised()),
    ("devices_are_bounded", |_| many_devices()),
    ("handles_of_another_device", |_| mixed()),
    ("device_used_after_destroy", |_| destroyed()),
    ("adapter_outlives_nothing", |_| order_of_drops()),
];

fn descriptor(limits: &[(&str, u64)], features: &[GpuFeatureName]) -> GpuDeviceDescriptor {
    let record = RecordOptionGpuSize64::new();
    limits.iter().for_each(|(name, value)| record.add(name, Some(*value)));
    GpuDeviceDescriptor {
        required_features: Some(features.to_vec()),
        required_limits: Some(record),
        default_queue: None,
        label: None,
    }
}

fn says() {
    let adapter = adapter();
    assert!(!adapter.info().description().is_empty());
    assert!(adapter.features().has("core-features-and-limits"));
    assert!(!adapter.features().has("nonsense"));
    assert!(adapter.limits().max_compute_workgroups_per_dimension() >= 65_535);
    assert!(!w::get_gpu().wgsl_language_features().has("nonsense"));
}

fn bad_devices() {
    let adapter = adapter();
    for (name, value) in [
        ("maxNonsense", 1),
        ("", 0),
        ("maxBufferSize", u64::MAX),
        ("maxBindGroups", u64::MAX),
        ("maxBindGroups", 1 << 31),
        ("maxComputeWorkgroupStorageSize", 1 << 31),
        ("minStorageBufferOffsetAlignment", 0),
        ("minStorageBufferOffsetAlignment", 3),
        ("minStorageBufferOffsetAlignment", 1),
    ] {
        let refused = adapter.request_device(Some(descriptor(&[(name, value)], &[])));
        assert!(refused.is_err(), "{name} {value}");
    }
    let clip = GpuFeatureName::DepthClipControl;
    assert!(adapter.request_device(Some(descriptor(&[], &[clip; 1_000]))).is_err());
}

fn raised() {
    let limits = adapter().limits();
    let size = limits.max_buffer_size();
    let wanted = descriptor(&[("maxBufferSize", size), ("maxStorageBufferBindingSize", 4096)], &[]);
    let device = adapter().request_device(Some(wanted)).unwrap();
    assert_eq!(device.limits().max_buffer_size(), size);
    let alignments = descriptor(&[("minStorageBufferOffsetAlignment", 1 << 31)], &[]);
    drop(adapter().request_device(Some(alignments)));
    drop(adapter().request_device(Some(descriptor(&[("maxBindGroups", 0)], &[]))));
    let immediates = descriptor(&[("maxImmediateSize", 16)], &[]);
    let Ok(device) = adapter().request_device(Some(immediates)) else { return };
    let kit = Kit { queue: device.queue(), device };
    kit.error(GpuErrorFilter::Validation, || {
        let encoder = kit.encoder();
        let pass = encoder.begin_compute_pass(None);
        pass.set_immediates(8, &[0; 8], None, None);
        pass.set_immediates(1, &[0; 3], None, None);
        pass.end();
        kit.submit(&encoder);
    });
}

fn many_devices() {
    let adapter = adapter();
    let mut devices = Vec::new();
    while let Ok(device) = adapter.request_device(None) {
        devices.push(device);
    }
    assert_eq!(devices.len(), 4);
    devices.pop();
    assert!(adapter.request_device(None).is_ok());
}

fn mixed() {
    let (one, two) = (kit(), kit());
    let (pipeline, buffer) = (one.pipeline(DOUBLE), one.buffer(64, STORAGE));
    let group = one.bind(&pipeline, &buffer);
    two.invalid("another device", || two.write(&buffer, &[1]));
    two.invalid("another device", || {
        let commands = one.encoder().finish(None);
        two.queue.submit(&[&commands]);
    });
    let both = |act: &dyn Fn()| {
        let mut inner = None;
        let outer = one.error(GpuErrorFilter::Validation, || {
            inner = two.error(GpuErrorFilter::Validation, act);
        });
        assert!(inner.is_some() || outer.is_some());
    };
    both(&|| drop(two.bind(&pipeline, &buffer)));
    let own = two.pipeline(DOUBLE);
    both(&|| drop(two.bind(&own, &buffer)));
    both(&|| {
        let encoder = two.encoder();
        let pass = encoder.begin_compute_pass(None);
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, Some(&group), None, None, None).unwrap();
        pass.dispatch_workgroups(1, None, None);
        pass.end();
        two.submit(&encoder);
    });
    let other = two.buffer(64, STORAGE);
    both(&|| {
        let encoder = two.encoder();
        encoder.copy_buffer_to_buffer(&buffer, None, &other, None, None);
        two.submit(&encoder);
    });
    let module = one.shader(DOUBLE);
    both(&|| {
        two.device.create_compute_pipeline(GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage { module: &module, entry_point: None, constants: None },
            layout: GpuLayoutMode::Auto,
            label: None,
        });
    });
    one.fine(|| one.dispatch(&pipeline, &buffer, 1));
}

fn destroyed() {
    let kit = kit();
    let (pipeline, buffer) = (kit.pipeline(DOUBLE), kit.buffer(64, STORAGE));
    let readable = kit.buffer(64, READ);
    kit.dispatch(&pipeline, &buffer, 1);
    kit.device.destroy();
    kit.device.destroy();
    assert!(readable.map_async(GpuMapMode::READ, None, None).is_err());
    kit.write(&buffer, &[1]);
    kit.dispatch(&pipeline, &buffer, 1);
    kit.pipeline(DOUBLE);
    kit.buffer(1 << 20, STORAGE);
    kit.queue.on_submitted_work_done();
    kit.device.limits();
    kit.device.queue();
    assert!(kit.error(GpuErrorFilter::Validation, || {}).is_none());
}

fn order_of_drops() {
    let adapter = adapter();
    let device = adapter.request_device(None).unwrap();
    drop(adapter);
    let queue = device.queue();
    let kit = Kit { device, queue };
    let (pipeline, buffer) = (kit.pipeline(DOUBLE), kit.buffer(64, STORAGE));
    let group = kit.bind(&pipeline, &buffer);
    let encoder = kit.encoder();
    let pass = encoder.begin_compute_pass(None);
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, Some(&group), None, None, None).unwrap();
    drop((pipeline, buffer, group));
    pass.dispatch_workgroups(1, None, None);
    pass.end();
    let commands = encoder.finish(None);
    drop((encoder, pass));
    let Kit { device, queue } = kit;
    drop(device);
    queue.submit(&[&commands]);
}
