//! Rules that can be broken on purpose, to see that the oracle notices.

/// A broken rule. Each is broken where the machines meet the world, so that
/// the rules themselves have no switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// What a session hands on is taken twice.
    TakeTwice,
    /// Every call has retries, asked for or not.
    RetryAll,
    /// A node that cannot renew its lease goes on as if it had.
    SkipSelfStop,
    /// The control store writes without looking at the guards.
    BlindWrites,
    /// Mailboxes hand out the latest call first.
    LastFirst,
    /// A call is taken whichever life it is meant for, and whatever was refused
    /// before it.
    NoFencing,
    /// Nobody tells the callers that a session was lost.
    ForgetLost,
    /// Whoever passes a ref on keeps no pin.
    DropPin,
    /// Pins are never released.
    KeepPin,
    /// Actors are started without a reservation.
    OverReserve,
    /// The control store forgets names when it is away.
    LoseNames,
    /// Reservations are never released.
    KeepReservation,
    /// Probes for call cycles are not sent.
    DropProbes,
    /// Waits that are over stay announced.
    StaleWaits,
    /// A node that refuses a bundle counts as one that keeps it.
    HalfGroups,
    /// Nobody lets go of the bundles of a group.
    KeepBundles,
    /// Strict strategies of groups are taken as the others.
    LooseGroups,
    /// What is asked of a node's labels is not looked at.
    AnyNode,
}

/// All of them.
pub const ALL: [Flaw; 18] = [
    Flaw::TakeTwice,
    Flaw::RetryAll,
    Flaw::SkipSelfStop,
    Flaw::BlindWrites,
    Flaw::LastFirst,
    Flaw::NoFencing,
    Flaw::ForgetLost,
    Flaw::DropPin,
    Flaw::KeepPin,
    Flaw::OverReserve,
    Flaw::LoseNames,
    Flaw::KeepReservation,
    Flaw::DropProbes,
    Flaw::StaleWaits,
    Flaw::HalfGroups,
    Flaw::KeepBundles,
    Flaw::LooseGroups,
    Flaw::AnyNode,
];
