//! What is read from peers, for the fuzzers of `tests/fuzz`.

use host_core::{lending, probes};
use host_proto::node as proto;
use host_proto::node::message::Kind;
use prost::Message as _;

use crate::wire::{self, Read, WireId};

/// What a message says to a machine of the rules.
#[derive(Clone, PartialEq, Debug)]
pub enum Said {
    /// To `lending`.
    Loan(lending::Message),
    /// To `probes`.
    Probe(probes::Message),
    /// To none alone.
    Other,
}

/// A message as it comes in a frame.
///
/// # Errors
/// What is wrong with it.
pub fn message(payload: &[u8]) -> Result<Said, String> {
    let message = proto::Message::decode(payload).map_err(|error| error.to_string())?;
    let said = match message.kind.ok_or("a message of an unknown kind")? {
        Kind::Loan(loan) => Said::Loan(wire::read_loan(loan)?),
        Kind::Probe(probe) => Said::Probe(wire::read_probe(probe)?),
        other => {
            parts(other)?;
            Said::Other
        }
    };
    Ok(said)
}

/// A message as it is sent.
pub fn sent(said: &Said) -> Vec<u8> {
    let kind = match said.clone() {
        Said::Loan(message) => Some(Kind::Loan(wire::loan(message))),
        Said::Probe(message) => Some(Kind::Probe(wire::probe(message))),
        Said::Other => None,
    };
    proto::Message { kind }.encode_to_vec()
}

/// The parts of a message that can be read by themselves.
fn parts(kind: Kind) -> Read<()> {
    match kind {
        Kind::Call(call) => {
            host_core::CallId::read(call.id)?;
            host_core::ActorId::read(call.target)?;
            wire::read_tries(call.retries);
        }
        Kind::Spawn(spawn) => {
            wire::read_birth(spawn.birth.ok_or("a spawn of nothing")?)?;
        }
        Kind::Load(load) => {
            wire::read_amounts(&load.free)?;
        }
        Kind::Cancel(cancel) => {
            wire::read_error(cancel.why.ok_or("cancelled without a reason")?);
        }
        Kind::PrepareBundle(prepare) => {
            host_core::GroupId::read(prepare.group)?;
            wire::read_amounts(&prepare.resources)?;
        }
        Kind::GroupSaid(said) => {
            said.error.map(wire::read_error);
        }
        Kind::EndJob(end) => {
            host_core::JobId::read(end.job)?;
        }
        _ => {}
    }
    Ok(())
}
