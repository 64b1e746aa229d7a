//! `host start`, and the commands that are its clients.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Outcome, command, counter, outcome, probe, workspace};

/// For a host to begin, on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// A node of its own, ended with the test.
pub(crate) struct Node {
    process: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) ready: Value,
    folder: tempfile::TempDir,
}

impl Node {
    pub(crate) fn start(args: &[&str]) -> Node {
        Node::start_in(tempfile::tempdir().expect("a folder"), args)
    }

    /// With the GPUs of the driver for tests.
    pub(crate) fn start_with_gpus(args: &[&str]) -> Node {
        let vulkan = host_toolchain::find_vulkan(&workspace());
        let vulkan = vulkan.unwrap_or_else(|missing| panic!("{missing}"));
        let environment = vulkan.environment().expect("the driver has a folder");
        let folder = tempfile::tempdir().expect("a folder");
        Node::start_as(folder, &[&["--software-gpu"], args].concat(), environment)
    }

    fn start_in(folder: tempfile::TempDir, args: &[&str]) -> Node {
        Node::start_as(folder, args, Vec::new())
    }

    fn start_as(
        folder: tempfile::TempDir,
        args: &[&str],
        environment: Vec<(&'static str, OsString)>,
    ) -> Node {
        let mut start = command(["start", "--listen", "127.0.0.1:0", "--format", "json"]);
        let name = ["--name", "alpha"];
        start.args(name.iter().filter(|_| !args.contains(&"--name")));
        start.args(["--max-actors", "50"]).args(args);
        start.arg("--data-dir").arg(folder.path().join("data")).envs(environment);
        let mut process = start.stdout(Stdio::piped()).spawn().expect("the program can be run");
        let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("read");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Node { process, stdout, ready, folder }
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A client's command line.
    fn client(&self, args: &[&str]) -> Command {
        let mut client = command(args);
        client.env("GREENROOM_DATA_DIR", self.data_dir());
        client
    }

    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        outcome(&mut self.client(args))
    }

    /// What a command prints for programs.
    fn json(&self, args: &[&str]) -> Vec<Value> {
        let run = outcome(self.client(args).args(["--format", "json"]));
        run.ok();
        run.json()
    }

    /// A command that runs the probe here.
    pub(crate) fn probe(&self, args: &[&str]) -> Command {
        let address = self.ready["address"].as_str().expect("a text");
        let mut run = self.client(&["run", "--cluster", address]);
        run.arg(probe()).args(args);
        run
    }

    /// Waits until it has ended by itself.
    fn ended(mut self) -> (Option<i32>, tempfile::TempDir) {
        let status = self.process.wait().expect("it ends");
        (status.code(), std::mem::replace(&mut self.folder, tempfile::tempdir().expect("one")))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A driver that runs until it is ended, and its first line.
fn spinning(node: &Node) -> (Child, BufReader<ChildStdout>) {
    let mut running = node.probe(&["--", "spin"]);
    let running = running.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut running = running.expect("the program can be run");
    let mut stdout = BufReader::new(running.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("read");
    assert_eq!(line, "spinning\n");
    (running, stdout)
}

fn stderr(mut process: Child) -> (Option<i32>, String) {
    let mut text = String::new();
    process.stderr.take().expect("piped").read_to_string(&mut text).expect("read");
    (process.wait().expect("it ends").code(), text)
}

#[test]
fn a_node_says_when_it_is_ready_and_stops_when_told() {
    let mut node = Node::start(&[]);
    assert_eq!((&node.ready["event"], &node.ready["node"]), (&json!("ready"), &json!("n1")));
    let status = node.json(&["status"]).remove(0);
    assert_eq!(status["nodes"][0]["name"], "alpha");
    assert_eq!(status["nodes"][0]["address"], node.ready["address"]);
    assert_eq!(node.json(&["stop"]), [json!({"stops": "alpha"})]);
    let mut rest = String::new();
    node.stdout.read_to_string(&mut rest).expect("read");
    assert_eq!(rest, "");
    let data_dir = node.data_dir();
    let (code, _folder) = node.ended();
    assert_eq!(code, Some(0));
    let mut late = command(["status"]);
    let late = outcome(late.env("GREENROOM_DATA_DIR", &data_dir));
    assert!(late.refused(4).contains("no node runs with the data directory"));
}

#[test]
fn a_package_runs_on_a_node_as_it_does_alone() {
    let node = Node::start(&[]);
    let address = node.ready["address"].as_str().expect("a text");
    let mut run = node.client(&["run", "--cluster", address]);
    assert_eq!(outcome(run.arg(counter())).ok(), "[1, 2]\n");
    // The second time it is there, also for a node that starts anew.
    assert_eq!(outcome(&mut run).ok(), "[1, 2]\n");
    assert_eq!(node.json(&["list", "packages"])[0]["classes"], json!(["Counter"]));
    assert_eq!(node.json(&["list", "jobs"]), [] as [Value; 0]);
    assert_eq!(node.json(&["list", "actors"]), [] as [Value; 0]);
    node.run(&["stop"]).ok();
    let (_, folder) = node.ended();
    let again = Node::start_in(folder, &[]);
    let address = again.ready["address"].as_str().expect("a text");
    let mut run = again.client(&["run", "--cluster", address, "--invoke", "Counter.increment()"]);
    assert_eq!(outcome(run.arg(counter())).ok(), "1\n");
}

#[test]
fn output_and_lines_come_as_from_a_run_alone() {
    let node = Node::start(&[]);
    let run = outcome(&mut node.probe(&["--", "say"]));
    let stdout: Vec<_> = run.ok().lines().collect();
    assert_eq!(stdout.len(), 2, "{run:?}");
    assert!(stdout.contains(&"\u{1b}[1mout\u{1b}[0m"));
    assert!(stdout.iter().any(|line| line.ends_with("@n1) | out hello")), "{run:?}");
    for part in ["err\n", ") warn | probe: warning\n", ") | err hello\n", "probe: remark hello\n"] {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    let run = outcome(&mut node.probe(&["--", "unended"]));
    assert_eq!(run.ok(), "no end");
}

#[test]
fn all_of_a_long_output_arrives() {
    let node = Node::start(&[]);
    let run = outcome(&mut node.probe(&["--", "many"]));
    assert_eq!(run.ok().lines().count(), 1_000_000);
    assert!(run.stdout.ends_with("\n999999\n"));
}

#[test]
fn failures_are_those_of_a_run_alone() {
    let node = Node::start(&[]);
    let run = |args: &[&str]| outcome(&mut node.probe(args));
    assert!(run(&["--", "fail"]).refused(1).ends_with("told to fail"));
    let trapped = run(&["--", "trap"]);
    assert_eq!(trapped.code, Some(1), "{trapped:?}");
    assert!(trapped.stderr.contains("told to trap"), "{trapped:?}");
    assert!(run(&["--invoke", "Prob.add(1)"]).refused(2).contains("did you mean Probe?"));
    let short = run(&["--format", "json", "--invoke", "Probe(1).take(5)"]);
    assert_eq!(short.code, Some(1));
    assert_eq!(short.json()[0]["error"]["value"], json!({"missing": 4}));
    let two = run(&["--invoke", "Probe(1).add(2, \"x\")", "--invoke", "Probe.myself()"]);
    assert!(two.ok().starts_with("[3,\"x\"]\n{\"$handle\":\"a"), "{two:?}");
    let granted = run(&["--env", "HOME", "--", "say"]);
    assert!(granted.refused(2).contains("host start"));
}

#[test]
fn an_actor_can_be_seen_called_and_killed() {
    let node = Node::start(&[]);
    let (running, _stdout) = spinning(&node);
    let job = node.json(&["list", "jobs"]).remove(0);
    assert_eq!(
        (&job["what"], &job["owner"]),
        (&json!("driver spin"), &json!("the owner of this host"))
    );
    let driver = node.json(&["list", "actors"]).remove(0);
    assert_eq!((&driver["class"], &driver["state"]), (&json!("driver"), &json!("running")));
    assert_eq!(driver["job"], job["id"]);
    let (driver, job) = (driver["id"].as_str().expect("a text"), job["id"].as_str().expect("one"));
    assert_eq!(node.json(&["get", "actor", driver])[0]["methods"], json!([]));
    assert!(node.run(&["explain", driver]).ok().contains("is running"));
    assert!(node.run(&["explain", job]).ok().contains("the owner of this host"));
    let call = node.run(&["call", driver, "anything"]);
    assert!(call.refused(1).contains("a driver has no methods"));
    node.run(&["kill", job]).ok();
    let (code, text) = stderr(running);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("job {job} was ended")), "{text}");
    assert!(node.run(&["explain", driver]).ok().contains("is dead"));
    assert!(node.run(&["kill", job]).refused(1).contains("no job"));
    assert!(node.run(&["call", "nobody", "x"]).refused(1).contains("no actor is named"));
    assert!(node.run(&["call", "nobody", "x", "1"]).refused(2).contains("write them like"));
}

#[test]
fn a_detached_actor_stays_and_can_be_called_by_name() {
    let node = Node::start(&[]);
    outcome(&mut node.probe(&["--", "stay"])).ok();
    let actor = node.json(&["list", "actors"]).remove(0);
    assert_eq!((&actor["name"], &actor["state"]), (&json!("hits"), &json!("idle")));
    assert_eq!(node.run(&["call", "hits", "add", "[2, \"x\"]"]).ok(), "[7,\"x\"]\n");
    let called = node.json(&["call", "hits", "take", "[7]"]);
    assert_eq!(called, [json!({"call": "hits.take", "result": 0})]);
    let id = actor["id"].as_str().expect("a text");
    assert!(node.run(&["call", id, "take", "[1]"]).refused(1).contains("1 are missing"));
    assert!(node.run(&["call", id, "take"]).refused(1).contains("takes 1 argument, not 0"));
    assert!(node.run(&["call", id, "nothing"]).refused(1).contains("nothing"));
    assert_eq!(node.json(&["call", "hits", "myself"])[0]["result"], json!({"$handle": id}));
    let full = node.json(&["get", "actor", "hits"]).remove(0);
    assert_eq!((&full["detached"], &full["id"]), (&json!(true), &json!(id)));
    assert!(node.run(&["explain", "hits"]).ok().contains("it is detached"));
    let mut follow = node.client(&["logs", "--follow", "hits"]);
    let mut follow = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(follow.stdout.take().expect("piped")).lines();
    let mut next = || lines.next().expect("a line").expect("UTF-8");
    assert!(next().ends_with("| out hello"));
    node.run(&["call", "hits", "say", "[\"again\"]"]).ok();
    while !next().ends_with("| out again") {}
    assert_eq!(node.run(&["kill", "hits"]).ok(), format!("killed Probe({id})\n"));
    let (code, _) = stderr(follow);
    assert_eq!(code, Some(0));
    assert!(node.run(&["call", "hits", "take", "[1]"]).refused(1).contains("no actor is named"));
    assert!(node.run(&["get", "actor", id]).refused(1).contains("was killed"));
}

#[test]
fn ctrl_c_ends_the_job_on_the_node() {
    let node = Node::start(&[]);
    let (running, _stdout) = spinning(&node);
    let job = node.json(&["list", "jobs"]).remove(0);
    let job = job["id"].as_str().expect("a text");
    let mut follow = node.client(&["logs", "-f", job]);
    let follow = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let pid = running.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    assert_eq!(stderr(running), (Some(130), "error: interrupted\n".into()));
    // Who follows the job is told when it has ended, and then it is gone.
    assert_eq!(stderr(follow), (Some(0), String::new()));
    assert_eq!(node.json(&["list", "jobs"]), [] as [Value; 0]);
    assert_eq!(node.json(&["list", "actors"]), [] as [Value; 0]);
}

#[test]
fn a_client_that_is_killed_ends_its_job() {
    let node = Node::start(&[]);
    let (mut running, _stdout) = spinning(&node);
    let job = node.json(&["list", "jobs"]).remove(0);
    let mut follow = node.client(&["logs", "-f", job["id"].as_str().expect("a text")]);
    let follow = follow.stderr(Stdio::piped()).spawn().expect("it runs");
    running.kill().expect("it runs");
    running.wait().expect("it ends");
    assert_eq!(stderr(follow), (Some(0), String::new()));
    assert_eq!(node.json(&["list", "jobs"]), [] as [Value; 0]);
}

#[test]
fn lines_of_actors_that_have_ended_can_be_read() {
    let node = Node::start(&[]);
    let said = outcome(&mut node.probe(&["--", "say"]));
    let line = said.ok().lines().find(|line| line.ends_with("out hello")).expect("a line");
    let actor = line.split(['(', ')']).nth(1).expect("an id");
    let logs = node.json(&["logs", actor]);
    assert_eq!(logs[0]["stdout"], "out hello");
    assert_eq!(logs.last().expect("lines")["log"], "probe: remark hello");
    assert_eq!(node.json(&["logs", "--tail", "1", actor]), logs[logs.len() - 1..]);
    assert!(node.run(&["logs", "a999@n1"]).refused(1).contains("there is no actor a999@n1"));
}

#[test]
fn the_first_node_makes_tokens_and_says_what_it_cannot_do() {
    let node = Node::start(&[]);
    let made = node.run(&["token", "create", "--client", "--role", "read"]);
    assert!(made.ok().contains("GR1"), "{made:?}");
    assert_eq!(node.json(&["token", "list"]).len(), 2, "the first token, and this");
    assert!(node.run(&["drain", "alpha"]).refused(2).contains("host stop"));
    let other = node.run(&["status", "--cluster", "10.0.0.1:7420"]);
    assert!(other.refused(4).contains("host login 10.0.0.1:7420"), "{other:?}");
    let mut second = command(["start", "--listen", "127.0.0.1:0", "--data-dir"]);
    let second = outcome(second.arg(node.data_dir()));
    assert!(second.refused(4).contains("another node runs with the data directory"));
}

#[test]
fn gpus_are_listed_with_who_holds_them() {
    let none = Node::start(&["--gpus", "0"]);
    assert_eq!(none.json(&["list", "gpus"]), Vec::<Value>::new());
    let node = Node::start_with_gpus(&["--gpus", "2"]);
    let gpus = node.json(&["list", "gpus"]);
    assert_eq!(gpus.len(), 2);
    for (index, gpu) in gpus.iter().enumerate() {
        assert_eq!((&gpu["node"], &gpu["index"]), (&node.ready["node"], &json!(index)));
        assert_eq!((&gpu["kind"], &gpu["backend"]), (&json!("software"), &json!("vulkan")));
        assert!(gpu["name"].as_str().is_some_and(|name| name.contains("llvmpipe")), "{gpu}");
        assert!(gpu["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{gpu}");
        assert_eq!(gpu["holders"], json!([]));
    }
    outcome(&mut node.probe(&["--", "stay-on-gpu"])).ok();
    let id = node.json(&["get", "actor", "half"])[0]["id"].clone();
    let gpus = node.json(&["list", "gpus"]);
    assert_eq!(gpus[0]["holders"], json!([{"actor": id, "class": "Probe", "share": 0.5}]));
    assert_eq!(gpus[1]["holders"], json!([]));
    let shown = node.run(&["list", "gpus"]);
    let id = id.as_str().expect("a text");
    assert!(shown.ok().contains(&format!("Probe {id} (0.5)")), "{shown:?}");
}

/// The search for GPUs hangs in a driver; nobody has to wait for that.
#[test]
fn a_start_that_looks_for_gpus_can_be_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    // Opening it takes until somebody writes to it, which nobody does.
    let driver = folder.path().join("driver.json");
    assert!(Command::new("mkfifo").arg(&driver).status().expect("mkfifo runs").success());
    let mut start = command(["start", "--listen", "127.0.0.1:0", "--data-dir"]);
    let vulkan = host_toolchain::find_vulkan(&workspace());
    let vulkan = vulkan.unwrap_or_else(|missing| panic!("{missing}"));
    start.arg(folder.path().join("data")).envs(vulkan.environment().expect("a folder"));
    start.env("VK_DRIVER_FILES", &driver).env("VK_ICD_FILENAMES", &driver);
    let mut host = start.stdout(Stdio::piped()).spawn().expect("it runs");
    let begun = Instant::now();
    let searches = || {
        // It is started by a thread of its own.
        let tasks = std::fs::read_dir(format!("/proc/{}/task", host.id())).expect("it runs");
        tasks.flatten().any(|task| {
            std::fs::read_to_string(task.path().join("children"))
                .is_ok_and(|children| !children.trim().is_empty())
        })
    };
    while !searches() {
        assert!(begun.elapsed() < START_MAX, "it does not look for GPUs");
        std::thread::yield_now();
    }
    let stopped = Instant::now();
    let id = host.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().expect("kill").success());
    assert_eq!(host.wait().expect("it ends").code(), Some(0));
    assert!(stopped.elapsed() < Duration::from_secs(10), "{:?}", stopped.elapsed());
}

#[test]
fn a_start_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, why) in [
        (["--control", "http://a:1"], "etcd://"),
        (["--control-ca", "/nowhere"], "--control etcds://"),
        (["--listen", "0.0.0.0:0"], "--advertise"),
        (["--labels", "zone"], "NAME=VALUE"),
        (["--token", "GR1nonsense"], "token"),
    ] {
        let mut start = command(["start", "--data-dir"]);
        let refused = outcome(start.arg(folder.path().join("data")).args(args));
        assert!(refused.refused(2).contains(why), "{refused:?}");
    }
}

