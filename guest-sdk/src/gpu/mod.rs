//! The actor's GPU, if it was granted one.
//!
//! ```no_run
//! use greenroom::gpu::Gpu;
//!
//! # fn f() -> Result<(), greenroom::gpu::Error> {
//! let gpu = Gpu::open()?;
//! let double = gpu.kernel("
//!     @group(0) @binding(0) var<storage, read_write> data: array<f32>;
//!     @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
//!         if id.x < arrayLength(&data) { data[id.x] *= 2.0; }
//!     }")?;
//! let data = gpu.array(&[1.0_f32, 2.0, 3.0])?;
//! double.run(&[&data], [1, 1, 1])?;
//! assert_eq!(data.read()?, [2.0, 4.0, 6.0]);
//! # Ok(())
//! # }
//! ```
//!
//! Kernels are WGSL. Arrays are bound in the order in which they are passed,
//! to the bindings 0, 1, 2 and so on of group 0.
//!
//! Whoever needs more has [`Gpu::device`] and [`Gpu::queue`], which are the
//! ordinary `wgpu`: programs that compute with it run unchanged but for the
//! instance, which is [`instance()`]. What they wait for blocks the actor,
//! never its host; where they `await` something it is there at once. Whatever
//! draws panics.
//!
//! A package with this feature is one with async actors (the interface to the
//! GPU has asynchronous functions), whether or not it has any. In unit tests,
//! outside a component, there is a device that computes nothing.

#[cfg(target_family = "wasm")]
mod backend;
mod error;

pub use error::Error;
pub use wgpu;

use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytemuck::Pod;
use wgpu::{BufferUsages, ErrorFilter};

/// The `wgpu` instance that has the actor's GPU.
pub fn instance() -> wgpu::Instance {
    #[cfg(target_family = "wasm")]
    return backend::instance();
    #[cfg(not(target_family = "wasm"))]
    {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::NOOP;
        descriptor.backend_options.noop.enable = true;
        wgpu::Instance::new(descriptor)
    }
}

/// The answer of a future of `wgpu`, which here is there at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("this backend's futures are ready when they are made"),
    }
}

/// The GPU that the actor was granted.
#[derive(Clone, Debug)]
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

/// Numbers in the GPU's memory.
#[derive(Debug)]
pub struct Array<T> {
    gpu: Gpu,
    buffer: wgpu::Buffer,
    length: usize,
    element: PhantomData<fn() -> T>,
}

/// What can be passed to a kernel.
pub trait Argument {
    /// The buffer to bind.
    fn buffer(&self) -> &wgpu::Buffer;
}

/// A compiled kernel: the entry point of a WGSL shader.
#[derive(Debug)]
pub struct Kernel {
    gpu: Gpu,
    pipeline: wgpu::ComputePipeline,
}

impl Gpu {
    /// Opens the GPU.
    ///
    /// # Errors
    /// If the actor was granted none, or the GPU cannot be opened.
    pub fn open() -> Result<Gpu, Error> {
        let adapter = now(instance().request_adapter(&wgpu::RequestAdapterOptions::default()));
        let adapter = adapter.map_err(|_| Error::NotGranted)?;
        let limits = adapter.limits();
        let wanted = wgpu::DeviceDescriptor {
            required_limits: wgpu::Limits {
                max_buffer_size: limits.max_buffer_size,
                max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
                ..wgpu::Limits::defaults()
            },
            ..wgpu::DeviceDescriptor::default()
        };
        let opened = now(adapter.request_device(&wanted));
        let (device, queue) = opened.map_err(|error| Error::Failed(error.to_string()))?;
        Ok(Gpu { device, queue })
    }

    /// The device as `wgpu` has it.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The queue as `wgpu` has it.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Numbers in the GPU's memory, copied from the actor's.
    ///
    /// # Errors
    /// If there is no room for them.
    pub fn array<T: Pod>(&self, data: &[T]) -> Result<Array<T>, Error> {
        let array = self.zeros(data.len())?;
        array.write(data)?;
        Ok(array)
    }

    /// So many zeros in the GPU's memory.
    ///
    /// # Errors
    /// If there is no room for them.
    pub fn zeros<T: Pod>(&self, length: usize) -> Result<Array<T>, Error> {
        let bytes = (length as u64).checked_mul(size_of::<T>() as u64);
        let Some(size) = bytes.and_then(|bytes| bytes.max(4).checked_next_multiple_of(4)) else {
            return Err(Error::OutOfMemory(format!("no gpu holds {length} elements")));
        };
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let buffer = self.make(size, usage)?;
        Ok(Array { gpu: self.clone(), buffer, length, element: PhantomData })
    }

