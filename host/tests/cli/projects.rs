//! `host new`, `host build`, and running a folder.

use std::process::Command;

use crate::harness::{command, host, new_project, outcome, target_folder};

#[test]
fn a_new_project_builds_runs_and_passes_its_tests() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = new_project(parent.path(), "hello", &[]);
    let path = folder.to_string_lossy();

    assert_eq!(host(["run", &path]).ok(), "[1, 2]\n");

    let built = host(["build", &path, "--format", "json"]);
    built.ok();
    let object = &built.json()[0];
    assert_eq!(object["classes"], serde_json::json!(["Counter"]));
    assert_eq!(object["driver"], true);
    let file = object["path"].as_str().expect("a path");
    assert!(file.ends_with("hello.wasm"), "{file}");
    let called = host(["run", file, "--invoke", "Counter(5).increment()"]);
    assert_eq!(called.ok(), "6\n");

    let tests = Command::new("cargo")
        .arg("test")
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", target_folder().join("cli-new"))
        .output()
        .expect("cargo runs");
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stderr));
}

#[test]
fn a_new_async_project_builds_and_runs() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = new_project(parent.path(), "hello-async", &["--async"]);
    assert_eq!(host(["run", &folder.to_string_lossy()]).ok(), "[1, 2]\n");
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("taken");
    std::fs::write(&folder, "mine").expect("written");
    let run = host(["new", &folder.to_string_lossy()]);
    assert!(run.refused(2).contains("is there already"), "{run:?}");
    assert_eq!(std::fs::read_to_string(&folder).expect("read"), "mine");
}

#[test]
fn a_name_that_cargo_would_refuse_is_refused() {
    let run = outcome(command(["new", "2x"]).current_dir(std::env::temp_dir()));
    assert!(run.refused(2).contains("a letter first"), "{run:?}");
    let run = host(["new", "hello", "--sdk-path", "/missing"]);
    assert!(run.refused(2).contains("--sdk-path"), "{run:?}");
}

#[test]
fn a_feature_is_built_when_it_is_asked_for() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = new_project(parent.path(), "featured", &[]);
    let path = folder.to_string_lossy();
    let run = host(["build", &path, "--features", "louder"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stderr.contains("does not contain this feature: louder"), "{run:?}");
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).expect("it is there");
    std::fs::write(&manifest, format!("{text}\n[features]\nlouder = []\n")).expect("written");
    let lib = folder.join("src/lib.rs");
    let text = std::fs::read_to_string(&lib).expect("it is there");
    let only = "#[cfg(not(feature = \"louder\"))] compile_error!(\"not louder\");";
    std::fs::write(&lib, format!("{text}\n{only}\n")).expect("written");
    assert_eq!(host(["run", &path, "--features", "louder"]).ok(), "[1, 2]\n");
}

#[test]
fn a_project_that_does_not_compile_shows_why() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = new_project(parent.path(), "broken", &[]);
    std::fs::write(folder.join("src/lib.rs"), "fn main( {").expect("written");
    let run = host(["run", &folder.to_string_lossy()]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{run:?}");
    assert!(run.stderr.contains("src/lib.rs:1"), "{}", run.stderr);
    assert!(run.stderr.contains("error: broken does not compile"), "{}", run.stderr);
}
