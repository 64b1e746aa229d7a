//! A package without the SDK, which does what the SDK never would: it lies
//! about itself and breaks the rules of the component model.
#![allow(unsafe_code, missing_docs, unreachable_pub, reason = "an attack, and generated bindings")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "it is meant to be unsound")]

use std::cell::RefCell;

/// The contract, without the SDK.
mod contract {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "actor",
        pub_export_macro: true,
        default_bindings_module: "contract",
    });
}

use contract::exports::greenroom::actor::guest::Guest;
use contract::greenroom::actor::actors::{self, CallOptions, IfExists, Options};
use contract::greenroom::actor::context;
use contract::greenroom::actor::description::{
    ClassInfo, Concurrency, MethodInfo, PackageInfo, Param,
};
use contract::greenroom::actor::objects;
use contract::greenroom::actor::types::{
    Arguments, ArgumentsCarrying, Carrying, Error, Failure, Handle, ObjectRef, Outgoing,
    OutgoingArguments, Value,
};

/// Which lie to tell: the test writes its name over this in the component.
static LIE: [u8; 32] = *b"greenroom-lie:none..............";

/// The methods, in the order in which they are described.
const METHODS: [&str; 24] = [
    "nothing",
    "forge_ref",
    "forge_handle",
    "take_ref_for_handle",
    "drop_twice",
    "use_after_drop",
    "give_twice",
    "drop_in_wrong_order",
    "log_outside_memory",
    "log_not_utf8",
    "log_unknown_level",
    "wait_on_huge_list",
    "answer_outside_memory",
    "answer_huge",
    "answer_no_messagepack",
    "answer_wrong_type",
    "answer_missing_ref",
    "answer_deeply_nested",
    "answer_nothing",
    "answer_huge_error",
    "construct_again",
    "call_unknown_method",
    "spawn_nonsense",
    "submit_unknown_index",
];

struct Raw;

fn lie() -> &'static str {
    // The compiler must not know what the test has made of it.
    let bytes = unsafe { core::ptr::read_volatile(&raw const LIE) };
    let text = bytes.leak_text();
    text.trim_end_matches('.').trim_start_matches("greenroom-lie:")
}

trait LeakText {
    fn leak_text(self) -> &'static str;
}

impl LeakText for [u8; 32] {
    fn leak_text(self) -> &'static str {
        Box::leak(String::from_utf8_lossy(&self).into_owned().into_boxed_str())
    }
}

impl Guest for Raw {
    fn describe() -> PackageInfo {
        let mut info = honest();
        match lie() {
            "none" => {}
            "two-classes" => info.classes.push(class("Raw")),
            "two-methods" => info.classes[0].methods.push(method("nothing")),
            "many-classes" => {
                info.classes = (0..20_000).map(|n| class_of(&n.to_string(), 0)).collect();
            }
            "many-methods" => {
                info.classes[0].methods = (0..200_000).map(|n| method(&n.to_string())).collect();
            }
            "many-params" => info.classes[0].methods[0].params = vec![param(); 100_000],
            "escapes" => info.classes[0].name = "Raw\x1b[2J".into(),
            "no-name" => info.classes[0].name = String::new(),
            "long-name" => info.classes[0].name = "x".repeat(1 << 20),
            "long-docs" => info.classes[0].docs = "x".repeat(50 << 20),
            "extra-method" => info.classes[0].methods.push(method("not_there")),
            "no-cpus" => info.classes[0].options.cpus = Some(f64::NAN),
            "bad-restarts" => info.classes[0].options.max_restarts = Some(-7),
            "many-resources" => {
                info.classes[0].options.resources =
                    (0..100_000).map(|n| (n.to_string(), 0.0)).collect();
            }
            "trap" => panic!("nothing to say"),
            "loop" => loop {
                core::hint::black_box(());
            },
            "memory" => loop {
                core::mem::forget(vec![1u8; 1 << 20]);
            },
            "put" => match objects::put(&Outgoing::Plain(vec![1])) {
                Ok(_) => info.sdk = "put worked".into(),
                Err(error) => info.sdk = format!("{error:?}"),
            },
            "spawn" => match actors::spawn("Raw", &none(), &no_options(), IfExists::Refuse) {
                Ok(_) => info.sdk = "spawn worked".into(),
                Err(error) => info.sdk = format!("{error:?}"),
            },
            other => panic!("no lie is called {other}"),
        }
        info
    }

