//! Ray's own numbers, in the same run, where Ray is installed.

use std::process::{Command, Stdio};

use crate::report::Report;

const SCRIPT: &str = include_str!("ray.py");

/// Names that the script prints.
const NAMES: [&str; 4] =
    ["ray_call_sync_1_1", "ray_call_pipelined_1000", "ray_call_1mib", "ray_spawn_call"];

/// Runs the script, or says that Ray is not there.
pub(crate) fn measure(report: &mut Report, quick: bool) -> anyhow::Result<()> {
    if !report.wants("ray_") {
        return Ok(());
    }
    let found = Command::new("python3")
        .args(["-c", "import ray"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        eprintln!("Ray is not installed (pip install ray): its numbers are left out");
        return Ok(());
    }
    eprintln!("measuring Ray");
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT]).stderr(Stdio::null());
    if quick {
        command.arg("quick");
    }
    let output = command.output()?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((name, value)) = line.split_once(' ') else { continue };
        let known = NAMES.iter().find(|known| **known == name);
        if let (Some(name), Ok(value)) = (known, value.parse()) {
            report.add(name, "ns", value);
        }
    }
    anyhow::ensure!(output.status.success(), "Ray's script failed: {}", output.status);
    Ok(())
}
