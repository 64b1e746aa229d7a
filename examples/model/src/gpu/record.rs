//! Recording kernels, and running all that is recorded.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytemuck::Pod;
use wgpu::BufferUsages;

use crate::error::{Error, Result};

/// Workgroups in one direction, by WebGPU's limits.
pub(super) const GROUPS_MAX: u32 = 65_535;

/// Bytes of a number.
const WORD: usize = 4;

/// A device, and what it is to do next.
#[derive(Debug)]
pub(super) struct Recorder {
    device: wgpu::Device,
    queue: wgpu::Queue,
    recorded: RefCell<Option<wgpu::CommandEncoder>>,
    /// The first thing that went wrong since somebody asked. The device tells
    /// it from wherever it notices, hence the lock.
    failed: Arc<Mutex<Option<String>>>,
}

impl Recorder {
    pub(super) fn new(device: &wgpu::Device, queue: &wgpu::Queue) -> Self {
        let failed = Arc::new(Mutex::new(None));
        let told = Arc::clone(&failed);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let mut failed = told.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert_with(|| error.to_string());
        }));
        let (device, queue) = (device.clone(), queue.clone());
        Recorder { device, queue, recorded: RefCell::default(), failed }
    }

    /// What went wrong since this was asked last.
    pub(super) fn check(&self) -> Result<()> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), |what| Err(Error::Gpu(what)))
    }

    /// Whether so many numbers can be bound to a kernel.
    pub(super) fn check_size(&self, numbers: usize) -> Result<()> {
        let (wanted, limits) = ((numbers * WORD) as u64, self.device.limits());
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if wanted > most {
            let what = format!("a tensor takes {wanted} bytes, and at most {most} can be bound");
            return Err(Error::Gpu(what));
        }
        Ok(())
    }

    /// Room for so many numbers.
    pub(super) fn buffer(&self, numbers: usize) -> wgpu::Buffer {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        self.make(numbers, usage)
    }

    fn make(&self, numbers: usize, usage: BufferUsages) -> wgpu::Buffer {
        let size = (numbers * WORD) as u64;
        let wanted = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        self.device.create_buffer(&wanted)
    }

    /// Writes numbers before anything that is recorded runs.
    pub(super) fn write<T: Pod>(&self, buffer: &wgpu::Buffer, at: usize, numbers: &[T]) {
        self.queue.write_buffer(buffer, (at * WORD) as u64, bytemuck::cast_slice(numbers));
    }

    /// Records a kernel with these arguments, in the order of their bindings;
    /// the parameters come last.
    pub(super) fn run(
        &self,
        kernel: &wgpu::ComputePipeline,
        buffers: &[&wgpu::Buffer],
        parameters: [u32; 4],
        groups: [u32; 3],
    ) {
        let own = self.make(parameters.len(), BufferUsages::UNIFORM | BufferUsages::COPY_DST);
        self.write(&own, 0, &parameters);
        let all = buffers.iter().copied().chain([&own]);
        let entries: Vec<_> = (0..)
            .zip(all)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &kernel.get_bind_group_layout(0),
            entries: &entries,
        });
        self.record(|encoder| {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(kernel);
            pass.set_bind_group(0, &group, &[]);
            let [x, y, z] = groups;
            pass.dispatch_workgroups(x, y, z);
        });
    }

    /// Records a copy of so many numbers.
    pub(super) fn copy(
        &self,
        from: &wgpu::Buffer,
        first: usize,
        into: &wgpu::Buffer,
        at: usize,
        numbers: usize,
    ) {
        let [first, at, size] = [first, at, numbers].map(|it| (it * WORD) as u64);
        self.record(|encoder| encoder.copy_buffer_to_buffer(from, first, into, at, size));
    }

    /// Runs all that is recorded, waits for it, and answers some numbers.
    pub(super) fn read(&self, buffer: &wgpu::Buffer, numbers: usize) -> Result<Vec<f32>> {
        let out = self.make(numbers, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        self.copy(buffer, 0, &out, 0, numbers);
        let recorded = self.recorded.take();
        self.queue.submit(recorded.map(wgpu::CommandEncoder::finish));
        let mapped = Arc::new(OnceLock::new());
        let tell = Arc::clone(&mapped);
        out.map_async(wgpu::MapMode::Read, .., move |result| {
            let _ = tell.set(result.map_err(|error| error.to_string()));
        });
        let polled = self.device.poll(wgpu::PollType::wait_indefinitely());
        self.check()?;
        polled.map_err(|error| Error::Gpu(error.to_string()))?;
        match mapped.get() {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(Error::Gpu(error.clone())),
            None => return Err(Error::Gpu("what it computed cannot be read".to_owned())),
        }
        let view = out.get_mapped_range(..).map_err(|error| Error::Gpu(error.to_string()))?;
        Ok(view.chunks_exact(WORD).map(bytemuck::pod_read_unaligned).collect())
    }

    fn record(&self, write: impl FnOnce(&mut wgpu::CommandEncoder)) {
        let mut recorded = self.recorded.borrow_mut();
        let new = || self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        write(recorded.get_or_insert_with(new));
    }
}
