//! Ids. Each names the node it was born on, so that whoever holds one knows
//! where to ask first, without a directory.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A host process, once: a node that starts again has a new id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub u32);

/// An actor, across its restarts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ActorId {
    /// The node it was first placed on, which gave it its id.
    pub node: NodeId,
    /// Counts up on that node; never used again.
    pub seq: u64,
}

/// An object, named by its owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectId {
    /// The node that owns it: that of the actor that made the ref.
    pub node: NodeId,
    /// Counts up on that node; never used again.
    pub seq: u64,
}

/// One run of a driver, or of a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId {
    /// The node it was submitted to.
    pub node: NodeId,
    /// Counts up on that node; never used again.
    pub seq: u64,
}

/// A call, across its tries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId {
    /// The caller's node.
    pub node: NodeId,
    /// Counts up on that node; never used again.
    pub seq: u64,
}

/// A placement group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId {
    /// The node that reserved it.
    pub node: NodeId,
    /// Counts up on that node; never used again.
    pub seq: u64,
}

/// A cluster: drawn at random when its control store is made, never used
/// again. A store that was wiped, or is another's, has another; and a
/// certificate of another cluster is refused even if its authority's key were
/// the same, as after a copied data directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClusterId(pub u128);

/// The text is no id of this kind, as ids are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an id is printed like n1, or a7@n1")]
pub struct NoId;

/// The text is no cluster's id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a cluster id has 32 hexadecimal digits")]
pub struct NoClusterId;

/// A package, by the SHA-256 of its file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub [u8; 32]);

/// An actor as people see it: its class and id, such as `Counter(a7@n1)`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Label {
    /// The class's name, or `driver`.
    pub class: Arc<str>,
    /// The actor.
    pub id: ActorId,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}@{}", self.seq, self.node)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "o{}@{}", self.seq, self.node)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "j{}@{}", self.seq, self.node)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}@{}", self.seq, self.node)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}@{}", self.seq, self.node)
    }
}

impl ClusterId {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> ClusterId {
        ClusterId(u128::from_be_bytes(bytes))
    }

    /// From its bytes, if they are as many.
    pub fn from_slice(bytes: &[u8]) -> Option<ClusterId> {
        bytes.try_into().ok().map(ClusterId::from_bytes)
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl FromStr for NodeId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<NodeId, NoId> {
        numbered(text, 'n').map(NodeId)
    }
}

impl FromStr for ActorId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<ActorId, NoId> {
        born(text, 'a').map(|(seq, node)| ActorId { node, seq })
    }
}

impl FromStr for GroupId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<GroupId, NoId> {
        born(text, 'g').map(|(seq, node)| GroupId { node, seq })
    }
}

/// The number behind a letter, if it is written as numbers are printed: an id
/// has one text.
fn numbered<T: FromStr>(text: &str, letter: char) -> Result<T, NoId> {
    let digits = text.strip_prefix(letter).ok_or(NoId)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (digits.starts_with('0') && digits.len() > 1) {
        return Err(NoId);
    }
    digits.parse().map_err(|_| NoId)
}

fn born(text: &str, letter: char) -> Result<(u64, NodeId), NoId> {
    let (number, node) = text.split_once('@').ok_or(NoId)?;
    Ok((numbered(number, letter)?, node.parse()?))
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ClusterId {
    type Err = NoClusterId;

    fn from_str(text: &str) -> Result<ClusterId, NoClusterId> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number.map(ClusterId).ok_or(NoClusterId)
    }
}

impl PackageId {
    /// Reads what [`Display`](fmt::Display) writes; none for anything else.
    pub fn parse(text: &str) -> Option<PackageId> {
        let mut id = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 2 * id.len() {
            return None;
        }
        let digit = |at: usize| match digits[at] {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        for (at, byte) in id.iter_mut().enumerate() {
            *byte = digit(2 * at)? << 4 | digit(2 * at + 1)?;
        }
        Some(PackageId(id))
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackageId({self})")
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.class, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_their_node() {
        let id = ActorId { node: NodeId(1), seq: 7 };
        assert_eq!(id.to_string(), "a7@n1");
        assert_eq!(Label { class: "Counter".into(), id }.to_string(), "Counter(a7@n1)");
    }

    #[test]
    fn the_text_of_an_id_reads_back_and_no_other_does() {
        let id = ActorId { node: NodeId(u32::MAX), seq: u64::MAX };
        assert_eq!(id.to_string().parse(), Ok(id));
        let id = GroupId { node: NodeId(0), seq: 10 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "n", "n01", "n+1", "n-1", "n4294967296", "1", "n1 ", "é1"] {
            assert_eq!(text.parse::<NodeId>(), Err(NoId), "{text}");
        }
        for text in ["a1", "a1@", "a1@1", "g1@n1", "a01@n1", "a1@n1@n1", "@n1"] {
            assert_eq!(text.parse::<ActorId>(), Err(NoId), "{text}");
        }
    }

    #[test]
    fn the_text_of_a_cluster_id_reads_back_and_no_other_does() {
        let id = ClusterId::from_bytes([7; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(ClusterId::from_slice(&id.bytes()), Some(id));
        for text in ["", "12", "+0000000000000000000000000000001", &"é".repeat(16)] {
            assert_eq!(text.parse::<ClusterId>(), Err(NoClusterId), "{text}");
        }
    }

    #[test]
    fn a_package_prints_as_hexadecimal() {
        let mut hash = [0; 32];
        hash[0] = 0xab;
        assert!(PackageId(hash).to_string().starts_with("ab0000"));
        let text = PackageId(hash).to_string();
        assert_eq!(text.len(), 64);
        assert_eq!(PackageId::parse(&text), Some(PackageId(hash)));
        for other in ["", "ab", &text[1..], &text.to_uppercase(), &format!("{text}0")] {
            assert_eq!(PackageId::parse(other), None, "{other:?}");
        }
    }
}
