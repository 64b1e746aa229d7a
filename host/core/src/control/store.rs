//! The store's rules, in memory: what the embedded store keeps on disk, what
//! the simulator gives its nodes, and what others are compared with.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Answer, Change, Entry, Guard, Key, LeaseId, Prefix, Request, Revision, Write};
use crate::limits;

/// A control store.
#[derive(Clone, Default, Debug)]
pub struct Store {
    entries: BTreeMap<Key, Entry>,
    /// When each lease ends.
    leases: BTreeMap<LeaseId, Duration>,
    revision: Revision,
    next_lease: u64,
}

impl Store {
    /// Answers a question at `now`, a time that never goes back, and appends
    /// what it changed. Leases that have run out by then end first.
    pub fn handle(
        &mut self,
        now: Duration,
        request: &Request,
        changes: &mut Vec<Change>,
    ) -> Answer {
        self.expire(now, changes);
        match request {
            Request::Lease => {
                self.next_lease += 1;
                let lease = LeaseId(self.next_lease);
                self.leases.insert(lease, now.saturating_add(limits::LEASE_TTL));
                Answer::Leased(lease)
            }
            Request::KeepAlive(lease) => match self.leases.get_mut(lease) {
                Some(ends) => {
                    *ends = now.saturating_add(limits::LEASE_TTL);
                    Answer::Done
                }
                None => Answer::LeaseGone,
            },
            Request::Revoke(lease) => {
                self.end_lease(*lease, changes);
                Answer::Done
            }
            Request::Get(keys) => self.read(keys.iter()),
            Request::Range(prefix) => self.range(*prefix),
            Request::Commit { guards, writes } => self.commit(guards, writes, changes),
        }
    }

    /// Ends the leases that have run out, and takes their keys out.
    pub fn expire(&mut self, now: Duration, changes: &mut Vec<Change>) {
        let over = self.leases.iter().filter(|(_, ends)| **ends <= now);
        let over: Vec<LeaseId> = over.map(|(lease, _)| *lease).collect();
        for lease in over {
            self.end_lease(lease, changes);
        }
    }

    /// When the next lease runs out.
    pub fn wake_at(&self) -> Option<Duration> {
        self.leases.values().min().copied()
    }

    /// Every lease begins anew, as when etcd has a new leader.
    pub fn extend_leases(&mut self, now: Duration) {
        for ends in self.leases.values_mut() {
            *ends = now.saturating_add(limits::LEASE_TTL);
        }
    }

    /// Of the last change.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What a key holds.
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Everything, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    fn read<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Answer {
        let entries = keys.filter_map(|key| self.entries.get(key).cloned()).collect();
        Answer::Entries { entries, revision: self.revision }
    }

    fn range(&self, prefix: Prefix) -> Answer {
        let entries = self.entries.values().filter(|entry| prefix.has(&entry.key));
        Answer::Entries { entries: entries.cloned().collect(), revision: self.revision }
    }

    fn commit(&mut self, guards: &[Guard], writes: &[Write], changes: &mut Vec<Change>) -> Answer {
        if !guards.iter().all(|guard| self.holds(guard)) {
            let entries = guards.iter().filter_map(|guard| self.entries.get(guard.key()).cloned());
            return Answer::Refused { entries: entries.collect(), revision: self.revision };
        }
        let dead = |write: &Write| matches!(write, Write::Put(_, _, Some(lease)) if !self.leases.contains_key(lease));
        if writes.iter().any(dead) {
            return Answer::LeaseGone;
        }
        self.revision.0 += 1;
        for write in writes {
            self.write(write, changes);
        }
        Answer::Committed(self.revision)
    }

    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Absent(key) => !self.entries.contains_key(key),
            Guard::Present(key) => self.entries.contains_key(key),
            Guard::At(key, revision) => {
                self.entries.get(key).is_some_and(|entry| entry.modified == *revision)
            }
        }
    }

    /// One change at the present revision.
    fn write(&mut self, write: &Write, changes: &mut Vec<Change>) {
        let revision = self.revision;
        match write {
            Write::Put(key, value, lease) => {
                let created = self.entries.get(key).map_or(revision, |entry| entry.created);
                let entry = Entry {
                    key: key.clone(),
                    value: value.clone(),
                    created,
                    modified: revision,
                    lease: *lease,
                };
                self.entries.insert(key.clone(), entry);
                changes.push(Change { key: key.clone(), value: Some(value.clone()), revision });
            }
            Write::Delete(key) => {
                if self.entries.remove(key).is_some() {
                    changes.push(Change { key: key.clone(), value: None, revision });
                }
            }
        }
    }

    fn end_lease(&mut self, lease: LeaseId, changes: &mut Vec<Change>) {
        if self.leases.remove(&lease).is_none() {
            return;
        }
        let bound = self.entries.values().filter(|entry| entry.lease == Some(lease));
        let bound: Vec<Key> = bound.map(|entry| entry.key.clone()).collect();
        if bound.is_empty() {
            return;
        }
        self.revision.0 += 1;
        for key in bound {
            self.write(&Write::Delete(key), changes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Value;

    fn put(n: u32, lease: Option<LeaseId>) -> Write {
        Write::Put(Key::NextNode, Value::NextNode(n), lease)
    }

    fn ask(store: &mut Store, at: u64, request: Request) -> (Answer, usize) {
        let mut changes = Vec::new();
        let answer = store.handle(Duration::from_secs(at), &request, &mut changes);
        (answer, changes.len())
    }

    fn commit(store: &mut Store, guard: Guard, write: Write) -> Answer {
        ask(store, 0, Request::Commit { guards: vec![guard], writes: vec![write] }).0
    }

    #[test]
    fn only_one_of_two_with_the_same_guard_writes() {
        let mut store = Store::default();
        let guard = Guard::Absent(Key::NextNode);
        assert_eq!(commit(&mut store, guard.clone(), put(1, None)), Answer::Committed(Revision(1)));
        let Answer::Refused { entries, revision } = commit(&mut store, guard, put(2, None)) else {
            panic!("the second was carried out");
        };
        assert_eq!((entries[0].value.clone(), revision), (Value::NextNode(1), Revision(1)));
        let at = Guard::At(Key::NextNode, Revision(1));
        assert_eq!(commit(&mut store, at.clone(), put(3, None)), Answer::Committed(Revision(2)));
        assert!(matches!(commit(&mut store, at, put(4, None)), Answer::Refused { .. }));
        let entry = store.get(&Key::NextNode).unwrap();
        assert_eq!((entry.created, entry.modified), (Revision(1), Revision(2)));
    }

    #[test]
    fn a_lease_takes_its_keys_along_and_is_not_revived() {
        let mut store = Store::default();
        let (Answer::Leased(lease), _) = ask(&mut store, 0, Request::Lease) else { panic!() };
        let write = Request::Commit { guards: vec![], writes: vec![put(1, Some(lease))] };
        assert_eq!(ask(&mut store, 1, write.clone()), (Answer::Committed(Revision(1)), 1));
        assert_eq!(ask(&mut store, 9, Request::KeepAlive(lease)), (Answer::Done, 0));
        assert_eq!(store.wake_at(), Some(Duration::from_secs(19)));
        assert_eq!(ask(&mut store, 19, Request::KeepAlive(lease)), (Answer::LeaseGone, 1));
        assert_eq!(store.revision(), Revision(2));
        assert_eq!(store.iter().count(), 0);
        assert_eq!(ask(&mut store, 20, write), (Answer::LeaseGone, 0));
    }
}
