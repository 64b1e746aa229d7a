//! The waits against a list of edges and a search that remembers nothing
//! between calls.

use std::collections::BTreeSet;

use fastrand::Rng;
use host_core::waits::{Ticket, Waiter, Waits};
use host_core::{NodeId, ObjectId};

use crate::{actor, for_seeds, pick};

/// Every wait in progress: who, and on what.
#[derive(Default)]
struct Model {
    waits: Vec<(Ticket, Waiter, Vec<Waiter>)>,
}

impl Model {
    fn has_edge(&self, from: Waiter, to: Waiter) -> bool {
        self.waits.iter().any(|(_, waiter, on)| *waiter == from && on.contains(&to))
    }

    fn leads_to(&self, on: &[Waiter], goal: Waiter) -> bool {
        let mut reached: BTreeSet<Waiter> = on.iter().copied().collect();
        loop {
            let before = reached.len();
            for (_, waiter, on) in &self.waits {
                if reached.contains(waiter) {
                    reached.extend(on);
                }
            }
            if reached.len() == before {
                return reached.contains(&goal);
            }
        }
    }

    fn check_path(&self, path: &[Waiter], waiter: Waiter, on: &[Waiter]) {
        assert!(path.len() >= 2);
        assert_eq!((path.first(), path.last()), (Some(&waiter), Some(&waiter)));
        assert!(on.contains(&path[1]));
        for step in path[1..].windows(2) {
            assert!(self.has_edge(step[0], step[1]), "{step:?} is no wait");
        }
        let between: BTreeSet<&Waiter> = path[1..].iter().collect();
        assert_eq!(between.len(), path.len() - 1, "the path crosses itself");
    }
}

fn random_waiter(rng: &mut Rng, of: u64) -> Waiter {
    let seq = rng.u64(..of);
    if rng.bool() {
        Waiter::Actor(actor(seq))
    } else {
        Waiter::Call(ObjectId { node: NodeId(1), seq })
    }
}

#[test]
fn exactly_the_waits_that_close_a_circle_are_refused() {
    for_seeds(3_000, |rng| {
        let mut waits = Waits::default();
        let mut model = Model::default();
        // From a few that are always entangled to many that seldom are, and
        // from chains to brooms.
        let (crowd, breadth) = (rng.u64(2..40), rng.usize(1..6));
        let (mut refused, mut begun) = (0, 0);
        for _ in 0..80 {
            if rng.u8(..4) == 0 && !model.waits.is_empty() {
                let at = rng.usize(..model.waits.len());
                waits.end(model.waits.swap_remove(at).0);
                continue;
            }
            let waiter = random_waiter(rng, crowd);
            let on: Vec<Waiter> =
                (0..rng.usize(..=breadth)).map(|_| random_waiter(rng, crowd)).collect();
            let circle = model.leads_to(&on, waiter);
            match waits.begin(waiter, &on) {
                Ok(ticket) => {
                    assert!(!circle, "{waiter} on {on:?} was let in");
                    model.waits.push((ticket, waiter, on));
                    begun += 1;
                }
                Err(cycle) => {
                    assert!(circle, "{waiter} on {on:?} was refused: {cycle}");
                    model.check_path(&cycle.path, waiter, &on);
                    refused += 1;
                }
            }
        }
        assert!(begun > 0 && begun + refused <= 80);
        for (ticket, _, _) in model.waits.drain(..) {
            waits.end(ticket);
        }
        assert!(waits.is_empty(), "an ended wait is still there");
    });
}

#[test]
fn some_wait_of_a_crowd_can_always_end() {
    // What the machine is for: whatever is let in, somebody waits only for
    // those who do not wait, so all get done.
    for_seeds(1_000, |rng| {
        let mut waits = Waits::default();
        let mut model = Model::default();
        for _ in 0..100 {
            let waiter = random_waiter(rng, 10);
            let on: Vec<Waiter> = (0..rng.usize(1..4)).map(|_| random_waiter(rng, 10)).collect();
            if let Ok(ticket) = waits.begin(waiter, &on) {
                model.waits.push((ticket, waiter, on));
            }
        }
        while !model.waits.is_empty() {
            let busy: BTreeSet<Waiter> = model.waits.iter().map(|(_, who, _)| *who).collect();
            let done: Vec<usize> = (0..model.waits.len())
                .filter(|at| model.waits[*at].2.iter().all(|on| !busy.contains(on)))
                .collect();
            assert!(!done.is_empty(), "everybody waits");
            waits.end(model.waits.swap_remove(pick(rng, &done)).0);
        }
        assert!(waits.is_empty());
    });
}
