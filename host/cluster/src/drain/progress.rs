//! How far a drain is, for people and on the wire.

use host_core::limits;
use host_proto::node as proto;

/// How far a drain is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Drain {
    /// Actors that are on other nodes now.
    pub moved: Listed,
    /// Actors that could not move and were ended.
    pub ended: Listed,
    /// Actors that are still there, drivers included.
    pub left: u32,
    /// Milliseconds to the deadline.
    pub rest_ms: u64,
    /// Objects of the node that other nodes hold: they are lost with it.
    pub objects_lent: u64,
    /// Actors on other nodes that were created here, and end with it.
    pub orphans: u64,
    /// Whether nothing is left, and the node leaves.
    pub over: bool,
}

/// Actors, of which the first are named.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Listed {
    /// How many.
    pub count: u64,
    /// The first of them; at most [`limits::EXPLAINED_ITEMS`].
    pub first: Vec<String>,
}

impl Drain {
    /// For the wire.
    pub(super) fn wire(&self) -> proto::DrainProgress {
        let Drain { moved, ended, left, rest_ms, objects_lent, orphans, over } = self;
        proto::DrainProgress {
            moved: Some(moved.wire()),
            ended: Some(ended.wire()),
            left: *left,
            rest_ms: *rest_ms,
            objects_lent: *objects_lent,
            orphans: *orphans,
            over: *over,
        }
    }

    /// From the wire.
    pub(super) fn read(progress: proto::DrainProgress) -> Drain {
        let proto::DrainProgress { moved, ended, left, rest_ms, objects_lent, orphans, over } =
            progress;
        let (moved, ended) = (Listed::read(moved), Listed::read(ended));
        Drain { moved, ended, left, rest_ms, objects_lent, orphans, over }
    }
}

impl Listed {
    /// One more.
    pub(super) fn add(&mut self, label: String) {
        self.count += 1;
        if self.first.len() < limits::EXPLAINED_ITEMS {
            self.first.push(label);
        }
    }

    fn wire(&self) -> proto::Listed {
        proto::Listed { count: self.count, first: self.first.clone() }
    }

    fn read(listed: Option<proto::Listed>) -> Listed {
        let proto::Listed { count, first } = listed.unwrap_or_default();
        let first = first.into_iter().take(limits::EXPLAINED_ITEMS);
        let short = |label: String| label.chars().take(limits::NAME_BYTES).collect();
        Listed { count, first: first.map(short).collect() }
    }
}
