//! Who is responsible for an actor whose node was lost.

use crate::id::{ActorId, NodeId};

/// How many live nodes come before `local`, in an order that every node
/// computes alike and that is another for each actor.
pub(super) fn rank(actor: ActorId, local: NodeId, live: impl Iterator<Item = NodeId>) -> u32 {
    let own = (weight(actor, local), local);
    let before = live.filter(|node| (weight(actor, *node), *node) > own);
    u32::try_from(before.count()).unwrap_or(u32::MAX)
}

/// Mixes the ids so that every bit of them counts (the finalizer of
/// splitmix64, twice).
fn weight(actor: ActorId, node: NodeId) -> u64 {
    let nodes = u64::from(actor.node.0) << 32 | u64::from(node.0);
    mix(mix(actor.seq) ^ nodes)
}

fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_first_for_its_share_and_the_order_is_total() {
        let live = || (1..=10).map(NodeId);
        let mut firsts = [0; 11];
        for seq in 0..10_000 {
            let actor = ActorId { node: NodeId(1), seq };
            let mut ranks: Vec<u32> = live().map(|node| rank(actor, node, live())).collect();
            let first = ranks.iter().position(|rank| *rank == 0).unwrap();
            firsts[first + 1] += 1;
            ranks.sort_unstable();
            assert_eq!(ranks, (0..10).collect::<Vec<u32>>());
        }
        assert!(firsts[1..].iter().all(|share| (850..1_150).contains(share)), "{firsts:?}");
    }
}
