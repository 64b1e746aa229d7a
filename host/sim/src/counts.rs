//! How much happened in a run.

use std::fmt;
use std::ops::{Index, IndexMut};

/// Something that is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fact {
    /// Steps of the simulation.
    Steps,
    /// Calls that were submitted.
    Calls,
    /// Calls that have a value.
    Ran,
    /// Further runs of calls with retries.
    Reruns,
    /// Lives after the first.
    Restarts,
    /// Refs that were passed between nodes.
    Refs,
    /// Transactions that wrote to the control store.
    Writes,
    /// Calls that an actor waited for.
    Waits,
    /// Waits that closed a circle.
    CyclesClosed,
    /// Waits that failed because of one.
    CyclesTold,
    /// Groups of bundles that were asked for.
    GroupsPlanned,
    /// Groups that were reserved.
    GroupsReserved,
    /// Groups whose reservation failed and was taken back.
    GroupsFailed,
    /// Groups that ended after they were reserved.
    GroupsRemoved,
    /// Actors that were started in a bundle.
    InBundles,
    /// Actors that were started where a condition on the node holds.
    Conditions,
    /// Packets that were lost with their connection.
    PacketsLost,
    /// Packets that came late.
    PacketsDelayed,
    /// Packets that came before one that was sent earlier.
    PacketsReordered,
    /// Packets that came twice.
    PacketsDuplicated,
    /// Packets that waited for a partition to end.
    PacketsStalled,
    /// Connections that broke.
    LinksBroken,
    /// Partitions of which one direction works.
    CutsOneWay,
    /// Partitions between groups of boxes, in both directions.
    Splits,
    /// Processes that crashed.
    Crashes,
    /// Processes that started again after a crash.
    Recoveries,
    /// Processes that paused.
    Pauses,
    /// Pauses that lasted longer than the lease.
    PausesPastLease,
    /// Boxes whose clock runs fast or slow.
    SkewedClocks,
    /// Questions to a store that was slow.
    StoreSlow,
    /// Questions that did not reach the store.
    StoreUnreached,
    /// Questions that the store carried out and whose answer was lost.
    AnswersLost,
    /// Leases that ended before their time.
    LeasesLost,
    /// Leases that ended since they were not renewed.
    NodesExpired,
    /// Watches that broke.
    WatchesBroken,
}

impl Fact {
    /// All of them.
    pub const ALL: [Fact; 35] = [
        Fact::Steps,
        Fact::Calls,
        Fact::Ran,
        Fact::Reruns,
        Fact::Restarts,
        Fact::Refs,
        Fact::Writes,
        Fact::Waits,
        Fact::CyclesClosed,
        Fact::CyclesTold,
        Fact::GroupsPlanned,
        Fact::GroupsReserved,
        Fact::GroupsFailed,
        Fact::GroupsRemoved,
        Fact::InBundles,
        Fact::Conditions,
        Fact::PacketsLost,
        Fact::PacketsDelayed,
        Fact::PacketsReordered,
        Fact::PacketsDuplicated,
        Fact::PacketsStalled,
        Fact::LinksBroken,
        Fact::CutsOneWay,
        Fact::Splits,
        Fact::Crashes,
        Fact::Recoveries,
        Fact::Pauses,
        Fact::PausesPastLease,
        Fact::SkewedClocks,
        Fact::StoreSlow,
        Fact::StoreUnreached,
        Fact::AnswersLost,
        Fact::LeasesLost,
        Fact::NodesExpired,
        Fact::WatchesBroken,
    ];
}

/// How often each [`Fact`] happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counts([u64; Fact::ALL.len()]);

impl Default for Counts {
    fn default() -> Counts {
        Counts([0; Fact::ALL.len()])
    }
}

impl Counts {
    /// Counts those of another run too.
    pub fn add(&mut self, other: &Counts) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own += other;
        }
    }
}

impl Index<Fact> for Counts {
    type Output = u64;

    fn index(&self, fact: Fact) -> &u64 {
        &self.0[fact as usize]
    }
}

impl IndexMut<Fact> for Counts {
    fn index_mut(&mut self, fact: Fact) -> &mut u64 {
        &mut self.0[fact as usize]
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fact in Fact::ALL {
            writeln!(f, "{:>14} {fact:?}", self[fact])?;
        }
        Ok(())
    }
}
