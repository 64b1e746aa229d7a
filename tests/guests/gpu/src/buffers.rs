//! Buffers and mapping.

use crate::Case;
use crate::bindings::wasi::webgpu::webgpu::*;
use crate::kit::*;

pub(crate) const CASES: &[Case] = &[
    ("fresh_buffers_are_zero", |_| fresh()),
    ("buffer_mapped_when_made", |_| mapped_when_made()),
    ("buffer_written_through_a_map", |_| written_through_a_map()),
    ("maps_that_cannot_be", |_| bad_maps()),
    ("ranges_that_cannot_be", |_| bad_ranges()),
    ("buffer_of_nothing", |_| of_nothing()),
    ("unmapped_buffer_can_be_submitted_and_a_mapped_one_not", |_| submit_mapped()),
    ("copies_out_of_range", |_| bad_copies()),
    ("writes_out_of_range", |_| bad_writes()),
    ("buffer_used_after_destroy", |_| after_destroy()),
    ("buffer_destroyed_in_flight", |_| destroyed_in_flight()),
    ("cleared_buffer_is_zero", |_| cleared()),
];

fn fresh() {
    let kit = kit();
    // Filled, freed, and taken again: what was there must not be seen.
    for _ in 0..8 {
        let buffer = kit.buffer(1 << 20, STORAGE);
        assert!(kit.read(&buffer).iter().all(|number| *number == 0));
        kit.write(&buffer, &vec![0xdead_beef; 1 << 18]);
        assert_eq!(kit.read(&buffer)[77], 0xdead_beef);
        buffer.destroy();
    }
}

fn mapped_when_made() {
    let kit = kit();
    let mapped_at_creation = Some(true);
    let buffer = kit.device.create_buffer(&GpuBufferDescriptor {
        size: 16,
        usage: STORAGE,
        mapped_at_creation,
        label: None,
    });
    assert_eq!(buffer.map_state(), GpuBufferMapState::Mapped);
    buffer.get_mapped_range_set_with_copy(&[1, 0, 0, 0, 2, 0, 0, 0], Some(8), None).unwrap();
    assert_eq!(buffer.get_mapped_range_get_with_copy(Some(8), Some(4)).unwrap(), [1, 0, 0, 0]);
    buffer.unmap().unwrap();
    assert_eq!(kit.read(&buffer), [0, 0, 1, 2]);
    kit.invalid("multiple of 4", || {
        let usage = STORAGE;
        let odd = GpuBufferDescriptor { size: 5, usage, mapped_at_creation, label: None };
        let buffer = kit.device.create_buffer(&odd);
        assert_eq!(buffer.map_state(), GpuBufferMapState::Unmapped);
    });
}

fn written_through_a_map() {
    let kit = kit();
    kit.fine(|| {
        let buffer = kit.buffer(16, WRITE);
        buffer.map_async(GpuMapMode::WRITE, Some(8), Some(4)).unwrap();
        buffer.get_mapped_range_set_with_copy(&[9, 0, 0, 0], Some(8), Some(4)).unwrap();
        assert!(buffer.get_mapped_range_set_with_copy(&[9; 8], Some(8), None).is_err());
        assert!(buffer.get_mapped_range_set_with_copy(&[9; 4], Some(0), Some(4)).is_err());
        buffer.unmap().unwrap();
        assert_eq!(kit.read(&buffer), [0, 0, 9, 0]);
    });
}

fn bad_maps() {
    let kit = kit();
    let buffer = kit.buffer(16, READ);
    let refused = |mode, offset, size| assert!(buffer.map_async(mode, offset, size).is_err());
    refused(GpuMapMode::WRITE, None, None);
    refused(GpuMapMode::READ | GpuMapMode::WRITE, None, None);
    refused(GpuMapMode::empty(), None, None);
    refused(GpuMapMode::READ, Some(4), None);
    refused(GpuMapMode::READ, None, Some(3));
    refused(GpuMapMode::READ, Some(8), Some(12));
    refused(GpuMapMode::READ, Some(u64::MAX), Some(u64::MAX));
    refused(GpuMapMode::READ, Some(u64::MAX - 7), Some(8));
    buffer.map_async(GpuMapMode::READ, None, None).unwrap();
    refused(GpuMapMode::READ, None, None);
    assert!(buffer.get_mapped_range_set_with_copy(&[0; 16], None, None).is_err());
    buffer.unmap().unwrap();
    buffer.unmap().unwrap();
    buffer.map_async(GpuMapMode::READ, None, None).unwrap();
    assert!(kit.buffer(16, STORAGE).map_async(GpuMapMode::READ, None, None).is_err());
}

fn bad_ranges() {
    let kit = kit();
    let buffer = kit.buffer(32, READ);
    assert!(buffer.get_mapped_range_get_with_copy(None, None).is_err());
    buffer.map_async(GpuMapMode::READ, Some(8), Some(16)).unwrap();
    for (offset, size) in [
        (None, None),
        (Some(0), Some(8)),
        (Some(8), Some(24)),
        (Some(10), Some(4)),
        (Some(8), Some(6)),
        (Some(u64::MAX), Some(8)),
        (Some(8), Some(u64::MAX)),
    ] {
        assert!(buffer.get_mapped_range_get_with_copy(offset, size).is_err());
    }
    assert_eq!(buffer.get_mapped_range_get_with_copy(Some(16), Some(8)).unwrap(), [0; 8]);
    assert_eq!(buffer.get_mapped_range_get_with_copy(Some(24), Some(0)).unwrap(), [0; 0]);
}

