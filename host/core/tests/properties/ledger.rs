//! The ledger against a queue that is walked from end to end.

use std::collections::BTreeSet;

use fastrand::Rng;
use host_core::ActorId;
use host_core::placement::{Ledger, Reserve};
use host_core::resources::{Amount, Resources};

use crate::{actor, for_seeds, pick};

/// GPUs are devices, and have a test of their own.
const NAMES: [&str; 4] = ["cpus", "disk", "memory", "tapes"];

/// One number for each name, in ten-thousandths.
type Counts = [u64; 4];

/// The rule as the documentation of the ledger has it, word for word.
#[derive(Default)]
struct Model {
    total: Counts,
    held: Vec<(ActorId, Counts)>,
    /// In the order they came.
    queue: Vec<(ActorId, Counts)>,
}

fn resources(counts: Counts) -> Resources {
    let amount = |n: u64| Amount::from_f64(n as f64 / 10_000.0).expect("an amount");
    NAMES.into_iter().zip(counts.map(amount)).collect()
}

fn fits(asked: Counts, free: Counts) -> bool {
    asked.iter().zip(free).all(|(asked, free)| *asked <= free)
}

fn less(from: Counts, other: Counts) -> Counts {
    std::array::from_fn(|at| from[at].saturating_sub(other[at]))
}

impl Model {
    fn free(&self) -> Counts {
        let held = |at: usize| self.held.iter().map(|(_, counts)| counts[at]).sum::<u64>();
        std::array::from_fn(|at| {
            self.total[at].checked_sub(held(at)).expect("more is held than there is")
        })
    }

    fn walk(&mut self) -> Vec<ActorId> {
        let (mut spare, mut short_of) = (self.free(), [false; 4]);
        let mut granted = Vec::new();
        let mut still = Vec::new();
        for (actor, asked) in std::mem::take(&mut self.queue) {
            let behind = (0..4).any(|at| short_of[at] && asked[at] > 0);
            if !behind && fits(asked, spare) {
                granted.push(actor);
                self.held.push((actor, asked));
                spare = less(spare, asked);
                continue;
            }
            if !behind {
                (0..4).for_each(|at| short_of[at] |= asked[at] > spare[at]);
                spare = less(spare, asked);
            }
            still.push((actor, asked));
        }
        self.queue = still;
        granted
    }

    fn reserve(&mut self, actor: ActorId, asked: Counts) -> &'static str {
        if !fits(asked, self.total) {
            return "never";
        }
        if asked == [0; 4] {
            return "granted";
        }
        self.queue.push((actor, asked));
        if self.walk().is_empty() { "waiting" } else { "granted" }
    }

    fn release(&mut self, actor: ActorId) -> Vec<ActorId> {
        self.held.retain(|(holder, _)| *holder != actor);
        self.withdraw(actor)
    }

    fn withdraw(&mut self, actor: ActorId) -> Vec<ActorId> {
        self.queue.retain(|(waiter, _)| *waiter != actor);
        self.walk()
    }
}

fn kind(reserve: &Reserve) -> &'static str {
    match reserve {
        Reserve::Granted => "granted",
        Reserve::Waiting(_) => "waiting",
        Reserve::Never(_) => "never",
    }
}

/// Mostly small, sometimes all of it, seldom too much; fractions too.
fn random_counts(rng: &mut Rng, total: Counts) -> Counts {
    total.map(|most| match rng.u8(..20) {
        0..10 => 0,
        10..15 => rng.u64(..=most / 4),
        15..18 => rng.u64(..=most),
        18 => most,
        _ => rng.u64(..=most + most / 100),
    })
}

/// The oldest that waits, and who held something when it became the oldest.
#[derive(Default)]
struct Oldest {
    actor: Option<ActorId>,
    in_its_way: BTreeSet<ActorId>,
}

impl Oldest {
    fn check(&mut self, model: &Model) {
        let holders: BTreeSet<ActorId> = model.held.iter().map(|(actor, _)| *actor).collect();
        let oldest = model.queue.first().map(|(actor, _)| *actor);
        if oldest != self.actor {
            *self = Oldest { actor: oldest, in_its_way: holders };
            return;
        }
        self.in_its_way.retain(|actor| holders.contains(actor));
        let starved = oldest.is_some() && self.in_its_way.is_empty();
        assert!(!starved, "{oldest:?} waits for those who came after it");
    }
}

fn check_same(ledger: &Ledger, model: &Model) {
    assert_eq!(*ledger.free(), resources(model.free()));
    let waiting: Vec<ActorId> = ledger.waiting().map(|(actor, _)| actor).collect();
    let queue: Vec<ActorId> = model.queue.iter().map(|(actor, _)| *actor).collect();
    assert_eq!(waiting, queue);
}

