//! The names against a list of them.

use std::collections::BTreeMap;

use host_core::ActorId;
use host_core::names::{Names, Taken};

use crate::{actor, for_seeds, pick};

const SPACES: [&str; 3] = ["default", "jobs", "z"];
const NAMES: [&str; 5] = ["", "a", "aa", "hits", "\u{fc}"];

#[test]
fn a_name_belongs_to_its_first_claimant_until_that_one_ends() {
    for_seeds(300, |rng| {
        let mut names = Names::default();
        let mut model: BTreeMap<(&str, &str), ActorId> = BTreeMap::new();
        for _ in 0..150 {
            let (space, name) = (pick(rng, &SPACES), pick(rng, &NAMES));
            let who = actor(rng.u64(..8));
            if rng.u8(..3) == 0 {
                names.release(who);
                model.retain(|_, holder| *holder != who);
            } else {
                let holder = *model.entry((space, name)).or_insert(who);
                let expected = if holder == who { Ok(()) } else { Err(Taken { holder }) };
                assert_eq!(names.claim(space, name, who), expected);
            }
            assert_eq!(names.lookup(space, name), model.get(&(space, name)).copied());
            let all: Vec<_> =
                model.iter().map(|((space, name), id)| (*space, *name, *id)).collect();
            assert_eq!(names.list(None).collect::<Vec<_>>(), all);
            let one: Vec<_> = all.into_iter().filter(|(in_space, ..)| *in_space == space).collect();
            assert_eq!(names.list(Some(space)).collect::<Vec<_>>(), one);
        }
    });
}
