//! `host run --invoke`.

use serde_json::json;

use crate::harness::{Outcome, command, outcome, probe};

fn invoke(calls: &[&str]) -> Outcome {
    with(&[], calls)
}

fn with(options: &[&str], calls: &[&str]) -> Outcome {
    let mut run = command(["run"]);
    run.arg(probe()).args(options);
    for call in calls {
        run.args(["--invoke", call]);
    }
    outcome(&mut run)
}

#[test]
fn calls_go_to_one_actor_in_order() {
    let run = invoke(&["Probe(5).add(1, \"a\")", "Probe.add(-3, \"ü\")", "Probe.take(2)"]);
    assert_eq!(run.ok(), "[6,\"a\"]\n[3,\"ü\"]\n1\n");
}

#[test]
fn bytes_refs_and_handles_are_shown() {
    let run = invoke(&[
        "Probe(0).reverse({\"$bytes\": \"AQID\"})",
        "Probe.reference()",
        "Probe.myself()",
    ]);
    let lines: Vec<_> = run.ok().lines().collect();
    assert_eq!(lines[0], "{\"$bytes\":\"AwIB\"}");
    assert!(lines[1].starts_with("{\"$ref\":\"o"), "{}", lines[1]);
    assert!(lines[2].starts_with("{\"$handle\":\"a"), "{}", lines[2]);
}

#[test]
fn an_application_error_ends_the_run_with_1() {
    let run = invoke(&["Probe(1).take(3)", "Probe.take(1)"]);
    assert_eq!(run.refused(1), "error: Probe(1).take(3): 2 are missing");
}

#[test]
fn programs_get_results_and_errors_as_objects() {
    let run = with(&["--format", "json"], &["Probe(1).take(1)", "Probe.take(3)"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(
        run.json(),
        [
            json!({"call": "Probe(1).take(1)", "result": 0}),
            json!({"error": {
                "kind": "failed",
                "message": "Probe.take(3): 3 are\nmissing",
                "value": {"missing": 3},
            }}),
        ]
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn a_trap_is_told_with_its_backtrace() {
    let run = invoke(&["Probe(0).trap()"]);
    assert_eq!(run.code, Some(1));
    let error = run.stderr.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(
        error.contains("Probe.trap trapped: ") && error.contains("index out of bounds"),
        "{error}"
    );
    let frames = run.stderr.lines().filter(|line| line.starts_with("    at ")).count();
    assert!((1..=8).contains(&frames), "{}", run.stderr);

    let run = with(&["--format", "json"], &["Probe(0).trap()"]);
    let error = &run.json()[0]["error"];
    assert_eq!(error["kind"], "trapped");
    assert_eq!(error["method"], "Probe.trap");
    assert!(error["backtrace"].as_array().is_some_and(|frames| !frames.is_empty()));
}

#[test]
fn what_can_never_be_placed_ends_with_4() {
    let error = invoke(&["Greedy.here()"]);
    assert!(error.refused(4).contains("unobtainium"), "{error:?}");
    let run = with(&["--resources", "unobtainium=1"], &["Greedy.here()"]);
    assert_eq!(run.ok(), "true\n");
    let mut run = command(["run"]);
    run.arg(probe()).args(["--invoke", "Greedy.here"]);
    assert_eq!(outcome(run.env("GREENROOM_RESOURCES", "a=1,unobtainium=1")).ok(), "true\n");
}

#[test]
fn nothing_is_granted_that_was_not_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "inside").expect("written");
    let path = folder.path().to_string_lossy();
    let dir = format!("{path}:ro=/in");
    let read = "Probe(0).read(\"/in/file\")";
    assert_eq!(with(&["--dir", &dir], &[read]).ok(), "\"inside\"\n");
    assert_eq!(invoke(&[read]).code, Some(1));

    let variable = "Probe(0).variable(\"A\")";
    assert_eq!(invoke(&["Probe(0).variable(\"PATH\")"]).ok(), "null\n");
    assert_eq!(with(&["--env", "A=b"], &[variable]).ok(), "\"b\"\n");
}