fn of_nothing() {
    let kit = kit();
    for mapped_at_creation in [None, Some(true)] {
        let wanted = GpuBufferDescriptor { size: 0, usage: READ, mapped_at_creation, label: None };
        let buffer = kit.device.create_buffer(&wanted);
        if mapped_at_creation.is_none() {
            buffer.map_async(GpuMapMode::READ, None, None).unwrap();
        }
        assert!(buffer.get_mapped_range_get_with_copy(None, None).unwrap().is_empty());
        buffer.unmap().unwrap();
    }
    let usage = GpuBufferUsage::empty();
    kit.invalid("", || drop(kit.buffer(16, usage)));
    kit.invalid("", || drop(kit.buffer(16, GpuBufferUsage::all())));
}

fn submit_mapped() {
    let kit = kit();
    let (from, to) = (kit.buffer(16, STORAGE), kit.buffer(16, READ));
    let copy = || {
        let encoder = kit.encoder();
        encoder.copy_buffer_to_buffer(&from, None, &to, None, None);
        encoder
    };
    to.map_async(GpuMapMode::READ, None, None).unwrap();
    kit.invalid("mapped", || kit.submit(&copy()));
    to.unmap().unwrap();
    kit.fine(|| kit.submit(&copy()));
}

fn bad_copies() {
    let kit = kit();
    let (from, to) = (kit.buffer(64, STORAGE), kit.buffer(64, STORAGE));
    for (at, into, size) in [
        (Some(0), Some(0), Some(128)),
        (Some(60), Some(0), Some(8)),
        (Some(0), Some(64), Some(4)),
        (Some(2), Some(0), Some(4)),
        (Some(u64::MAX), Some(0), Some(4)),
        (Some(u64::MAX - 3), Some(0), Some(4)),
        (Some(0), Some(u64::MAX - 3), Some(u64::MAX)),
        (Some(128), Some(0), None),
    ] {
        kit.invalid("", || {
            let encoder = kit.encoder();
            encoder.copy_buffer_to_buffer(&from, at, &to, into, size);
            kit.submit(&encoder);
        });
    }
    kit.invalid("", || {
        let encoder = kit.encoder();
        encoder.copy_buffer_to_buffer(&from, None, &from, None, None);
        kit.submit(&encoder);
    });
    for (offset, size) in [(1, Some(4)), (0, Some(65)), (u64::MAX - 3, None), (8, Some(u64::MAX))] {
        kit.invalid("", || {
            let encoder = kit.encoder();
            encoder.clear_buffer(&from, Some(offset), size);
            kit.submit(&encoder);
        });
    }
}

fn bad_writes() {
    let kit = kit();
    let buffer = kit.buffer(16, STORAGE);
    let write = |offset, data: &[u8], start, size| {
        kit.queue.write_buffer_with_copy(&buffer, offset, data, start, size)
    };
    assert!(write(0, &[0; 3], None, None).is_err());
    assert!(write(0, &[0; 8], Some(9), None).is_err());
    assert!(write(0, &[0; 8], Some(4), Some(8)).is_err());
    assert!(write(0, &[0; 8], Some(u64::MAX), Some(u64::MAX)).is_err());
    for offset in [2, 12, 16, u64::MAX, u64::MAX - 3] {
        kit.invalid("", || write(offset, &[0; 8], None, None).unwrap());
    }
    kit.fine(|| write(8, &[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0], Some(4), None).unwrap());
    assert_eq!(kit.read(&buffer), [0, 0, 2, 3]);
}

fn after_destroy() {
    let kit = kit();
    let (buffer, other) = (kit.buffer(64, STORAGE), kit.buffer(64, READ));
    let pipeline = kit.pipeline(DOUBLE);
    let group = kit.bind(&pipeline, &buffer);
    buffer.destroy();
    buffer.destroy();
    buffer.unmap().unwrap();
    assert!(buffer.map_async(GpuMapMode::READ, None, None).is_err());
    kit.invalid("destroyed", || kit.write(&buffer, &[1]));
    kit.invalid("destroyed", || {
        let encoder = kit.encoder();
        encoder.copy_buffer_to_buffer(&buffer, None, &other, None, None);
        kit.submit(&encoder);
    });
    kit.invalid("destroyed", || {
        let encoder = kit.encoder();
        let pass = encoder.begin_compute_pass(None);
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, Some(&group), None, None, None).unwrap();
        pass.dispatch_workgroups(1, None, None);
        pass.end();
        kit.submit(&encoder);
    });
    other.destroy();
    kit.error(GpuErrorFilter::Validation, || {
        assert!(other.map_async(GpuMapMode::READ, None, None).is_err());
    });
}

fn destroyed_in_flight() {
    let kit = kit();
    let pipeline = kit.pipeline(DOUBLE);
    for _ in 0..20 {
        let buffer = kit.buffer(1 << 20, STORAGE);
        kit.dispatch(&pipeline, &buffer, 4096);
        buffer.destroy();
        let out = kit.buffer(64, READ);
        out.destroy();
    }
    kit.queue.on_submitted_work_done();
}

fn cleared() {
    let kit = kit();
    let buffer = kit.buffer(16, STORAGE);
    kit.write(&buffer, &[1, 2, 3, 4]);
    let encoder = kit.encoder();
    encoder.clear_buffer(&buffer, Some(4), Some(8));
    kit.fine(|| kit.submit(&encoder));
    assert_eq!(kit.read(&buffer), [1, 0, 0, 4]);
}
