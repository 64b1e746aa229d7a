//! Packages that lie about themselves.

use std::time::{Duration, Instant};

use host::sandbox::LoadError;
use host_core::Error;
use host_core::spec::Options;
use tests::Package;

use super::contract::lying;
use super::{Arena, attack};

async fn load(arena: &Arena, lie: &str) -> Result<Package, LoadError> {
    arena.world.try_load(lying(lie)).await
}

/// The package is refused with an `Invalid` that names `why`.
async fn check_refused(arena: &Arena, lie: &str, why: &str) {
    match load(arena, lie).await.map(drop) {
        Err(LoadError::Description(Error::Invalid(text))) => {
            assert!(text.contains(why), "{lie}: {text}");
            assert!(text.len() < 2_000 && !text.contains('\u{1b}'), "{lie}: {text:?}");
        }
        other => panic!("{lie}: {other:?}"),
    }
}

#[test]
fn names_that_are_doubled_missing_torn_or_too_long() {
    attack(async |arena| {
        check_refused(&arena, "two-classes", "class Raw twice").await;
        check_refused(&arena, "two-methods", "method nothing twice").await;
        check_refused(&arena, "no-name", "0 bytes").await;
        check_refused(&arena, "escapes", "control character").await;
        check_refused(&arena, "long-name", "1048576 bytes").await;
    });
}

#[test]
fn more_classes_methods_and_parameters_than_anybody_has() {
    attack(async |arena| {
        check_refused(&arena, "million-classes", "100000 classes").await;
        check_refused(&arena, "million-methods", "1000000 methods").await;
        check_refused(&arena, "many-params", "100000 parameters").await;
    });
}

#[test]
fn options_that_make_no_sense() {
    attack(async |arena| {
        check_refused(&arena, "no-cpus", "class Raw: cpus = NaN").await;
        check_refused(&arena, "bad-restarts", "max_restarts = -7").await;
        check_refused(&arena, "many-resources", "more than 64 custom resources").await;
    });
}

#[test]
fn documentation_of_many_megabytes() {
    attack(async |arena| {
        let package = load(&arena, "long-docs").await.expect("the rest is cut off");
        assert!(package.info.classes[0].docs.len() < 100_000);
    });
}

#[test]
fn a_method_that_is_not_there() {
    attack(async |arena| {
        let package = load(&arena, "extra-method").await.expect("nobody can know");
        let raw = arena.world.spawn(&package, "Raw", (), Options::default()).unwrap();
        let answer = raw.ask::<()>("not_there", (1,)).await;
        assert_eq!(answer, Err(Error::Invalid("no method 24".into())));
    });
}

#[test]
fn a_description_that_traps_or_takes_all_memory() {
    attack(async |arena| {
        match load(&arena, "trap").await.map(drop) {
            Err(LoadError::Description(Error::Trapped { method, .. })) => {
                assert_eq!(method, "describe");
            }
            other => panic!("{other:?}"),
        }
        match load(&arena, "memory").await.map(drop) {
            Err(LoadError::Description(Error::OutOfMemory(text))) => {
                assert!(text.contains("256 MiB"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_description_that_never_ends() {
    attack(async |arena| {
        let begun = Instant::now();
        match load(&arena, "loop").await.map(drop) {
            Err(LoadError::Description(Error::TimedOut(text))) => {
                assert!(text.contains("describe"), "{text}");
            }
            other => panic!("{other:?}"),
        }
        let took = begun.elapsed();
        let most = host_core::limits::DESCRIBE_TIME + Duration::from_secs(3);
        assert!(took < most, "refused after {took:?}");
    });
}

#[test]
fn a_description_that_asks_for_things() {
    attack(async |arena| {
        for lie in ["put", "spawn"] {
            let package = load(&arena, lie).await.expect("asking is no crime");
            assert!(package.info.sdk.starts_with("Error::Denied("), "{lie}: {}", package.info.sdk);
        }
    });
}
