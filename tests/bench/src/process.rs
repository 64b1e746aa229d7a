//! What a whole `host run` costs.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::ensure;

use crate::report::Report;

/// Runs the counter with its compiled code in the cache.
pub(crate) fn measure(
    report: &mut Report,
    host: &Path,
    guests: &Path,
    rounds: u32,
) -> anyhow::Result<()> {
    if !report.wants("cli_counter_warm") {
        return Ok(());
    }
    // The first fills the cache.
    for round in 0..=rounds * 3 {
        let begun = Instant::now();
        let output = Command::new(host).arg("run").arg(guests.join("counter.wasm")).output()?;
        let took = begun.elapsed().as_secs_f64() * 1e3;
        ensure!(
            output.stdout == b"[1, 2]\n",
            "the counter printed {:?}: {}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        if round > 0 {
            report.add("cli_counter_warm", "ms", took);
        }
    }
    Ok(())
}
