//! Compute passes.

use std::result::Result as StdResult;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::encoder::short;
use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::convert::part;
use crate::ctx::GpuCtx;
use crate::device::Held;
use crate::errors::Error;
use crate::objects::{BindGroup, Buffer, ComputePass, ComputePipeline, Label};

impl ComputePass {
    /// Records a command that uses these, if the pass still records. One that
    /// could not begin says nothing more: its beginning was the error.
    fn record(
        &mut self,
        uses: &[&Held],
        command: impl FnOnce(&mut wgpu::ComputePass<'static>),
    ) -> Result<()> {
        let Some(wgpu) = &mut self.wgpu else {
            if self.record.broken.get().is_none() {
                self.device.report(Error::validation("the compute pass has ended"));
            }
            return Ok(());
        };
        if self.record.command(&self.device, uses) {
            self.device.call(|_, _| command(wgpu))?;
        }
        Ok(())
    }
}

impl GpuCtx {
    /// The pass, out of the table for as long as `command` also needs the
    /// table; it always comes back.
    fn compute(
        &mut self,
        pass: &Resource<ComputePass>,
        command: impl FnOnce(&GpuCtx, &mut ComputePass) -> Result<()>,
    ) -> Result<()> {
        let inner = self.get_mut(pass)?;
        let mut borrowed = ComputePass {
            wgpu: inner.wgpu.take(),
            device: inner.device.clone(),
            record: inner.record.clone(),
            label: Label::default(),
        };
        let answer = command(self, &mut borrowed);
        self.get_mut(pass)?.wgpu = borrowed.wgpu;
        answer
    }
}

fn out_of_range(message: &str) -> wit::SetBindGroupError {
    let kind = wit::SetBindGroupErrorKind::RangeError;
    wit::SetBindGroupError { kind, message: message.to_owned() }
}

impl wit::HostGpuComputePassEncoder for GpuCtx {
    fn set_pipeline(
        &mut self,
        pass: Resource<ComputePass>,
        pipeline: Resource<ComputePipeline>,
    ) -> Result<()> {
        self.compute(&pass, |ctx, pass| {
            let pipeline = ctx.get(&pipeline)?;
            pass.record(&[&pipeline.held], |pass| pass.set_pipeline(&pipeline.wgpu))
        })
    }

    fn dispatch_workgroups(
        &mut self,
        pass: Resource<ComputePass>,
        x: u32,
        y: Option<u32>,
        z: Option<u32>,
    ) -> Result<()> {
        let (y, z) = (y.unwrap_or(1), z.unwrap_or(1));
        self.get_mut(&pass)?.record(&[], |pass| pass.dispatch_workgroups(x, y, z))
    }

    fn dispatch_workgroups_indirect(
        &mut self,
        pass: Resource<ComputePass>,
        buffer: Resource<Buffer>,
        offset: u64,
    ) -> Result<()> {
        self.compute(&pass, |ctx, pass| {
            let buffer = ctx.get(&buffer)?;
            pass.record(&[&buffer.held], |pass| {
                pass.dispatch_workgroups_indirect(&buffer.wgpu, offset);
            })
        })
    }

    fn end(&mut self, pass: Resource<ComputePass>) -> Result<()> {
        let pass = self.get_mut(&pass)?;
        match pass.wgpu.take() {
            // Its commands go to the encoder now, and are checked at its end.
            Some(wgpu) => pass.device.call(|_, _| drop(wgpu)),
            None => pass.record(&[], |_| ()),
        }
    }

    fn set_bind_group(
        &mut self,
        pass: Resource<ComputePass>,
        index: u32,
        group: Option<Resource<BindGroup>>,
        offsets: Option<Vec<u32>>,
        start: Option<u64>,
        length: Option<u32>,
    ) -> Result<StdResult<(), wit::SetBindGroupError>> {
        let offsets = offsets.unwrap_or_default();
        let Some(offsets) = part(&offsets, start, length.map(u64::from)) else {
            return Ok(Err(out_of_range("the offsets are not all inside the list")));
        };
        self.compute(&pass, |ctx, pass| {
            let group = group.as_ref().map(|group| ctx.get(group)).transpose()?;
            let uses: Vec<&Held> = group.iter().flat_map(|group| group.held.iter()).collect();
            let group = group.map(|group| &group.wgpu);
            pass.record(&uses, |pass| pass.set_bind_group(index, group, offsets))
        })?;
        Ok(Ok(()))
    }

    fn set_immediates(
        &mut self,
        pass: Resource<ComputePass>,
        offset: u32,
        data: Vec<u8>,
        start: Option<u64>,
        size: Option<u64>,
    ) -> Result<()> {
        let pass = self.get_mut(&pass)?;
        let fits = |data: &&[u8]| {
            // wgpu computes the end of the range before it checks it.
            let end = u32::try_from(data.len()).ok().and_then(|length| offset.checked_add(length));
            end.is_some_and(|end| end <= pass.device.limits().max_immediate_size)
        };
        let Some(data) = part(&data, start, size).filter(fits) else {
            pass.device
                .report(Error::validation("the immediate data go past what this device has"));
            let _ = pass.record.broken.set(());
            return Ok(());
        };
        pass.record(&[], |pass| pass.set_immediates(offset, data))
    }

    fn push_debug_group(&mut self, pass: Resource<ComputePass>, label: String) -> Result<()> {
        let label = short(label);
        self.get_mut(&pass)?.record(&[], |pass| pass.push_debug_group(&label))
    }

    fn pop_debug_group(&mut self, pass: Resource<ComputePass>) -> Result<()> {
        self.get_mut(&pass)?.record(&[], wgpu::ComputePass::pop_debug_group)
    }

    fn insert_debug_marker(&mut self, pass: Resource<ComputePass>, label: String) -> Result<()> {
        let label = short(label);
        self.get_mut(&pass)?.record(&[], |pass| pass.insert_debug_marker(&label))
    }

    labels!(ComputePass);
    ends!(ComputePass);
}
