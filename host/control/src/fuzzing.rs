//! What is read from a store elsewhere and from the history file, for the
//! fuzzers of `tests/fuzz`.

use host_proto::control as proto;
use prost::Message as _;

use crate::{Changes, Reading, wire};

/// The changes of a revision, as kept and as told.
pub fn changes(bytes: &[u8]) -> Option<Changes> {
    wire::changes_from(proto::Changes::decode(bytes).ok()?).ok()
}

/// How they are kept.
pub fn kept(changes: Changes) -> Vec<u8> {
    wire::changes_to(changes).encode_to_vec()
}

/// The answer to a question for one key.
pub fn reading(bytes: &[u8]) -> Option<Reading> {
    wire::reading_from(proto::GetAnswer::decode(bytes).ok()?).ok()
}
