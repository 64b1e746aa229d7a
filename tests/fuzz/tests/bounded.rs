//! Every target for a bounded time, on a stable compiler.
//!
//! The run is the same for the same seed, up to where its time ends:
//! `FUZZ_SEED` and `FUZZ_SECONDS` (for each target) set others than those here.

use std::fs;
use std::panic;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use fuzz_tests::{TARGETS, Target, mutate};

/// About a minute for all targets.
const SECONDS: u64 = 6;
const SEED: u64 = 1;

/// Inputs tried between two looks at the clock.
const BETWEEN: u64 = 64;

fn set_by(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// What once failed, or was kept since it leads far.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = files.map(|file| file.expect("a readable folder").path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).expect("a readable file")).collect()
}

fn try_one(target: &Target, input: &[u8], seed: u64) {
    let taken = panic::catch_unwind(|| (target.run)(input));
    if taken.is_err() {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!(
            "target {} panicked (seed {seed}); keep this input in tests/fuzz/corpus/{}, \
             which is tried first: {hex}",
            target.name, target.name
        );
    }
}

#[test]
fn no_input_panics() {
    let (seed, seconds) = (set_by("FUZZ_SEED", SEED), set_by("FUZZ_SECONDS", SECONDS));
    println!("FUZZ_SEED={seed} FUZZ_SECONDS={seconds}");
    for target in TARGETS {
        let mut inputs = (target.seeds)();
        inputs.extend(corpus(&target));
        inputs.iter().for_each(|input| try_one(&target, input, seed));
        let mut rng = Rng::with_seed(seed);
        let began = Instant::now();
        let mut tried: u64 = 0;
        while began.elapsed() < Duration::from_secs(seconds) {
            for _ in 0..BETWEEN {
                try_one(&target, &mutate::mutated(&inputs, &mut rng), seed);
            }
            tried += BETWEEN;
        }
        println!("{}: {} seeds, {tried} inputs", target.name, inputs.len());
        assert!(tried > 0);
    }
}
