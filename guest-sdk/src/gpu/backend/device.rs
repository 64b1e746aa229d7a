//! Devices: what they make, their callbacks and their errors.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use wgpu::custom::{
    BoxDeviceLostCallback, DeviceInterface, DispatchBindGroup, DispatchBindGroupLayout,
    DispatchBlas, DispatchBuffer, DispatchCommandEncoder, DispatchComputePipeline,
    DispatchExternalTexture, DispatchPipelineCache, DispatchPipelineLayout, DispatchQuerySet,
    DispatchRenderBundleEncoder, DispatchRenderPipeline, DispatchSampler, DispatchShaderModule,
    DispatchTexture, DispatchTlas, PopErrorScopeFuture,
};

use super::binding::{
    BindGroup, BindGroupLayout, ComputePipeline, OURS, PipelineLayout, ShaderModule, group_entry,
    layout_entry,
};
use super::bindings::webgpu as wit;
use super::buffer::{Buffer, Inner};
use super::convert::{self, buffer_usage, error_filter};
use super::encoder::CommandEncoder;
use super::texture::{QuerySet, Sampler, Texture, sampler, texture};
use super::{adapter, done, label, no};

/// A device.
#[derive(Debug)]
pub(super) struct Device(pub(super) Arc<Shared>);

type Callback = Box<dyn FnOnce() + Send>;

/// What a device shares with its queue and its buffers.
pub(super) struct Shared {
    raw: wit::GpuDevice,
    /// Callbacks that the next poll calls, in order.
    later: Mutex<Vec<Callback>>,
    /// Whether something was submitted since all of it was known to be done.
    submitted: AtomicBool,
    /// Error scopes that the program has open.
    scopes: AtomicU32,
    /// Who is told of errors outside of those.
    handler: Mutex<Option<Arc<dyn wgpu::UncapturedErrorHandler>>>,
}

/// The kinds of errors, for each of which a scope is open under those of the
/// program: it takes the errors that those do not.
const KINDS: [wit::GpuErrorFilter; 3] = [
    wit::GpuErrorFilter::Internal,
    wit::GpuErrorFilter::OutOfMemory,
    wit::GpuErrorFilter::Validation,
];

impl Shared {
    pub(super) fn new(raw: wit::GpuDevice) -> Shared {
        KINDS.iter().for_each(|kind| raw.push_error_scope(*kind));
        Shared {
            raw,
            later: Mutex::default(),
            submitted: AtomicBool::new(false),
            scopes: AtomicU32::new(0),
            handler: Mutex::default(),
        }
    }

    /// Keeps a callback for the next poll.
    pub(super) fn later(&self, callback: Callback) {
        self.later.lock().unwrap_or_else(PoisonError::into_inner).push(callback);
    }

    /// A handle of its queue.
    pub(super) fn queue(&self) -> wit::GpuQueue {
        self.raw.queue()
    }

    /// Something was submitted.
    pub(super) fn submitted(&self) {
        self.submitted.store(true, Relaxed);
    }

    /// Waits until everything that was submitted is done.
    pub(super) fn wait(&self) {
        if self.submitted.swap(false, Relaxed) {
            self.queue().on_submitted_work_done();
        }
    }

    fn run_callbacks(&self) {
        let later = std::mem::take(&mut *self.later.lock().unwrap_or_else(PoisonError::into_inner));
        later.into_iter().for_each(|callback| callback());
    }

