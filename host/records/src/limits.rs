//! The bounds of records, with their reasons. Those of texts and of what an
//! actor is born from are in [`host_core::limits`].

use std::time::Duration;

use host_core::limits;

/// Keys of one read, and guards of one commit: what a store answers the values
/// of. The rules read two and guard four.
pub(crate) const KEYS_MAX: usize = host_control::limits::VALUES_ANSWERED_MAX;

/// Records in the answer to a range: as many actors as a job may have. They
/// take about 200 bytes each where there are many.
pub(crate) const RANGE_RECORDS_MAX: usize = limits::JOB_ACTORS;

/// Bytes of the values in the answer to a range, since records of actors with
/// large arguments are not small.
pub(crate) const RANGE_BYTES_MAX: usize = 256 << 20;

/// How long a range may take. A page has [`limits::CONTROL_TIME`]; the largest
/// range has a thousand pages.
pub(crate) const RANGE_TIME: Duration = Duration::from_secs(30);

/// Records that could not be read and are remembered as told, so that the log
/// has each once.
pub(crate) const TOLD_MAX: usize = 1_000;

/// Addresses of a node: a few networks, IPv4 and IPv6.
pub(crate) const ADDRESSES_MAX: usize = 16;

/// Bytes of an address: the longest name in DNS and a port.
pub(crate) const ADDRESS_BYTES_MAX: usize = 264;

/// Resources of a node, an actor or a bundle: those an actor may ask for, and
/// the three that are not custom.
pub(crate) const RESOURCES_MAX: usize = limits::RESERVED_RESOURCES + 3;

/// Labels of a node.
pub(crate) const LABELS_MAX: usize = limits::LABELS;

/// Required and preferred conditions on labels, each.
pub(crate) const SELECTORS_MAX: usize = limits::SELECTORS;

/// Values that one condition admits.
pub(crate) const SELECTED_MAX: usize = limits::SELECTED;

/// Bytes of the story of an actor's end: what a guest may say, and the words
/// around it.
pub(crate) const STORY_BYTES_MAX: usize = 2 * limits::MESSAGE_BYTES;

/// Bundles of a group.
pub(crate) const BUNDLES_MAX: usize = 1_000;

/// The largest record of an actor has room in a value of the store.
const _: () = assert!(
    limits::BIRTH_BYTES
        + STORY_BYTES_MAX
        + 2 * SELECTORS_MAX * (SELECTED_MAX + 1) * (limits::NAME_BYTES + 8)
        + RESOURCES_MAX * (limits::NAME_BYTES + 16)
        + 8 * limits::NAME_BYTES
        < host_control::limits::VALUE_BYTES_MAX
);
