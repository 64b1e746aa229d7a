//! Command encoders and compute passes.

use wgpu::custom::{
    CommandBufferInterface, CommandEncoderInterface, ComputePassInterface, DispatchBindGroup,
    DispatchBuffer, DispatchCommandBuffer, DispatchComputePass, DispatchComputePipeline,
    DispatchQuerySet, DispatchRenderPass, DispatchTexture, DispatchTextureView,
};

use super::binding::{BindGroup, ComputePipeline, OURS};
use super::bindings::webgpu as wit;
use super::buffer::Buffer;
use super::convert::{aspect, extent};
use super::texture::{QuerySet, Texture};
use super::{label, no};

#[derive(Debug)]
pub(super) struct CommandEncoder(pub(super) wit::GpuCommandEncoder);
#[derive(Debug)]
pub(super) struct CommandBuffer(pub(super) wit::GpuCommandBuffer);
#[derive(Debug)]
struct ComputePass(wit::GpuComputePassEncoder);

impl CommandBufferInterface for CommandBuffer {}

/// A texture as a copy takes it.
pub(super) fn copied_texture<'a>(
    info: &wgpu::TexelCopyTextureInfo<'a>,
) -> wit::GpuTexelCopyTextureInfo<'a> {
    let wgpu::Origin3d { x, y, z } = info.origin;
    wit::GpuTexelCopyTextureInfo {
        texture: &info.texture.as_custom::<Texture>().expect(OURS).0,
        mip_level: Some(info.mip_level),
        origin: Some(wit::GpuOrigin3D { x: Some(x), y: Some(y), z: Some(z) }),
        aspect: Some(aspect(info.aspect)),
    }
}

fn copied_buffer<'a>(info: &wgpu::TexelCopyBufferInfo<'a>) -> wit::GpuTexelCopyBufferInfo<'a> {
    wit::GpuTexelCopyBufferInfo {
        buffer: &info.buffer.as_custom::<Buffer>().expect(OURS).inner.raw,
        offset: Some(info.layout.offset),
        bytes_per_row: info.layout.bytes_per_row,
        rows_per_image: info.layout.rows_per_image,
    }
}

fn raw(buffer: &DispatchBuffer) -> &wit::GpuBuffer {
    &buffer.as_custom::<Buffer>().expect(OURS).inner.raw
}

fn set(queries: &DispatchQuerySet) -> &wit::GpuQuerySet {
    &queries.as_custom::<QuerySet>().expect(OURS).0
}

impl CommandEncoderInterface for CommandEncoder {
    fn copy_buffer_to_buffer(
        &self,
        from: &DispatchBuffer,
        at: u64,
        to: &DispatchBuffer,
        into: u64,
        size: Option<u64>,
    ) {
        self.0.copy_buffer_to_buffer(raw(from), Some(at), raw(to), Some(into), size);
    }

    fn copy_buffer_to_texture(
        &self,
        from: wgpu::TexelCopyBufferInfo<'_>,
        to: wgpu::TexelCopyTextureInfo<'_>,
        size: wgpu::Extent3d,
    ) {
        self.0.copy_buffer_to_texture(&copied_buffer(&from), &copied_texture(&to), extent(size));
    }

    fn copy_texture_to_buffer(
        &self,
        from: wgpu::TexelCopyTextureInfo<'_>,
        to: wgpu::TexelCopyBufferInfo<'_>,
        size: wgpu::Extent3d,
    ) {
        self.0.copy_texture_to_buffer(&copied_texture(&from), &copied_buffer(&to), extent(size));
    }

    fn copy_texture_to_texture(
        &self,
        from: wgpu::TexelCopyTextureInfo<'_>,
        to: wgpu::TexelCopyTextureInfo<'_>,
        size: wgpu::Extent3d,
    ) {
        self.0.copy_texture_to_texture(&copied_texture(&from), &copied_texture(&to), extent(size));
    }

    fn begin_compute_pass(&self, wanted: &wgpu::ComputePassDescriptor<'_>) -> DispatchComputePass {
        let timestamp_writes =
            wanted.timestamp_writes.as_ref().map(|writes| wit::GpuComputePassTimestampWrites {
                query_set: &writes.query_set.as_custom::<QuerySet>().expect(OURS).0,
                beginning_of_pass_write_index: writes.beginning_of_pass_write_index,
                end_of_pass_write_index: writes.end_of_pass_write_index,
            });
        let label = label(wanted.label);
        let wanted = wit::GpuComputePassDescriptor { timestamp_writes, label };
        DispatchComputePass::custom(ComputePass(self.0.begin_compute_pass(Some(&wanted))))
    }

