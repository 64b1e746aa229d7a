//! What is asked of the records is asked of the model too, and the answers are
//! the same but for the numbers of leases and revisions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use host_control::{ControlStore as _, Deadline, Transaction};
use host_core::control::{
    Answer, Change, Entry, Guard, LeaseId, Prefix, Request, Revision, Store, Write,
};
use host_records::Records;

use crate::draw;
use crate::stores::Patient;

/// Questions of one seed.
const QUESTIONS: usize = 300;

/// No test waits for it unless it fails.
const LONG: Duration = Duration::from_secs(30);

const WATCHED: [Prefix; 5] =
    [Prefix::Nodes, Prefix::Names, Prefix::Actors, Prefix::AllPlaced, Prefix::Groups];

/// The model and the records, and what a number of one is in the other.
struct Pair {
    model: Store,
    records: Records,
    changes: Vec<Change>,
    leases: BTreeMap<LeaseId, LeaseId>,
    revisions: BTreeMap<Revision, Revision>,
}

impl Pair {
    fn ask_model(&mut self, request: &Request) -> Answer {
        // Time stands still, so that leases end when they are revoked only.
        self.model.handle(Duration::ZERO, request, &mut self.changes)
    }

    /// The model's question as the records are asked it.
    fn translate(&self, request: &Request) -> Request {
        let lease = |lease: &LeaseId| self.leases[lease];
        match request {
            Request::Lease | Request::Get(_) | Request::Range(_) => request.clone(),
            Request::KeepAlive(of) => Request::KeepAlive(lease(of)),
            Request::Revoke(of) => Request::Revoke(lease(of)),
            Request::Commit { guards, writes } => Request::Commit {
                guards: guards.iter().map(|guard| self.guard(guard)).collect(),
                writes: writes
                    .iter()
                    .map(|write| match write {
                        Write::Put(key, value, of) => {
                            Write::Put(key.clone(), value.clone(), of.as_ref().map(lease))
                        }
                        Write::Delete(key) => Write::Delete(key.clone()),
                    })
                    .collect(),
            },
        }
    }

    fn guard(&self, guard: &Guard) -> Guard {
        match guard {
            Guard::At(key, revision) => Guard::At(key.clone(), self.revisions[revision]),
            Guard::Absent(_) | Guard::Present(_) => guard.clone(),
        }
    }

    fn same_entries(&self, model: &[Entry], records: &[Entry]) {
        let expected: Vec<Entry> = model
            .iter()
            .map(|entry| Entry {
                created: self.revisions[&entry.created],
                modified: self.revisions[&entry.modified],
                lease: entry.lease.map(|lease| self.leases[&lease]),
                ..entry.clone()
            })
            .collect();
        assert_eq!(records, expected);
    }

    /// Asks both, and compares.
    async fn ask(&mut self, request: Request) {
        let expected = self.ask_model(&request);
        let answer = self.records.ask(self.translate(&request)).await;
        match (&expected, &answer) {
            (Answer::Leased(model), Answer::Leased(lease)) => {
                self.leases.insert(*model, *lease);
            }
            (Answer::Committed(model), Answer::Committed(revision)) => {
                // One that changed nothing is a revision in the model only.
                if self.changes.last().is_some_and(|change| change.revision == *model) {
                    self.revisions.insert(*model, *revision);
                }
            }
            (Answer::Entries { entries: model, .. }, Answer::Entries { entries, .. })
            | (Answer::Refused { entries: model, .. }, Answer::Refused { entries, .. }) => {
                self.same_entries(model, entries);
            }
            (Answer::Done, Answer::Done) | (Answer::LeaseGone, Answer::LeaseGone) => {}
            _ => panic!("{request:?}: {answer:?}, not {expected:?}"),
        }
    }

    fn draw(&self, rng: &mut Rng) -> Request {
        // One that never was is among them.
        let lease = *rng.choice(&self.leases.keys().copied().collect::<Vec<_>>()).unwrap();
        match rng.u32(..12) {
            0 => Request::Lease,
            1 => Request::KeepAlive(lease),
            2 => Request::Revoke(lease),
            3 | 4 => Request::Get((0..rng.usize(..8)).map(|_| draw::key(rng)).collect()),
            5 | 6 => Request::Range(draw::prefix(rng)),
            _ => {
                let guards = (0..rng.usize(..4)).map(|_| self.draw_guard(rng)).collect();
                let keys: BTreeSet<_> = (0..rng.usize(..6)).map(|_| draw::key(rng)).collect();
                let writes = keys.into_iter().map(|key| match rng.u32(..4) {
                    0 => Write::Delete(key),
                    1 => Write::Put(key.clone(), draw::value(rng, &key), Some(lease)),
                    _ => Write::Put(key.clone(), draw::value(rng, &key), None),
                });
                Request::Commit { writes: writes.collect(), guards }
            }
        }
    }

