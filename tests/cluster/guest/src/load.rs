//! Actors that log who called them, and a driver that calls them.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use greenroom::prelude::*;

use crate::line::{Line, Outcome};
use crate::print;

/// A call that is not answered by then is given up: far beyond the lease of a
/// node that is gone, and the restart of its actors elsewhere.
const ANSWER_MAX: Duration = Duration::from_secs(40);

/// Between two calls: logs stay short enough to be read at once.
const BETWEEN: Duration = Duration::from_millis(1);

/// After an error, so that one does not follow the other as fast as the
/// machine can.
const PAUSE: Duration = Duration::from_millis(20);

/// Who has called, in order.
#[derive(Default)]
struct Log {
    entries: Vec<(String, u64)>,
    /// Whether callers are to end before their time.
    is_over: bool,
}

/// What a log answers to a call: its incarnation, how many calls it had
/// before, and whether to send no more.
type Appended = (u32, u64, bool);

#[actor(cpus = 0.01, memory = "64MiB", max_restarts = -1)]
impl Log {
    fn new() -> Self {
        Self::default()
    }

    /// Logs a call.
    fn append(&mut self, caller: String, sequence: u64) -> Appended {
        let position = self.entries.len() as u64;
        self.entries.push((caller, sequence));
        (context::current().incarnation, position, self.is_over)
    }

    /// Tells callers from now on to send no more.
    fn end(&mut self) {
        self.is_over = true;
    }

    /// The incarnation, and all its calls.
    fn entries(&self) -> (u32, Vec<(String, u64)>) {
        (context::current().incarnation, self.entries.clone())
    }
}

/// The actor of a number: whoever comes first creates it.
fn open(number: usize) -> Result<Handle<Log>> {
    Log::options().name(name(number)).get_if_exists().detached().remote()
}

fn name(number: usize) -> String {
    format!("log-{number}")
}

/// A driver under load.
struct Load<'a> {
    caller: &'a str,
    /// Those that could be had.
    logs: Vec<Option<Handle<Log>>>,
    /// Calls under way, in the order sent.
    sent: VecDeque<Sent>,
    /// How many calls there were.
    sequence: u64,
    /// Whether a log says that it is over.
    is_over: bool,
}

struct Sent {
    sequence: u64,
    actor: usize,
    object: ObjectRef<Appended>,
}

/// Calls some actors in turn for some time, or until one says that it is over,
/// with so many calls under way.
pub(crate) fn load(caller: &str, actors: usize, seconds: u64, in_flight: usize) -> Result<()> {
    let logs = (0..actors).map(|_| None).collect();
    let mut load = Load { caller, logs, sent: VecDeque::new(), sequence: 0, is_over: false };
    let end = Instant::now() + Duration::from_secs(seconds);
    for actor in (0..actors).cycle() {
        if load.is_over || Instant::now() >= end {
            break;
        }
        load.call(actor);
        thread::sleep(BETWEEN);
        while load.sent.len() >= in_flight {
            load.settle();
        }
    }
    while !load.sent.is_empty() {
        load.settle();
    }
    print(&Line::Finished { caller: caller.to_owned() });
    Ok(())
}

