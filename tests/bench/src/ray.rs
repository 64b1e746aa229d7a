//! Ray's own numbers, in the same run, where Ray is installed.

use std::process::{Command, Stdio};

use crate::report::Report;

/// On one node, and on two.
const SCRIPTS: [&str; 2] = [
    concat!(include_str!("ray_actors.py"), include_str!("ray.py")),
    concat!(include_str!("ray_actors.py"), include_str!("ray_cluster.py")),
];

/// Names that the scripts print.
const NAMES: [&str; 7] = [
    "ray_call_sync_1_1",
    "ray_call_pipelined_1000",
    "ray_call_1mib",
    "ray_spawn_call",
    "ray_cluster_call_sync",
    "ray_cluster_call_pipelined",
    "ray_cluster_spawn_call",
];

/// Runs the scripts, or says that Ray is not there.
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
    for script in SCRIPTS {
        eprintln!("measuring Ray");
        let mut command = Command::new("python3");
        command.args(["-c", script]).stderr(Stdio::null());
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
    }
    Ok(())
}
