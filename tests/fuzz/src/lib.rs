//! Hostile bytes for what peers, clients, strangers and files can send.
//!
//! A [`Target`] is a plain function that takes any bytes: it must not panic,
//! and what it reads it must be able to write and read again. Its seeds are
//! valid encodings. [`mutate`] makes other inputs of them, in a bounded run on
//! a stable compiler (`tests/bounded.rs`); cargo-fuzz runs the same functions
//! with coverage (`cargo-fuzz/`). Inputs that once failed are files in
//! `corpus/TARGET`, and are run first.

mod identity;
mod machines;
pub mod mutate;
mod stored;
mod text;

/// A decoder, and valid inputs for it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in `corpus`.
    pub name: &'static str,
    /// Takes any bytes; a panic is a finding.
    pub run: fn(&[u8]),
    /// Valid inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    Target { name: "session", run: machines::session, seeds: machines::session_seeds },
    Target { name: "node", run: machines::node, seeds: machines::node_seeds },
    Target { name: "content", run: machines::content, seeds: machines::content_seeds },
    Target { name: "records", run: stored::records, seeds: stored::records_seeds },
    Target { name: "control", run: stored::control, seeds: stored::control_seeds },
    Target { name: "join", run: identity::join, seeds: identity::join_seeds },
    Target { name: "identity", run: identity::records, seeds: identity::records_seeds },
    Target { name: "certificate", run: identity::certificate, seeds: identity::certificate_seeds },
    Target { name: "who", run: text::who, seeds: text::who_seeds },
    Target { name: "values", run: text::values, seeds: text::values_seeds },
];

/// The target of that name.
pub fn named(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// The inputs that a stream of bytes stands for: each has its length before it
/// in two bytes, the last as much as is left.
fn parts(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = data.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        data = rest;
        Some(part)
    })
}

/// Puts inputs together, as [`parts`] takes them apart.
fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut data = Vec::new();
    for part in parts {
        let length = u16::try_from(part.len()).expect("a seed is short");
        data.extend(length.to_be_bytes());
        data.extend(part);
    }
    data
}