#[test]
fn another_node_joins_with_the_token_and_both_are_seen() {
    let node = Node::start(&[]);
    let [address, token] = ["address", "token"].map(|it| node.ready[it].as_str().expect("a text"));
    let beta = Node::start(&["--name", "beta", "--join", address, "--token", token]);
    let nodes = beta.json(&["list", "nodes"]);
    assert_eq!(
        nodes.iter().map(|node| node["name"].clone()).collect::<Vec<_>>(),
        ["alpha", "beta"]
    );
    let said = outcome(&mut beta.probe(&["--", "say"]));
    assert!(said.ok().contains("out"), "{said:?}");
}

#[test]
fn a_stranger_without_the_token_is_refused() {
    let node = Node::start(&[]);
    let other = tempfile::tempdir().expect("a folder");
    let stolen = other.path().join("data");
    let private = Command::new("install").args(["-d", "-m", "700"]).arg(&stolen).status();
    assert!(private.expect("install").success());
    std::fs::copy(node.data_dir().join("address"), stolen.join("address")).expect("copied");
    let mut client = command(["status"]);
    let without = outcome(client.env("GREENROOM_DATA_DIR", &stolen));
    assert!(without.refused(4).contains("no node runs"));
    let wrong = format!("GRlocal-{}\n", "00".repeat(32));
    std::fs::write(stolen.join("local-token"), wrong).expect("written");
    let closed = Command::new("chmod").arg("600").arg(stolen.join("local-token")).status();
    assert!(closed.expect("chmod").success());
    assert!(outcome(&mut client).refused(4).contains("token"));
}