    /// Tells of errors that no scope of the program took. As in wgpu, it is a
    /// panic unless the program wants to be told.
    fn tell_errors(&self) {
        if self.scopes.load(Relaxed) > 0 {
            return;
        }
        let errors: Vec<_> =
            KINDS.iter().filter_map(|_| self.raw.pop_error_scope().ok().flatten()).collect();
        KINDS.iter().for_each(|kind| self.raw.push_error_scope(*kind));
        let handler = self.handler.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for error in errors {
            match &handler {
                Some(handler) => handler(convert::error(&error)),
                None => panic!("wgpu error: {}", error.message()),
            }
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

#[allow(unsafe_code, reason = "wgpu's trait has unsafe functions")]
impl DeviceInterface for Device {
    fn features(&self) -> wgpu::Features {
        convert::features(&self.0.raw.features())
    }

    fn limits(&self) -> wgpu::Limits {
        convert::limits(&self.0.raw.limits())
    }

    fn adapter_info(&self) -> wgpu::AdapterInfo {
        adapter::info(&self.0.raw.adapter_info())
    }

    fn create_shader_module(
        &self,
        wanted: wgpu::ShaderModuleDescriptor<'_>,
        _: wgpu::ShaderRuntimeChecks,
    ) -> DispatchShaderModule {
        let wgpu::ShaderSource::Wgsl(code) = wanted.source else {
            return no("shaders but WGSL");
        };
        DispatchShaderModule::custom(ShaderModule(self.0.raw.create_shader_module(
            &wit::GpuShaderModuleDescriptor {
                code: code.into_owned(),
                compilation_hints: None,
                label: label(wanted.label),
            },
        )))
    }

    unsafe fn create_shader_module_passthrough(
        &self,
        _: &wgpu::ShaderModuleDescriptorPassthrough<'_>,
    ) -> DispatchShaderModule {
        no("shaders but WGSL")
    }

    fn create_bind_group_layout(
        &self,
        wanted: &wgpu::BindGroupLayoutDescriptor<'_>,
    ) -> DispatchBindGroupLayout {
        let entries = wanted.entries.iter().map(layout_entry).collect();
        let label = label(wanted.label);
        let wanted = wit::GpuBindGroupLayoutDescriptor { entries, label };
        let layout = self.0.raw.create_bind_group_layout(&wanted);
        DispatchBindGroupLayout::custom(BindGroupLayout(layout))
    }

    fn create_bind_group(&self, wanted: &wgpu::BindGroupDescriptor<'_>) -> DispatchBindGroup {
        let group = self.0.raw.create_bind_group(&wit::GpuBindGroupDescriptor {
            layout: &wanted.layout.as_custom::<BindGroupLayout>().expect(OURS).0,
            entries: wanted.entries.iter().map(group_entry).collect(),
            label: label(wanted.label),
        });
        DispatchBindGroup::custom(BindGroup(group))
    }

    fn create_pipeline_layout(
        &self,
        wanted: &wgpu::PipelineLayoutDescriptor<'_>,
    ) -> DispatchPipelineLayout {
        let layouts = wanted.bind_group_layouts.iter().map(|layout| {
            layout.map(|layout| &layout.as_custom::<BindGroupLayout>().expect(OURS).0)
        });
        let layout = self.0.raw.create_pipeline_layout(&wit::GpuPipelineLayoutDescriptor {
            bind_group_layouts: layouts.collect(),
            immediate_size: (wanted.immediate_size > 0).then_some(wanted.immediate_size),
            label: label(wanted.label),
        });
        DispatchPipelineLayout::custom(PipelineLayout(layout))
    }

    fn create_render_pipeline(
        &self,
        _: &wgpu::RenderPipelineDescriptor<'_>,
    ) -> DispatchRenderPipeline {
        no("render pipelines")
    }

    fn create_mesh_pipeline(&self, _: &wgpu::MeshPipelineDescriptor<'_>) -> DispatchRenderPipeline {
        no("mesh pipelines")
    }

    fn create_compute_pipeline(
        &self,
        wanted: &wgpu::ComputePipelineDescriptor<'_>,
    ) -> DispatchComputePipeline {
        let constants = wanted.compilation_options.constants;
        let constants = (!constants.is_empty()).then(|| {
            let record = wit::RecordGpuPipelineConstantValue::new();
            constants.iter().for_each(|(name, value)| record.add(name, *value));
            record
        });
        let pipeline = self.0.raw.create_compute_pipeline(wit::GpuComputePipelineDescriptor {
            compute: wit::GpuProgrammableStage {
                module: &wanted.module.as_custom::<ShaderModule>().expect(OURS).0,
                entry_point: label(wanted.entry_point),
                constants,
            },
            layout: match wanted.layout {
                Some(layout) => wit::GpuLayoutMode::Specific(
                    &layout.as_custom::<PipelineLayout>().expect(OURS).0,
                ),
                None => wit::GpuLayoutMode::Auto,
            },
            label: label(wanted.label),
        });
        DispatchComputePipeline::custom(ComputePipeline(pipeline))
    }

    unsafe fn create_pipeline_cache(
        &self,
        _: &wgpu::PipelineCacheDescriptor<'_>,
    ) -> DispatchPipelineCache {
        no("pipeline caches")
    }

    fn create_buffer(&self, wanted: &wgpu::BufferDescriptor<'_>) -> DispatchBuffer {
        let raw = self.0.raw.create_buffer(&wit::GpuBufferDescriptor {
            size: wanted.size,
            usage: buffer_usage(wanted.usage),
            mapped_at_creation: Some(wanted.mapped_at_creation),
            label: label(wanted.label),
        });
        let (inner, shared) = (Arc::new(Inner::new(raw)), self.0.clone());
        DispatchBuffer::custom(Buffer { inner, shared })
    }

    fn create_texture(&self, wanted: &wgpu::TextureDescriptor<'_>) -> DispatchTexture {
        DispatchTexture::custom(Texture(self.0.raw.create_texture(&texture(wanted))))
    }

    fn create_external_texture(
        &self,
        _: &wgpu::ExternalTextureDescriptor<'_>,
        _: &[&wgpu::TextureView],
    ) -> DispatchExternalTexture {
        no("external textures")
    }

    fn create_blas(
        &self,
        _: &wgpu::CreateBlasDescriptor<'_>,
        _: wgpu::BlasGeometrySizeDescriptors,
    ) -> (Option<u64>, DispatchBlas) {
        no("ray tracing")
    }

    fn create_tlas(&self, _: &wgpu::CreateTlasDescriptor<'_>) -> DispatchTlas {
        no("ray tracing")
    }

    fn create_sampler(&self, wanted: &wgpu::SamplerDescriptor<'_>) -> DispatchSampler {
        DispatchSampler::custom(Sampler(self.0.raw.create_sampler(Some(&sampler(wanted)))))
    }

    fn create_query_set(&self, wanted: &wgpu::QuerySetDescriptor<'_>) -> DispatchQuerySet {
        let type_ = match wanted.ty {
            wgpu::QueryType::Timestamp => wit::GpuQueryType::Timestamp,
            wgpu::QueryType::Occlusion => wit::GpuQueryType::Occlusion,
            wgpu::QueryType::PipelineStatistics(_) => no("pipeline statistics"),
        };
        let label = label(wanted.label);
        let wanted = wit::GpuQuerySetDescriptor { type_, count: wanted.count, label };
        let set = self.0.raw.create_query_set(&wanted);
        DispatchQuerySet::custom(QuerySet(set.unwrap_or_else(|error| panic!("{}", error.message))))
    }

    fn create_command_encoder(
        &self,
        wanted: &wgpu::CommandEncoderDescriptor<'_>,
    ) -> DispatchCommandEncoder {
        let wanted = wit::GpuCommandEncoderDescriptor { label: label(wanted.label) };
        let encoder = self.0.raw.create_command_encoder(Some(&wanted));
        DispatchCommandEncoder::custom(CommandEncoder(encoder))
    }

    fn create_render_bundle_encoder(
        &self,
        _: &wgpu::RenderBundleEncoderDescriptor<'_>,
    ) -> DispatchRenderBundleEncoder {
        no("render bundles")
    }

    fn set_device_lost_callback(&self, _: BoxDeviceLostCallback) {
        // An actor whose device is lost otherwise than by itself is ended.
    }

    fn on_uncaptured_error(&self, handler: Arc<dyn wgpu::UncapturedErrorHandler>) {
        *self.0.handler.lock().unwrap_or_else(PoisonError::into_inner) = Some(handler);
    }

    fn push_error_scope(&self, filter: wgpu::ErrorFilter) -> u32 {
        self.0.raw.push_error_scope(error_filter(filter));
        self.0.scopes.fetch_add(1, Relaxed)
    }

    fn pop_error_scope(&self, _: u32) -> Pin<Box<dyn PopErrorScopeFuture>> {
        self.0.scopes.fetch_sub(1, Relaxed);
        done(self.0.raw.pop_error_scope().ok().flatten().map(|error| convert::error(&error)))
    }

    unsafe fn start_graphics_debugger_capture(&self) {}

    unsafe fn stop_graphics_debugger_capture(&self) {}

    fn poll(&self, kind: wgpu::wgt::PollType<u64>) -> Result<wgpu::PollStatus, wgpu::PollError> {
        self.0.run_callbacks();
        // Behind them: who waited for a buffer has waited for most of it.
        if kind.is_wait() {
            self.0.wait();
        }
        self.0.tell_errors();
        Ok(wgpu::PollStatus::QueueEmpty)
    }

    fn get_internal_counters(&self) -> wgpu::InternalCounters {
        wgpu::InternalCounters::default()
    }

    fn generate_allocator_report(&self) -> Option<wgpu::AllocatorReport> {
        None
    }

    fn destroy(&self) {
        self.0.raw.destroy();
    }
}
