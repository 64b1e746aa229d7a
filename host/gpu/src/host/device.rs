//! Devices: what they can do, their errors, their end. What they make is in
//! the file of that.

use std::pin::Pin;
use std::result::Result as StdResult;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::watch;
use wasmtime::component::{
    Access, Accessor, Destination, FutureProducer, FutureReader, Resource, StreamProducer,
    StreamReader, StreamResult,
};
use wasmtime::{AsContextMut as _, Result, StoreContextMut};

use super::{encoder, ends, labels};
use crate::bindings::webgpu as wit;
use crate::convert::offered;
use crate::ctx::{GpuCtx, HasGpu, Watch};
use crate::device::Lost;
use crate::errors::{Error, Scopes};
use crate::objects::{
    AdapterInfo, BindGroup, BindGroupLayout, Buffer, CommandEncoder, ComputePipeline, DeviceHandle,
    Features, Inert, Label, Limits, PipelineLayout, QuerySet, Queue, Sampler, ShaderModule,
    Texture,
};

impl<T: Send> wit::HostGpuDeviceWithStore<T> for HasGpu {
    async fn create_compute_pipeline_async(
        accessor: &Accessor<T, Self>,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuComputePipelineDescriptor,
    ) -> Result<StdResult<Resource<ComputePipeline>, wit::CreatePipelineError>> {
        let order = accessor.with(|mut access| access.get().order(&device, descriptor))?;
        let made = match order {
            Ok(order) => order.make().await?,
            Err(error) => Err(error),
        };
        match made {
            Ok(pipeline) => accessor.with(|mut access| access.get().push(pipeline).map(Ok)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn create_render_pipeline_async(
        accessor: &Accessor<T, Self>,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuRenderPipelineDescriptor,
    ) -> Result<StdResult<Resource<Inert>, wit::CreatePipelineError>> {
        accessor.with(|mut access| {
            let ctx = access.get();
            ctx.get(&device)?;
            ctx.discard(descriptor)?;
            Ok(Err(super::render::unsupported().into()))
        })
    }

    fn lost(
        mut access: Access<'_, T, Self>,
        device: Resource<DeviceHandle>,
    ) -> Result<FutureReader<Resource<Lost>>> {
        let (find, ctx) = (access.getter(), access.get());
        let lost = when_lost(ctx.get(&device)?.device.lost());
        let watch = ctx.watch()?;
        FutureReader::new(access.as_context_mut(), WhenLost { lost, find, _watch: watch })
    }

    async fn pop_error_scope(
        accessor: &Accessor<T, Self>,
        device: Resource<DeviceHandle>,
    ) -> Result<StdResult<Option<Resource<Error>>, wit::PopErrorScopeError>> {
        accessor.with(|mut access| {
            let ctx = access.get();
            match ctx.get(&device)?.device.scopes().pop() {
                Some(Some(error)) => ctx.push(error).map(|error| Ok(Some(error))),
                Some(None) => Ok(Ok(None)),
                None => Ok(Err(wit::PopErrorScopeError {
                    kind: wit::PopErrorScopeErrorKind::OperationError,
                    message: "this device has no error scope open".to_owned(),
                })),
            }
        })
    }

    fn on_uncaptured_error(
        mut access: Access<'_, T, Self>,
        device: Resource<DeviceHandle>,
    ) -> Result<StreamReader<Resource<Error>>> {
        let (find, ctx) = (access.getter(), access.get());
        let scopes = ctx.get(&device)?.device.scopes().clone();
        let watch = ctx.watch()?;
        StreamReader::new(access.as_context_mut(), Uncaptured { scopes, find, _watch: watch })
    }
}

/// Finds the guest's GPU in its store.
type Find<T> = fn(&mut T) -> &mut GpuCtx;

/// The loss of a device, when it comes.
struct WhenLost<T: 'static> {
    lost: Pin<Box<dyn Future<Output = Lost> + Send>>,
    find: Find<T>,
    _watch: Watch,
}

/// Waits for a device's loss. A device that simply ended was not lost, so
/// then it waits for ever.
fn when_lost(
    mut lost: watch::Receiver<Option<Lost>>,
) -> Pin<Box<dyn Future<Output = Lost> + Send>> {
    Box::pin(async move {
        let told = lost.wait_for(Option::is_some).await.ok().and_then(|lost| lost.clone());
        match told {
            Some(lost) => lost,
            None => std::future::pending().await,
        }
    })
}

impl<T: Send + 'static> FutureProducer<T> for WhenLost<T> {
    type Item = Resource<Lost>;

    fn poll_produce(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, T>,
        finish: bool,
    ) -> Poll<Result<Option<Resource<Lost>>>> {
        match self.lost.as_mut().poll(cx) {
            Poll::Ready(lost) => Poll::Ready((self.find)(store.data_mut()).push(lost).map(Some)),
            Poll::Pending if finish => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The errors of a device that no scope took.
struct Uncaptured<T: 'static> {
    scopes: Arc<Scopes>,
    find: Find<T>,
    _watch: Watch,
}

impl<T: Send + 'static> StreamProducer<T> for Uncaptured<T> {
    type Item = Resource<Error>;
    type Buffer = Option<Resource<Error>>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        // Asked for nothing, one would be lost.
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.scopes.poll_uncaptured(cx) {
            Poll::Ready(Some(error)) => {
                let error = (self.find)(store.data_mut()).push(error)?;
                destination.set_buffer(Some(error));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl wit::HostGpuDevice for GpuCtx {
    fn features(&mut self, device: Resource<DeviceHandle>) -> Result<Resource<Features>> {
        let features = self.get(&device)?.device.features();
        self.push(Features(offered(features)))
    }

    fn limits(&mut self, device: Resource<DeviceHandle>) -> Result<Resource<Limits>> {
        let limits = self.get(&device)?.device.limits();
        self.push(Limits(limits))
    }

    fn adapter_info(&mut self, device: Resource<DeviceHandle>) -> Result<Resource<AdapterInfo>> {
        let grant = self.get(&device)?.device.grant();
        let info = grant.adapter().wgpu().get_info();
        self.push(AdapterInfo(info))
    }

    fn queue(&mut self, device: Resource<DeviceHandle>) -> Result<Resource<Queue>> {
        let device = self.get(&device)?.device.clone();
        self.push(Queue { device, label: Label::default() })
    }

    fn destroy(&mut self, device: Resource<DeviceHandle>) -> Result<()> {
        self.get(&device)?.device.destroy()
    }

    async fn create_buffer(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuBufferDescriptor,
    ) -> Result<Resource<Buffer>> {
        self.make_buffer(&device, descriptor).await
    }

    fn create_texture(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuTextureDescriptor,
    ) -> Result<Resource<Texture>> {
        self.make_texture(&device, descriptor)
    }

    fn create_sampler(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: Option<wit::GpuSamplerDescriptor>,
    ) -> Result<Resource<Sampler>> {
        self.make_sampler(&device, descriptor)
    }

    fn create_bind_group_layout(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuBindGroupLayoutDescriptor,
    ) -> Result<Resource<BindGroupLayout>> {
        self.make_bind_group_layout(&device, descriptor)
    }

    fn create_pipeline_layout(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuPipelineLayoutDescriptor,
    ) -> Result<Resource<PipelineLayout>> {
        self.make_pipeline_layout(&device, descriptor)
    }

    fn create_bind_group(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuBindGroupDescriptor,
    ) -> Result<Resource<BindGroup>> {
        self.make_bind_group(&device, descriptor)
    }

    async fn create_shader_module(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuShaderModuleDescriptor,
    ) -> Result<Resource<ShaderModule>> {
        self.make_shader(&device, descriptor).await
    }

    async fn create_compute_pipeline(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuComputePipelineDescriptor,
    ) -> Result<Resource<ComputePipeline>> {
        self.make_pipeline(&device, descriptor).await
    }

    fn create_render_pipeline(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuRenderPipelineDescriptor,
    ) -> Result<Resource<Inert>> {
        self.discard(descriptor)?;
        let device = self.get(&device)?.device.clone();
        self.push_inert(device)
    }

    fn create_command_encoder(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: Option<wit::GpuCommandEncoderDescriptor>,
    ) -> Result<Resource<CommandEncoder>> {
        let label = Label::new(descriptor.and_then(|descriptor| descriptor.label));
        let device = self.get(&device)?.device.clone();
        self.push(encoder::new(device, label)?)
    }

    fn create_render_bundle_encoder(
        &mut self,
        device: Resource<DeviceHandle>,
        _: wit::GpuRenderBundleEncoderDescriptor,
    ) -> Result<Resource<Inert>> {
        let device = self.get(&device)?.device.clone();
        self.push_inert(device)
    }

    fn create_query_set(
        &mut self,
        device: Resource<DeviceHandle>,
        descriptor: wit::GpuQuerySetDescriptor,
    ) -> Result<StdResult<Resource<QuerySet>, wit::CreateQuerySetError>> {
        self.make_query_set(&device, descriptor)
    }

    fn push_error_scope(
        &mut self,
        device: Resource<DeviceHandle>,
        filter: wit::GpuErrorFilter,
    ) -> Result<()> {
        self.get(&device)?.device.scopes().push(filter.into())
    }

    labels!(DeviceHandle);
    ends!(DeviceHandle);
}