    fn begin_render_pass(&self, _: &wgpu::RenderPassDescriptor<'_>) -> DispatchRenderPass {
        no("render passes")
    }

    fn finish(&mut self) -> DispatchCommandBuffer {
        DispatchCommandBuffer::custom(CommandBuffer(self.0.finish(None)))
    }

    fn clear_texture(&self, _: &DispatchTexture, _: &wgpu::ImageSubresourceRange) {
        no("clearing of textures, but fresh ones are clear")
    }

    fn clear_buffer(&self, buffer: &DispatchBuffer, offset: u64, size: Option<u64>) {
        self.0.clear_buffer(raw(buffer), Some(offset), size);
    }

    fn insert_debug_marker(&self, label: &str) {
        self.0.insert_debug_marker(label);
    }

    fn push_debug_group(&self, label: &str) {
        self.0.push_debug_group(label);
    }

    fn pop_debug_group(&self) {
        self.0.pop_debug_group();
    }

    fn write_timestamp(&self, _: &DispatchQuerySet, _: u32) {
        no("timestamps outside of passes")
    }

    fn resolve_query_set(
        &self,
        queries: &DispatchQuerySet,
        first: u32,
        count: u32,
        to: &DispatchBuffer,
        offset: u64,
    ) {
        self.0.resolve_query_set(set(queries), first, count, raw(to), offset);
    }

    fn mark_acceleration_structures_built<'a>(
        &self,
        _: &mut dyn Iterator<Item = &'a wgpu::Blas>,
        _: &mut dyn Iterator<Item = &'a wgpu::Tlas>,
    ) {
        no("ray tracing")
    }

    fn build_acceleration_structures<'a>(
        &self,
        _: &mut dyn Iterator<Item = &'a wgpu::BlasBuildEntry<'a>>,
        _: &mut dyn Iterator<Item = &'a wgpu::Tlas>,
    ) {
        no("ray tracing")
    }

    fn transition_resources<'a>(
        &mut self,
        _: &mut dyn Iterator<Item = wgpu::wgt::BufferTransition<&'a DispatchBuffer>>,
        _: &mut dyn Iterator<Item = wgpu::wgt::TextureTransition<&'a DispatchTexture>>,
    ) {
        // The host does that by itself.
    }
}

impl ComputePassInterface for ComputePass {
    fn set_pipeline(&mut self, pipeline: &DispatchComputePipeline) {
        self.0.set_pipeline(&pipeline.as_custom::<ComputePipeline>().expect(OURS).0);
    }

    fn set_bind_group(&mut self, index: u32, group: Option<&DispatchBindGroup>, offsets: &[u32]) {
        let group = group.map(|group| &group.as_custom::<BindGroup>().expect(OURS).0);
        let offsets = (!offsets.is_empty()).then_some(offsets);
        let set = self.0.set_bind_group(index, group, offsets, None, None);
        set.unwrap_or_else(|error| panic!("{}", error.message));
    }

    fn set_immediates(&mut self, offset: u32, data: &[u8]) {
        self.0.set_immediates(offset, data, None, None);
    }

    fn insert_debug_marker(&mut self, label: &str) {
        self.0.insert_debug_marker(label);
    }

    fn push_debug_group(&mut self, label: &str) {
        self.0.push_debug_group(label);
    }

    fn pop_debug_group(&mut self) {
        self.0.pop_debug_group();
    }

    fn write_timestamp(&mut self, _: &DispatchQuerySet, _: u32) {
        no("timestamps within passes, but at their begin and end")
    }

    fn begin_pipeline_statistics_query(&mut self, _: &DispatchQuerySet, _: u32) {
        no("pipeline statistics")
    }

    fn end_pipeline_statistics_query(&mut self) {
        no("pipeline statistics")
    }

    fn dispatch_workgroups(&mut self, x: u32, y: u32, z: u32) {
        self.0.dispatch_workgroups(x, Some(y), Some(z));
    }

    fn dispatch_workgroups_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.0.dispatch_workgroups_indirect(raw(buffer), offset);
    }

    fn transition_resources<'a>(
        &mut self,
        _: &mut dyn Iterator<Item = wgpu::wgt::BufferTransition<&'a DispatchBuffer>>,
        _: &mut dyn Iterator<Item = wgpu::wgt::TextureTransition<&'a DispatchTextureView>>,
    ) {
        // The host does that by itself.
    }
}

impl Drop for ComputePass {
    fn drop(&mut self) {
        self.0.end();
    }
}
