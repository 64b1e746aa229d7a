//! Guests that break the rules of the component model and of the contract.

use host_core::spec::Options;
use host_core::{Cause, Error, limits};
use serde_bytes::ByteBuf;
use tests::{Actor, Object, guests};

use super::{Arena, attack, check_died, trapped};

async fn raw(arena: &Arena) -> Actor {
    let package = arena.world.load("raw").await;
    arena.world.spawn(&package, "Raw", (), Options::default()).expect("the actor can be created")
}

/// Calls a method with a ref: it must trap, for a reason that names `why`,
/// and take only its own actor along.
async fn check_traps(arena: &Arena, method: &str, why: &str) {
    let bystander = raw(arena).await;
    let attacker = raw(arena).await;
    let object = arena.world.promise::<i64>();
    object.fulfil(1);
    let (place, message) = trapped(attacker.ask::<()>(method, ((&object,),)).await);
    assert_eq!(place, format!("Raw.{method}"));
    assert!(message.contains(why), "{method}: {message}");
    check_died(attacker.ask::<()>("nothing", ()).await, Cause::Crashed);
    assert_eq!(bystander.ask("nothing", ()).await, Ok(()));
    assert_eq!(object.get().await, Ok(1));
}

#[test]
fn resources_out_of_thin_air() {
    attack(async |arena| {
        check_traps(&arena, "forge_ref", "unknown handle index").await;
        check_traps(&arena, "forge_handle", "unknown handle index").await;
    });
}

#[test]
fn a_ref_in_the_place_of_a_handle() {
    attack(async |arena| check_traps(&arena, "take_ref_for_handle", "handle index").await);
}

#[test]
fn resources_that_are_dropped_already() {
    attack(async |arena| {
        check_traps(&arena, "drop_twice", "unknown handle index").await;
        check_traps(&arena, "use_after_drop", "unknown handle index").await;
    });
}

#[test]
fn a_resource_that_is_given_away_twice() {
    attack(async |arena| check_traps(&arena, "give_twice", "unknown handle index").await);
}

#[test]
fn resources_that_are_dropped_in_the_wrong_order() {
    attack(async |arena| {
        let attacker = raw(&arena).await;
        let object = arena.world.promise::<i64>();
        for _ in 0..5 {
            assert_eq!(attacker.ask("drop_in_wrong_order", ((&object,),)).await, Ok(()));
        }
    });
}

#[test]
fn pointers_outside_of_memory() {
    attack(async |arena| {
        check_traps(&arena, "log_outside_memory", "out of bounds").await;
        check_traps(&arena, "wait_on_huge_list", "").await;
        check_traps(&arena, "answer_outside_memory", "out of bounds").await;
        check_traps(&arena, "answer_huge", "out of bounds").await;
    });
}

#[test]
fn text_that_is_none_and_values_that_are_none() {
    attack(async |arena| {
        check_traps(&arena, "log_not_utf8", "utf-8").await;
        check_traps(&arena, "log_unknown_level", "discriminant").await;
    });
}

/// What a typed caller makes of a result that is none.
async fn check_not_a_number(arena: &Arena, method: &str) {
    let attacker = raw(arena).await;
    let object = arena.world.promise::<i64>();
    let result: Object<u64> = attacker.send(method, ((&object,),)).unwrap();
    // The reader gets it in the place of a number: it refuses, and lives on.
    let reader = arena.attacker();
    let answer = reader.ask::<u64>("next_number", (tests::Later(&result),)).await;
    assert!(matches!(answer, Err(Error::Invalid(_))), "{method}: {answer:?}");
    let answer = reader.ask::<u64>("wait_forever", ((&result,),)).await;
    assert!(matches!(answer, Err(Error::Invalid(_))), "{method}: {answer:?}");
    assert_eq!(reader.ask("ping", ()).await, Ok(true));
    assert_eq!(attacker.ask("nothing", ()).await, Ok(()));
}

#[test]
fn results_that_are_not_what_was_promised() {
    attack(async |arena| {
        for method in [
            "answer_no_messagepack",
            "answer_wrong_type",
            "answer_missing_ref",
            "answer_deeply_nested",
            "answer_nothing",
        ] {
            check_not_a_number(&arena, method).await;
        }
    });
}

#[test]
fn an_error_of_many_megabytes() {
    attack(async |arena| {
        let attacker = raw(&arena).await;
        let object = arena.world.promise::<i64>();
        let answer = attacker.ask::<()>("answer_huge_error", ((&object,),)).await;
        let Err(Error::Failed { message, .. }) = answer else { panic!("not an error") };
        assert!(message.len() <= limits::MESSAGE_BYTES + 3, "{} bytes", message.len());
        assert_eq!(attacker.ask("nothing", ()).await, Ok(()));
    });
}

#[test]
fn requests_that_make_no_sense() {
    attack(async |arena| {
        let attacker = raw(&arena).await;
        let object = arena.world.promise::<i64>();
        for (method, why) in [("call_unknown_method", "no such method"), ("spawn_nonsense", "cpus")]
        {
            let answer = attacker.ask::<()>(method, ((&object,),)).await;
            let Err(Error::Invalid(text)) = answer else { panic!("{method}: {answer:?}") };
            assert!(text.contains(why) && !text.contains('\u{1b}'), "{method}: {text:?}");
        }
        // Nobody but itself minds.
        assert_eq!(attacker.ask("construct_again", ((&object,),)).await, Ok(()));
        assert_eq!(attacker.ask("submit_unknown_index", ((&object,),)).await, Ok(()));
        // The arguments are checked by the guest; this one does not care.
        let bytes = ByteBuf::from(vec![0xc1; 100]);
        assert_eq!(attacker.ask("nothing", (bytes,)).await, Ok(()));
    });
}

/// The guest `raw`, told which lie to tell.
pub(super) fn lying(lie: &str) -> Vec<u8> {
    const PLACE: &[u8] = b"greenroom-lie:none..............";
    let mut component = guests::component("raw");
    let at = component.windows(PLACE.len()).position(|window| window == PLACE);
    let at = at.expect("the guest holds the place for its lie");
    let mut text = format!("greenroom-lie:{lie}").into_bytes();
    text.resize(PLACE.len(), b'.');
    component[at..at + PLACE.len()].copy_from_slice(&text);
    component
}
