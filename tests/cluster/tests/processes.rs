//! Programs in nodes can be stopped, killed and listened to, and end with the
//! test.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use cluster_tests::{Etcd, Network, Process, throughout, until};

const SOON: Duration = Duration::from_secs(20);

/// Tells this program to be the process that is killed in
/// [`programs_die_with_the_process_that_started_them`].
pub(crate) const CHILD: &str = "GREENROOM_TEST_CHILD";

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Counts into a file, about a hundred times a second.
fn counting(file: &Path) -> Command {
    let script =
        "i=0; while :; do i=$((i+1)); echo $i > \"$1.new\"; mv \"$1.new\" \"$1\"; sleep 0.01; done";
    let mut command = shell(script);
    command.arg("sh").arg(file);
    command
}

fn count(file: &Path) -> u64 {
    fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

fn wait_for_more(file: &Path, than: u64) {
    until("counting", SOON, || match count(file) {
        now if now > than => Ok(()),
        now => Err(format!("at {now}")),
    });
}

pub(crate) fn program_lives_in_its_node() {
    let network = Network::new(2, 1);
    let mut process = Process::start(&network, 1, "cat", &shell("cat /proc/self/net/fib_trie"));
    process.line("its address", SOON, |line| line.contains("10.77.0.2"));
    assert!(process.wait(SOON).success());
}

pub(crate) fn paused_program_does_nothing_until_it_goes_on() {
    let network = Network::new(1, 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let mut process = Process::start(&network, 0, "counter", &counting(&file));
    wait_for_more(&file, 3);
    process.pause();
    // The signal is on its way for a moment.
    let mut last = count(&file);
    until("a standstill", SOON, || {
        let before = std::mem::replace(&mut last, count(&file));
        thread::sleep(Duration::from_millis(100));
        if count(&file) == before { Ok(()) } else { Err(format!("at {before}")) }
    });
    let stood = count(&file);
    throughout("standing still", Duration::from_millis(300), || match count(&file) {
        now if now == stood => Ok(()),
        now => Err(format!("from {stood} to {now}")),
    });
    process.resume();
    wait_for_more(&file, stood);
}

pub(crate) fn killed_program_is_gone() {
    let network = Network::new(1, 1);
    let script = "trap '' TERM; sleep 600 & echo $!; wait";
    let mut process = Process::start(&network, 0, "sleeper", &shell(script));
    let started = process.line("what it started", SOON, |line| line.parse::<u32>().is_ok());
    // Also one that is stopped.
    process.pause();
    assert!(!process.has_ended());
    process.kill();
    assert!(process.has_ended());
    wait_for_end(&started);
}

fn wait_for_end(id: &str) {
    let stat = Path::new("/proc").join(id).join("stat");
    until("the end of an orphan", SOON, || match fs::read_to_string(&stat) {
        // One that nobody has waited for yet is dead too.
        Ok(stat) if !stat.contains(") Z ") => Err(stat),
        _ => Ok(()),
    });
}

pub(crate) fn terminated_program_may_say_goodbye() {
    let network = Network::new(1, 1);
    let script = "trap 'echo goodbye; exit 7' TERM; echo ready; while :; do sleep 0.01; done";
    let mut process = Process::start(&network, 0, "polite", &shell(script));
    process.line("the first line", SOON, |line| line == "ready");
    process.terminate();
    assert_eq!(process.wait(SOON).code(), Some(7));
    process.line("the last line", SOON, |line| line == "goodbye");
}

pub(crate) fn line_that_does_not_come_fails_with_what_was_waited_for() {
    let failure = catch_unwind(|| {
        let network = Network::new(1, 1);
        let mut process = Process::start(&network, 0, "brief", &shell("echo no >&2; exit 1"));
        process.line("a yes", SOON, |line| line == "yes");
    })
    .unwrap_err();
    let failure = failure.downcast_ref::<String>().unwrap();
    assert_eq!(failure, "brief ended before: a yes; its last words: no");
}

pub(crate) fn output_to_a_file_is_whole() {
    let network = Network::new(1, 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let command = shell("i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done");
    let mut process = Process::start_to(&network, 0, "many lines", &command, &file);
    assert!(process.wait(SOON).success());
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 5000);
}

pub(crate) fn etcd_serves_other_nodes_and_starts_again_on_its_data() {
    let network = Network::new(2, 1);
    let folder = tempfile::tempdir().unwrap();
    let mut etcd = Etcd::start(&network, 1, folder.path().join("data"));
    let control = etcd.control(&network);
    assert_eq!(control, "etcd://10.77.0.2:2379");
    let ask = || {
        let mut stream = network.run(0, || TcpStream::connect("10.77.0.2:2379"))?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
        std::io::read_to_string(stream)
    };
    let is_healthy = || match ask() {
        Ok(answer) if answer.contains(r#""health":"true""#) => Ok(()),
        other => Err(format!("{other:?}")),
    };
    until("a healthy etcd", SOON, is_healthy);
    etcd.kill();
    ask().unwrap_err();
    etcd.restart(&network);
    until("a healthy etcd again", SOON, is_healthy);
}

/// The part of the next test that is killed.
pub(crate) fn start_one_and_wait() -> ! {
    let network = Network::new(1, 1);
    let mut process = Process::start(&network, 0, "orphan", &shell("echo $$; exec sleep 600"));
    println!("{}", process.line("its id", SOON, |line| line.parse::<u32>().is_ok()));
    loop {
        thread::park();
    }
}

pub(crate) fn programs_die_with_the_process_that_started_them() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut parent = command.env(CHILD, "1").stdout(Stdio::piped()).spawn().unwrap();
    let mut id = String::new();
    let mut stdout = std::io::BufReader::new(parent.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut id).unwrap();
    let orphan = Path::new("/proc").join(id.trim());
    assert!(orphan.join("stat").exists(), "{}", orphan.display());
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for_end(id.trim());
}