    fn construct(class: String, _: Arguments) -> Result<(), Error> {
        match class.as_str() {
            "Raw" => Ok(()),
            other => Err(Error::Invalid(format!("no class {other}"))),
        }
    }

    fn invoke(method: u32, args: Arguments) -> Result<Value, Error> {
        let Some(name) = METHODS.get(method as usize) else {
            return Err(Error::Invalid(format!("no method {method}")));
        };
        match *name {
            name if name.starts_with("answer_") => answer(name),
            name if name.starts_with("log_") || name.starts_with("wait_") => {
                break_memory(name);
                Ok(nil())
            }
            name => break_resources(name, args),
        }
    }

    fn run(_: Vec<String>) -> Result<(), Error> {
        Ok(())
    }
}

contract::export!(Raw);

fn none() -> OutgoingArguments<'static> {
    OutgoingArguments::Plain(Vec::new())
}

fn nil() -> Value {
    Value::Plain(vec![0xc0])
}

fn honest() -> PackageInfo {
    PackageInfo { sdk: "none".into(), classes: vec![class("Raw")], driver: None }
}

fn class(name: &str) -> ClassInfo {
    class_of(name, METHODS.len())
}

fn class_of(name: &str, methods: usize) -> ClassInfo {
    ClassInfo {
        name: name.into(),
        docs: String::new(),
        params: Vec::new(),
        methods: METHODS[..methods].iter().map(|name| method(name)).collect(),
        options: no_options(),
        concurrency: Concurrency::Sequential,
    }
}

fn method(name: &str) -> MethodInfo {
    let params = if name == "nothing" { Vec::new() } else { vec![param()] };
    let docs = String::new();
    MethodInfo { name: name.into(), docs, params, returns: "()".into(), fails: None }
}

fn param() -> Param {
    Param { name: "object".into(), ty: "(ObjectRef,)".into() }
}

fn no_options() -> Options {
    Options {
        cpus: None,
        gpus: None,
        memory: None,
        resources: Vec::new(),
        strategy: None,
        labels: Vec::new(),
        max_restarts: None,
        max_retries: None,
        max_concurrency: None,
        max_pending_calls: None,
        name: None,
        namespace: None,
        detached: None,
        isolation: None,
        group: None,
    }
}

/// Results that are none.
fn answer(name: &str) -> Result<Value, Error> {
    const REF_7: [u8; 6] = [0xd6, 1, 0, 0, 0, 7];
    Ok(Value::Plain(match name {
        // Memory ends far below, and what is not there cannot be freed: the
        // host must trap before it gives the vector back.
        "answer_outside_memory" => unsafe { Vec::from_raw_parts(0xfff0_0000 as *mut u8, 64, 64) },
        "answer_huge" => unsafe { Vec::from_raw_parts(16 as *mut u8, 0x7fff_ff00, 0x7fff_ff00) },
        "answer_no_messagepack" => vec![0xc1, 0xc1],
        "answer_wrong_type" => vec![0xa4, b't', b'e', b'x', b't'],
        "answer_missing_ref" => [&[0x91], REF_7.as_slice()].concat(),
        "answer_deeply_nested" => {
            let mut bytes = vec![0x91; 1 << 20];
            bytes.push(0xc0);
            bytes
        }
        "answer_nothing" => Vec::new(),
        _ => {
            let message = "e".repeat(20 << 20);
            return Err(Error::Failed(Failure { message, value: vec![0xc1] }));
        }
    }))
}

#[link(wasm_import_module = "greenroom:actor/logging@0.1.0")]
unsafe extern "C" {
    #[link_name = "log"]
    fn raw_log(level: u32, target: usize, target_len: usize, text: usize, text_len: usize);
}

