//! Any target, by the name in `FUZZ_TARGET`:
//! `FUZZ_TARGET=records cargo +nightly fuzz run --fuzz-dir tests/fuzz/cargo-fuzz target`.
#![no_main]

use std::sync::LazyLock;

use fuzz_tests::Target;
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    fuzz_tests::named(&name).expect("FUZZ_TARGET is one of fuzz_tests::TARGETS")
});

fuzz_target!(|data: &[u8]| (TARGET.run)(data));
