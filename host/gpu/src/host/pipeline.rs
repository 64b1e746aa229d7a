//! Compute pipelines, made on the device's own thread: the driver compiles
//! there.

use std::collections::HashMap;
use std::result::Result as StdResult;
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::ctx::GpuCtx;
use crate::device::{Device, Held};
use crate::errors::{Error, Kind};
use crate::limits;
use crate::objects::{BindGroupLayout, ComputePipeline, DeviceHandle, Label};
use crate::workgroup::Shader;

/// A pipeline that was ordered: everything it takes, out of the table.
pub(super) struct Order {
    device: Arc<Device>,
    label: Label,
    module: wgpu::ShaderModule,
    workgroup: Option<Arc<Shader>>,
    layout: Option<wgpu::PipelineLayout>,
    entry_point: Option<String>,
    constants: HashMap<String, f64>,
    /// The pipeline's own, and the module's.
    held: Held,
}

impl Order {
    /// Makes the pipeline, or says why it cannot be.
    pub(super) async fn make(self) -> Result<StdResult<ComputePipeline, Error>> {
        let (pipeline, error) = self.compile().await?;
        Ok(match error {
            Some(error) => Err(error),
            None => Ok(pipeline),
        })
    }

    /// Makes the pipeline, which is invalid if there is an error.
    async fn compile(self) -> Result<(ComputePipeline, Option<Error>)> {
        let Order { device, label, module, workgroup, layout, entry_point, constants, held } = self;
        let name = label.clone();
        let most = device.limits().max_compute_workgroup_storage_size;
        let ((wgpu, too_large), errors) = device
            .elsewhere(move |wgpu| {
                let bytes = workgroup.and_then(|it| it.bytes(entry_point.as_deref(), &constants));
                let too_large = bytes.filter(|bytes| *bytes > u64::from(most));
                // No shader has an entry point without a name.
                let entry_point =
                    if too_large.is_some() { Some(String::new()) } else { entry_point };
                let constants: Vec<(&str, f64)> =
                    constants.iter().map(|(name, value)| (name.as_str(), *value)).collect();
                let pipeline = wgpu.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: name.wgpu(),
                    layout: layout.as_ref(),
                    module: &module,
                    entry_point: entry_point.as_deref(),
                    compilation_options: wgpu::PipelineCompilationOptions {
                        constants: &constants,
                        zero_initialize_workgroup_memory: true,
                    },
                    cache: None,
                });
                (pipeline, too_large)
            })
            .await?;
        let too_large = too_large.map(|bytes| {
            Error::validation(format!(
                "the entry point takes {bytes} bytes of workgroup memory, more than the limit of \
                 {most} (max_compute_workgroup_storage_size)"
            ))
        });
        let pipeline = ComputePipeline { wgpu, device, held, label };
        Ok((pipeline, too_large.or_else(|| errors.into_iter().next())))
    }
}

impl GpuCtx {
    /// Takes what a pipeline needs out of the table; an error if there is no
    /// room for it.
    pub(super) fn order(
        &mut self,
        device: &Resource<DeviceHandle>,
        descriptor: wit::GpuComputePipelineDescriptor,
    ) -> Result<StdResult<Order, Error>> {
        let device = self.get(device)?.device.clone();
        let stage = descriptor.compute;
        let constants = match stage.constants {
            Some(constants) => self.take(constants)?.0,
            None => HashMap::new(),
        };
        let shader = self.get(&stage.module)?;
        let (module, workgroup) = (shader.wgpu.clone(), shader.workgroup.clone());
        let layout = match descriptor.layout {
            wit::GpuLayoutMode::Specific(layout) => Some(self.get(&layout)?.wgpu.clone()),
            wit::GpuLayoutMode::Auto => None,
        };
        let label = Label::new(descriptor.label);
        let entry_point = stage.entry_point;
        let held = match device.charge(limits::PIPELINE_BYTES)? {
            Ok(charge) => Arc::new(charge),
            Err(spent) => return Ok(Err(spent.into())),
        };
        Ok(Ok(Order { device, label, module, workgroup, layout, entry_point, constants, held }))
    }

    pub(super) async fn make_pipeline(
        &mut self,
        handle: &Resource<DeviceHandle>,
        descriptor: wit::GpuComputePipelineDescriptor,
    ) -> Result<Resource<ComputePipeline>> {
        let label = Label::new(descriptor.label.clone());
        let module = self.get(&descriptor.compute.module)?.wgpu.clone();
        let device = self.get(handle)?.device.clone();
        match self.order(handle, descriptor)? {
            Ok(order) => {
                let (pipeline, error) = order.compile().await?;
                if let Some(error) = error {
                    device.report(error);
                }
                self.push(pipeline)
            }
            Err(error) => {
                device.report(error);
                let held = Arc::new(device.grant().nothing());
                let (workgroup, layout, constants) = (None, None, HashMap::new());
                // No shader has an entry point without a name.
                let entry_point = Some(String::new());
                let wanted = device.clone();
                let order = Order {
                    device: wanted,
                    label,
                    module,
                    workgroup,
                    layout,
                    entry_point,
                    constants,
                    held,
                };
                self.push(order.compile().await?.0)
            }
        }
    }
}

impl From<Error> for wit::CreatePipelineError {
    fn from(error: Error) -> wit::CreatePipelineError {
        let reason = match error.kind {
            Kind::Validation => wit::GpuPipelineErrorReason::Validation,
            Kind::OutOfMemory | Kind::Internal => wit::GpuPipelineErrorReason::Internal,
        };
        let kind = wit::CreatePipelineErrorKind::GpuPipelineError(reason);
        wit::CreatePipelineError { kind, message: error.message }
    }
}

impl wit::HostGpuComputePipeline for GpuCtx {
    fn get_bind_group_layout(
        &mut self,
        pipeline: Resource<ComputePipeline>,
        index: u32,
    ) -> Result<Resource<BindGroupLayout>> {
        let pipeline = self.get(&pipeline)?;
        let wgpu = pipeline.device.call(|_, _| pipeline.wgpu.get_bind_group_layout(index))?;
        let _held = pipeline.held.clone();
        self.push(BindGroupLayout { wgpu, _held, label: Label::default() })
    }

    labels!(ComputePipeline);
    ends!(ComputePipeline);
}
