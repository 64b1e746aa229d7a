//! A bound on the memory of a process that cannot be trusted to keep one: what
//! it has resident is looked at again and again, and past the bound it is killed.
//!
//! Limits of the kernel do not do: address space is reserved in plenty by an
//! engine and by drivers, and control groups take rights that a node may lack.

use std::fs;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

use host_core::limits;
use host_core::resources::format_bytes;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::task::JoinHandle;

/// Watches a process until this is dropped, or has killed it.
pub(super) struct Watch {
    task: JoinHandle<()>,
    verdict: Arc<OnceLock<String>>,
}

impl Watch {
    /// Begins to watch a child of this process that nobody has waited for yet.
    pub(super) fn new(process: u32, bytes: u64) -> std::io::Result<Watch> {
        let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| std::io::Error::other("no process has this id"))?;
        // A number would be another process's, once this one is gone.
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        let verdict = Arc::<OnceLock<String>>::default();
        let task = tokio::spawn(watch(process, handle, bytes, verdict.clone()));
        Ok(Watch { task, verdict })
    }

    /// Why the process was killed, if it was.
    pub(super) fn verdict(&self) -> Option<&str> {
        self.verdict.get().map(String::as_str)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(process: u32, handle: OwnedFd, bytes: u64, verdict: Arc<OnceLock<String>>) {
    let mut looks = tokio::time::interval(limits::WORKER_MEMORY_LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        // Gone, or another's by now: then the handle reaches nobody.
        let Some(resident) = resident(process) else { return };
        if resident > bytes {
            let _ = verdict.set(format!(
                "it took {} of memory, and may take {}",
                format_bytes(resident),
                format_bytes(bytes)
            ));
            let _ = pidfd_send_signal(&handle, Signal::KILL);
            return;
        }
    }
}

/// Bytes that a process has resident, but for files that others have too.
/// [proc(5)](https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html)
fn resident(process: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let mut pages = statm.split(' ').skip(1).map(|pages| pages.trim().parse::<u64>().ok());
    let (resident, shared) = (pages.next()??, pages.next()??);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_process_that_takes_too_much_is_killed_and_it_is_said_why() {
        // It keeps the last line, which never ends.
        let mut child = Command::new("tail").arg("/dev/zero").kill_on_drop(true).spawn().unwrap();
        let watch = Watch::new(child.id().unwrap(), 64 << 20).unwrap();
        let status = tokio::time::timeout(Duration::from_secs(60), child.wait()).await;
        assert!(!status.unwrap().unwrap().success());
        let verdict = watch.verdict().unwrap();
        assert!(verdict.ends_with("may take 64 MiB"), "{verdict}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_keeps_its_bound_is_left_alone() {
        let mut cat = Command::new("cat");
        let mut child = cat.stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let watch = Watch::new(child.id().unwrap(), 64 << 20).unwrap();
        tokio::time::advance(limits::WORKER_MEMORY_LOOK * 100).await;
        tokio::task::yield_now().await;
        child.stdin.take().unwrap().shutdown().await.unwrap();
        tokio::time::resume();
        assert!(child.wait().await.unwrap().success());
        assert_eq!(watch.verdict(), None);
    }
}
