//! Samples, their medians, and how they compare.

use std::collections::BTreeMap;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

/// Everything measured in one run.
pub(crate) struct Report {
    only: Option<String>,
    samples: BTreeMap<&'static str, Vec<f64>>,
    units: BTreeMap<&'static str, &'static str>,
    order: Vec<&'static str>,
}

/// One line of the result.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    value: f64,
    unit: &'a str,
    yardstick: Option<&'a str>,
    ratio: Option<f64>,
}

/// What a shape is measured against, and what it may cost: times the
/// yardstick, or without one in its own unit. A negative bound is a least.
const TARGETS: &[(&str, Option<&str>, f64)] = &[
    ("call_sync_1_1", Some("kameo_ask_1_1"), 1.2),
    ("call_pipelined_1000", Some("kameo_ask_1_1"), 1.3),
    ("call_1_n", Some("kameo_ask_1_1"), 2.0),
    ("call_n_n_64", Some("kameo_ask_n_n_64"), 2.5),
    ("async_actor_sequential", Some("kameo_ask_1_1"), 12.0),
    ("spawn_call_drop", None, 15_000.0),
    ("call_1mib", None, 300_000.0),
    ("put_get_64mib", None, -2.0),
    ("idle_actor_rss", None, 48.0),
    ("cli_counter_warm", None, 60.0),
    ("ray_call_sync_1_1", Some("call_sync_1_1"), -200.0),
    ("ray_spawn_call", Some("spawn_call_drop"), -1000.0),
    ("cluster_call_sync", Some("bare_call"), 2.0),
    ("cluster_call_pipelined", Some("bare_stream"), 2.0),
    ("cluster_call_n_n", None, -150_000.0),
    ("cluster_object_1gib", Some("bare_bytes"), -0.6),
    ("cluster_object_memory", None, 2.0),
    ("cluster_small_beside_large", Some("cluster_small_quiet"), 5.0),
    ("cluster_spawn_call", Some("cluster_call_sync"), 4.0),
    ("cluster_unavailable_after_kill9", None, 1.5),
    // The lease, and two seconds.
    ("cluster_restart_elsewhere", None, 12.0),
    ("gpu_matmul_256", Some("native_matmul_256"), 1.03),
    ("gpu_matmul_512", Some("native_matmul_512"), 1.03),
    ("gpu_matmul_1024", Some("native_matmul_1024"), 1.03),
    ("gpu_scale_4mi", Some("native_scale_4mi"), 1.1),
    ("gpu_sum_4mi", Some("native_sum_4mi"), 1.1),
    ("gpu_upload", Some("native_upload"), 2.0),
    ("gpu_readback", Some("native_readback"), 2.0),
    ("gpu_tiny_round_trip", Some("native_tiny_round_trip"), 1.5),
    ("gpu_sync_import", None, 500.0),
    ("gpu_actor_call", None, 60_000.0),
    ("gpu_worker_warm", None, 10_000_000.0),
    ("gpu_worker_cold", None, 600_000_000.0),
    ("gpu_restart", None, 500_000_000.0),
    ("ray_cluster_call_sync", Some("cluster_call_sync"), -10.0),
    ("ray_cluster_call_pipelined", Some("cluster_call_pipelined"), -30.0),
    ("ray_cluster_spawn_call", Some("cluster_spawn_call"), -500.0),
];

impl Report {
    pub(crate) fn new(only: Option<String>) -> Report {
        Report { only, samples: BTreeMap::new(), units: BTreeMap::new(), order: Vec::new() }
    }

    /// Whether a shape is asked for. Yardsticks always are.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
            || name.starts_with("kameo")
    }

    /// Adds one sample.
    pub(crate) fn add(&mut self, name: &'static str, unit: &'static str, value: f64) {
        if self.units.insert(name, unit).is_none() {
            self.order.push(name);
        }
        self.samples.entry(name).or_default().push(value);
    }

    fn median(&self, name: &str) -> Option<f64> {
        let mut values = self.samples.get(name)?.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    /// Prints what was measured: a table for people, lines for programs.
    pub(crate) fn print(&self, json: bool) {
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY);
        table.set_header(["shape", "median", "min", "max", "unit", "ratio", "yardstick", "target"]);
        for name in &self.order {
            let target = TARGETS.iter().find(|(known, ..)| known == name);
            let value = self.median(name).unwrap_or(f64::NAN);
            let yardstick = target.and_then(|(_, yardstick, _)| *yardstick);
            let ratio = yardstick.and_then(|name| self.median(name)).map(|base| value / base);
            let unit = self.units[name];
            if json {
                let line = Line { name, value, unit, yardstick, ratio };
                println!("{}", serde_json::to_string(&line).expect("plain data"));
                continue;
            }
            let samples = &self.samples[name];
            let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
            let most = samples.iter().copied().fold(0.0, f64::max);
            table.add_row([
                (*name).to_string(),
                format!("{value:.1}"),
                format!("{least:.1}"),
                format!("{most:.1}"),
                unit.to_string(),
                ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
                yardstick.unwrap_or_default().to_string(),
                target.map_or(String::new(), |(.., bound)| verdict(ratio.unwrap_or(value), *bound)),
            ]);
        }
        if !json {
            for column in 1..=3 {
                if let Some(column) = table.column_mut(column) {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
            println!("{table}");
        }
    }
}

fn verdict(value: f64, bound: f64) -> String {
    let (holds, sign) =
        if bound < 0.0 { (value >= -bound, "≥") } else { (value <= bound, "≤") };
    format!("{} {sign} {}", if holds { "ok" } else { "MISSED" }, bound.abs())
}
