//! Drivers that load the logs of `cluster-guest`, and the history they leave.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster_guest::{Line, Outcome as Told};

use crate::cluster::Cluster;
use crate::history::{Call, History, Operation, Outcome, Place, Snapshot};
use crate::process::Process;
use crate::{program, until};

/// A look at all logs: an actor that is gone is waited for by the driver.
const LOOK_MAX: Duration = Duration::from_secs(120);

/// For calls to be answered again after a fault: a lease of ten seconds runs
/// out, actors start elsewhere, and callers wait forty seconds for an answer.
const MORE_MAX: Duration = Duration::from_secs(90);

/// Beyond its time, a driver waits for the calls that are under way.
const END_MAX: Duration = Duration::from_secs(180);

/// Drivers under load. Each is a command `host run` at some host.
pub struct Load {
    guest: PathBuf,
    actors: usize,
    drivers: Vec<Driver>,
    looks: Vec<PathBuf>,
}

struct Driver {
    caller: String,
    process: Process,
    file: PathBuf,
    /// For how long it sends calls.
    time: Duration,
}

impl Load {
    /// A load of so many logs, without a driver yet.
    pub fn new(actors: usize) -> Load {
        let guest = program::guest("cluster-guest");
        Load { guest, actors, drivers: Vec::new(), looks: Vec::new() }
    }

    /// Starts a driver at a host: for so many seconds it calls all logs, with
    /// so many calls under way.
    pub fn drive(&mut self, cluster: &Cluster, host: usize, seconds: u64, in_flight: usize) {
        let caller = format!("driver-{}", self.drivers.len());
        let file = cluster.folder().join(format!("{caller}.jsonl"));
        let guest = self.guest.to_string_lossy();
        let numbers = [self.actors as u64, seconds, in_flight as u64].map(|it| it.to_string());
        let [actors, seconds_text, in_flight] = numbers.each_ref().map(String::as_str);
        let args = ["run", &*guest, "--", "load", &caller, actors, seconds_text, in_flight];
        let process = cluster.start_command(host, &caller, &args, &file);
        let time = Duration::from_secs(seconds);
        self.drivers.push(Driver { caller, process, file, time });
    }

    /// Reads all logs that can be had, through a host.
    ///
    /// # Panics
    /// If the host does not run the driver.
    pub fn look(&mut self, cluster: &Cluster, host: usize) {
        let file = cluster.folder().join(format!("look-{}.jsonl", self.looks.len()));
        let guest = self.guest.to_string_lossy();
        let args = ["run", &*guest, "--", "look", &self.actors.to_string()];
        fs::write(&file, cluster.output(host, &args, LOOK_MAX))
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.looks.push(file);
    }

    /// How many drivers are still sending, or waiting for answers.
    pub fn running(&mut self) -> usize {
        self.drivers.iter_mut().filter_map(|it| (!it.process.has_ended()).then_some(())).count()
    }

    /// Waits until so many more calls have been answered than now.
    ///
    /// # Panics
    /// If it takes longer than any recovery should.
    pub fn wait_for_more(&self, calls: usize) {
        let before = self.done();
        until(&format!("{calls} more calls are answered"), MORE_MAX, || {
            let more = self.done() - before;
            if more >= calls { Ok(()) } else { Err(format!("{more} are, after {before}")) }
        });
    }

    /// How many calls were answered so far, by all drivers together.
    pub fn done(&self) -> usize {
        let is_done = |line: &&Line| matches!(line, Line::Ended { outcome: Told::Done { .. }, .. });
        let done = |driver: &Driver| lines(&driver.file).iter().filter(is_done).count();
        self.drivers.iter().map(done).sum()
    }

