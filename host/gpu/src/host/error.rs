//! Errors, and what is said of a lost device.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::ends;
use crate::bindings::webgpu as wit;
use crate::ctx::GpuCtx;
use crate::device::Lost;
use crate::errors::Error;
use crate::objects::Never;

impl wit::HostGpuError for GpuCtx {
    fn message(&mut self, error: Resource<Error>) -> Result<String> {
        Ok(self.get(&error)?.message.clone())
    }

    fn kind(&mut self, error: Resource<Error>) -> Result<wit::GpuErrorKind> {
        Ok(self.get(&error)?.kind.into())
    }

    ends!(Error);
}

impl wit::HostGpuDeviceLostInfo for GpuCtx {
    fn reason(&mut self, lost: Resource<Lost>) -> Result<wit::GpuDeviceLostReason> {
        Ok(match self.get(&lost)?.destroyed {
            true => wit::GpuDeviceLostReason::Destroyed,
            false => wit::GpuDeviceLostReason::Unknown,
        })
    }

    fn message(&mut self, lost: Resource<Lost>) -> Result<String> {
        Ok(self.get(&lost)?.message.clone())
    }

    ends!(Lost);
}

// The stream of uncaptured errors has the errors themselves, so nobody has
// one of these.
impl wit::HostGpuUncapturedErrorEvent for GpuCtx {
    fn error(&mut self, _: Resource<Never>) -> Result<Resource<Error>> {
        Err(super::render::nobody())
    }

    fn drop(&mut self, _: Resource<Never>) -> Result<()> {
        Err(super::render::nobody())
    }
}
