//! A network for one test: nodes with an address each, and a switch that can
//! be told to lose what it carries.
//!
//! Every node is a network namespace with one interface, a TUN device, whose
//! other end this process holds. What a node sends, the [`switch`] reads,
//! and writes to the node it is for: so between any two nodes, in each
//! direction, packets can be dropped, delayed and reordered, without tools or
//! modules of the kernel, and without anybody in the nodes being told. Nothing
//! of the machine's own network is touched.
//!
//! **What it models.** A cut is silent: no reset, no ICMP; TCP sends again
//! until it gives up. Delay and loss hold for single IP packets, in one
//! direction. **What it does not.** Packets carry up to [`MTU`] bytes, so a
//! loss hits more of a stream than in an Ethernet; there is no limit of
//! bandwidth and no ARP (a packet to an address that nobody has disappears);
//! all nodes have one clock, one disk and the same processors.

mod link;
mod switch;

use std::net::Ipv4Addr;

use tun_rs::DeviceBuilder;

pub use link::{Link, Quality};
use switch::Switch;

use crate::namespace::{Namespace, Unsupported};

/// A node's number in its network, from 0.
pub type Node = usize;

/// Nodes of a network: their addresses are those of one /24.
const NODES_MAX: usize = 250;

/// Bytes of a packet. Large, since each costs this process two system calls,
/// and still many packets to a message of some length.
const MTU: u16 = 9000;

/// Some nodes and the switch between them. All ends when it is dropped.
pub struct Network {
    // Stops reading the devices before their namespaces end.
    switch: Switch,
    nodes: Vec<Namespace>,
}

impl Network {
    /// A network of some nodes, all connected. `seed` decides which packets a
    /// [`Link::Poor`] loses.
    ///
    /// # Panics
    /// If the machine does not allow it; the text says what is needed.
    pub fn new(nodes: usize, seed: u64) -> Network {
        let mut network = Network { switch: Switch::start(seed), nodes: Vec::new() };
        for _ in 0..nodes {
            network.add();
        }
        network
    }

    /// Adds a node, connected to all.
    ///
    /// # Panics
    /// If the machine does not allow it, or there are too many.
    pub fn add(&mut self) -> Node {
        let node = self.nodes.len();
        assert!(node < NODES_MAX, "a network has at most {NODES_MAX} nodes");
        let namespace = self.connect(node).unwrap_or_else(|unsupported| panic!("{unsupported}"));
        self.nodes.push(namespace);
        node
    }

    fn connect(&self, node: Node) -> Result<Namespace, Unsupported> {
        let namespace = Namespace::new(&format!("node {node}"))?;
        let address = self.address(node);
        let device = namespace.run(move || {
            DeviceBuilder::new().name("eth0").ipv4(address, 24_u8, None).mtu(MTU).build_sync()
        });
        let device =
            device.map_err(|error| Unsupported::new("a TUN device cannot be made", error))?;
        self.switch.connect(node, device);
        Ok(namespace)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node's address.
    pub fn address(&self, node: Node) -> Ipv4Addr {
        link::address(node)
    }

    /// Runs `work` on a thread in a node's network; sockets that it opens and
    /// programs that it starts belong to the node. A program that is to end
    /// with the test is a [`Process`](crate::Process).
    pub fn run<T: Send + 'static>(
        &self,
        node: Node,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        self.nodes[node].run(work)
    }

    /// Says what happens to packets from one node to another, in this
    /// direction; those under way are lost if it is a cut.
    pub fn set(&self, from: Node, to: Node, link: Link) {
        self.switch.set(from, to, link);
    }

    /// What happens to packets from one node to another.
    pub fn link(&self, from: Node, to: Node) -> Link {
        self.switch.link(from, to)
    }

    /// Loses everything that `from` send to `to`; answers still arrive.
    pub fn cut(&self, from: &[Node], to: &[Node]) {
        self.set_all(from, to, Link::Cut);
    }

    /// Loses everything between the nodes of one side and those of the other.
    pub fn part(&self, one: &[Node], other: &[Node]) {
        self.cut(one, other);
        self.cut(other, one);
    }

    /// Loses everything between a node and all others.
    pub fn isolate(&self, node: Node) {
        let others: Vec<Node> = (0..self.len()).filter(|other| *other != node).collect();
        self.part(&[node], &others);
    }

    /// Makes all links poor, in both directions.
    pub fn degrade(&self, quality: Quality) {
        let all: Vec<Node> = (0..self.len()).collect();
        self.set_all(&all, &all, Link::Poor(quality));
    }

    /// Connects all to all again, perfectly.
    pub fn heal(&self) {
        self.switch.heal();
    }

    fn set_all(&self, from: &[Node], to: &[Node], link: Link) {
        for &from in from {
            for &to in to {
                self.set(from, to, link);
            }
        }
    }
}
