//! Command encoders: everything between two passes.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use wasmtime::Result;
use wasmtime::component::Resource;

use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::convert::{aspect, copy_layout, extent, origin};
use crate::ctx::GpuCtx;
use crate::device::{Device, Held};
use crate::errors::{self, Error};
use crate::limits::{COMMAND_BYTES, LABEL_BYTES};
use crate::objects::{
    Buffer, CommandBuffer, CommandEncoder, ComputePass, Inert, Label, QuerySet, Record,
};

/// A new encoder.
pub(super) fn new(device: Arc<Device>, label: Label) -> Result<CommandEncoder> {
    let descriptor = wgpu::CommandEncoderDescriptor { label: label.wgpu() };
    let wgpu = device.call(|wgpu, _| wgpu.create_command_encoder(&descriptor))?;
    let record = Arc::new(Record {
        commands: Arc::new(device.grant().nothing()),
        used: Mutex::new(HashMap::new()),
        broken: OnceLock::new(),
    });
    Ok(CommandEncoder { wgpu: Some(wgpu), device, record, label })
}

impl Record {
    /// Counts one more command, which uses these; whether there is room for
    /// it. If not, the recording cannot be finished.
    pub(super) fn command(&self, device: &Device, uses: &[&Held]) -> bool {
        if self.broken.get().is_some() {
            return false;
        }
        if let Err(spent) = self.commands.grow(COMMAND_BYTES) {
            device.report(spent);
            let _ = self.broken.set(());
            return false;
        }
        let mut used = self.used.lock();
        for held in uses {
            used.entry(Arc::as_ptr(held).addr()).or_insert_with(|| (*held).clone());
        }
        true
    }

    /// Everything that has to stay until the commands are done.
    pub(super) fn held(&self) -> impl Iterator<Item = Held> {
        let used = std::mem::take(&mut *self.used.lock());
        used.into_values().chain([self.commands.clone()])
    }
}

impl CommandEncoder {
    /// Records a command that uses these, if the encoder still records.
    pub(super) fn record(
        &mut self,
        uses: &[&Held],
        command: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<()> {
        let Some(wgpu) = &mut self.wgpu else {
            self.device.report(finished());
            return Ok(());
        };
        if self.record.command(&self.device, uses) {
            self.device.call(|_, _| command(wgpu))?;
        }
        Ok(())
    }
}

fn finished() -> Error {
    Error::validation("the command encoder is finished")
}

/// A name for people within a recording.
pub(super) fn short(mut label: String) -> String {
    errors::cut(&mut label, LABEL_BYTES);
    label
}

impl GpuCtx {
    /// The encoder, out of the table for as long as `command` also needs the
    /// table; it always comes back.
    fn encode<R>(
        &mut self,
        encoder: &Resource<CommandEncoder>,
        command: impl FnOnce(&GpuCtx, &mut CommandEncoder) -> Result<R>,
    ) -> Result<R> {
        let inner = self.get_mut(encoder)?;
        let mut borrowed = CommandEncoder {
            wgpu: inner.wgpu.take(),
            device: inner.device.clone(),
            record: inner.record.clone(),
            label: Label::default(),
        };
        let answer = command(self, &mut borrowed);
        self.get_mut(encoder)?.wgpu = borrowed.wgpu;
        answer
    }

    /// A texture as a copy takes it, and what keeps its memory.
    pub(super) fn copied_texture(
        &self,
        info: &wit::GpuTexelCopyTextureInfo,
    ) -> Result<(wgpu::TexelCopyTextureInfo<'_>, &Held)> {
        let texture = self.get(&info.texture)?;
        let copied = wgpu::TexelCopyTextureInfo {
            texture: &texture.wgpu,
            mip_level: info.mip_level.unwrap_or(0),
            origin: origin(info.origin),
            aspect: info.aspect.map_or(wgpu::TextureAspect::All, aspect),
        };
        Ok((copied, &texture.held))
    }

