//! The refs and handles one guest holds, by the index its resources carry.
//! A table of ours, so that an actor's handles can one day be saved and made
//! anew; wasmtime's own table guards the indices, so a guest cannot forge one.

use host_core::{Error, limits};

use host_refs::{Handle, ObjectRef};

/// A guest's refs and handles. Indices of dropped entries are used again.
#[derive(Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    /// The first free entry; each free entry names the next.
    free: Option<u32>,
    live: usize,
}

enum Entry {
    Ref(ObjectRef),
    Handle(Handle),
    Free(Option<u32>),
}

/// An index of the wrong kind, or of nothing: the guest's resource table and
/// ours disagree, which only a bug can cause.
#[derive(Debug, thiserror::Error)]
#[error("resource {0} is not in the actor's table")]
pub(super) struct Stale(u32);

impl Table {
    pub(super) fn push_ref(&mut self, object: ObjectRef) -> Result<u32, Error> {
        self.push(Entry::Ref(object))
    }

    pub(super) fn push_handle(&mut self, handle: Handle) -> Result<u32, Error> {
        self.push(Entry::Handle(handle))
    }

    pub(super) fn object(&self, index: u32) -> Result<&ObjectRef, Stale> {
        match self.entries.get(index as usize) {
            Some(Entry::Ref(object)) => Ok(object),
            _ => Err(Stale(index)),
        }
    }

    pub(super) fn handle(&self, index: u32) -> Result<&Handle, Stale> {
        match self.entries.get(index as usize) {
            Some(Entry::Handle(handle)) => Ok(handle),
            _ => Err(Stale(index)),
        }
    }

    pub(super) fn take_object(&mut self, index: u32) -> Result<ObjectRef, Stale> {
        self.object(index)?;
        match self.remove(index) {
            Some(Entry::Ref(object)) => Ok(object),
            _ => Err(Stale(index)),
        }
    }

    pub(super) fn take_handle(&mut self, index: u32) -> Result<Handle, Stale> {
        self.handle(index)?;
        match self.remove(index) {
            Some(Entry::Handle(handle)) => Ok(handle),
            _ => Err(Stale(index)),
        }
    }

    fn push(&mut self, entry: Entry) -> Result<u32, Error> {
        if self.live >= limits::ACTOR_RESOURCES {
            return Err(Error::OutOfMemory(format!(
                "the actor holds {} refs and handles, the most it may; drop some",
                self.live
            )));
        }
        self.live += 1;
        if let Some(index) = self.free {
            let slot = &mut self.entries[index as usize];
            let Entry::Free(next) = *slot else { unreachable!("the free list names free entries") };
            self.free = next;
            *slot = entry;
            return Ok(index);
        }
        let index = u32::try_from(self.entries.len()).expect("bounded by ACTOR_RESOURCES");
        self.entries.push(entry);
        Ok(index)
    }

    fn remove(&mut self, index: u32) -> Option<Entry> {
        let slot = self.entries.get_mut(index as usize)?;
        let entry = std::mem::replace(slot, Entry::Free(self.free));
        self.free = Some(index);
        self.live -= 1;
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use host_core::{NodeId, ObjectId};

    use super::*;
    use host_refs::Value;

    fn object(seq: u64) -> ObjectRef {
        ObjectRef::ready(ObjectId { node: NodeId(1), seq }, Value::default(), None)
    }

    #[test]
    fn freed_indices_are_used_again() {
        let mut table = Table::default();
        let a = table.push_ref(object(1)).unwrap();
        let b = table.push_ref(object(2)).unwrap();
        assert_eq!(table.take_object(a).unwrap().id().seq, 1);
        assert_eq!(table.push_ref(object(3)).unwrap(), a);
        assert_eq!(table.object(b).unwrap().id().seq, 2);
        assert_eq!(table.entries.len(), 2);
    }

    #[test]
    fn a_stale_or_foreign_index_is_an_error() {
        let mut table = Table::default();
        let a = table.push_ref(object(1)).unwrap();
        assert!(table.handle(a).is_err());
        assert!(table.take_handle(a).is_err());
        assert!(table.object(99).is_err());
        table.take_object(a).unwrap();
        assert!(table.take_object(a).is_err());
        assert_eq!(table.live, 0);
    }

    #[test]
    fn a_full_table_is_an_answer() {
        let mut table = Table { live: limits::ACTOR_RESOURCES, ..Table::default() };
        assert!(matches!(table.push_ref(object(1)), Err(Error::OutOfMemory(_))));
    }
}
