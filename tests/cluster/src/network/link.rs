//! What happens to a packet: pure rules.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Node;

/// What happens to packets from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Link {
    /// They arrive.
    #[default]
    Up,
    /// They are lost, and nobody is told.
    Cut,
    /// They arrive late, in another order, or not at all.
    Poor(Quality),
}

/// How poor a link is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Every packet is this late.
    pub delay: Duration,
    /// A packet is up to this much later still, which reorders packets.
    pub jitter: Duration,
    /// The share of packets that are lost, from 0 to 1.
    pub loss: f64,
}

/// What is done with one packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Arrives,
    Lost,
    Late(Duration),
}

impl Link {
    /// Decides over a packet.
    pub(super) fn fate(&self, random: &mut fastrand::Rng) -> Fate {
        match self {
            Link::Up => Fate::Arrives,
            Link::Cut => Fate::Lost,
            Link::Poor(quality) if random.f64() < quality.loss => Fate::Lost,
            Link::Poor(quality) => match quality.delay + quality.jitter.mul_f64(random.f64()) {
                Duration::ZERO => Fate::Arrives,
                late => Fate::Late(late),
            },
        }
    }
}

/// The network of all nodes: 10.77.0.0/24, the first node has .1.
const NETWORK: [u8; 3] = [10, 77, 0];

pub(super) fn address(node: Node) -> Ipv4Addr {
    let [a, b, c] = NETWORK;
    let last = u8::try_from(node + 1).expect("NODES_MAX is less than 255");
    Ipv4Addr::new(a, b, c, last)
}

/// Whom a packet is for, if it is IPv4 and for an address of the network.
pub(super) fn destination(packet: &[u8]) -> Option<Node> {
    const VERSION: usize = 0;
    const ADDRESS: usize = 16;
    let version = packet.get(VERSION)? >> 4;
    let address = packet.get(ADDRESS..ADDRESS + 4)?;
    let is_ours = version == 4 && address.starts_with(&NETWORK);
    let last = address[3];
    if is_ours { usize::from(last).checked_sub(1) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn share_of_lost_packets_is_as_asked() {
        let mut random = fastrand::Rng::with_seed(1);
        let link = Link::Poor(Quality { delay: MS, jitter: MS, loss: 0.2 });
        let fates: Vec<Fate> = (0..10_000).map(|_| link.fate(&mut random)).collect();
        let lost = fates.iter().filter(|fate| **fate == Fate::Lost).count();
        assert!((1_800..2_200).contains(&lost), "{lost} of 10,000 lost, 2,000 expected");
        for fate in fates {
            match fate {
                Fate::Lost => {}
                Fate::Late(late) => assert!((MS..=2 * MS).contains(&late), "{late:?} late"),
                Fate::Arrives => panic!("a packet was not late"),
            }
        }
    }

    #[test]
    fn only_ipv4_of_this_network_has_a_destination() {
        let mut packet = vec![0_u8; 20];
        packet[0] = 0x45;
        packet[16..20].copy_from_slice(&address(6).octets());
        assert_eq!(destination(&packet), Some(6));
        packet[19] = 0;
        assert_eq!(destination(&packet), None);
        packet[16..20].copy_from_slice(&[10, 78, 0, 7]);
        assert_eq!(destination(&packet), None);
        packet[16..20].copy_from_slice(&address(6).octets());
        packet[0] = 0x65;
        assert_eq!(destination(&packet), None);
        assert_eq!(destination(&packet[..19]), None);
        assert_eq!(destination(&[]), None);
    }
}
