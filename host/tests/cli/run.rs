//! `host run` with a driver.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::harness::{bare, command, counter, host, outcome, probe};

#[test]
fn the_counter_prints_its_results() {
    let run = host(["run".as_ref(), counter().as_os_str()]);
    assert_eq!(run.ok(), "[1, 2]\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn a_driver_gets_its_arguments() {
    let run = outcome(command(["run"]).arg(probe()).args(["--", "a b", "--dir", "-x"]));
    assert_eq!(run.ok(), "[\"a b\", \"--dir\", \"-x\"]\n");
}

#[test]
fn what_a_driver_prints_comes_out_as_it_is() {
    let run = outcome(command(["run"]).arg(probe()).args(["--", "unended"]));
    assert_eq!(run.ok(), "no end");
}

#[test]
fn actors_lines_say_whose_they_are() {
    let run = outcome(command(["run"]).arg(probe()).args(["--", "say"]));
    let stdout: Vec<_> = run.ok().lines().collect();
    let stderr: Vec<_> = run.stderr.lines().collect();
    assert_eq!(stdout[0], "\u{1b}[1mout\u{1b}[0m");
    assert!(stdout[1].starts_with("Probe(a") && stdout[1].ends_with("@n1) | out hello"), "{run:?}");
    assert_eq!(stdout.len(), 2);
    assert_eq!(stderr[0], "err");
    for (line, end) in stderr[1..].iter().zip([
        ") warn | probe: warning",
        ") | err hello",
        ") warn | probe: warning hello",
        ") info | probe: remark hello",
    ]) {
        assert!(line.ends_with(end), "{line}");
    }
    assert_eq!(stderr.len(), 5, "{run:?}");
}

#[test]
fn the_log_level_decides_what_is_shown() {
    let say = |level: &str| {
        let run = outcome(command(["run"]).arg(probe()).args([
            "--log-level",
            level,
            "--invoke",
            "Probe(1).say(\"x\")",
        ]));
        run.ok();
        run.stderr
    };
    assert!(say("debug").contains("debug | probe: detail x"));
    let errors = say("error");
    assert!(!errors.contains("warn") && errors.contains("| err x"), "{errors}");
}

#[test]
fn a_driver_that_fails_ends_with_1() {
    let run = outcome(command(["run"]).arg(probe()).args(["--", "fail"]));
    assert!(run.refused(1).ends_with("told to fail"));
}

#[test]
fn a_driver_that_traps_ends_with_1() {
    let run = outcome(command(["run"]).arg(probe()).args(["--", "trap"]));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.stderr.lines().any(|line| line.starts_with("error: ") && line.contains("told to trap"))
    );
}

#[test]
fn without_a_driver_the_methods_are_explained() {
    let run = host(["run".as_ref(), bare().as_os_str()]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{run:?}");
    for part in [
        "has no driver: say what to call with --invoke",
        "Account(owner: String)",
        "balance() -> u64",
        "What is in it.",
        "--invoke 'Account(owner: String).balance()'",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
}

#[test]
fn ctrl_c_ends_the_job() {
    let mut running = command(["run"])
        .arg(probe())
        .args(["--", "spin"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be run");
    let mut line = String::new();
    let mut stdout = BufReader::new(running.stdout.take().expect("piped"));
    stdout.read_line(&mut line).expect("read");
    assert_eq!(line, "spinning\n");
    let pid = running.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    let status = running.wait().expect("it ends");
    let mut stderr = String::new();
    running.stderr.take().expect("piped").read_to_string(&mut stderr).expect("read");
    assert_eq!(status.code(), Some(130), "{stderr}");
    assert_eq!(stderr, "error: interrupted\n");
}

#[test]
fn a_reader_that_goes_away_ends_the_job() {
    let mut running = command(["run"])
        .arg(probe())
        .args(["--", "many"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be run");
    let mut line = String::new();
    BufReader::new(running.stdout.take().expect("piped")).read_line(&mut line).expect("read");
    assert_eq!(line, "0\n");
    assert_eq!(running.wait().expect("it ends").code(), Some(130));
}

#[test]
fn compiled_code_is_kept_where_the_option_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("code");
    let run = |more: &[&str]| {
        let mut run = command(["run"]);
        run.arg(counter()).env("GREENROOM_CACHE_DIR", "").env_remove("GREENROOM_CACHE_DIR");
        outcome(run.args(more)).ok().to_string()
    };
    let cache_option = cache.to_string_lossy().into_owned();
    run(&["--cache-dir", &cache_option]);
    assert_eq!(std::fs::read_dir(&cache).expect("made").count(), 1);
    run(&["--no-cache"]);
}
