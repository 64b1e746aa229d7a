//! Faults at random: a plan that a seed decides.
//!
//! A plan is valid by itself: it stops only what runs, and never so much that
//! the cluster could not go on. The same seed gives the same plan.

use std::collections::BTreeSet;

/// One fault, or the end of one. Hosts are given by their index.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// `kill -9`.
    Kill(usize),
    /// SIGTERM.
    Stop(usize),
    /// A host that is down starts again on its data.
    Restart(usize),
    /// SIGSTOP.
    Pause(usize),
    /// SIGCONT.
    Resume(usize),
    /// Everything between a host and all others is lost.
    Isolate(usize),
    /// Everything from one host to another is lost, in this direction.
    Cut {
        /// Whose packets.
        from: usize,
        /// To whom.
        to: usize,
    },
    /// All packets are late, and some are lost.
    Degrade,
    /// The network is whole again.
    Heal,
    /// Nothing happens, for a while.
    Rest,
}

/// Faults one after the other, for some hosts.
#[derive(Clone, Debug)]
pub struct Faults {
    random: fastrand::Rng,
    hosts: usize,
    /// Hosts that are never stopped or paused: who has the records.
    spared: BTreeSet<usize>,
    down: BTreeSet<usize>,
    paused: BTreeSet<usize>,
    network_is_whole: bool,
}

impl Faults {
    /// A plan for so many hosts, all of which run.
    pub fn new(seed: u64, hosts: usize, spared: &[usize]) -> Faults {
        Faults {
            random: fastrand::Rng::with_seed(seed),
            hosts,
            spared: spared.iter().copied().collect(),
            down: BTreeSet::new(),
            paused: BTreeSet::new(),
            network_is_whole: true,
        }
    }

    /// The hosts that are down now.
    pub fn down(&self) -> &BTreeSet<usize> {
        &self.down
    }

    /// What ends all faults: all hosts run, and the network is whole.
    pub fn end(&mut self) -> Vec<Step> {
        let mut steps = vec![Step::Heal];
        steps.extend(std::mem::take(&mut self.paused).into_iter().map(Step::Resume));
        steps.extend(std::mem::take(&mut self.down).into_iter().map(Step::Restart));
        self.network_is_whole = true;
        steps
    }

    fn possible(&mut self) -> Vec<Step> {
        // Whoever starts has to reach the others to be ready, so nobody does
        // while the network is cut.
        let mut steps = vec![Step::Rest];
        steps.extend(self.paused.iter().copied().map(Step::Resume));
        if self.network_is_whole {
            steps.extend(self.down.iter().copied().map(Step::Restart));
        } else {
            steps.extend([Step::Heal, Step::Heal]);
        }
        let hurt = self.down.len() + self.paused.len();
        // A majority always runs.
        if (hurt + 1) * 2 < self.hosts {
            let runs = |host: &usize| !self.down.contains(host) && !self.paused.contains(host);
            let victims = (0..self.hosts).filter(|host| !self.spared.contains(host)).filter(runs);
            for host in victims {
                steps.extend([Step::Kill(host), Step::Stop(host), Step::Pause(host)]);
            }
        }
        if self.network_is_whole {
            let from = self.random.usize(..self.hosts);
            let to = (from + self.random.usize(1..self.hosts)) % self.hosts;
            steps.extend([Step::Isolate(from), Step::Cut { from, to }, Step::Degrade]);
        }
        steps
    }

    fn note(&mut self, step: &Step) {
        match step {
            Step::Kill(host) | Step::Stop(host) => {
                self.down.insert(*host);
            }
            Step::Restart(host) => {
                self.down.remove(host);
            }
            Step::Pause(host) => {
                self.paused.insert(*host);
            }
            Step::Resume(host) => {
                self.paused.remove(host);
            }
            Step::Isolate(_) | Step::Cut { .. } | Step::Degrade => self.network_is_whole = false,
            Step::Heal => self.network_is_whole = true,
            Step::Rest => {}
        }
    }
}

impl Iterator for Faults {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let mut steps = self.possible();
        let step = steps.swap_remove(self.random.usize(..steps.len()));
        self.note(&step);
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_gives_the_same_plan() {
        let plan = |seed| Faults::new(seed, 5, &[0]).take(200).collect::<Vec<_>>();
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn plans_are_valid_and_leave_a_majority() {
        for seed in 0..200 {
            let mut faults = Faults::new(seed, 5, &[0]);
            let (mut down, mut paused) = (BTreeSet::new(), BTreeSet::new());
            let mut whole = true;
            for step in 0..200 {
                match faults.next().unwrap() {
                    Step::Kill(host) | Step::Stop(host) => {
                        assert!(host != 0 && !paused.contains(&host) && down.insert(host));
                    }
                    Step::Restart(host) => assert!(whole && down.remove(&host)),
                    Step::Pause(host) => {
                        assert!(host != 0 && !down.contains(&host) && paused.insert(host));
                    }
                    Step::Resume(host) => assert!(paused.remove(&host)),
                    Step::Cut { from, to } => {
                        assert!(whole && from != to && from < 5 && to < 5);
                        whole = false;
                    }
                    Step::Isolate(host) => {
                        assert!(whole && host < 5);
                        whole = false;
                    }
                    Step::Degrade => {
                        assert!(whole);
                        whole = false;
                    }
                    Step::Heal => whole = true,
                    Step::Rest => {}
                }
                let running = 5 - down.len() - paused.len();
                assert!(running >= 3, "seed {seed}, step {step}: {running} of 5 run");
                assert_eq!(&down, faults.down());
            }
        }
    }

    #[test]
    fn every_kind_of_fault_happens() {
        let kinds: BTreeSet<String> = Faults::new(1, 3, &[])
            .take(300)
            .map(|step| format!("{step:?}").split(['(', ' ']).next().unwrap().to_owned())
            .collect();
        assert_eq!(kinds.len(), 10, "{kinds:?}");
    }

    #[test]
    fn end_restores_everything() {
        let mut faults = Faults::new(3, 5, &[]);
        let steps: Vec<Step> = faults.by_ref().take(100).collect();
        let ups = faults.end();
        let starts = |steps: &[Step]| {
            steps.iter().filter(|it| matches!(it, Step::Restart(_) | Step::Resume(_))).count()
        };
        let stops = steps
            .iter()
            .filter(|it| matches!(it, Step::Kill(_) | Step::Stop(_) | Step::Pause(_)))
            .count();
        assert_eq!(starts(&steps) + starts(&ups), stops);
        assert!(faults.down().is_empty());
    }
}