#[link(wasm_import_module = "greenroom:actor/objects@0.1.0")]
unsafe extern "C" {
    #[link_name = "wait"]
    fn raw_wait(refs: usize, len: usize, count: u32, timed: u32, timeout: u64, answer: usize);
}

/// Pointers and numbers that the host must not follow.
fn break_memory(name: &str) {
    let text = [0xff_u8, 0xfe, 0xc0];
    let at = text.as_ptr() as usize;
    let mut room = [0_u64; 4];
    unsafe {
        match name {
            "log_outside_memory" => raw_log(2, at, 0, 0xffff_fff0, 100),
            "log_not_utf8" => raw_log(2, at, 0, at, text.len()),
            "log_unknown_level" => raw_log(77, at, 0, at, 0),
            _ => raw_wait(0x10000, 0x3fff_ffff, 1, 0, 0, room.as_mut_ptr() as usize),
        }
    }
}

thread_local! {
    static KEPT: RefCell<Vec<ObjectRef>> = const { RefCell::new(Vec::new()) };
}

/// Indices that are not what the guest says they are.
fn break_resources(name: &str, args: Arguments) -> Result<Value, Error> {
    let mut objects: Vec<ObjectRef> = match args {
        Arguments::Carrying(ArgumentsCarrying { refs, .. }) => refs,
        Arguments::Plain(_) => Vec::new(),
    };
    match name {
        "forge_ref" => drop(unsafe { ObjectRef::from_handle(4_321) }.id()),
        "forge_handle" => {
            let forged = unsafe { Handle::from_handle(1 << 20) };
            let options = CallOptions { timeout: None, max_retries: None };
            actors::submit(&forged, "nothing", &none(), options)?;
        }
        "take_ref_for_handle" => {
            let index = objects.remove(0).take_handle();
            let handle = unsafe { Handle::from_handle(index) };
            drop(handle.class());
        }
        "drop_twice" => {
            let index = objects.remove(0).take_handle();
            drop(unsafe { ObjectRef::from_handle(index) });
            drop(unsafe { ObjectRef::from_handle(index) });
        }
        "use_after_drop" => {
            let index = objects.remove(0).take_handle();
            drop(unsafe { ObjectRef::from_handle(index) });
            let stale = unsafe { ObjectRef::from_handle(index) };
            objects::get(&[&stale], None)?;
        }
        "give_twice" => {
            let index = objects.remove(0).take_handle();
            let twice = [index, index].map(|index| unsafe { ObjectRef::from_handle(index) });
            let bytes = vec![0xc0];
            let refs = Vec::from(twice);
            return Ok(Value::Carrying(Carrying { bytes, refs, handles: Vec::new() }));
        }
        "drop_in_wrong_order" => drop_in_wrong_order()?,
        "construct_again" => Raw::construct("Raw".into(), Arguments::Plain(Vec::new()))?,
        "call_unknown_method" => {
            let me = context::me().ok_or_else(|| Error::Invalid("no handle".into()))?;
            actors::tell(&me, "no such method\u{1b}[2J", &none())?;
        }
        "spawn_nonsense" => {
            let options = Options { memory: Some(u64::MAX), cpus: Some(-1.0), ..no_options() };
            actors::spawn("Raw", &none(), &options, IfExists::Get)?;
        }
        _ => {}
    }
    Ok(nil())
}

/// Makes many refs and drops the first before the last, and every other.
fn drop_in_wrong_order() -> Result<(), Error> {
    KEPT.with_borrow_mut(|kept| {
        for number in 0..1_000_u32 {
            kept.push(objects::put(&Outgoing::Plain(vec![number as u8]))?);
        }
        let mut index = 0;
        kept.retain(|_| {
            index += 1;
            index % 2 == 0
        });
        kept.reverse();
        while kept.len() > 1 {
            kept.remove(kept.len() / 2);
        }
        let last = kept.remove(0);
        objects::get(&[&last], None).map(drop)
    })
}