    fn draw_guard(&self, rng: &mut Rng) -> Guard {
        let drawn = draw::key(rng);
        let present = self.model.iter().nth(rng.usize(..20));
        // Most guards are to hold.
        match (rng.u32(..8), present) {
            (0, _) => Guard::Present(drawn),
            (1..4, Some(entry)) => Guard::Present(entry.key.clone()),
            (4..6, Some(entry)) => Guard::At(entry.key.clone(), entry.modified),
            (6, Some(entry)) if !self.revisions.is_empty() => {
                let any = rng.usize(..self.revisions.len());
                Guard::At(entry.key.clone(), *self.revisions.keys().nth(any).unwrap())
            }
            _ => Guard::Absent(drawn),
        }
    }

    /// What a watch told is what the model changed.
    async fn same_changes(&self, prefix: Prefix, watch: BoxStream<'static, Change>) {
        let expected = self.changes.iter().filter(|change| prefix.has(&change.key));
        let mut expected: Vec<_> = expected.cloned().collect();
        let told = watch.take(expected.len()).collect::<Vec<_>>();
        let mut told = tokio::time::timeout(LONG, told).await.expect("the watch tells all");
        assert!(told.is_sorted_by_key(|change| change.revision), "{prefix:?}");
        // What ends with a lease ends in any order.
        for changes in [&mut expected, &mut told] {
            changes
                .sort_by(|one, other| (one.revision, &one.key).cmp(&(other.revision, &other.key)));
        }
        for (expected, told) in expected.iter().zip(&told) {
            assert_eq!((&told.key, &told.value), (&expected.key, &expected.value));
            if let Some(revision) = self.revisions.get(&expected.revision) {
                assert_eq!(told.revision, *revision);
            }
        }
    }
}

async fn check(seed: u64, page_len: usize) {
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let store = Patient::with_pages(folder.path(), page_len).await;
    let before = others(&store).await;
    let records = Records::new(store.clone());
    let mut pair = Pair {
        model: Store::default(),
        records: records.clone(),
        changes: Vec::new(),
        leases: BTreeMap::from([(LeaseId(u64::MAX), LeaseId(4_000_000))]),
        revisions: BTreeMap::new(),
    };
    let Answer::Entries { revision, .. } = records.ask(Request::Get(vec![])).await else {
        panic!("there is no revision");
    };
    let watches = WATCHED.map(|prefix| (prefix, records.watch(prefix, revision)));
    for _ in 0..QUESTIONS {
        let request = pair.draw(&mut rng);
        pair.ask(request).await;
    }
    assert!(pair.changes.len() > QUESTIONS / 4, "{} changes", pair.changes.len());
    for (prefix, watch) in watches {
        pair.same_changes(prefix, watch).await;
    }
    assert_eq!(before, others(&store).await, "records of others were touched");
    assert_eq!(records.trouble(), None);
}

/// Keys that are none of these, though some look alike.
const OTHERS: [&str; 5] = ["identity/ca", "identity/node/n1", "cluster-wide", "nodes", "zzz"];

/// Writes records of others, if they are not there; what they are.
async fn others(store: &Patient) -> Vec<host_control::Record> {
    let mut records = Vec::new();
    for name in OTHERS {
        let key = host_control::Key::new(name).unwrap();
        let put = Transaction::new().absent(key.clone()).put(key.clone(), name);
        store.transact(&put, Deadline::after(LONG)).await.unwrap();
        let reading = store.get(&key, Deadline::after(LONG)).await.unwrap();
        records.extend(reading.record);
    }
    records
}

#[tokio::test]
async fn records_answer_and_tell_what_the_model_does() {
    for seed in 0..4 {
        check(seed, host_control::limits::PAGE_RECORDS_MAX).await;
    }
}

#[tokio::test]
async fn ranges_of_many_pages_are_one_answer() {
    check(100, 1).await;
    check(101, 3).await;
}
