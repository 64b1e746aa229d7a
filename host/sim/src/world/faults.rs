//! What goes wrong.

use std::time::Duration;

use host_core::limits;

use super::{Happens, World};
use crate::counts::Fact;
use crate::flaw::Flaw;
use crate::plan::Fault;

/// The time in which a cluster comes to terms with a fault that has ended: a
/// lease that ends, and connections that are made anew.
const SETTLED_AFTER: Duration = Duration::from_secs(15);

impl World {
    pub(super) fn fault(&mut self) {
        if self.now >= self.plan.busy {
            return;
        }
        let mean = self.plan.fault_every.as_micros() as u64;
        let next = self.now + Duration::from_micros(self.rng.u64(0..2 * mean));
        self.schedule(next, Happens::Fault);
        let fault = self.plan.fault(&mut self.rng);
        let at = self.rng.usize(0..self.boxes.len());
        let lasts = self.some_time(fault);
        let until = self.now + lasts;
        self.oracle.well_since = self.oracle.well_since.max(until + SETTLED_AFTER);
        self.note(|| format!("{fault:?} (box {at}, until {:.3})", until.as_secs_f64()));
        match fault {
            Fault::BreakLink => {
                let ids = self.links.ids();
                if let Some(id) = self.rng.choice(&ids).copied() {
                    self.break_link(id);
                }
            }
            Fault::CutOneWay => {
                self.oracle.counts[Fact::CutsOneWay] += 1;
                let to = self.rng.usize(0..self.boxes.len());
                self.links.cut(at, to, until);
            }
            Fault::Isolate => self.split(until, |other| other == at),
            Fault::Split => {
                let sides: Vec<bool> = self.boxes.iter().map(|_| self.rng.bool()).collect();
                self.split(until, |other| sides[other]);
            }
            Fault::Crash => self.crash(at, until),
            Fault::Pause => self.pause(at, lasts),
            Fault::Disorder => self.links.disorder(until),
            Fault::StoreSlow => self.storage.slow_until = until,
            Fault::StoreAway => {
                self.storage.away_until = until;
                self.storage.store.extend_leases(until);
                if self.flaw == Some(Flaw::LoseNames) {
                    let changes = self.storage.forget_a_name(self.now);
                    self.tell(changes);
                }
            }
            Fault::CutFromStore => self.boxes[at].store_cut = until,
            Fault::StoreLosesLease => {
                if let Some(request) = self.storage.lose_lease(at) {
                    self.oracle.counts[Fact::LeasesLost] += 1;
                    let mut changes = Vec::new();
                    self.storage.store.handle(self.now, &request, &mut changes);
                    self.tell(changes);
                }
            }
            Fault::BreakWatch => self.break_watches(at),
        }
    }

    /// Mostly short, often longer than a session's grace, at times longer than
    /// a lease; over when the faults are.
    fn some_time(&mut self, fault: Fault) -> Duration {
        let millis = match (self.rng.u32(0..10), fault) {
            // A node that cannot renew its lease, and does not know.
            (0..4, Fault::CutFromStore | Fault::Pause) => self.rng.u64(11_000..25_000),
            (0..4, _) => self.rng.u64(1..900),
            (4..8, _) => self.rng.u64(1..5_000),
            _ => self.rng.u64(1..20_000),
        };
        let left = self.plan.busy.saturating_sub(self.now);
        Duration::from_millis(millis).min(left)
    }

    fn split(&mut self, until: Duration, side: impl Fn(usize) -> bool) {
        self.oracle.counts[Fact::Splits] += 1;
        for one in 0..self.boxes.len() {
            for other in 0..self.boxes.len() {
                if side(one) != side(other) {
                    self.links.cut(one, other, until);
                }
            }
        }
    }

    fn crash(&mut self, at: usize, until: Duration) {
        let this = &mut self.boxes[at];
        let Some(host) = this.host.take() else { return };
        self.oracle.counts[Fact::Crashes] += 1;
        this.start += 1;
        this.paused = None;
        if let Some(member) = &host.member {
            self.shared.over.insert(member.id);
            self.oracle.node_over(member.id);
        }
        let seen = self.rng.bool();
        for link in self.links.of(at) {
            if seen {
                self.break_link(link);
            } else {
                // The machine itself is gone: nobody hears of it.
                self.links.forget(link);
            }
        }
        self.schedule(until, Happens::Restart(at));
    }

    fn pause(&mut self, at: usize, lasts: Duration) {
        let this = &mut self.boxes[at];
        if this.host.is_some() && this.paused.is_none() {
            self.oracle.counts[Fact::Pauses] += 1;
            self.oracle.counts[Fact::PausesPastLease] += u64::from(lasts > limits::LEASE_TTL);
            let until = self.now + lasts;
            this.paused = Some(Vec::new());
            self.schedule(until, Happens::Resume(at));
        }
    }
}
