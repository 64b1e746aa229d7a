//! A network namespace: a thread that lives in it, and starts programs there.
//!
//! A namespace has no name and no file: it ends when the thread and the
//! programs in it have ended, so a test that is killed leaves nothing behind.

use std::any::Any;
use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};
use nix::unistd::{getegid, geteuid};

/// Why this machine gives the tests no network of their own.
#[derive(Debug, thiserror::Error)]
#[error(
    "tests with several hosts need network namespaces: {what}: {error}; run them as root \
     (with CAP_NET_ADMIN and CAP_SYS_ADMIN), or where unprivileged user namespaces are allowed \
     (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0) and \
     /dev/net/tun can be opened by all (chmod 666 /dev/net/tun)"
)]
pub struct Unsupported {
    what: &'static str,
    error: io::Error,
}

impl Unsupported {
    pub(crate) fn new(what: &'static str, error: impl Into<io::Error>) -> Unsupported {
        Unsupported { what, error: error.into() }
    }
}

/// Gives this process the right to make namespaces: it has it as root, and
/// else in a user namespace of its own, which it enters. To be called while
/// the process has one thread.
///
/// # Errors
/// If the system does not allow it.
pub fn enter() -> Result<(), Unsupported> {
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWUSER)
        .map_err(|error| Unsupported::new("a user namespace cannot be made", error))?;
    for (file, text) in [
        // Without it the kernel takes no map of groups from one who is not root.
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {user} 1")),
        ("/proc/self/gid_map", format!("0 {group} 1")),
    ] {
        fs::write(file, text)
            .map_err(|error| Unsupported::new("a user namespace cannot be set up", error))?;
    }
    Ok(())
}

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace with nothing in it but a loopback interface.
pub(crate) struct Namespace {
    /// Taken when it ends.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Namespace {
    /// Makes one.
    pub(crate) fn new(name: &str) -> Result<Namespace, Unsupported> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (made, is_made) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let entered = enter_new();
                let usable = entered.is_ok();
                // Whoever asked waits for the answer.
                let _ = made.send(entered);
                if usable {
                    todo.iter().for_each(|job| job());
                }
            })
            .map_err(|error| Unsupported::new("no thread can be started", error))?;
        is_made.recv().expect("the thread answers first of all")?;
        Ok(Namespace { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` on a thread in this namespace; a program that it starts
    /// lives there too. One at a time.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel::<Result<T, Box<dyn Any + Send>>>();
        let job = move || {
            let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
        };
        let jobs = self.jobs.as_ref().expect("it is taken when the namespace is dropped");
        jobs.send(Box::new(job)).expect("the thread ends with its namespace");
        match result.recv().expect("the thread answers every job") {
            Ok(value) => value,
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Its jobs do not panic: `run` catches it.
            let _ = thread.join();
        }
    }
}

fn enter_new() -> Result<(), Unsupported> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|error| Unsupported::new("a network namespace cannot be made", error))?;
    raise_loopback().map_err(|error| Unsupported::new("its loopback cannot be set up", error))
}

/// Sets the loopback interface up: a request to the kernel over netlink, as
/// `ip link set lo up` sends it; no program need be installed for it.
fn raise_loopback() -> io::Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    const LOOPBACK: i32 = 1;
    const UP: u32 = 1;
    let mut message = Vec::new();
    // nlmsghdr: length, type, flags, sequence, sender.
    message.extend(32_u32.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    message.extend([0; 8]);
    // ifinfomsg: family, type, index, flags, which of them change.
    message.extend([0; 4]);
    message.extend(LOOPBACK.to_ne_bytes());
    message.extend(UP.to_ne_bytes());
    message.extend(UP.to_ne_bytes());
    let route = SockProtocol::NetlinkRoute;
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, route)?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(netlink.as_raw_fd(), &message, &kernel, MsgFlags::empty())?;
    let mut answer = [0; 128];
    let length = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // nlmsgerr: behind the header the error, negative, or 0.
    let code = answer[..length].get(16..20).and_then(|code| code.try_into().ok());
    match code.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(-error)),
        None => Err(io::Error::other(format!("netlink answered {length} bytes"))),
    }
}
