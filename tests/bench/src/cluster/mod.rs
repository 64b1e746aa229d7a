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
    if !report.wants_any_of("cluster_") {
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

/// One shape: its name in the report, and what the driver is asked for.
struct Shape<'a>(&'static str, &'a str, &'a [u32]);

fn calls(report: &mut Report, hosts: &Hosts, scale: u32) -> anyhow::Result<()> {
    let shapes = [
        Shape("cluster_call_sync", "sync", &[2_000 * scale]),
        Shape("cluster_call_pipelined", "pipelined", &[20 * scale]),
        Shape("cluster_call_1kib", "sized", &[1 << 10, 1_000 * scale]),
        Shape("cluster_call_64kib", "sized", &[64 << 10, 200 * scale]),
        Shape("cluster_call_1mib", "sized", &[1 << 20, 20 * scale]),
        Shape("cluster_call_64mib", "sized", &[64 << 20, 3]),
        Shape("cluster_spawn_call", "spawn", &[200 * scale]),
        Shape("cluster_lookup", "lookup", &[200 * scale]),
        Shape("cluster_broadcast_64mib", "broadcast", &[]),
    ];
    for Shape(name, asked, numbers) in shapes {
        if report.wants(name) {
            for value in hosts.ask(asked, numbers)?.values() {
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
    if !report.wants("cluster_unavailable_after_kill9") {
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
