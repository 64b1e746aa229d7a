//! Buffers and mapping.

use std::result::Result as StdResult;
use std::sync::Arc;

use tokio::sync::oneshot;
use wasmtime::Result;
use wasmtime::component::{Accessor, Resource};
use wgpu::{BufferUsages, MapMode};

use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::convert::buffer_usage;
use crate::ctx::{GpuCtx, HasGpu};
use crate::device::Device;
use crate::errors::Error;
use crate::grant::Charge;
use crate::limits::{LARGE_BUFFER, READ_BYTES};
use crate::objects::{Buffer, DeviceHandle, Label, Map};

/// Memory comes in pieces of this size at least.
const PIECE: u64 = 256;

/// A buffer for nothing is invalid.
const INVALID: wgpu::BufferDescriptor<'static> = wgpu::BufferDescriptor {
    label: None,
    size: 4,
    usage: BufferUsages::empty(),
    mapped_at_creation: false,
};

impl GpuCtx {
    pub(super) async fn make_buffer(
        &mut self,
        device: &Resource<DeviceHandle>,
        descriptor: wit::GpuBufferDescriptor,
    ) -> Result<Resource<Buffer>> {
        let device = self.get(device)?.device.clone();
        let label = Label::new(descriptor.label);
        let (size, asked) = (descriptor.size, descriptor.usage);
        let usage = buffer_usage(asked);
        let mapped = descriptor.mapped_at_creation.unwrap_or(false);
        let (held, staging, errors) = match charges(&device, size, usage, mapped)? {
            Ok((held, staging)) => (held, staging, Vec::new()),
            Err(error) => (device.grant().nothing(), None, vec![error]),
        };
        let refused = !errors.is_empty();
        let name = label.clone();
        let make = move |wgpu: &wgpu::Device| match refused {
            true => wgpu.create_buffer(&INVALID),
            false => wgpu.create_buffer(&wgpu::BufferDescriptor {
                label: name.wgpu(),
                size,
                usage,
                mapped_at_creation: mapped,
            }),
        };
        let large = mapped && !refused && size >= LARGE_BUFFER;
        let (wgpu, more) = match large {
            true => device.elsewhere(make).await?,
            false => device.apart(make)?,
        };
        // What wgpu says of a buffer that was refused is not news.
        let errors = if refused { errors } else { more };
        let map = match mapped && errors.is_empty() {
            true => Map::Yes { write: true, start: 0, end: size },
            false => Map::No,
        };
        if !errors.is_empty() {
            held.release();
        }
        errors.into_iter().for_each(|error| device.report(error));
        let held = Arc::new(held);
        let attempt = 0;
        self.push(Buffer { wgpu, device, held, staging, size, usage, asked, map, attempt, label })
    }
}

/// The bytes of a buffer, and of what it has beside it while it is mapped from
/// the start; or why it cannot be.
fn charges(
    device: &Device,
    size: u64,
    usage: BufferUsages,
    mapped: bool,
) -> Result<StdResult<(Charge, Option<Charge>), Error>> {
    if mapped && !size.is_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT) {
        return Ok(Err(Error::validation(format!(
            "a buffer that is mapped at creation has a multiple of 4 bytes, not {size}"
        ))));
    }
    let bytes = size.max(PIECE).checked_next_multiple_of(PIECE).unwrap_or(u64::MAX);
    let charge = match device.charge(bytes)? {
        Ok(charge) => charge,
        Err(spent) => return Ok(Err(spent.into())),
    };
    if !mapped || usage.contains(BufferUsages::MAP_WRITE) {
        return Ok(Ok((charge, None)));
    }
    Ok(device.charge(bytes)?.map(|staging| (charge, Some(staging))).map_err(Error::from))
}

/// A part of a buffer that may be mapped: on 8 bytes, of a multiple of 4.
fn range(size: u64, offset: Option<u64>, length: Option<u64>) -> Option<(u64, u64)> {
    let start = offset.unwrap_or(0);
    let end = match length {
        Some(length) => start.checked_add(length)?,
        None => size,
    };
    let inside = start <= end && end <= size;
    let aligned = start.is_multiple_of(wgpu::MAP_ALIGNMENT)
        && (end.checked_sub(start)?).is_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT);
    (inside && aligned).then_some((start, end))
}