    fn copied_buffer(
        &self,
        info: &wit::GpuTexelCopyBufferInfo,
    ) -> Result<(wgpu::TexelCopyBufferInfo<'_>, &Held)> {
        let buffer = self.get(&info.buffer)?;
        let layout = copy_layout(info.offset, info.bytes_per_row, info.rows_per_image);
        Ok((wgpu::TexelCopyBufferInfo { buffer: &buffer.wgpu, layout }, &buffer.held))
    }
}

impl wit::HostGpuCommandEncoder for GpuCtx {
    fn begin_render_pass(
        &mut self,
        encoder: Resource<CommandEncoder>,
        _: wit::GpuRenderPassDescriptor,
    ) -> Result<Resource<Inert>> {
        let encoder = self.get(&encoder)?;
        // What was meant to be drawn is missing: the rest must not run.
        let _ = encoder.record.broken.set(());
        let device = encoder.device.clone();
        self.push_inert(device)
    }

    fn begin_compute_pass(
        &mut self,
        encoder: Resource<CommandEncoder>,
        descriptor: Option<wit::GpuComputePassDescriptor>,
    ) -> Result<Resource<ComputePass>> {
        let (label, writes) = match descriptor {
            Some(descriptor) => (Label::new(descriptor.label), descriptor.timestamp_writes),
            None => (Label::default(), None),
        };
        let pass = self.encode(&encoder, |ctx, encoder| {
            let set = writes.as_ref().map(|writes| ctx.get(&writes.query_set)).transpose()?;
            let timestamp_writes =
                writes.as_ref().zip(set).map(|(writes, set)| wgpu::ComputePassTimestampWrites {
                    query_set: &set.wgpu,
                    beginning_of_pass_write_index: writes.beginning_of_pass_write_index,
                    end_of_pass_write_index: writes.end_of_pass_write_index,
                });
            let wanted = wgpu::ComputePassDescriptor { label: label.wgpu(), timestamp_writes };
            let uses: Vec<&Held> = set.iter().map(|set| &set.held).collect();
            let mut wgpu = None;
            encoder.record(&uses, |encoder| {
                wgpu = Some(encoder.begin_compute_pass(&wanted).forget_lifetime());
            })?;
            let (device, record) = (encoder.device.clone(), encoder.record.clone());
            Ok(ComputePass { wgpu, device, record, label: label.clone() })
        })?;
        self.push(pass)
    }

