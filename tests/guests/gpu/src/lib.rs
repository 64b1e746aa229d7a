//! A guest of `host-gpu`, one case for each behaviour. The host asks for their
//! names and runs each alone; a case panics if something is not as it should
//! be. A case whose name begins with `traps_` must not come to its end.
#![cfg(target_family = "wasm")]
#![allow(unsafe_code, reason = "the exported symbols have fixed names")]

mod bindings;
mod bounds;
mod buffers;
mod computing;
mod errors;
mod fuzz;
mod kit;
mod others;
mod textures;
mod watching;

use bindings::Guest;

/// A case: its name, and what it does with a number that the host chooses.
type Case = (&'static str, fn(u64));

struct Program;

impl Guest for Program {
    async fn cases() -> Vec<String> {
        let names = all().map(|(name, _)| name);
        names.chain(watching::CASES).map(str::to_owned).collect()
    }

    async fn run(case: String, seed: u64) {
        if watching::CASES.contains(&case.as_str()) {
            return watching::run(&case).await;
        }
        let (_, run) = all().find(|(name, _)| *name == case).expect("the case is there");
        run(seed);
    }
}

fn all() -> impl Iterator<Item = Case> {
    [
        computing::CASES,
        buffers::CASES,
        textures::CASES,
        errors::CASES,
        others::CASES,
        bounds::CASES,
        fuzz::CASES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

bindings::export!(Program with_types_in bindings);