type Mapping = (Arc<Device>, u64, oneshot::Receiver<bool>, (bool, u64, u64));

impl GpuCtx {
    /// Begins to map.
    fn begin_map(
        &mut self,
        buffer: &Resource<Buffer>,
        mode: wit::GpuMapMode,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<StdResult<Mapping, wit::MapAsyncError>> {
        let buffer = self.get_mut(buffer)?;
        let refuse = |message: &str| Ok(Err(not_mapped(message)));
        let write = match mode {
            mode if mode == wit::GpuMapMode::READ => false,
            mode if mode == wit::GpuMapMode::WRITE => true,
            _ => return refuse("a buffer is mapped either to read or to write"),
        };
        let needed = if write { BufferUsages::MAP_WRITE } else { BufferUsages::MAP_READ };
        if buffer.map != Map::No {
            return refuse("the buffer is mapped already, or is being mapped");
        }
        if !buffer.usage.contains(needed) {
            return refuse("the buffer was made without the usage for this mapping");
        }
        let Some((start, end)) = range(buffer.size, offset, size) else {
            return refuse(
                "the range is not inside the buffer, or not aligned (offset to 8, size to 4)",
            );
        };
        // One that could not be made is smaller than was asked.
        if end > buffer.wgpu.size() {
            return refuse("the buffer is invalid");
        }
        let (tell, told) = oneshot::channel();
        let mode = if write { MapMode::Write } else { MapMode::Read };
        // wgpu would panic at an empty slice; there is nothing to wait for.
        if start == end {
            let _ = tell.send(true);
        } else {
            let wgpu = &buffer.wgpu;
            buffer.device.call(|_, _| {
                wgpu.slice(start..end).map_async(mode, move |result| {
                    let _ = tell.send(result.is_ok());
                });
            })?;
        }
        buffer.map = Map::Pending;
        buffer.attempt += 1;
        Ok(Ok((buffer.device.clone(), buffer.attempt, told, (write, start, end))))
    }
}

fn not_mapped(message: &str) -> wit::MapAsyncError {
    wit::MapAsyncError { kind: wit::MapAsyncErrorKind::OperationError, message: message.to_owned() }
}

impl<T: Send> wit::HostGpuBufferWithStore<T> for HasGpu {
    async fn map_async(
        accessor: &Accessor<T, Self>,
        buffer: Resource<Buffer>,
        mode: wit::GpuMapMode,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<StdResult<(), wit::MapAsyncError>> {
        let begun =
            accessor.with(|mut access| access.get().begin_map(&buffer, mode, offset, size))?;
        let (device, attempt, told, (write, start, end)) = match begun {
            Ok(begun) => begun,
            Err(error) => return Ok(Err(error)),
        };
        let mapped = device.settled(told).await? == Some(true);
        accessor.with(|mut access| {
            let buffer = access.get().get_mut(&buffer)?;
            // Unmapped or destroyed meanwhile, and perhaps mapped anew.
            if buffer.attempt != attempt || buffer.map != Map::Pending {
                let kind = wit::MapAsyncErrorKind::AbortError;
                let message = "the buffer was unmapped or destroyed before it was mapped".into();
                return Ok(Err(wit::MapAsyncError { kind, message }));
            }
            buffer.map = if mapped { Map::Yes { write, start, end } } else { Map::No };
            match mapped {
                true => Ok(Ok(())),
                false => Ok(Err(not_mapped("the buffer cannot be mapped: see the error scope"))),
            }
        })
    }
}

impl Buffer {
    /// The part that a guest wants of what is mapped.
    fn mapped(
        &self,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> StdResult<(bool, u64, u64), wit::GetMappedRangeError> {
        let Map::Yes { write, start: first, end: last } = self.map else {
            return Err(no_range("the buffer is not mapped"));
        };
        match range(self.size, offset, size) {
            Some((start, end)) if first <= start && end <= last => Ok((write, start, end)),
            Some(_) => Err(no_range("the range is not inside what is mapped")),
            None => Err(no_range(
                "the range is not inside the buffer, or not aligned (offset to 8, size to 4)",
            )),
        }
    }
}

fn no_range(message: impl Into<String>) -> wit::GetMappedRangeError {
    let kind = wit::GetMappedRangeErrorKind::OperationError;
    wit::GetMappedRangeError { kind, message: message.into() }
}

impl wit::HostGpuBuffer for GpuCtx {
    fn size(&mut self, buffer: Resource<Buffer>) -> Result<u64> {
        Ok(self.get(&buffer)?.size)
    }

