//! Matrices, with nothing but `wgpu`.

use greenroom::gpu::wgpu;

use wgpu::util::{BufferInitDescriptor, DeviceExt as _};
use wgpu::{BufferUsages, MapMode, PollType};

/// Rows and columns that one workgroup of `product.wgsl` computes.
const TILE: u32 = 8;

/// The product of two square matrices of `size` rows.
pub(crate) fn product(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    size: u32,
    a: &[f32],
    b: &[f32],
) -> Vec<f32> {
    let input = |contents: &[u8], usage| {
        device.create_buffer_init(&BufferInitDescriptor { label: None, contents, usage })
    };
    let output = |usage| {
        let size = size_of_val(a) as u64;
        device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage,
            mapped_at_creation: false,
        })
    };
    let buffers = [
        input(&bytes(a), BufferUsages::STORAGE),
        input(&bytes(b), BufferUsages::STORAGE),
        output(BufferUsages::STORAGE | BufferUsages::COPY_SRC),
        input(&size.to_le_bytes(), BufferUsages::UNIFORM),
    ];
    let out = output(BufferUsages::MAP_READ | BufferUsages::COPY_DST);

    let module = device.create_shader_module(wgpu::include_wgsl!("product.wgsl"));
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("product"),
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    let entries: Vec<_> = (0..)
        .zip(&buffers)
        .map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding,
            resource: buffer.as_entire_binding(),
        })
        .collect();
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });

    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(size.div_ceil(TILE), size.div_ceil(TILE), 1);
    }
    encoder.copy_buffer_to_buffer(&buffers[2], 0, &out, 0, out.size());
    queue.submit([encoder.finish()]);

    out.map_async(MapMode::Read, .., |mapped| mapped.expect("it can be mapped"));
    device.poll(PollType::wait_indefinitely()).expect("the device is there");
    let view = out.get_mapped_range(..).expect("it is mapped");
    let four = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    view.chunks_exact(size_of::<f32>()).map(four).collect()
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
