//! Bad input: each one line that says what to do, and the right exit code.

use std::path::{Path, PathBuf};

use crate::harness::{command, counter, host, outcome};

/// What is said about a command line that makes no sense.
#[track_caller]
fn refused(args: &[&str], code: i32, parts: &[&str]) {
    let run = host(args);
    let line = run.refused(code);
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
}

/// What is said about a call of the counter.
#[track_caller]
fn call_refused(call: &str, parts: &[&str]) {
    refused(&["run", &counter().to_string_lossy(), "--invoke", call], 2, parts);
}

/// What is said about a file that is no package.
#[track_caller]
fn file_refused(bytes: &[u8], parts: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file.wasm");
    std::fs::write(&file, bytes).expect("written");
    for command in ["run", "inspect"] {
        refused(&[command, &file.to_string_lossy()], 3, &[parts, &["file.wasm: "]].concat());
    }
}

#[test]
fn unknown_flags_and_commands_name_the_nearest() {
    refused(&["run", "x", "--envv", "A"], 2, &["'--envv'", "'--env'", "host run --help"]);
    refused(&["rum"], 2, &["'rum'", "'run'", "host --help"]);
    refused(&["run"], 2, &["not provided", "<FILE|PATH>"]);
    refused(&["run", "x", "--format", "xml"], 2, &["'xml'", "json"]);
    refused(&["completions", "dos"], 2, &["'dos'", "bash"]);
}

#[test]
fn bad_values_show_the_form() {
    refused(&["run", "x", "--dir", "a:r0"], 2, &["PATH[:ro][=GUESTPATH]"]);
    refused(&["run", "x", "--net", "a:b:c:"], 2, &["HOST[:PORT]"]);
    refused(&["run", "x", "--env", "=x"], 2, &["NAME=VALUE"]);
    refused(&["run", "x", "--cpus", "many"], 2, &["such as 2 or 0.5"]);
    refused(&["run", "x", "--memory", "1G"], 2, &["GiB"]);
    refused(&["run", "x", "--resources", "cpus=x"], 2, &["such as 2 or 0.5"]);
    refused(&["run", "x", "--max-actors", "0"], 2, &["--max-actors"]);
    refused(&["run", "x", "--no-cache", "--cache-dir", "y"], 2, &["cannot be used with"]);
    let run = outcome(command(["run", "x"]).env("GREENROOM_CPUS", "many"));
    assert!(run.refused(2).contains("such as 2 or 0.5"));
    let run = outcome(command(["run", "x"]).env("RUST_LOG", "host=shout"));
    assert!(run.refused(2).contains("RUST_LOG"));
}

#[test]
fn what_is_not_there_is_named() {
    refused(&["run", "missing.wasm"], 3, &["missing.wasm", "no such file"]);
    refused(&["inspect", "missing.wasm"], 3, &["missing.wasm", "no such file"]);
    let counter = counter().to_string_lossy();
    refused(&["run", &counter, "--dir", "/missing/folder"], 2, &["/missing/folder"]);
    refused(&["run", &counter, "--env", "GREENROOM_NO_SUCH"], 2, &["GREENROOM_NO_SUCH=VALUE"]);
    refused(&["run", &counter, "--max-actors", "4000000000"], 4, &["more than one host can hold"]);
}

#[test]
fn folders_without_a_project_say_how_to_make_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_string_lossy();
    for command in ["run", "build", "inspect"] {
        refused(&[command, &path], 3, &["no Cargo.toml", "host new NAME"]);
    }
}

#[test]
fn a_project_that_is_no_actor_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("src")).expect("made");
    std::fs::write(folder.path().join("src/lib.rs"), "").expect("written");
    let manifest = "[package]\nname = \"plain\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(folder.path().join("Cargo.toml"), manifest).expect("written");
    let path = folder.path().to_string_lossy();
    refused(&["build", &path], 3, &["plain", "crate-type = [\"cdylib\"]"]);
    std::fs::write(folder.path().join("Cargo.toml"), "[package").expect("written");
    refused(&["build", &path], 3, &["cargo cannot read the project"]);
}

#[test]
fn files_that_are_no_packages_say_what_they_are() {
    file_refused(b"", &["not a WebAssembly file", "host build"]);
    file_refused(b"#!/bin/sh\n", &["not a WebAssembly file"]);
    file_refused(b"\0asm\x01\0\0\0", &["core WebAssembly module", "wasm32-wasip2"]);
    file_refused(b"\0asm\x0d\0\x01\0", &["does not export greenroom:actor/guest"]);
    let good = std::fs::read(counter()).expect("read");
    for length in [5, 9, 1000, good.len() / 2, good.len() - 1] {
        file_refused(&good[..length], &["damaged or incomplete", "host build"]);
    }
}

#[test]
fn another_contracts_version_is_named() {
    let mut bytes = std::fs::read(counter()).expect("read");
    let (ours, theirs) = (b"greenroom:actor/", b"@0.1.0");
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(ours.len()).position(|part| part == ours) {
        at += found + ours.len();
        let end = bytes[at..].iter().take(40).position(|byte| *byte == b'@').map(|end| at + end);
        if let Some(end) = end.filter(|end| bytes[*end..].starts_with(theirs)) {
            bytes[end + 1] = b'9';
        }
    }
    file_refused(&bytes, &["contract 9.1.0", "this host speaks 0.1.0", "build it again"]);
}

#[test]
fn calls_that_make_no_sense_are_refused_before_anything_runs() {
    call_refused("Counter.increment(", &["the bracket is never closed", "Class.method(json, …)"]);
    call_refused("Counter.increment(x)", &["bad JSON", "at column 19"]);
    call_refused("Counter", &["a method is missing"]);
    call_refused("Countr.increment()", &["no class \"Countr\"", "did you mean Counter?"]);
    call_refused("Counter.incremnt()", &["no method \"incremnt\"", "did you mean increment?"]);
    call_refused("Counter.reset()", &["it has increment, get_value"]);
    call_refused("Counter.increment(1)", &["takes 0 arguments, not 1", "Counter.increment()"]);
    call_refused("Counter(1).increment()", &["constructor of Counter takes 0 arguments"]);
    let counter = counter().to_string_lossy();
    let calls = ["--invoke", "Counter.increment()", "--invoke", "Counter.x()"];
    refused(&[&["run", &counter][..], &calls].concat(), 2, &["no method \"x\""]);
    refused(&["run", &counter, "--invoke", "Counter.x()", "--", "y"], 2, &["cannot be used with"]);
}

#[test]
fn programs_get_every_error_as_an_object() {
    for (args, code, kind) in [
        (vec!["run", "missing.wasm"], 3, "package"),
        (vec!["run", "Cargo.toml", "--max-actors", "4000000000"], 4, "set-up"),
        (vec!["new", "2x"], 2, "usage"),
    ] {
        let mut command = command(args);
        let run = outcome(command.args(["--format", "json"]).current_dir(manifest_folder()));
        assert_eq!(run.code, Some(code), "{run:?}");
        assert_eq!(run.json()[0]["error"]["kind"], kind);
        assert_eq!(run.stderr, "");
    }
}

fn manifest_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
