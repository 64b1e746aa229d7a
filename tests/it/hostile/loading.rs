//! Components that attack before they are asked for anything.

use host::sandbox::LoadError;
use host_core::Error;

use super::{Arena, attack};

/// A component of the contract's shape around one core module. `imports` is
/// put before it, `with` is how it gets them.
fn component(imports: &str, module: &str, with: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            {imports}
            (core module $m {module} (func (export "f")))
            (core instance $i (instantiate $m {with}))
            (func $f (canon lift (core func $i "f")))
            (instance $guest
                (export "describe" (func $f)) (export "construct" (func $f))
                (export "invoke" (func $f)) (export "run" (func $f)))
            (export "greenroom:actor/guest@0.1.0" (instance $guest)))"#
    );
    wat::parse_str(&text).expect("the component is well formed")
}

async fn refusal(arena: &Arena, imports: &str, module: &str, with: &str) -> LoadError {
    match arena.world.try_load(component(imports, module, with)).await {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error,
    }
}

#[test]
fn a_start_function_that_never_ends() {
    attack(async |arena| {
        let module = "(func $spin (loop (br 0))) (start $spin)";
        let error = refusal(&arena, "", module, "").await;
        let timed_out = matches!(&error, LoadError::Description(Error::TimedOut(_)));
        assert!(timed_out, "{error}");
    });
}

#[test]
fn a_start_function_that_traps() {
    attack(async |arena| {
        let error = refusal(&arena, "", "(func $t unreachable) (start $t)", "").await;
        let trapped = matches!(&error, LoadError::Description(Error::Trapped { .. }));
        assert!(trapped, "{error}");
    });
}

#[test]
fn a_memory_that_begins_larger_than_its_limit() {
    attack(async |arena| {
        let error = refusal(&arena, "", "(memory 8000)", "").await;
        let refused = matches!(&error, LoadError::Description(Error::OutOfMemory(_)));
        assert!(refused, "{error}");
    });
}

#[test]
fn a_data_segment_outside_of_its_memory() {
    attack(async |arena| {
        let module = r#"(memory 1) (data (i32.const 70000) "beyond")"#;
        let error = refusal(&arena, "", module, "").await;
        let trapped = matches!(&error, LoadError::Description(Error::Trapped { message, .. })
            if message.contains("out of bounds"));
        assert!(trapped, "{error}");
    });
}

#[test]
fn a_table_that_begins_or_grows_without_end() {
    attack(async |arena| {
        let error = refusal(&arena, "", "(table 10000000 funcref)", "").await;
        assert!(error.to_string().contains("table"), "{error}");
        // Grows until it is refused; a trap would mean that it was not.
        let module = "(table $t 1 funcref) (func $grow (local $rounds i32)
            (loop $more
                (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
                (if (i32.gt_u (local.get $rounds) (i32.const 100)) (then unreachable))
                (br_if $more (i32.ne (i32.const -1)
                    (table.grow $t (ref.null func) (i32.const 1000))))))
            (start $grow)";
        let error = refusal(&arena, "", module, "").await;
        assert!(!error.to_string().contains("unreachable"), "{error}");
    });
}

#[test]
fn more_memories_and_modules_than_a_slot_has() {
    attack(async |arena| {
        let module = "(memory 1)".repeat(20);
        let error = refusal(&arena, "", &module, "").await;
        let typed = matches!(
            &error,
            LoadError::Damaged(_) | LoadError::Unusable(_) | LoadError::Description(_)
        );
        assert!(typed, "{error}");
    });
}

#[test]
fn imports_that_nobody_offers() {
    attack(async |arena| {
        for name in
            ["evil:host/backdoor@1.0.0", "wasi:http/types@0.2.0", "wasi:webgpu/webgpu@0.0.1"]
        {
            let imports = format!(r#"(import "{name}" (instance))"#);
            let error = refusal(&arena, &imports, "", "").await;
            let LoadError::Import(import, _) = &error else { panic!("{error}") };
            assert_eq!(import, name);
        }
        let imports = r#"(import "greenroom:actor/actors@9.0.0" (instance))"#;
        let error = refusal(&arena, imports, "", "").await;
        assert!(
            matches!(&error, LoadError::OtherVersion { found, .. } if found == "9.0.0"),
            "{error}"
        );
        // A function that its interface does not have.
        let imports = r#"(import "wasi:cli/stdout@0.2.0" (instance (export "steal" (func))))"#;
        let error = refusal(&arena, imports, "", "").await;
        assert!(matches!(&error, LoadError::Unusable(_)), "{error}");
    });
}

#[test]
fn a_million_pollables() {
    attack(async |arena| {
        let imports = r#"
            (import "wasi:io/poll@0.2.0" (instance $poll
                (export "pollable" (type (sub resource)))))
            (alias export $poll "pollable" (type $pollable))
            (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
                (alias outer 1 $pollable (type $p))
                (export "pollable" (type (eq $p)))
                (export "subscribe-duration"
                    (func (param "when" u64) (result (own 1))))))
            (core func $subscribe (canon lower (func $clock "subscribe-duration")))
            (core instance $imports (export "subscribe" (func $subscribe)))"#;
        let module = r#"(import "i" "subscribe" (func $subscribe (param i64) (result i32)))
            (func $flood (local $n i32)
                (loop $more
                    (drop (call $subscribe (i64.const 1000000000000)))
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if $more (i32.lt_u (local.get $n) (i32.const 1000000)))))
            (start $flood)"#;
        let error = refusal(&arena, imports, module, r#"(with "i" (instance $imports))"#).await;
        let stopped = matches!(&error, LoadError::Description(Error::Trapped { .. }));
        assert!(stopped, "{error}");
    });
}

#[test]
fn random_bytes_by_the_gigabyte() {
    attack(async |arena| {
        let imports = r#"
            (import "wasi:random/random@0.2.0" (instance $random
                (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
            (core module $libc
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8)))
            (core instance $libc (instantiate $libc))
            (core func $bytes (canon lower (func $random "get-random-bytes")
                (memory $libc "memory") (realloc (func $libc "realloc"))))
            (core instance $imports (export "bytes" (func $bytes)))"#;
        let module = r#"(import "i" "bytes" (func $bytes (param i64 i32)))
            (func $ask (call $bytes (i64.const 0xffffffffff) (i32.const 0)))
            (start $ask)"#;
        let error = refusal(&arena, imports, module, r#"(with "i" (instance $imports))"#).await;
        let stopped =
            matches!(&error, LoadError::Description(Error::Trapped { .. } | Error::OutOfMemory(_)));
        assert!(stopped, "{error}");
    });
}

#[test]
fn files_that_are_no_packages() {
    attack(async |arena| {
        let good = tests::guests::component("raw");
        for end in [0, 4, 8, 100, good.len() / 2, good.len() - 1] {
            let error = arena.world.try_load(good[..end].to_vec()).await.map(drop);
            assert!(error.is_err(), "the first {end} bytes were loaded");
        }
        // Bytes changed here and there: refused, or a package that runs.
        for at in (0..good.len()).step_by(good.len() / 10) {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            let _ = arena.world.try_load(bad).await;
        }
        arena.check_serving().await;
    });
}
