//! What goes wrong.

use std::time::Duration;

use super::{Happens, World};
use crate::flaw::Flaw;
use crate::plan::Fault;

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
        let until = self.now + self.some_time(fault);
        self.note(|| format!("{fault:?} (box {at}, until {:.3})", until.as_secs_f64()));
        match fault {
            Fault::BreakLink => {
                let ids = self.links.ids();
                if let Some(id) = self.rng.choice(&ids).copied() {
                    self.break_link(id);
                }
            }
            Fault::CutOneWay => {
                let to = self.rng.usize(0..self.boxes.len());
                self.links.cut(at, to, until);
            }
            Fault::Isolate => self.split(until, |other| other == at),
            Fault::Split => {
                let sides: Vec<bool> = self.boxes.iter().map(|_| self.rng.bool()).collect();
                self.split(until, |other| sides[other]);
            }
            Fault::Crash => self.crash(at, until),
            Fault::Pause => self.pause(at, until),
            Fault::StoreSlow => self.storage.slow_until = until,
            Fault::StoreAway => {
                self.storage.away_until = until;
                self.storage.store.extend_leases(until);
                if self.flaw == Some(Flaw::LoseNames) {
                    self.storage.forget_a_name(self.now);
                }
            }
            Fault::CutFromStore => self.boxes[at].store_cut = until,
            Fault::StoreLosesLease => {
                if let Some(request) = self.storage.lose_lease(at) {
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

    fn pause(&mut self, at: usize, until: Duration) {
        let this = &mut self.boxes[at];
        if this.host.is_some() && this.paused.is_none() {
            this.paused = Some(Vec::new());
            self.schedule(until, Happens::Resume(at));
        }
    }
}