#[test]
fn a_file_says_options_that_the_command_line_can_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    let text = "name = \"beta\"\ncpus = 3\nno-cache = true\nresources = { licence = 2 }\n\
                env = [\"A=1\", \"B=2\"]\n";
    std::fs::write(&file, text).expect("written");
    let node = Node::start(&["--config", file.to_str().expect("UTF-8"), "--cpus", "5"]);
    let status = node.json(&["list", "nodes"]).remove(0);
    assert_eq!(status["name"], "alpha");
    assert_eq!(status["resources"]["cpus"]["total"], 5.0);
    assert_eq!(status["resources"]["licence"]["total"], 2.0);
    assert!(!node.data_dir().join("code").exists());
    let run = outcome(&mut node.probe(&["--invoke", "Probe(1).variable(\"B\")"]));
    assert_eq!(run.ok(), "\"2\"\n");
    for (text, why) in [
        ("nam = \"x\"", "did you mean name?"),
        ("cpus = \"many\"", "--cpus"),
        ("token = \"GR1\"", "no option \"token\""),
        ("cpus = [[1]]", "no value of an option"),
        ("cpus", "node.toml"),
    ] {
        std::fs::write(&file, text).expect("written");
        let mut start = command(["start", "--config"]);
        let start = outcome(start.arg(&file));
        assert!(start.refused(2).contains(why), "{why}: {start:?}");
    }
}