    fn usage(&mut self, buffer: Resource<Buffer>) -> Result<wit::GpuBufferUsage> {
        Ok(self.get(&buffer)?.asked)
    }

    fn map_state(&mut self, buffer: Resource<Buffer>) -> Result<wit::GpuBufferMapState> {
        Ok(match self.get(&buffer)?.map {
            Map::No => wit::GpuBufferMapState::Unmapped,
            Map::Pending => wit::GpuBufferMapState::Pending,
            Map::Yes { .. } => wit::GpuBufferMapState::Mapped,
        })
    }

    fn get_mapped_range_get_with_copy(
        &mut self,
        buffer: Resource<Buffer>,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<StdResult<Vec<u8>, wit::GetMappedRangeError>> {
        let buffer = self.get(&buffer)?;
        let (start, end) = match buffer.mapped(offset, size) {
            Ok((_, start, end)) if start == end => return Ok(Ok(Vec::new())),
            Ok((_, start, end)) => (start, end),
            Err(error) => return Ok(Err(error)),
        };
        if end - start > READ_BYTES {
            let message = format!("{} bytes at once are too many: read {READ_BYTES}", end - start);
            return Ok(Err(no_range(message)));
        }
        buffer.device.call(|_, _| {
            let view = buffer.wgpu.get_mapped_range(start..end);
            view.map(|view| view.to_vec()).map_err(|error| no_range(error.to_string()))
        })
    }

    fn get_mapped_range_set_with_copy(
        &mut self,
        buffer: Resource<Buffer>,
        data: Vec<u8>,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<StdResult<(), wit::GetMappedRangeError>> {
        let buffer = self.get(&buffer)?;
        let (start, end) = match buffer.mapped(offset, size) {
            Ok((false, ..)) => return Ok(Err(no_range("the buffer is mapped to read"))),
            Ok((true, start, end)) => (start, end),
            Err(error) => return Ok(Err(error)),
        };
        if data.len() as u64 != end - start {
            let message = format!("{} bytes do not fit a range of {}", data.len(), end - start);
            return Ok(Err(no_range(message)));
        }
        if data.is_empty() {
            return Ok(Ok(()));
        }
        buffer.device.call(|_, _| {
            let view = buffer.wgpu.get_mapped_range_mut(start..end);
            view.map(|mut view| view.slice(..).copy_from_slice(&data))
                .map_err(|error| no_range(error.to_string()))
        })
    }

    fn unmap(&mut self, buffer: Resource<Buffer>) -> Result<StdResult<(), wit::UnmapError>> {
        let buffer = self.get_mut(&buffer)?;
        if std::mem::replace(&mut buffer.map, Map::No) != Map::No {
            let wgpu = &buffer.wgpu;
            buffer.device.call(|_, _| wgpu.unmap())?;
            if let Some(staging) = buffer.staging.take() {
                buffer.device.keep(staging);
            }
        }
        Ok(Ok(()))
    }

    fn destroy(&mut self, buffer: Resource<Buffer>) -> Result<()> {
        let buffer = self.get_mut(&buffer)?;
        buffer.map = Map::No;
        buffer.staging = None;
        let wgpu = &buffer.wgpu;
        buffer.device.call(|_, _| wgpu.destroy())?;
        buffer.device.release(buffer.held.clone())
    }

    labels!(Buffer);
    ends!(Buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_inside_and_aligned_or_none() {
        assert_eq!(range(16, None, None), Some((0, 16)));
        assert_eq!(range(16, Some(8), Some(4)), Some((8, 12)));
        assert_eq!(range(16, Some(16), None), Some((16, 16)));
        for (offset, size) in [
            (4, None),
            (8, Some(6)),
            (8, Some(12)),
            (24, None),
            (8, Some(u64::MAX)),
            (u64::MAX, Some(8)),
        ] {
            assert_eq!(range(16, Some(offset), size), None, "{offset} {size:?}");
        }
    }
}