    /// Ends the drivers, through a host that is well, and returns the history
    /// of all.
    ///
    /// # Panics
    /// If one is still running long after its time, or there is none.
    pub fn finish(mut self, cluster: &Cluster, host: usize) -> History {
        let guest = self.guest.to_string_lossy();
        let args = ["run", &*guest, "--", "end", &self.actors.to_string()];
        cluster.output(host, &args, LOOK_MAX);
        for driver in &mut self.drivers {
            // One whose host was killed fails; that is in its history.
            let status = driver.process.wait(driver.time + END_MAX);
            if !status.success() {
                let said = driver.process.stderr().join("\n");
                eprintln!("{} ended with {status}: {said}", driver.caller);
            }
        }
        let mut history = History::default();
        for driver in &self.drivers {
            add(&mut history, lines(&driver.file));
            if !history.finished.contains(&driver.caller) {
                history.cut_off.insert(driver.caller.clone());
            }
        }
        for look in &self.looks {
            add(&mut history, lines(look));
        }
        history
    }
}

/// The lines of a file; the last one may not be whole yet.
fn lines(file: &Path) -> Vec<Line> {
    let text = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let text = String::from_utf8_lossy(&text).into_owned();
    parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn parse(text: &str) -> Result<Vec<Line>, String> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line: &str| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"));
    whole.lines().map(parse).collect()
}

/// Adds what was told in one file, which is in order.
fn add(history: &mut History, lines: Vec<Line>) {
    let mut open = HashMap::<Call, usize>::new();
    for line in lines {
        match line {
            Line::Invoked { actor, caller, sequence, at_us } => {
                let call = Call { caller, sequence };
                open.insert(call.clone(), history.operations.len());
                let invoked = Duration::from_micros(at_us);
                let (ended, outcome) = (Duration::MAX, Outcome::Open);
                history.operations.push(Operation { actor, call, invoked, ended, outcome });
            }
            Line::Ended { caller, sequence, at_us, outcome } => {
                let call = Call { caller, sequence };
                let index = open.remove(&call).expect("a driver tells of a call before its end");
                let operation = &mut history.operations[index];
                operation.ended = Duration::from_micros(at_us);
                operation.outcome = match outcome {
                    Told::Done { incarnation, position } => {
                        Outcome::Done(Place { incarnation, position })
                    }
                    Told::Refused { .. } => Outcome::Refused,
                    Told::Unknown { .. } => Outcome::Unknown,
                };
            }
            Line::Finished { caller } => {
                history.finished.insert(caller);
            }
            Line::Log { actor, incarnation, at_us, entries } => {
                let entry = |(caller, sequence)| Call { caller, sequence };
                let entries = entries.into_iter().map(entry).collect();
                let invoked = Duration::from_micros(at_us);
                history.snapshots.push(Snapshot { actor, incarnation, invoked, entries });
            }
            Line::Unreachable { .. } | Line::Spread { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_drivers_become_a_history() {
        let text = r#"{"event":"invoked","actor":"1","caller":"a","sequence":0,"at_us":10}
{"event":"invoked","actor":"1","caller":"a","sequence":1,"at_us":11}
{"event":"unreachable","name":"log-7","error":"Unavailable"}
{"event":"ended","caller":"a","sequence":0,"at_us":20,"outcome":{"done":{"incarnation":0,"position":0}}}
{"event":"log","actor":"1","incarnation":0,"at_us":15,"entries":[["a",0]]}
{"event":"ended","caller":"a","sequ"#;
        let mut history = History::default();
        add(&mut history, parse(text).unwrap());
        let outcomes: Vec<_> = history.operations.iter().map(|it| it.outcome).collect();
        let place = Place { incarnation: 0, position: 0 };
        assert_eq!(outcomes, [Outcome::Done(place), Outcome::Open]);
        assert_eq!(history.operations[0].ended, Duration::from_micros(20));
        assert_eq!(history.snapshots[0].entries[0], history.operations[0].call);
        assert!(history.finished.is_empty());
        history.assert_holds();
    }

    #[test]
    fn line_that_is_no_event_is_an_error() {
        assert!(parse("panicked\n").unwrap_err().ends_with(": panicked"));
    }
}
