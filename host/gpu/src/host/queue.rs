//! Queues: submitting, and writing from the guest's memory.

use std::result::Result as StdResult;
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::{Accessor, Resource};

use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::convert::{copy_layout, extent, part};
use crate::ctx::{GpuCtx, HasGpu};
use crate::errors::Error;
use crate::objects::{Buffer, CommandBuffer, Queue};

impl<T: Send> wit::HostGpuQueueWithStore<T> for HasGpu {
    async fn on_submitted_work_done(
        accessor: &Accessor<T, Self>,
        queue: Resource<Queue>,
    ) -> Result<()> {
        let device = accessor
            .with(|mut access| access.get().get(&queue).map(|queue| queue.device.clone()))?;
        device.idle().await
    }
}

impl wit::HostGpuQueue for GpuCtx {
    async fn submit(
        &mut self,
        queue: Resource<Queue>,
        buffers: Vec<Resource<CommandBuffer>>,
    ) -> Result<()> {
        let device = self.get(&queue)?.device.clone();
        let (mut commands, mut held) = (Vec::new(), Vec::new());
        let mut sound = true;
        for buffer in &buffers {
            let buffer = self.get_mut(buffer)?;
            if !Arc::ptr_eq(&buffer.device, &device) {
                device.report(Error::validation("the command buffer is another device's"));
                sound = false;
                continue;
            }
            match buffer.wgpu.take() {
                Some(wgpu) => {
                    commands.push(wgpu);
                    held.extend(buffer.record.held());
                }
                None => {
                    let message = "the command buffer is invalid, or was submitted before";
                    device.report(Error::validation(message));
                    sound = false;
                }
            }
        }
        // All of them or none, as WebGPU has it.
        if !sound {
            return device.call(|_, _| drop(commands));
        }
        device.submit(commands, held).await
    }

    async fn write_buffer_with_copy(
        &mut self,
        queue: Resource<Queue>,
        buffer: Resource<Buffer>,
        offset: u64,
        data: Vec<u8>,
        start: Option<u64>,
        size: Option<u64>,
    ) -> Result<StdResult<(), wit::WriteBufferError>> {
        let refuse = |message: &str| {
            let kind = wit::WriteBufferErrorKind::OperationError;
            Ok(Err(wit::WriteBufferError { kind, message: message.to_owned() }))
        };
        let device = self.get(&queue)?.device.clone();
        let buffer = self.get(&buffer)?;
        if !Arc::ptr_eq(&buffer.device, &device) {
            device.report(Error::validation("the buffer is another device's"));
            return Ok(Ok(()));
        }
        let Some(data) = part(&data, start, size) else {
            return refuse("the range is not inside the data");
        };
        if !(data.len() as u64).is_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT) {
            return refuse("a multiple of 4 bytes is written at a time");
        }
        let charge = match device.charge(data.len() as u64)? {
            Ok(charge) => charge,
            Err(spent) => {
                device.report(spent);
                return Ok(Ok(()));
            }
        };
        let wgpu = &buffer.wgpu;
        device.call(|_, queue| queue.write_buffer(wgpu, offset, data))?;
        device.stage(charge).await?;
        Ok(Ok(()))
    }

    async fn write_texture_with_copy(
        &mut self,
        queue: Resource<Queue>,
        destination: wit::GpuTexelCopyTextureInfo,
        data: Vec<u8>,
        layout: wit::GpuTexelCopyBufferLayout,
        size: wit::GpuExtent3D,
    ) -> Result<()> {
        let device = self.get(&queue)?.device.clone();
        let texture = self.get(&destination.texture)?;
        if !Arc::ptr_eq(&texture.device, &device) {
            device.report(Error::validation("the texture is another device's"));
            return Ok(());
        }
        // wgpu stages whole rows, padded to 256 bytes: with rows of one texel
        // that is far more than what was passed.
        let rows = extent(size);
        let padding = u64::from(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT)
            .saturating_mul(u64::from(rows.height))
            .saturating_mul(u64::from(rows.depth_or_array_layers));
        let staged = (data.len() as u64).saturating_add(padding);
        let charge = match device.charge(staged)? {
            Ok(charge) => charge,
            Err(spent) => {
                device.report(spent);
                return Ok(());
            }
        };
        let (to, _) = self.copied_texture(&destination)?;
        let layout = copy_layout(layout.offset, layout.bytes_per_row, layout.rows_per_image);
        device.call(|_, queue| queue.write_texture(to, &data, layout, rows))?;
        device.stage(charge).await
    }

    labels!(Queue);
    ends!(Queue);
}