    fn copy_buffer_to_buffer(
        &mut self,
        encoder: Resource<CommandEncoder>,
        source: Resource<Buffer>,
        source_offset: Option<u64>,
        destination: Resource<Buffer>,
        destination_offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<()> {
        self.encode(&encoder, |ctx, encoder| {
            let (from, to) = (ctx.get(&source)?, ctx.get(&destination)?);
            let (at, into) = (source_offset.unwrap_or(0), destination_offset.unwrap_or(0));
            encoder.record(&[&from.held, &to.held], |encoder| {
                encoder.copy_buffer_to_buffer(&from.wgpu, at, &to.wgpu, into, size);
            })
        })
    }

    fn copy_buffer_to_texture(
        &mut self,
        encoder: Resource<CommandEncoder>,
        source: wit::GpuTexelCopyBufferInfo,
        destination: wit::GpuTexelCopyTextureInfo,
        size: wit::GpuExtent3D,
    ) -> Result<()> {
        self.encode(&encoder, |ctx, encoder| {
            let (from, kept) = ctx.copied_buffer(&source)?;
            let (to, also) = ctx.copied_texture(&destination)?;
            encoder.record(&[kept, also], |encoder| {
                encoder.copy_buffer_to_texture(from, to, extent(size));
            })
        })
    }

    fn copy_texture_to_buffer(
        &mut self,
        encoder: Resource<CommandEncoder>,
        source: wit::GpuTexelCopyTextureInfo,
        destination: wit::GpuTexelCopyBufferInfo,
        size: wit::GpuExtent3D,
    ) -> Result<()> {
        self.encode(&encoder, |ctx, encoder| {
            let (from, kept) = ctx.copied_texture(&source)?;
            let (to, also) = ctx.copied_buffer(&destination)?;
            encoder.record(&[kept, also], |encoder| {
                encoder.copy_texture_to_buffer(from, to, extent(size));
            })
        })
    }

    fn copy_texture_to_texture(
        &mut self,
        encoder: Resource<CommandEncoder>,
        source: wit::GpuTexelCopyTextureInfo,
        destination: wit::GpuTexelCopyTextureInfo,
        size: wit::GpuExtent3D,
    ) -> Result<()> {
        self.encode(&encoder, |ctx, encoder| {
            let (from, kept) = ctx.copied_texture(&source)?;
            let (to, also) = ctx.copied_texture(&destination)?;
            encoder.record(&[kept, also], |encoder| {
                encoder.copy_texture_to_texture(from, to, extent(size));
            })
        })
    }

    fn clear_buffer(
        &mut self,
        encoder: Resource<CommandEncoder>,
        buffer: Resource<Buffer>,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<()> {
        self.encode(&encoder, |ctx, encoder| {
            let buffer = ctx.get(&buffer)?;
            encoder.record(&[&buffer.held], |encoder| {
                encoder.clear_buffer(&buffer.wgpu, offset.unwrap_or(0), size);
            })
        })
    }

    fn resolve_query_set(
        &mut self,
        encoder: Resource<CommandEncoder>,
        set: Resource<QuerySet>,
        first: u32,
        count: u32,
        destination: Resource<Buffer>,
        offset: u64,
    ) -> Result<()> {
        self.encode(&encoder, |ctx, encoder| {
            let (set, buffer) = (ctx.get(&set)?, ctx.get(&destination)?);
            let Some(end) = first.checked_add(count) else {
                encoder.device.report(Error::validation("the queries go past the largest number"));
                let _ = encoder.record.broken.set(());
                return Ok(());
            };
            encoder.record(&[&set.held, &buffer.held], |encoder| {
                encoder.resolve_query_set(&set.wgpu, first..end, &buffer.wgpu, offset);
            })
        })
    }

    fn finish(
        &mut self,
        encoder: Resource<CommandEncoder>,
        descriptor: Option<wit::GpuCommandBufferDescriptor>,
    ) -> Result<Resource<CommandBuffer>> {
        let label = Label::new(descriptor.and_then(|descriptor| descriptor.label));
        let encoder = self.get_mut(&encoder)?;
        let (device, record) = (encoder.device.clone(), encoder.record.clone());
        let wgpu = match encoder.wgpu.take() {
            Some(wgpu) if record.broken.get().is_none() => Some(device.call(|_, _| wgpu.finish())?),
            taken => {
                let why = match taken {
                    Some(_) => Error::validation("the recording has a command that failed"),
                    None => finished(),
                };
                device.report(why);
                errors::caught(move || drop(taken))?;
                None
            }
        };
        self.push(CommandBuffer { wgpu, device, record, label })
    }

    fn push_debug_group(&mut self, encoder: Resource<CommandEncoder>, label: String) -> Result<()> {
        let label = short(label);
        self.get_mut(&encoder)?.record(&[], |encoder| encoder.push_debug_group(&label))
    }

    fn pop_debug_group(&mut self, encoder: Resource<CommandEncoder>) -> Result<()> {
        self.get_mut(&encoder)?.record(&[], wgpu::CommandEncoder::pop_debug_group)
    }

    fn insert_debug_marker(
        &mut self,
        encoder: Resource<CommandEncoder>,
        label: String,
    ) -> Result<()> {
        let label = short(label);
        self.get_mut(&encoder)?.record(&[], |encoder| encoder.insert_debug_marker(&label))
    }

    labels!(CommandEncoder);
    ends!(CommandEncoder);
}

impl wit::HostGpuCommandBuffer for GpuCtx {
    labels!(CommandBuffer);
    ends!(CommandBuffer);
}
