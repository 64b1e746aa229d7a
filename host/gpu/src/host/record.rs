//! Records of limits and of constants: maps that a guest fills.

use std::collections::HashMap;

use wasmtime::component::Resource;
use wasmtime::{Result, bail};

use super::ends;
use crate::bindings::webgpu as wit;
use crate::ctx::GpuCtx;
use crate::limits::{KEY_BYTES, RECORD_ENTRIES};
use crate::objects::{Constants, RequiredLimits};

fn add<V>(record: &mut HashMap<String, V>, key: String, value: V) -> Result<()> {
    if key.len() > KEY_BYTES {
        bail!("a key of a GPU record has {} bytes, and may have {KEY_BYTES}", key.len());
    }
    if record.len() >= RECORD_ENTRIES && !record.contains_key(&key) {
        bail!("a GPU record has at most {RECORD_ENTRIES} entries");
    }
    record.insert(key, value);
    Ok(())
}

macro_rules! record {
    ($trait:ident, $record:ident, $value:ty) => {
        impl wit::$trait for GpuCtx {
            fn new(&mut self) -> Result<Resource<$record>> {
                self.push($record::default())
            }

            fn add(&mut self, record: Resource<$record>, key: String, value: $value) -> Result<()> {
                add(&mut self.get_mut(&record)?.0, key, value)
            }

            fn get(&mut self, record: Resource<$record>, key: String) -> Result<Option<$value>> {
                Ok(GpuCtx::get(self, &record)?.0.get(&key).copied())
            }

            fn has(&mut self, record: Resource<$record>, key: String) -> Result<bool> {
                Ok(GpuCtx::get(self, &record)?.0.contains_key(&key))
            }

            fn remove(&mut self, record: Resource<$record>, key: String) -> Result<()> {
                self.get_mut(&record)?.0.remove(&key);
                Ok(())
            }

            fn keys(&mut self, record: Resource<$record>) -> Result<Vec<String>> {
                Ok(GpuCtx::get(self, &record)?.0.keys().cloned().collect())
            }

            fn values(&mut self, record: Resource<$record>) -> Result<Vec<$value>> {
                Ok(GpuCtx::get(self, &record)?.0.values().copied().collect())
            }

            fn entries(&mut self, record: Resource<$record>) -> Result<Vec<(String, $value)>> {
                let record = &GpuCtx::get(self, &record)?.0;
                Ok(record.iter().map(|(key, value)| (key.clone(), *value)).collect())
            }

            ends!($record);
        }
    };
}

record!(HostRecordOptionGpuSize64, RequiredLimits, Option<u64>);
record!(HostRecordGpuPipelineConstantValue, Constants, f64);
