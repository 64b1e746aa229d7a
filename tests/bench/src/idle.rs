//! What an idle actor costs in memory.

use std::path::Path;

use host::node::Node;
use host::sandbox::Pool;
use host_core::spec::Options;
use host_refs::Args;

use crate::guest::{config, load};
use crate::report::Report;

/// Starts as many actors as the report names, each called once, and divides
/// the growth of the process by their number.
pub(crate) async fn measure(report: &mut Report, guests: &Path, quick: bool) -> anyhow::Result<()> {
    let count = if quick { 1_000 } else { 10_000 };
    if report.wants("idle_actor_rss") {
        report.add("idle_actor_rss", "KB", each(guests, count).await?);
    }
    if report.wants("idle_actor_rss_100k") && !quick {
        match Pool::for_actors(Some(100_000)) {
            Ok(_) => report.add("idle_actor_rss_100k", "KB", each(guests, 100_000).await?),
            Err(refused) => eprintln!("100,000 live actors are refused here: {refused}"),
        }
    }
    Ok(())
}

async fn each(guests: &Path, count: u32) -> anyhow::Result<f64> {
    let mut config = config()?;
    config.pool = Pool::for_actors(Some(count + 100))?;
    let node = Node::start(config)?;
    let package = load(&node, guests, "bench_guest.wasm").await?;
    let job = node.begin_job();
    let mut handles = Vec::new();
    for _ in 0..100 {
        let actor = job.spawn(&package, "Counter", Args::default(), Options::default())?;
        job.ask(&actor, "increment", Args::default()).await.map_err(|e| anyhow::anyhow!("{e}"))?;
        handles.push(actor);
    }
    let before = rss_kb()?;
    for _ in 0..count {
        let actor = job.spawn(&package, "Counter", Args::default(), Options::default())?;
        job.ask(&actor, "increment", Args::default()).await.map_err(|e| anyhow::anyhow!("{e}"))?;
        handles.push(actor);
    }
    Ok((rss_kb()? - before) / f64::from(count))
}

/// This process's resident memory and page tables, in KB.
fn rss_kb() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| -> f64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0.0)
    };
    Ok(field("VmRSS:"))
}
