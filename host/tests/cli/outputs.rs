//! What is shown: packages, help, completions.

use serde_json::json;

use crate::harness::{bare, counter, host};

#[test]
fn a_package_is_shown_to_people() {
    let shown = host(["inspect".as_ref(), bare().as_os_str()]);
    let text = shown.ok();
    for part in [
        "greenroom:actor@0.1.0, world actor",
        "greenroom-rust",
        "driver    none",
        "environment (--env)",
        "wasi:cli/stdout@",
        "class Account (one call at a time), max_restarts = 3",
        "new(owner: String)",
        "balance() -> u64",
        "What is in it.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_package_is_shown_to_programs() {
    let shown = host(["inspect", &counter().to_string_lossy(), "--format", "json"]);
    shown.ok();
    let object = &shown.json()[0];
    assert_eq!(object["contract"], "0.1.0");
    assert_eq!(object["driver"]["docs"], "Counts to two.");
    assert_eq!(object["hash"].as_str().map(str::len), Some(64));
    assert_eq!(object["classes"][0]["name"], "Counter");
    let increment = json!({
        "name": "increment",
        "docs": "Adds one and answers the sum.",
        "params": [],
        "returns": "i64",
        "fails": null,
    });
    assert_eq!(object["classes"][0]["methods"][0], increment);
}

#[test]
fn programs_get_the_drivers_lines_as_objects() {
    let run = host(["run", &counter().to_string_lossy(), "--format", "json"]);
    run.ok();
    assert_eq!(run.json(), [json!({"stdout": "[1, 2]"})]);
}

#[test]
fn help_has_examples_and_exit_codes() {
    let help = host(["--help"]);
    for part in ["Examples:", "Exit codes:", "130  interrupted", "completions"] {
        assert!(help.ok().contains(part), "{part}: {}", help.stdout);
    }
    for command in ["run", "build", "new", "inspect", "completions"] {
        assert!(host([command, "--help"]).ok().contains("Examples:"), "{command}");
    }
    assert!(host(["--version"]).ok().starts_with("host 0."));
}

#[test]
fn without_a_command_the_help_is_shown() {
    let run = host::<&str>([]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{run:?}");
    assert!(run.stderr.contains("Usage: host"), "{run:?}");
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(host(["completions", shell]).ok().contains("invoke"), "{shell}");
    }
}
