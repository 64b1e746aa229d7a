//! Work for a GPU and how long it takes: nothing but `wgpu`, so that it is the
//! same natively and in an actor.

use std::time::{Duration, Instant};

use wgpu::util::{BufferInitDescriptor, DeviceExt as _};
use wgpu::{BufferUsages, MapMode, PollType};

/// Something to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// The product of two matrices of so many rows, which 16 divides.
    Product(u32),
    /// Element-wise arithmetic on 4 Mi numbers.
    Scale,
    /// The sums of each 256 of 4 Mi numbers.
    Sum,
    /// Bytes to the GPU, until they are there.
    Upload(u64),
    /// And back.
    Readback(u64),
    /// The smallest work, until its result is here.
    Tiny,
    /// Recording one more dispatch: a call that waits for nothing.
    Record,
}

/// Numbers of the shapes that go through many.
const NUMBERS: u32 = 4 << 20;

impl Shape {
    /// All of them, by the name of what is measured and how often it is done.
    pub const ALL: [(&str, Shape, u32); 9] = [
        ("matmul_256", Shape::Product(256), 16),
        ("matmul_512", Shape::Product(512), 4),
        ("matmul_1024", Shape::Product(1_024), 1),
        ("scale_4mi", Shape::Scale, 16),
        ("sum_4mi", Shape::Sum, 16),
        ("upload", Shape::Upload(16 << 20), 8),
        ("readback", Shape::Readback(16 << 20), 8),
        ("tiny_round_trip", Shape::Tiny, 100),
        ("sync_import", Shape::Record, 20_000),
    ];

    /// The shape of a name.
    pub fn named(name: &str) -> Option<(Shape, u32)> {
        let found = Shape::ALL.iter().find(|(known, ..)| *known == name);
        found.map(|(_, shape, times)| (*shape, *times))
    }
}

/// A device to measure on.
pub struct Bench {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

/// A kernel with what it works on.
struct Work {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    output: wgpu::Buffer,
}

impl Bench {
    /// On this device.
    pub fn new(device: wgpu::Device, queue: wgpu::Queue) -> Bench {
        Bench { device, queue }
    }

    /// Does it so often, once before that for what is made at the first time,
    /// and says how long one took.
    ///
    /// # Panics
    /// If the device is lost.
    pub fn measure(&self, shape: Shape, times: u32) -> Duration {
        match shape {
            Shape::Product(size) => {
                let groups = [size / 16, size / 16, 1];
                self.kernel(include_str!("product.wgsl"), size * size, size, groups, times)
            }
            Shape::Scale => {
                let groups = [NUMBERS / 256, 1, 1];
                self.kernel(include_str!("scale.wgsl"), NUMBERS, NUMBERS, groups, times)
            }
            Shape::Sum => {
                let groups = [NUMBERS / 256, 1, 1];
                self.kernel(include_str!("sum.wgsl"), NUMBERS, NUMBERS, groups, times)
            }
            Shape::Upload(bytes) => self.upload(bytes, times),
            Shape::Readback(bytes) => self.readback(bytes, times),
            Shape::Tiny => self.tiny(times),
            Shape::Record => self.record(times),
        }
    }

    fn kernel(
        &self,
        wgsl: &str,
        numbers: u32,
        size: u32,
        groups: [u32; 3],
        times: u32,
    ) -> Duration {
        let work = self.work(wgsl, numbers, size);
        self.dispatch(&work, groups, 1);
        let begun = Instant::now();
        self.dispatch(&work, groups, times);
        begun.elapsed() / times
    }

    /// Dispatches in one submission, until all are done.
    fn dispatch(&self, work: &Work, [x, y, z]: [u32; 3], times: u32) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&work.pipeline);
            pass.set_bind_group(0, &work.group, &[]);
            for _ in 0..times {
                pass.dispatch_workgroups(x, y, z);
            }
        }
        self.queue.submit([encoder.finish()]);
        self.wait();
    }

    fn work(&self, wgsl: &str, numbers: u32, size: u32) -> Work {
        let ones: Vec<u8> = (0..numbers).flat_map(|_| 1.0_f32.to_le_bytes()).collect();
        let input = |contents: &[u8], usage| {
            self.device.create_buffer_init(&BufferInitDescriptor { label: None, contents, usage })
        };
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let output = self.buffer(ones.len() as u64, usage);
        let (a, b) = (input(&ones, BufferUsages::STORAGE), input(&ones, BufferUsages::STORAGE));
        let size = input(&size.to_le_bytes(), BufferUsages::UNIFORM);
        let source = wgpu::ShaderSource::Wgsl(wgsl.into());
        let module =
            self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        let buffers = [&a, &b, &output, &size];
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Work { pipeline, group, output }
    }

    fn upload(&self, bytes: u64, times: u32) -> Duration {
        let buffer = self.buffer(bytes, BufferUsages::COPY_DST);
        let data = vec![7; usize::try_from(bytes).unwrap_or(0)];
        let once = || {
            self.queue.write_buffer(&buffer, 0, &data);
            self.queue.submit([]);
            self.wait();
        };
        timed(times, once)
    }

    fn readback(&self, bytes: u64, times: u32) -> Duration {
        let buffer = self.buffer(bytes, BufferUsages::COPY_SRC | BufferUsages::COPY_DST);
        let out = self.buffer(bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        timed(times, || drop(self.read(&buffer, &out)))
    }

    fn tiny(&self, times: u32) -> Duration {
        let work = self.work(include_str!("scale.wgsl"), 64, 64);
        let out = self.buffer(work.output.size(), BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        timed(times, || {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&work.pipeline);
                pass.set_bind_group(0, &work.group, &[]);
                pass.dispatch_workgroups(1, 1, 1);
            }
            encoder.copy_buffer_to_buffer(&work.output, 0, &out, 0, out.size());
            self.queue.submit([encoder.finish()]);
            drop(self.mapped(&out));
        })
    }

    fn record(&self, times: u32) -> Duration {
        let work = self.work(include_str!("scale.wgsl"), 64, 64);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let took = {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&work.pipeline);
            pass.set_bind_group(0, &work.group, &[]);
            timed(times, || pass.dispatch_workgroups(1, 1, 1))
        };
        drop(encoder);
        took
    }

    /// Copies a buffer out, and reads it.
    fn read(&self, buffer: &wgpu::Buffer, out: &wgpu::Buffer) -> Vec<u8> {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, out, 0, out.size());
        self.queue.submit([encoder.finish()]);
        self.mapped(out)
    }

    fn mapped(&self, out: &wgpu::Buffer) -> Vec<u8> {
        out.map_async(MapMode::Read, .., |mapped| mapped.expect("it can be mapped"));
        self.wait();
        let bytes = out.get_mapped_range(..).expect("it is mapped").to_vec();
        out.unmap();
        bytes
    }

    fn wait(&self) {
        self.device.poll(PollType::wait_indefinitely()).expect("the device is there");
    }

    fn buffer(&self, size: u64, usage: BufferUsages) -> wgpu::Buffer {
        let (label, mapped_at_creation) = (None, false);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label,
            size,
            usage,
            mapped_at_creation,
        })
    }
}

fn timed(times: u32, mut once: impl FnMut()) -> Duration {
    once();
    let begun = Instant::now();
    for _ in 0..times {
        once();
    }
    begun.elapsed() / times
}
