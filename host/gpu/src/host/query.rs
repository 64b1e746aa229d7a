//! Sets of queries; of the two kinds, computing has use for timestamps.

use std::result::Result as StdResult;
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::ctx::GpuCtx;
use crate::limits::OBJECT_BYTES;
use crate::objects::{DeviceHandle, Label, QuerySet};

/// Bytes of one query.
const QUERY_BYTES: u64 = 8;

impl GpuCtx {
    pub(super) fn make_query_set(
        &mut self,
        device: &Resource<DeviceHandle>,
        descriptor: wit::GpuQuerySetDescriptor,
    ) -> Result<StdResult<Resource<QuerySet>, wit::CreateQuerySetError>> {
        let device = self.get(device)?.device.clone();
        let (kind, count) = (descriptor.type_, descriptor.count);
        let refuse = |message: &str| {
            let kind = wit::CreateQuerySetErrorKind::TypeError;
            Ok(Err(wit::CreateQuerySetError { kind, message: message.to_owned() }))
        };
        if kind == wit::GpuQueryType::Occlusion {
            return refuse(&super::render::unsupported().message);
        }
        if !device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return refuse("the device was made without the feature timestamp-query");
        }
        let label = Label::new(descriptor.label);
        let charge = device.charge(OBJECT_BYTES + QUERY_BYTES * u64::from(count))?;
        let make = |wgpu: &wgpu::Device, count| {
            let ty = wgpu::QueryType::Timestamp;
            wgpu.create_query_set(&wgpu::QuerySetDescriptor { label: label.wgpu(), ty, count })
        };
        let (wgpu, charge) = match charge {
            Ok(charge) => (device.call(|wgpu, _| make(wgpu, count))?, charge),
            Err(spent) => {
                device.report(spent);
                // None is not a set.
                (device.invalid(|wgpu| make(wgpu, 0))?, device.grant().nothing())
            }
        };
        let held = Arc::new(charge);
        self.push(QuerySet { wgpu, device, held, kind, count, label }).map(Ok)
    }
}

impl wit::HostGpuQuerySet for GpuCtx {
    fn destroy(&mut self, set: Resource<QuerySet>) -> Result<()> {
        let set = self.get(&set)?;
        set.device.call(|_, _| set.wgpu.destroy())?;
        set.device.release(set.held.clone())
    }

    fn type_(&mut self, set: Resource<QuerySet>) -> Result<wit::GpuQueryType> {
        Ok(self.get(&set)?.kind)
    }

    fn count(&mut self, set: Resource<QuerySet>) -> Result<u32> {
        Ok(self.get(&set)?.count)
    }

    labels!(QuerySet);
    ends!(QuerySet);
}
