//! Buffers. The host's memory is not the guest's, so a mapped range is a copy,
//! which goes back when the buffer is unmapped.
#![allow(unsafe_code, reason = "wgpu's traits have unsafe functions")]

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use wgpu::custom::{
    BufferInterface, BufferMapCallback, BufferMappedRangeInterface, DispatchBufferMappedRange,
    QueueWriteBufferInterface,
};

use super::bindings::webgpu as wit;
use super::device::Shared;

/// A buffer.
#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) inner: Arc<Inner>,
    pub(super) shared: Arc<Shared>,
}

/// What a mapped range shares with its buffer.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) raw: wit::GpuBuffer,
    /// Where the guest wrote, and what.
    written: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl Inner {
    pub(super) fn new(raw: wit::GpuBuffer) -> Inner {
        Inner { raw, written: Mutex::default() }
    }
}

impl BufferInterface for Buffer {
    fn map_async(&self, mode: wgpu::MapMode, range: Range<u64>, told: BufferMapCallback) {
        let inner = self.inner.clone();
        let mode = match mode {
            wgpu::MapMode::Read => wit::GpuMapMode::READ,
            wgpu::MapMode::Write => wit::GpuMapMode::WRITE,
        };
        // As in wgpu, the callback is called by a poll.
        self.shared.later(Box::new(move || {
            let size = range.end - range.start;
            let mapped = inner.raw.map_async(mode, Some(range.start), Some(size));
            told(mapped.map_err(|_| wgpu::BufferAsyncError));
        }));
    }

    fn get_mapped_range(
        &self,
        range: Range<u64>,
    ) -> Result<DispatchBufferMappedRange, wgpu::MapRangeError> {
        let size = Some(range.end - range.start);
        let data = self.inner.raw.get_mapped_range_get_with_copy(Some(range.start), size);
        // wgpu 30 keeps to itself how its error is made.
        let data = data.unwrap_or_else(|error| panic!("{}", error.message));
        let inner = self.inner.clone();
        Ok(DispatchBufferMappedRange::custom(Mapped {
            inner,
            start: range.start,
            data,
            written: false,
        }))
    }

    fn unmap(&self) {
        let written = {
            let mut written = self.inner.written.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *written)
        };
        for (start, data) in written {
            let size = Some(data.len() as u64);
            let set = self.inner.raw.get_mapped_range_set_with_copy(&data, Some(start), size);
            set.unwrap_or_else(|error| panic!("{}", error.message));
        }
        self.inner.raw.unmap().unwrap_or_else(|error| panic!("{}", error.message));
    }

    fn destroy(&self) {
        self.inner.raw.destroy();
    }
}

/// A copy of a mapped range.
#[derive(Debug)]
struct Mapped {
    inner: Arc<Inner>,
    start: u64,
    data: Vec<u8>,
    written: bool,
}

impl BufferMappedRangeInterface for Mapped {
    fn len(&self) -> usize {
        self.data.len()
    }

    unsafe fn read_slice(&self) -> &[u8] {
        &self.data
    }

    unsafe fn write_slice(&mut self) -> wgpu::WriteOnly<'_, [u8]> {
        self.written = true;
        wgpu::WriteOnly::from_mut(&mut self.data)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if self.written {
            let mut written = self.inner.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.push((self.start, std::mem::take(&mut self.data)));
        }
    }
}

/// Bytes that a guest fills before they are written to a buffer.
#[derive(Debug)]
pub(super) struct Staging(pub(super) Vec<u8>);

impl QueueWriteBufferInterface for Staging {
    fn len(&self) -> usize {
        self.0.len()
    }

    unsafe fn write_slice(&mut self) -> wgpu::WriteOnly<'_, [u8]> {
        wgpu::WriteOnly::from_mut(&mut self.0)
    }
}
