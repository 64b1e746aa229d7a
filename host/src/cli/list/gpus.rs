//! `host list gpus`.

use host_core::NodeId;
use host_core::resources::format_bytes;
use host_proto::admin as proto;
use serde_json::{Value as Json, json};

use super::super::table::{laid_out, table};
use super::super::target::shown;
use super::super::text::one_line;

/// What is shown of each GPU.
const HEADER: [&str; 7] = ["GPU", "NODE", "NAME", "KIND", "DRIVER", "MEMORY", "HOLDERS"];

/// GPUs for people.
pub(super) fn for_people(gpus: &[proto::Gpu]) -> String {
    let mut rows = table();
    rows.set_header(HEADER);
    for gpu in gpus {
        let holder = |holder: &proto::GpuHolder| {
            if !holder.bundle.is_empty() {
                return format!("bundle {} ({})", one_line(&holder.bundle), holder.share);
            }
            format!("{} {} ({})", one_line(&holder.class), shown('a', holder.actor), holder.share)
        };
        let holders: Vec<_> = gpu.holders.iter().map(holder).collect();
        rows.add_row([
            gpu.index.to_string(),
            NodeId(gpu.node).to_string(),
            one_line(&gpu.name),
            one_line(&gpu.kind),
            one_line(&format!("{}, {}", gpu.backend, gpu.driver)),
            format_bytes(gpu.memory_bytes),
            if holders.is_empty() { "nobody".into() } else { holders.join(", ") },
        ]);
    }
    laid_out(&rows)
}

/// A GPU for programs.
pub(super) fn for_programs(gpu: &proto::Gpu) -> Json {
    let holder = |holder: &proto::GpuHolder| {
        if !holder.bundle.is_empty() {
            return json!({ "bundle": holder.bundle, "share": holder.share });
        }
        json!({
            "actor": shown('a', holder.actor),
            "class": holder.class,
            "share": holder.share,
        })
    };
    json!({
        "node": NodeId(gpu.node).to_string(),
        "index": gpu.index,
        "name": gpu.name,
        "kind": gpu.kind,
        "backend": gpu.backend,
        "driver": gpu.driver,
        "bus": Some(&gpu.bus).filter(|bus| !bus.is_empty()),
        "memory_bytes": gpu.memory_bytes,
        "holders": gpu.holders.iter().map(holder).collect::<Vec<_>>(),
    })
}
