//! The control store of the model, and the way to it.

use std::time::Duration;

use host_core::NodeId;
use host_core::control::{
    Answer, Change, Key, Prefix, Request, Revision, Store, Ticket, Value, Write,
};

use super::{Happens, World};
use crate::counts::Fact;
use crate::flaw::Flaw;
use crate::host::{Asker, Input};

/// A question that is not answered in this time has no answer.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Storage {
    pub(super) store: Store,
    log: Vec<Change>,
    watches: Vec<Watch>,
    flaw: Option<Flaw>,
    pub(super) away_until: Duration,
    pub(super) slow_until: Duration,
    wakes_at: Option<Duration>,
}

struct Watch {
    at: usize,
    start: u32,
    asker: Asker,
    prefix: Prefix,
    busy_until: Duration,
}

pub(super) struct Asked {
    at: usize,
    start: u32,
    asker: Asker,
    ticket: Ticket,
    request: Request,
    sent: Duration,
    back: Duration,
}

impl Storage {
    pub(super) fn new(flaw: Option<Flaw>) -> Storage {
        Storage {
            store: Store::default(),
            log: Vec::new(),
            watches: Vec::new(),
            flaw,
            away_until: Duration::ZERO,
            slow_until: Duration::ZERO,
            wakes_at: None,
        }
    }

    fn handle(&mut self, now: Duration, request: &Request, changes: &mut Vec<Change>) -> Answer {
        if let (Request::Commit { writes, .. }, Some(Flaw::BlindWrites)) = (request, self.flaw) {
            let request = Request::Commit { guards: Vec::new(), writes: writes.clone() };
            return self.store.handle(now, &request, changes);
        }
        self.store.handle(now, request, changes)
    }

    /// A name is forgotten, as a store that was wiped in part would.
    pub(super) fn forget_a_name(&mut self, now: Duration) -> Vec<Change> {
        let mut changes = Vec::new();
        let name = self.store.iter().find(|entry| matches!(entry.value, Value::Name(_)));
        if let Some(key) = name.map(|entry| entry.key.clone()) {
            let writes = vec![Write::Delete(key)];
            let request = Request::Commit { guards: Vec::new(), writes };
            self.store.handle(now, &request, &mut changes);
        }
        changes
    }

    /// A lease that ends before its time.
    pub(super) fn lose_lease(&mut self, at: usize) -> Option<Request> {
        let leases: Vec<_> = self.store.iter().filter_map(|entry| entry.lease).collect();
        let lease = leases.get(at.checked_rem(leases.len())?)?;
        Some(Request::Revoke(*lease))
    }
}

impl World {
    fn store_delay(&mut self) -> Duration {
        if self.now < self.storage.slow_until {
            self.oracle.counts[Fact::StoreSlow] += 1;
            Duration::from_millis(self.rng.u64(0..1_800))
        } else {
            Duration::from_micros(self.rng.u64(200..4_000))
        }
    }

    fn store_reached_by(&self, at: usize) -> bool {
        self.now >= self.storage.away_until && self.now >= self.boxes[at].store_cut
    }

    pub(super) fn ask_store(
        &mut self,
        at: usize,
        start: u32,
        asker: Asker,
        ticket: Ticket,
        request: Request,
    ) {
        let (there, back) = (self.store_delay(), self.store_delay());
        // What is not reached may still have got the request.
        if !self.store_reached_by(at) && self.rng.u32(0..20) > 0 {
            self.oracle.counts[Fact::StoreUnreached] += 1;
            let unknown = Input::Answered(asker, ticket, Answer::Unknown);
            let later = self.now + TIMEOUT;
            return self.schedule(later, Happens::Input(at, start, unknown));
        }
        let arrives = (self.now + there).max(self.storage.away_until);
        let sent = self.now;
        let asked = Asked { at, start, asker, ticket, request, sent, back };
        self.schedule(arrives, Happens::Asked(asked));
    }

    pub(super) fn store_asked(&mut self, asked: Asked) {
        let Asked { at, start, asker, ticket, request, sent, back } = asked;
        let mut changes = Vec::new();
        let answer = self.storage.handle(self.now, &request, &mut changes);
        self.tell(changes);
        let answered = self.now + back;
        let timeout = sent + TIMEOUT;
        let (when, answer) = if answered > timeout || !self.store_reached_by(at) {
            self.oracle.counts[Fact::AnswersLost] += 1;
            (timeout.max(self.now), Answer::Unknown)
        } else {
            (answered, answer)
        };
        self.schedule(when, Happens::Input(at, start, Input::Answered(asker, ticket, answer)));
    }

    pub(super) fn store_wakes(&mut self) {
        self.storage.wakes_at = None;
        let mut changes = Vec::new();
        if self.now >= self.storage.away_until {
            self.storage.store.expire(self.now, &mut changes);
        } else {
            // A store that was away does not count the time.
            self.storage.store.extend_leases(self.storage.away_until);
        }
        self.tell(changes);
    }

    pub(super) fn watch_store(
        &mut self,
        at: usize,
        start: u32,
        asker: Asker,
        prefix: Prefix,
        after: Revision,
    ) {
        self.storage
            .watches
            .retain(|watch| !(watch.at == at && watch.start == start && watch.asker == asker));
        let watch = Watch { at, start, asker, prefix, busy_until: self.now };
        self.storage.watches.push(watch);
        let missed = self.storage.log.iter().filter(|change| change.revision > after);
        let missed: Vec<Change> =
            missed.filter(|change| prefix.has(&change.key)).cloned().collect();
        let last = self.storage.watches.len() - 1;
        for change in missed {
            self.tell_one(last, change);
        }
    }

    /// Watches of a box break, and it hears of it.
    pub(super) fn break_watches(&mut self, at: usize) {
        let watches = std::mem::take(&mut self.storage.watches);
        let (broken, kept) = watches.into_iter().partition(|watch| watch.at == at);
        self.storage.watches = kept;
        let broken: Vec<Watch> = broken;
        for watch in broken {
            self.oracle.counts[Fact::WatchesBroken] += 1;
            let heard =
                watch.busy_until.max(self.now) + Duration::from_millis(self.rng.u64(0..900));
            let input = Input::WatchLost(watch.asker);
            self.schedule(heard, Happens::Input(watch.at, watch.start, input));
        }
    }

    pub(super) fn tell(&mut self, changes: Vec<Change>) {
        for change in changes {
            if let (Key::Node(id), None) = (&change.key, &change.value) {
                let id: NodeId = *id;
                self.note(|| format!("the store drops {id}"));
                self.shared.over.insert(id);
                self.oracle.counts[Fact::NodesExpired] += 1;
            }
            self.oracle.changed(&change);
            for at in 0..self.storage.watches.len() {
                if self.storage.watches[at].prefix.has(&change.key) {
                    self.tell_one(at, change.clone());
                }
            }
            self.storage.log.push(change);
        }
        if let Some(wake) = self.storage.store.wake_at()
            && self.storage.wakes_at.is_none_or(|before| wake < before)
        {
            self.storage.wakes_at = Some(wake);
            self.schedule(wake, Happens::StoreWakes);
        }
    }

    fn tell_one(&mut self, watch: usize, change: Change) {
        let delay = self.store_delay();
        let away = self.storage.away_until;
        let watch = &mut self.storage.watches[watch];
        let cut = self.boxes[watch.at].store_cut;
        watch.busy_until = watch.busy_until.max(self.now + delay).max(away).max(cut);
        let (when, at, start) = (watch.busy_until, watch.at, watch.start);
        let input = Input::Changed(watch.asker, change);
        self.schedule(when, Happens::Input(at, start, input));
    }
}
