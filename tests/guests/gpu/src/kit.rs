//! What many cases need.

use crate::bindings::wasi::webgpu::webgpu::*;

pub(crate) use crate::bindings::wasi::webgpu::webgpu as w;

/// A device and its queue.
pub(crate) struct Kit {
    pub(crate) device: GpuDevice,
    pub(crate) queue: GpuQueue,
}

pub(crate) fn adapter() -> GpuAdapter {
    w::get_gpu().request_adapter(None).expect("there is an adapter")
}

pub(crate) fn kit() -> Kit {
    let device = adapter().request_device(None).expect("there is a device");
    let queue = device.queue();
    Kit { device, queue }
}

/// Doubles every number of a buffer.
pub(crate) const DOUBLE: &str = "
    @group(0) @binding(0) var<storage, read_write> data: array<u32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        if id.x < arrayLength(&data) { data[id.x] = data[id.x] * 2u; }
    }";

pub(crate) const STORAGE: GpuBufferUsage =
    GpuBufferUsage::STORAGE.union(GpuBufferUsage::COPY_SRC).union(GpuBufferUsage::COPY_DST);
pub(crate) const READ: GpuBufferUsage = GpuBufferUsage::MAP_READ.union(GpuBufferUsage::COPY_DST);
pub(crate) const WRITE: GpuBufferUsage = GpuBufferUsage::MAP_WRITE.union(GpuBufferUsage::COPY_SRC);

impl Kit {
    pub(crate) fn buffer(&self, size: u64, usage: GpuBufferUsage) -> GpuBuffer {
        let mapped_at_creation = None;
        self.device.create_buffer(&GpuBufferDescriptor {
            size,
            usage,
            mapped_at_creation,
            label: None,
        })
    }

    pub(crate) fn shader(&self, code: &str) -> GpuShaderModule {
        let code = code.to_owned();
        self.device.create_shader_module(&GpuShaderModuleDescriptor {
            code,
            compilation_hints: None,
            label: None,
        })
    }

    pub(crate) fn pipeline(&self, code: &str) -> GpuComputePipeline {
        let module = self.shader(code);
        self.device.create_compute_pipeline(GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage {
                module: &module,
                entry_point: Some("main".to_owned()),
                constants: None,
            },
            layout: GpuLayoutMode::Auto,
            label: None,
        })
    }

    pub(crate) fn bind(&self, pipeline: &GpuComputePipeline, buffer: &GpuBuffer) -> GpuBindGroup {
        let layout = pipeline.get_bind_group_layout(0);
        let resource = GpuBindingResource::GpuBuffer(buffer);
        self.device.create_bind_group(&GpuBindGroupDescriptor {
            layout: &layout,
            entries: vec![GpuBindGroupEntry { binding: 0, resource }],
            label: None,
        })
    }

    pub(crate) fn encoder(&self) -> GpuCommandEncoder {
        self.device.create_command_encoder(None)
    }

    /// Runs a shader over a buffer, in as many groups of 64.
    pub(crate) fn dispatch(&self, pipeline: &GpuComputePipeline, buffer: &GpuBuffer, groups: u32) {
        let group = self.bind(pipeline, buffer);
        let encoder = self.encoder();
        let pass = encoder.begin_compute_pass(None);
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, Some(&group), None, None, None).unwrap();
        pass.dispatch_workgroups(groups, None, None);
        pass.end();
        self.submit(&encoder);
    }

    pub(crate) fn submit(&self, encoder: &GpuCommandEncoder) {
        let buffer = encoder.finish(None);
        self.queue.submit(&[&buffer]);
    }

    pub(crate) fn write(&self, buffer: &GpuBuffer, data: &[u32]) {
        let data: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.queue.write_buffer_with_copy(buffer, 0, &data, None, None).unwrap();
    }

    /// The numbers of a buffer that can be copied from.
    pub(crate) fn read(&self, buffer: &GpuBuffer) -> Vec<u32> {
        let out = self.buffer(buffer.size(), READ);
        let encoder = self.encoder();
        encoder.copy_buffer_to_buffer(buffer, None, &out, None, None);
        self.submit(&encoder);
        self.mapped(&out)
    }

    pub(crate) fn mapped(&self, buffer: &GpuBuffer) -> Vec<u32> {
        buffer.map_async(GpuMapMode::READ, None, None).expect("it can be mapped");
        let bytes = buffer.get_mapped_range_get_with_copy(None, None).expect("it is mapped");
        buffer.unmap().unwrap();
        bytes.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap())).collect()
    }

    /// The message of the error of a kind that something makes, if it makes
    /// one.
    pub(crate) fn error(&self, kind: GpuErrorFilter, act: impl FnOnce()) -> Option<String> {
        self.device.push_error_scope(kind);
        act();
        let error = self.device.pop_error_scope().expect("there is a scope");
        error.map(|error| error.message())
    }

    /// That something is a validation error, whose message says so much.
    #[track_caller]
    pub(crate) fn invalid(&self, says: &str, act: impl FnOnce()) {
        let Some(message) = self.error(GpuErrorFilter::Validation, act) else {
            panic!("no error, wanted one that says {says:?}");
        };
        assert!(message.contains(says), "wanted {says:?}: {message}");
    }

    /// That something is no error at all.
    #[track_caller]
    pub(crate) fn fine<R>(&self, act: impl FnOnce() -> R) -> R {
        let kinds =
            [GpuErrorFilter::Validation, GpuErrorFilter::OutOfMemory, GpuErrorFilter::Internal];
        kinds.iter().for_each(|kind| self.device.push_error_scope(*kind));
        let answer = act();
        for _ in kinds {
            let error = self.device.pop_error_scope().unwrap();
            assert!(error.is_none(), "{}", error.unwrap().message());
        }
        answer
    }
}
