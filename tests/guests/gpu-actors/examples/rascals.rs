//! Actors that use `wasi:webgpu` as it comes, well and badly: the cases of
//! `tests/guests/gpu`, in processes of their own.

#[cfg(target_family = "wasm")]
#[path = "../../gpu/src/bounds.rs"]
mod bounds;
#[cfg(target_family = "wasm")]
#[path = "../../gpu/src/buffers.rs"]
mod buffers;
#[cfg(target_family = "wasm")]
#[path = "../../gpu/src/computing.rs"]
mod computing;
#[cfg(target_family = "wasm")]
#[path = "../../gpu/src/errors.rs"]
mod errors;
#[cfg(target_family = "wasm")]
#[path = "../../gpu/src/fuzz.rs"]
mod fuzz;
#[cfg(target_family = "wasm")]
#[path = "../../gpu/src/kit.rs"]
mod kit;
#[cfg(target_family = "wasm")]
#[path = "../../gpu/src/others.rs"]
mod others;
#[cfg(target_family = "wasm")]
#[path = "../../gpu/src/textures.rs"]
mod textures;

use greenroom::prelude::*;

/// Generated. The asynchronous functions block: each case is one line of
/// thought.
#[cfg(target_family = "wasm")]
mod bindings {
    #![allow(
        unsafe_code,
        missing_docs,
        unreachable_pub,
        dead_code,
        clippy::all,
        clippy::undocumented_unsafe_blocks,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]

    wit_bindgen::generate!({
        inline: "
            package greenroom:gpu-cases;

            world guest {
                import wasi:webgpu/webgpu@0.3.0-rc.2;
            }
        ",
        path: "../../../wit/deps/wasi-webgpu-0.3.0-rc.2",
        world: "greenroom:gpu-cases/guest",
        generate_all,
        async: ["-all"],
    });
}

/// A case: its name, and what it does with a number that the host chooses.
type Case = (&'static str, fn(u64));

struct Rascal;

#[actor(gpus = 0.01)]
impl Rascal {
    fn new() -> Self {
        Rascal
    }

    /// The names of the cases of one kind.
    fn cases(&self, kind: String) -> Vec<String> {
        cases(&kind).iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    /// Does its worst; panics if something is not as it should be.
    fn run(&self, kind: String, case: String, number: u64) {
        let (_, run) = cases(&kind).iter().find(|(name, _)| *name == case).expect("it is there");
        run(number);
    }
}

#[cfg(target_family = "wasm")]
fn cases(kind: &str) -> &'static [Case] {
    match kind {
        "bounds" => bounds::CASES,
        "buffers" => buffers::CASES,
        "computing" => computing::CASES,
        "errors" => errors::CASES,
        "fuzz" => fuzz::CASES,
        "others" => others::CASES,
        "textures" => textures::CASES,
        _ => panic!("there are no {kind}"),
    }
}

/// There is nothing here that runs outside a sandbox.
#[cfg(not(target_family = "wasm"))]
fn cases(_: &str) -> &'static [Case] {
    &[]
}