    /// Compiles a shader that has one entry point.
    ///
    /// # Errors
    /// If it does not compile: the message has the place.
    pub fn kernel(&self, wgsl: &str) -> Result<Kernel, Error> {
        let source = wgpu::ShaderSource::Wgsl(wgsl.into());
        let pipeline = self.checked(|| {
            let module = self
                .device
                .create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: None,
                module: &module,
                entry_point: None,
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        })?;
        Ok(Kernel { gpu: self.clone(), pipeline })
    }

    /// Waits until everything that was run is done.
    pub fn wait(&self) {
        let _ = self.device.poll(wgpu::PollType::wait_indefinitely());
    }

    fn make(&self, size: u64, usage: BufferUsages) -> Result<wgpu::Buffer, Error> {
        let wanted = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        self.checked(|| self.device.create_buffer(&wanted))
    }

    /// Does something, and answers what went wrong with it.
    fn checked<R>(&self, act: impl FnOnce() -> R) -> Result<R, Error> {
        let outer = self.device.push_error_scope(ErrorFilter::OutOfMemory);
        let inner = self.device.push_error_scope(ErrorFilter::Validation);
        let answer = act();
        let errors = [now(inner.pop()), now(outer.pop())];
        match errors.into_iter().flatten().next() {
            Some(error) => Err(error.into()),
            None => Ok(answer),
        }
    }
}

impl<T: Pod> Array<T> {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Copies numbers from the actor's memory, to the start.
    ///
    /// # Errors
    /// If they are more than fit, or the GPU has no room to take them in.
    pub fn write(&self, data: &[T]) -> Result<(), Error> {
        if data.len() > self.length {
            let (wanted, length) = (data.len(), self.length);
            return Err(Error::Invalid(format!("{wanted} elements do not fit in {length}")));
        }
        let bytes: &[u8] = bytemuck::cast_slice(data);
        // Only whole words can be written.
        let padded;
        let bytes = match bytes.len() % 4 {
            0 => bytes,
            odd => {
                padded = [bytes, &[0; 3][..4 - odd]].concat();
                &padded
            }
        };
        self.gpu.checked(|| self.gpu.queue.write_buffer(&self.buffer, 0, bytes))
    }

    /// Copies the numbers to the actor's memory, when what was run is done.
    ///
    /// # Errors
    /// If the GPU has no room to hand them over.
    pub fn read(&self) -> Result<Vec<T>, Error> {
        let size = self.buffer.size();
        let out = self.gpu.make(size, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        let told = std::sync::Arc::new(std::sync::OnceLock::new());
        self.gpu.checked(|| {
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(&self.buffer, 0, &out, 0, size);
            self.gpu.queue.submit([encoder.finish()]);
            let tell = told.clone();
            out.map_async(wgpu::MapMode::Read, .., move |mapped| {
                let _ = tell.set(mapped.is_ok());
            });
            let _ = self.gpu.device.poll(wgpu::PollType::wait_indefinitely());
        })?;
        if told.get() != Some(&true) {
            return Err(Error::Failed("the array cannot be read".to_owned()));
        }
        let view = out.get_mapped_range(..).map_err(|error| Error::Failed(error.to_string()))?;
        let bytes = &view[..self.length * size_of::<T>()];
        // The bytes need not lie as the numbers would.
        Ok(bytes.chunks_exact(size_of::<T>().max(1)).map(bytemuck::pod_read_unaligned).collect())
    }
}

impl<T> Argument for Array<T> {
    fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

impl Kernel {
    /// Runs the kernel in so many workgroups along each axis. Returns when it
    /// is on its way; [`Array::read`] and [`Gpu::wait`] wait for it.
    ///
    /// # Errors
    /// If the arguments are not what the kernel binds.
    pub fn run(&self, arguments: &[&dyn Argument], groups: [u32; 3]) -> Result<(), Error> {
        let device = &self.gpu.device;
        self.gpu.checked(|| {
            let entries: Vec<wgpu::BindGroupEntry<'_>> = (0..)
                .zip(arguments)
                .map(|(binding, argument)| wgpu::BindGroupEntry {
                    binding,
                    resource: argument.buffer().as_entire_binding(),
                })
                .collect();
            let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &self.pipeline.get_bind_group_layout(0),
                entries: &entries,
            });
            let mut encoder = device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &group, &[]);
            let [x, y, z] = groups;
            pass.dispatch_workgroups(x, y, z);
            drop(pass);
            self.gpu.queue.submit([encoder.finish()]);
        })
    }
}
