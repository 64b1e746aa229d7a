//! The switch: reads what nodes send, and writes it to whom it is for.
//!
//! One thread for each node waits for its packets; one more delivers those
//! that are late. All stop when the switch is dropped.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use parking_lot::{Condvar, Mutex, RwLock};
use tun_rs::SyncDevice;

use super::Node;
use super::link::{Fate, Link, destination};

/// Packets that are late at one time; more are lost, as a router loses them.
const LATE_MAX: usize = 20_000;

/// No packet is larger.
const PACKET_MAX: usize = 65_535;

pub(super) struct Switch {
    shared: Arc<Shared>,
    /// When it closes, readers stop.
    open: Option<PipeWriter>,
    closed: PipeReader,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    ports: RwLock<HashMap<Node, Arc<SyncDevice>>>,
    /// Those that are not [`Link::Up`].
    links: RwLock<HashMap<(Node, Node), Link>>,
    random: Mutex<fastrand::Rng>,
    late: Mutex<Queue>,
    /// Something was added to `late`, or it has ended.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    packets: BinaryHeap<Reverse<Late>>,
    /// Counts packets: of those due at one time the first goes first.
    count: u64,
    ended: bool,
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Late {
    due: Instant,
    number: u64,
    from: Node,
    to: Node,
    packet: Vec<u8>,
}

impl Switch {
    pub(super) fn start(seed: u64) -> Switch {
        let (closed, open) = io::pipe().expect("a pipe can be made");
        let shared = Arc::new(Shared {
            ports: RwLock::default(),
            links: RwLock::default(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            late: Mutex::default(),
            changed: Condvar::new(),
        });
        let late = shared.clone();
        let postman = thread::spawn(move || late.deliver_late());
        Switch { shared, open: Some(open), closed, threads: Mutex::new(vec![postman]) }
    }

    /// Connects a node by its device.
    pub(super) fn connect(&self, node: Node, device: SyncDevice) {
        device.set_nonblocking(true).expect("a TUN device can be read without waiting");
        let device = Arc::new(device);
        self.shared.ports.write().insert(node, device.clone());
        let closed = self.closed.try_clone().expect("a file can be opened twice");
        let shared = self.shared.clone();
        self.threads.lock().push(thread::spawn(move || shared.carry(node, &device, &closed)));
    }

    pub(super) fn set(&self, from: Node, to: Node, link: Link) {
        self.shared.links.write().insert((from, to), link);
    }

    pub(super) fn link(&self, from: Node, to: Node) -> Link {
        self.shared.link(from, to)
    }

    pub(super) fn heal(&self) {
        self.shared.links.write().clear();
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.open = None;
        self.shared.late.lock().ended = true;
        self.shared.changed.notify_all();
        for thread in self.threads.get_mut().drain(..) {
            if thread.join().is_err() && !thread::panicking() {
                panic!("a thread of the switch panicked, see above");
            }
        }
    }
}

impl Shared {
    fn link(&self, from: Node, to: Node) -> Link {
        self.links.read().get(&(from, to)).copied().unwrap_or_default()
    }

    /// Carries what a node sends until the switch ends.
    fn carry(&self, from: Node, device: &SyncDevice, closed: &PipeReader) {
        let mut packet = vec![0; PACKET_MAX];
        loop {
            match device.recv(&mut packet) {
                Ok(length) => self.accept(from, &packet[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !wait(device, closed) {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the device of node {from} cannot be read: {error}"),
            }
        }
    }

    fn accept(&self, from: Node, packet: &[u8]) {
        let Some(to) = destination(packet) else { return };
        let link = self.link(from, to);
        let fate = match link {
            // The common case takes no lock of the generator's.
            Link::Up => Fate::Arrives,
            Link::Cut | Link::Poor(_) => link.fate(&mut self.random.lock()),
        };
        match fate {
            Fate::Arrives => self.deliver(to, packet),
            Fate::Lost => {}
            Fate::Late(late) => {
                let mut queue = self.late.lock();
                if queue.packets.len() < LATE_MAX {
                    queue.count += 1;
                    let due = Instant::now() + late;
                    let number = queue.count;
                    let packet = packet.to_vec();
                    queue.packets.push(Reverse(Late { due, number, from, to, packet }));
                    self.changed.notify_one();
                }
            }
        }
    }

    /// A node takes what it has room for, as an interface does.
    fn deliver(&self, to: Node, packet: &[u8]) {
        let device = self.ports.read().get(&to).cloned();
        if let Some(device) = device {
            let _ = device.send(packet);
        }
    }

    fn deliver_late(&self) {
        let mut queue = self.late.lock();
        while !queue.ended {
            let due = queue.packets.peek().map(|Reverse(late)| late.due);
            match due {
                None => self.changed.wait(&mut queue),
                Some(due) if due > Instant::now() => {
                    self.changed.wait_until(&mut queue, due);
                }
                Some(_) => {
                    let Some(Reverse(late)) = queue.packets.pop() else { continue };
                    drop(queue);
                    // The link may have been cut on the way.
                    if self.link(late.from, late.to) != Link::Cut {
                        self.deliver(late.to, &late.packet);
                    }
                    queue = self.late.lock();
                }
            }
        }
    }
}

/// Waits until the device can be read; false: the switch ends.
fn wait(device: &SyncDevice, closed: &PipeReader) -> bool {
    let mut both = [
        PollFd::new(device.as_fd(), PollFlags::POLLIN),
        PollFd::new(closed.as_fd(), PollFlags::POLLIN),
    ];
    match poll(&mut both, PollTimeout::NONE) {
        Ok(_) => both[1].revents().is_none_or(|events| events.is_empty()),
        Err(Errno::EINTR) => true,
        Err(error) => panic!("devices cannot be waited for: {error}"),
    }
}