#[test]
fn the_ledger_does_what_its_documentation_says() {
    for_seeds(500, |rng| {
        let total = std::array::from_fn(|_| rng.u64(..16) * 10_000);
        let mut ledger = Ledger::new(resources(total));
        let mut model = Model { total, ..Model::default() };
        let mut oldest = Oldest::default();
        // Some histories are crowded, some nearly empty.
        let arrivals = rng.u8(20..80);
        for seq in 0..200 {
            let holders: Vec<ActorId> = model.held.iter().map(|(actor, _)| *actor).collect();
            let waiters: Vec<ActorId> = model.queue.iter().map(|(actor, _)| *actor).collect();
            match rng.u8(..100) {
                roll if roll < arrivals => {
                    let asked = random_counts(rng, total);
                    let answer = ledger.reserve(actor(seq), resources(asked));
                    assert_eq!(kind(&answer), model.reserve(actor(seq), asked));
                }
                roll if roll < 95 && !holders.is_empty() => {
                    let who = pick(rng, &holders);
                    assert_eq!(ledger.release(who), model.release(who));
                }
                95.. if !waiters.is_empty() => {
                    let who = pick(rng, &waiters);
                    assert_eq!(ledger.withdraw(who), model.withdraw(who));
                }
                _ => assert_eq!(ledger.release(actor(1_000_000)), []),
            }
            check_same(&ledger, &model);
            oldest.check(&model);
        }
        while let Some((holder, _)) = model.held.first().copied() {
            assert_eq!(ledger.release(holder), model.release(holder));
            check_same(&ledger, &model);
            oldest.check(&model);
        }
        assert_eq!(ledger.waiting().count(), 0, "nobody is left when all is released");
        assert_eq!(ledger.free(), ledger.total());
    });
}

#[test]
fn a_stream_of_small_requests_starves_no_large_one() {
    for_seeds(100, |rng| {
        let total = [80_000, 10_000, 40_000, 20_000];
        let mut ledger = Ledger::new(resources(total));
        let mut seq = 0;
        let mut holders: Vec<ActorId> = Vec::new();
        let mut arrive = |ledger: &mut Ledger, holders: &mut Vec<ActorId>, asked: Counts| {
            seq += 1;
            if ledger.reserve(actor(seq), resources(asked)) == Reserve::Granted {
                holders.push(actor(seq));
            }
            actor(seq)
        };
        let small = |rng: &mut Rng| {
            let mut asked = [0; 4];
            asked[rng.usize(..4)] = 10_000;
            asked
        };
        for _ in 0..50 {
            let asked = small(rng);
            arrive(&mut ledger, &mut holders, asked);
        }
        // Each that is ahead becomes the oldest in turn, and then gets its
        // turn when all that hold something then, one unit or more, are gone.
        let units = usize::try_from(total.iter().sum::<u64>() / 10_000).expect("few");
        let bound = (ledger.waiting().count() + 1) * units;
        let large = arrive(&mut ledger, &mut holders, total);
        let mut releases = 0;
        // Two come for each that goes, so that something always waits.
        while !holders.contains(&large) {
            for _ in 0..2 {
                let asked = small(rng);
                arrive(&mut ledger, &mut holders, asked);
            }
            let gone = holders.remove(0);
            holders.extend(ledger.release(gone));
            releases += 1;
            assert!(releases <= bound, "{releases} releases were not enough");
        }
        assert!(ledger.free().is_empty(), "the large one has everything");
    });
}

#[test]
fn gpus_are_granted_on_devices_that_have_room() {
    for_seeds(300, |rng| {
        let gpus = rng.u64(1..9);
        let total: Resources = [("gpus", Amount::whole(gpus).unwrap())].into_iter().collect();
        let mut ledger = Ledger::new(total);
        let (mut holders, mut seq) = (Vec::new(), 0);
        for _ in 0..200 {
            if rng.bool() || holders.is_empty() {
                let parts = [1_000, 2_500, 4_000, 6_000, 10_000, 10_000 * rng.u64(1..=gpus)];
                let asked = Amount::from_ten_thousandths(pick(rng, &parts));
                seq += 1;
                match ledger.reserve(actor(seq), [("gpus", asked)].into_iter().collect()) {
                    Reserve::Granted => holders.push((actor(seq), asked)),
                    Reserve::Waiting(_) => {}
                    Reserve::Never(why) => panic!("{asked} of {gpus}: {why}"),
                }
            } else {
                let (who, _) = holders.swap_remove(rng.usize(..holders.len()));
                for granted in ledger.release(who) {
                    let on = ledger.gpus_of(granted).iter().map(|(_, amount)| *amount);
                    holders.push((granted, on.fold(Amount::ZERO, Amount::saturating_add)));
                }
            }
            check_devices(&ledger, &holders, gpus);
        }
        while let Some((who, _)) = holders.pop() {
            holders.extend(ledger.release(who).into_iter().map(|next| (next, Amount::ZERO)));
        }
        assert_eq!(ledger.waiting().count(), 0, "nobody is left when all is released");
    });
}

/// Everybody has what was asked for, and no device more than one.
fn check_devices(ledger: &Ledger, holders: &[(ActorId, Amount)], gpus: u64) {
    let one = Amount::whole(1).expect("one is an amount");
    let mut devices = vec![Amount::ZERO; gpus as usize];
    for (who, asked) in holders {
        let on = ledger.gpus_of(*who);
        let sum = on.iter().fold(Amount::ZERO, |sum, (_, amount)| sum.saturating_add(*amount));
        assert_eq!(sum, *asked, "{who}");
        let whole = on.iter().filter(|(_, amount)| *amount == one).count() as u64;
        assert_eq!(whole, asked.floor(), "{who} is on parts: {on:?}");
        for (device, amount) in on {
            devices[*device] = devices[*device].saturating_add(*amount);
        }
    }
    assert!(devices.iter().all(|used| *used <= one), "{devices:?}");
}