impl Load<'_> {
    fn call(&mut self, actor: usize) {
        if self.logs[actor].is_none() {
            match open(actor) {
                Ok(log) => self.logs[actor] = Some(log),
                Err(error) => unreachable_actor(actor, &error),
            }
        }
        let Some(log) = &self.logs[actor] else { return };
        let sequence = self.sequence;
        self.sequence += 1;
        print(&Line::Invoked {
            actor: Handle::id(log),
            caller: self.caller.to_owned(),
            sequence,
            at_us: now_us(),
        });
        match log.append(self.caller, sequence).remote() {
            Ok(object) => self.sent.push_back(Sent { sequence, actor, object }),
            Err(error) => self.failed(sequence, actor, &error),
        }
    }

    /// Waits for the first call under way.
    fn settle(&mut self) {
        let Some(Sent { sequence, actor, object }) = self.sent.pop_front() else { return };
        match get_timeout(object, ANSWER_MAX) {
            Ok((incarnation, position, is_over)) => {
                self.is_over |= is_over;
                self.ended(sequence, Outcome::Done { incarnation, position });
            }
            Err(error) => self.failed(sequence, actor, &error),
        }
    }

    fn failed(&mut self, sequence: u64, actor: usize, error: &Error) {
        // One that is dead is looked for again under its name; one that is
        // not may be had again by the same handle.
        if matches!(error, Error::Died(_) | Error::Invalid(_)) {
            self.logs[actor] = None;
        }
        self.ended(sequence, outcome(error));
        thread::sleep(PAUSE);
    }

    fn ended(&self, sequence: u64, outcome: Outcome) {
        let caller = self.caller.to_owned();
        print(&Line::Ended { caller, sequence, at_us: now_us(), outcome });
    }
}

fn outcome(error: &Error) -> Outcome {
    let text = format!("{error:?}");
    match error {
        Error::MailboxFull(_) | Error::Unplaceable(_) | Error::Denied(_) | Error::Invalid(_) => {
            Outcome::Refused { error: text }
        }
        Error::Failed(_)
        | Error::Trapped(_)
        | Error::Died(_)
        | Error::Unavailable(_)
        | Error::TimedOut(_)
        | Error::Cancelled(_)
        | Error::ObjectLost(_)
        | Error::OutOfMemory(_) => Outcome::Unknown { error: text },
    }
}

fn unreachable_actor(actor: usize, error: &Error) {
    print(&Line::Unreachable { name: name(actor), error: format!("{error:?}") });
    thread::sleep(PAUSE);
}

/// Ends all drivers that call these actors, once they hear of it. One that is
/// gone tells nobody.
pub(crate) fn end(actors: usize) -> Result<()> {
    for actor in 0..actors {
        let told = Handle::<Log>::lookup(&name(actor)).and_then(|log| log.end().remote());
        if let Err(error) = told.and_then(|told| get_timeout(told, ANSWER_MAX)) {
            unreachable_actor(actor, &error);
        }
    }
    Ok(())
}

/// Tells what the actors have logged.
pub(crate) fn look(actors: usize) -> Result<()> {
    for actor in 0..actors {
        match look_at(actor) {
            Ok(log) => print(&log),
            Err(error) => unreachable_actor(actor, &error),
        }
    }
    Ok(())
}

fn look_at(actor: usize) -> Result<Line> {
    let log = Handle::<Log>::lookup(&name(actor))?;
    let at_us = now_us();
    let (incarnation, entries) = get_timeout(log.entries().remote()?, ANSWER_MAX)?;
    Ok(Line::Log { actor: Handle::id(&log), incarnation, at_us, entries })
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A clock before 1970 is no clock.
    since.map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_answers_where_a_call_stands() {
        let log = open(0).unwrap();
        let first = log.append("a", 7).remote().unwrap();
        let second = log.append("b", 1).remote().unwrap();
        assert_eq!(get([first, second]).unwrap(), [(0, 0, false), (0, 1, false)]);
        let Line::Log { actor, incarnation: 0, entries, .. } = look_at(0).unwrap() else {
            panic!("the log is not told of as one");
        };
        assert_eq!(actor, Handle::id(&log));
        assert_eq!(entries, [("a".to_owned(), 7), ("b".to_owned(), 1)]);
    }

    #[test]
    fn callers_are_told_when_it_is_over() {
        let log = open(3).unwrap();
        end(4).unwrap();
        assert_eq!(get(log.append("a", 0).remote().unwrap()), Ok((0, 0, true)));
    }

    #[test]
    fn only_errors_that_say_so_count_as_not_run() {
        let text = || "x".to_owned();
        assert!(matches!(outcome(&Error::MailboxFull(text())), Outcome::Refused { .. }));
        assert!(matches!(outcome(&Error::Unavailable(text())), Outcome::Unknown { .. }));
    }
}
