//! What only the embedded store promises.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use host_control::{ControlStore as _, Embedded, Error, Transaction};

use crate::fixture::{all, get, key, put, soon};

/// Names the folder that a child process writes to until it is killed.
const CRASH_FOLDER: &str = "CONTROL_CRASH_FOLDER";

/// Killed when it is dropped, also by a panic.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// No test of its own: the process that the next one kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_that_is_killed() {
    let Some(folder) = std::env::var_os(CRASH_FOLDER) else { return };
    let store = Embedded::open(Path::new(&folder), None).await.unwrap();
    let lease = store.grant(std::time::Duration::from_secs(60), soon()).await.unwrap().id;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0_u64.. {
                    let transaction = Transaction::new()
                        .put(key(format!("{writer}/first")), format!("{number}"))
                        .put_leased(key(format!("{writer}/second")), format!("{number}"), lease);
                    let outcome = store.transact(&transaction, soon()).await.unwrap();
                    // Said only once it is acknowledged.
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "ack {writer} {number} {}", outcome.revision).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_loses_no_acknowledged_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut highest = 0;
    for acknowledgements in [1, 40, 250, 400] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "embedded_only::writer_that_is_killed", "--nocapture"])
            .env(CRASH_FOLDER, folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let mut child = Killed(child);
        let mut last = [None; 8];
        let mut seen = 0;
        for line in BufReader::new(out).lines() {
            let line = line.unwrap();
            // The harness of the child writes to the same stream.
            let Some((_, fields)) = line.split_once("ack ") else { continue };
            let fields: Vec<u64> = fields.split(' ').map(|field| field.parse().unwrap()).collect();
            last[fields[0] as usize] = Some(fields[1]);
            highest = highest.max(fields[2]);
            seen += 1;
            if seen == acknowledgements {
                // And what it says before it is dead counts as well.
                child.0.kill().unwrap();
            }
        }
        assert!(seen >= acknowledgements, "the child ended by itself");
        drop(child);
        check_after_crash(folder.path(), &last, highest).await;
    }
}

async fn check_after_crash(folder: &Path, last: &[Option<u64>; 8], highest: u64) {
    let store = Embedded::open(folder, None).await.unwrap();
    for (writer, acknowledged) in last.iter().enumerate() {
        let Some(acknowledged) = acknowledged else { continue };
        let first = get(&store, &format!("{writer}/first")).await.unwrap();
        let second = get(&store, &format!("{writer}/second")).await.unwrap();
        assert_eq!((&first.value, first.modified), (&second.value, second.modified));
        let found: u64 = String::from_utf8(first.value.to_vec()).unwrap().parse().unwrap();
        assert!(found >= *acknowledged, "{found} found, {acknowledged} acknowledged");
        // Its lease came back too.
        store.keep_alive(second.lease.unwrap(), soon()).await.unwrap();
    }
    let (revision, _) = all(&store, "", 100).await;
    assert!(revision.number() >= highest, "{revision} after {highest}");
    store.close().await;
}

#[tokio::test]
async fn file_of_another_format_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.redb");
    for bytes in [&b"hello"[..], &[0; 8192], b""] {
        std::fs::write(&path, bytes).unwrap();
        let refused = Embedded::open(folder.path(), None).await.map(drop).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
        assert!(refused.to_string().contains("control.redb"), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[tokio::test]
async fn store_that_is_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), None).await.unwrap();
    let refused = Embedded::open(folder.path(), None).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    store.close().await;
    let closed = store.get(&key("a"), soon()).await.unwrap_err();
    assert!(matches!(closed, Error::Unavailable { .. }), "{closed}");
    Embedded::open(folder.path(), None).await.unwrap().close().await;
}

#[tokio::test]
async fn unfinished_new_store_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("control.redb.new"), b"half").unwrap();
    let store = Embedded::open(folder.path(), None).await.unwrap();
    put(&store, "a", "1").await;
    store.close().await;
}
