//! Calls and objects between hosts: processes on this machine, over TLS, with
//! bare gRPC in the same run as the yardstick.

mod hosts;

use std::path::Path;

use anyhow::Context as _;

use crate::bare::Bare;
use crate::report::Report;
use hosts::{Hosts, OBJECT_STORE_BYTES};

/// The package whose driver measures.
const GUEST: &str = "bench_guest.wasm";

/// Measures what is between hosts.
pub(crate) async fn measure(
    report: &mut Report,
    host: &Path,
    guests: &Path,
    quick: bool,
) -> anyhow::Result<()> {
    let mut measured = SHAPES.iter().map(|shape| shape.name).chain(OTHERS);
    if !measured.any(|name| report.wants(name)) {
        return Ok(());
    }
    let bare = Bare::start().await?;
    let mut hosts = Hosts::start(host, guests.join(GUEST))?;
    let (rounds, scale) = if quick { (1, 1) } else { (5, 5) };
    for round in 0..rounds {
        eprintln!("cluster: round {} of {rounds}", round + 1);
        bare.round(report, scale).await?;
        calls(report, &hosts, scale)?;
        objects(report, &hosts)?;
    }
    failover(report, &mut hosts)
}

/// Calls of one kind: their name in the report, and what the driver is asked
/// for: numbers that are the same always, and then one that grows with scale.
struct Shape {
    name: &'static str,
    asked: &'static str,
    fixed: &'static [u32],
    scaled: Option<u32>,
}

const fn shape(
    name: &'static str,
    asked: &'static str,
    fixed: &'static [u32],
    scaled: Option<u32>,
) -> Shape {
    Shape { name, asked, fixed, scaled }
}

const SHAPES: [Shape; 9] = [
    shape("cluster_call_sync", "sync", &[], Some(2_000)),
    shape("cluster_call_pipelined", "pipelined", &[], Some(20)),
    shape("cluster_call_1kib", "sized", &[1 << 10], Some(1_000)),
    shape("cluster_call_64kib", "sized", &[64 << 10], Some(200)),
    shape("cluster_call_1mib", "sized", &[1 << 20], Some(20)),
    shape("cluster_call_64mib", "sized", &[64 << 20, 3], None),
    shape("cluster_spawn_call", "spawn", &[], Some(200)),
    shape("cluster_lookup", "lookup", &[], Some(200)),
    shape("cluster_broadcast_64mib", "broadcast", &[], None),
];

/// What is measured in other ways.
const OTHERS: [&str; 5] = [
    "cluster_call_n_n",
    "cluster_object_1gib",
    "cluster_small_beside_large",
    "cluster_unavailable_after_kill9",
    "cluster_restart_elsewhere",
];

fn calls(report: &mut Report, hosts: &Hosts, scale: u32) -> anyhow::Result<()> {
    for Shape { name, asked, fixed, scaled } in SHAPES {
        if report.wants(name) {
            let scaled = scaled.map(|count| count * scale);
            let numbers: Vec<u32> = fixed.iter().copied().chain(scaled).collect();
            for value in hosts.ask(asked, &numbers)?.values() {
                report.add(name, "ns", *value);
            }
        }
    }
    if report.wants("cluster_call_n_n") {
        let answer = hosts.ask("many", &[200 * scale])?;
        report.add("cluster_call_n_n", "1/s", 1e9 / answer.value("call")?);
    }
    Ok(())
}

fn objects(report: &mut Report, hosts: &Hosts) -> anyhow::Result<()> {
    if report.wants("cluster_object_1gib") {
        let answer = hosts.ask("objects", &[])?;
        report.add("cluster_object_1gib", "GB/s", 1.0 / answer.value("byte")?);
        let peak = hosts.peak_memory()? as f64 / OBJECT_STORE_BYTES as f64;
        report.add("cluster_object_memory", "caps", peak);
    }
    if report.wants("cluster_small_beside_large") {
        let answer = hosts.ask("beside", &[])?;
        report.add("cluster_small_quiet", "ns", answer.value("quiet")?);
        report.add("cluster_small_beside_large", "ns", answer.value("beside")?);
    }
    Ok(())
}

/// The last thing: it costs a host.
fn failover(report: &mut Report, hosts: &mut Hosts) -> anyhow::Result<()> {
    let names = ["cluster_unavailable_after_kill9", "cluster_restart_elsewhere"];
    if !names.iter().any(|name| report.wants(name)) {
        return Ok(());
    }
    let mut asked = hosts.begin("failover", &[])?;
    let node = asked.line("node")?;
    let killed = hosts.kill(&node)?;
    let after = |name: &str, asked: &mut hosts::Asked| -> anyhow::Result<f64> {
        let at: f64 = asked.line(name)?.parse().with_context(|| format!("{name} is a time"))?;
        Ok((at - killed) / 1e9)
    };
    let unavailable = after("unavailable", &mut asked)?;
    let elsewhere = after("elsewhere", &mut asked)?;
    asked.end()?;
    report.add("cluster_unavailable_after_kill9", "s", unavailable);
    report.add("cluster_restart_elsewhere", "s", elsewhere);
    Ok(())
}
