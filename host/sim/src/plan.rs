//! What a seed makes of a run: how many nodes, which faults, how much work.

use std::time::Duration;

use fastrand::Rng;

/// The shape of a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) boxes: usize,
    /// Faults and work end here.
    pub(crate) busy: Duration,
    /// The run ends here.
    pub(crate) end: Duration,
    /// The mean time between faults.
    pub(crate) fault_every: Duration,
    /// The mean time between the things one driver does.
    pub(crate) work_every: Duration,
    /// The most by which a clock runs fast or slow, in parts of a million.
    pub(crate) drift_ppm: u32,
    /// Whether the control store loses leases before their time. A node that
    /// does not know it yet then runs what another runs too: only what it
    /// writes is refused.
    pub(crate) loses_leases: bool,
}

/// Something that goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// One connection breaks, for one side at once, for the other later.
    BreakLink,
    /// Nothing gets from one box to another; the other way works.
    CutOneWay,
    /// Nothing gets from or to a box.
    Isolate,
    /// Two groups of boxes do not reach each other.
    Split,
    Crash,
    Pause,
    StoreSlow,
    StoreAway,
    /// One box does not reach the store.
    CutFromStore,
    StoreLosesLease,
    BreakWatch,
    /// Packets come twice, or before what was sent earlier.
    Disorder,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng) -> Plan {
        let boxes = match rng.u32(0..100) {
            0..75 => rng.usize(3..6),
            75..95 => rng.usize(6..10),
            95..99 => rng.usize(10..20),
            _ => rng.usize(20..51),
        };
        let busy = Duration::from_secs(rng.u64(15..40));
        // The whole cluster does about as much, however large it is.
        let pace = u32::try_from(boxes).unwrap_or(u32::MAX).div_ceil(4);
        Plan {
            boxes,
            busy,
            end: busy + Duration::from_secs(65),
            fault_every: Duration::from_millis(
                *rng.choice(&[500, 1_500, 4_000, 25_000]).expect("some"),
            ),
            work_every: Duration::from_millis(*rng.choice(&[30, 100, 300]).expect("some")) * pace,
            drift_ppm: *rng.choice(&[0, 1_000, 50_000]).expect("some"),
            loses_leases: rng.u32(0..8) == 0,
        }
    }

    pub(crate) fn fault(&self, rng: &mut Rng) -> Fault {
        match rng.u32(0..100) {
            0..25 => Fault::BreakLink,
            25..35 => Fault::CutOneWay,
            35..43 => Fault::Isolate,
            43..48 => Fault::Split,
            48..55 => Fault::Crash,
            55..67 => Fault::Pause,
            67..74 => Fault::StoreSlow,
            74..77 => Fault::StoreAway,
            77..82 => Fault::Disorder,
            82..92 => Fault::CutFromStore,
            92..95 if self.loses_leases => Fault::StoreLosesLease,
            _ => Fault::BreakWatch,
        }
    }
}
