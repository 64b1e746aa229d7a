//! Queues.

use std::sync::Arc;

use wgpu::custom::{
    BoxSubmittedWorkDoneCallback, DispatchBlas, DispatchBuffer, DispatchCommandBuffer,
    DispatchQueueWriteBuffer, DispatchSurfaceOutputDetail, QueueInterface,
};

use super::binding::OURS;
use super::bindings::webgpu as wit;
use super::buffer::{Buffer, Staging};
use super::convert::extent;
use super::device::Shared;
use super::encoder::{CommandBuffer, copied_texture};
use super::no;

/// A device's queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) queue: wit::GpuQueue,
    pub(super) shared: Arc<Shared>,
}

impl QueueInterface for Queue {
    fn write_buffer(&self, buffer: &DispatchBuffer, offset: u64, data: &[u8]) {
        let buffer = &buffer.as_custom::<Buffer>().expect(OURS).inner.raw;
        let written = self.queue.write_buffer_with_copy(buffer, offset, data, None, None);
        written.unwrap_or_else(|error| panic!("{}", error.message));
    }

    fn create_staging_buffer(&self, size: wgpu::BufferSize) -> Option<DispatchQueueWriteBuffer> {
        let size = usize::try_from(size.get()).ok()?;
        Some(DispatchQueueWriteBuffer::custom(Staging(vec![0; size])))
    }

    fn validate_write_buffer(&self, _: &DispatchBuffer, _: u64, _: wgpu::BufferSize) -> Option<()> {
        // The write says.
        Some(())
    }

    fn write_staging_buffer(
        &self,
        buffer: &DispatchBuffer,
        offset: u64,
        staging: &DispatchQueueWriteBuffer,
    ) {
        self.write_buffer(buffer, offset, &staging.as_custom::<Staging>().expect(OURS).0);
    }

    fn write_texture(
        &self,
        to: wgpu::TexelCopyTextureInfo<'_>,
        data: &[u8],
        layout: wgpu::TexelCopyBufferLayout,
        size: wgpu::Extent3d,
    ) {
        let layout = wit::GpuTexelCopyBufferLayout {
            offset: Some(layout.offset),
            bytes_per_row: layout.bytes_per_row,
            rows_per_image: layout.rows_per_image,
        };
        self.queue.write_texture_with_copy(&copied_texture(&to), data, layout, extent(size));
    }

    fn submit(&self, commands: &mut dyn Iterator<Item = DispatchCommandBuffer>) -> u64 {
        let commands: Vec<DispatchCommandBuffer> = commands.collect();
        let raw: Vec<_> = commands
            .iter()
            .map(|commands| &commands.as_custom::<CommandBuffer>().expect(OURS).0)
            .collect();
        self.queue.submit(&raw);
        self.shared.submitted();
        // A poll waits for all there is, whichever it is asked for.
        0
    }

    fn get_timestamp_period(&self) -> f32 {
        // The interface has nanoseconds.
        1.0
    }

    fn on_submitted_work_done(&self, told: BoxSubmittedWorkDoneCallback) {
        // Waited for by the poll, whatever kind that is.
        let shared = Arc::downgrade(&self.shared);
        self.shared.later(Box::new(move || {
            if let Some(shared) = shared.upgrade() {
                shared.wait();
            }
            told();
        }));
    }

    fn compact_blas(&self, _: &DispatchBlas) -> (Option<u64>, DispatchBlas) {
        no("ray tracing")
    }

    fn present(&self, _: &DispatchSurfaceOutputDetail) {
        no("surfaces")
    }
}
