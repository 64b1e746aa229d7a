//! The last lines that the node's actors printed, for whoever asks later.
//!
//! [`Lines`] is the node's [`Sink`]. It keeps lines by actor, so that one that
//! prints a lot pushes out its own, and not what a quiet one said before it
//! crashed. A [`Follower`] reads at its own pace: there is no queue for it, and
//! what was forgotten before it came is counted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use host_core::id::Label;
use host_core::{ActorId, JobId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::limits;
use crate::log::{Record, Sink, Source};

/// What a line costs beside its text: its record and the allocation.
const LINE_BYTES: usize = mem::size_of::<Line>() + 32;

/// What an actor costs that has printed anything, beside its lines.
const RING_BYTES: usize = mem::size_of::<Ring>() + 128;

/// The lines of one node.
#[derive(Default)]
pub struct Lines {
    /// A plain lock: held to add a line or to copy some.
    state: Mutex<State>,
    /// Told after every line.
    news: Notify,
}

/// A line, as it was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Whose it is.
    pub actor: Label,
    /// How it came.
    pub source: Source,
    /// The line.
    pub text: Arc<str>,
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// Counts the lines of the node.
    seq: u64,
    /// Counts the lines of the actor.
    number: u64,
}

/// Whose lines are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// This actor's.
    Actor(ActorId),
    /// Those of this job's actors, in the order in which they came.
    Job(JobId),
}

/// Some lines in a row.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Batch {
    /// The lines, oldest first.
    pub lines: Vec<Line>,
    /// Lines before them that are forgotten; of a job's actors, at least so
    /// many.
    pub skipped: u64,
}

/// Reads lines as they come.
pub struct Follower {
    lines: Arc<Lines>,
    of: Of,
    /// The first line not seen, by the node's count.
    next: u64,
    /// The same by the actor's count, once it is known.
    number: Option<u64>,
}

#[derive(Default)]
struct State {
    /// The number of the next line.
    next: u64,
    bytes: usize,
    rings: HashMap<ActorId, Ring>,
    /// Actors by their last line.
    by_last: BTreeMap<u64, ActorId>,
}

/// The lines of one actor; never empty.
struct Ring {
    job: JobId,
    bytes: usize,
    lines: VecDeque<Line>,
    /// Lines it has printed in all.
    printed: u64,
    /// The last line that was forgotten.
    forgotten: Option<u64>,
}

impl Lines {
    /// Follows what is printed from now on, after the last `tail` lines that
    /// are kept; 0 is none.
    pub fn follow(self: &Arc<Lines>, of: Of, tail: usize) -> Follower {
        let state = self.state.lock();
        let kept: Vec<u64> = state.matching(of, 0).map(|line| line.seq).collect();
        let next = match kept.len().checked_sub(tail) {
            _ if tail == 0 => state.next,
            first => sorted(kept)[first.unwrap_or(0)..].first().copied().unwrap_or(state.next),
        };
        drop(state);
        Follower { lines: self.clone(), of, next, number: None }
    }

    /// The number of the line that comes next.
    pub fn next(&self) -> u64 {
        self.state.lock().next
    }

    /// Whether any line is kept of an actor.
    pub fn knows(&self, actor: ActorId) -> bool {
        self.state.lock().rings.contains_key(&actor)
    }
}

fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}

impl Sink for Lines {
    fn line(&self, record: &Record<'_>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.state.lock().push(record, now.as_millis() as u64);
        self.news.notify_waiters();
    }
}

impl State {
    fn push(&mut self, record: &Record<'_>, at_ms: u64) {
        let seq = self.next;
        self.next += 1;
        let id = record.actor.id;
        let ring = self.rings.entry(id).or_insert_with(|| {
            self.bytes += RING_BYTES;
            Ring { job: record.job, bytes: 0, lines: VecDeque::new(), printed: 0, forgotten: None }
        });
        let last = ring.lines.back().map(|line| line.seq);
        ring.lines.push_back(Line {
            actor: record.actor.clone(),
            source: record.source,
            text: record.text.into(),
            at_ms,
            seq,
            number: ring.printed,
        });
        ring.printed += 1;
        let before = ring.bytes;
        ring.bytes += record.text.len() + LINE_BYTES;
        while ring.bytes > limits::ACTOR_LINES_BYTES && ring.lines.len() > 1 {
            let oldest = ring.lines.pop_front().expect("it has two");
            ring.bytes -= oldest.text.len() + LINE_BYTES;
            ring.forgotten = Some(oldest.seq);
        }
        self.bytes = self.bytes + ring.bytes - before;
        if let Some(last) = last {
            self.by_last.remove(&last);
        }
        self.by_last.insert(seq, id);
        while self.bytes > limits::LINES_BYTES && self.by_last.len() > 1 {
            let (_, silent) = self.by_last.pop_first().expect("it has two");
            let ring = self.rings.remove(&silent).expect("by_last names rings");
            self.bytes -= ring.bytes + RING_BYTES;
        }
    }

    fn rings(&self, of: Of, from: u64) -> impl Iterator<Item = &Ring> {
        let one = match of {
            Of::Actor(id) => Some(self.rings.get(&id).into_iter()),
            Of::Job(_) => None,
        };
        let all = one.is_none().then(|| self.by_last.range(from..)).into_iter().flatten();
        let all = all.filter_map(move |(_, id)| self.rings.get(id)).filter(move |ring| match of {
            Of::Actor(_) => false,
            Of::Job(job) => ring.job == job,
        });
        one.into_iter().flatten().chain(all)
    }

    /// The lines from a number on, in order within each actor.
    fn matching(&self, of: Of, from: u64) -> impl Iterator<Item = &Line> {
        self.rings(of, from).flat_map(move |ring| {
            let first = ring.lines.partition_point(|line| line.seq < from);
            ring.lines.range(first..)
        })
    }
}

impl Follower {
    /// The next lines; waits until there are some. Cancel-safe.
    pub async fn next(&mut self) -> Batch {
        let lines = self.lines.clone();
        loop {
            let mut news = std::pin::pin!(lines.news.notified());
            // Counts from here on, not from the first poll: a line may come
            // between the look and the wait.
            news.as_mut().enable();
            let batch = self.now();
            if !batch.lines.is_empty() {
                return batch;
            }
            news.await;
        }
    }

    /// The next lines that are there, at most [`limits::LINES_AT_ONCE`].
    pub fn now(&mut self) -> Batch {
        self.now_until(u64::MAX)
    }

    /// The same of those before a line of the node ([`Lines::next`]).
    pub fn now_until(&mut self, end: u64) -> Batch {
        let state = self.lines.state.lock();
        let matching = state.matching(self.of, self.next).filter(|line| line.seq < end);
        let mut found: Vec<&Line> = matching.collect();
        found.sort_unstable_by_key(|line| line.seq);
        found.truncate(limits::LINES_AT_ONCE);
        let lines: Vec<Line> = found.into_iter().cloned().collect();
        let Some(last) = lines.last() else { return Batch::default() };
        let skipped = match (self.of, self.number) {
            (Of::Actor(_), Some(expected)) => lines[0].number.saturating_sub(expected),
            _ => {
                let lost = |ring: &&Ring| ring.forgotten.is_some_and(|last| last >= self.next);
                state.rings(self.of, self.next).filter(lost).count() as u64
            }
        };
        self.next = last.seq + 1;
        self.number = Some(last.number + 1);
        drop(state);
        Batch { lines, skipped }
    }
}

#[cfg(test)]
mod tests {
    use host_core::NodeId;

    use super::*;

    const NODE: NodeId = NodeId(1);

    fn print(lines: &Lines, actor: u64, job: u64, text: &str) {
        let actor = Label { class: "A".into(), id: ActorId { node: NODE, seq: actor } };
        let job = JobId { node: NODE, seq: job };
        lines.line(&Record { actor: &actor, job, source: Source::Stdout, text });
    }

    fn actor(seq: u64) -> Of {
        Of::Actor(ActorId { node: NODE, seq })
    }

    fn texts(batch: &Batch) -> Vec<&str> {
        batch.lines.iter().map(|line| &*line.text).collect()
    }

    #[test]
    fn a_follower_sees_the_tail_and_then_what_comes() {
        let lines = Arc::new(Lines::default());
        for text in ["one", "two", "three"] {
            print(&lines, 1, 9, text);
            print(&lines, 2, 9, "other");
        }
        let mut follower = lines.follow(actor(1), 2);
        assert_eq!(texts(&follower.now()), ["two", "three"]);
        assert_eq!(follower.now(), Batch::default());
        print(&lines, 1, 9, "four");
        assert_eq!(texts(&follower.now()), ["four"]);
        assert_eq!(texts(&lines.follow(actor(1), usize::MAX).now()).len(), 4);
        assert_eq!(lines.follow(actor(1), 0).now(), Batch::default());
    }

    #[test]
    fn lines_of_a_job_come_in_order_across_its_actors() {
        let lines = Arc::new(Lines::default());
        let mut follower = lines.follow(Of::Job(JobId { node: NODE, seq: 9 }), 0);
        for (actor, job, text) in [(1, 9, "a"), (2, 9, "b"), (3, 8, "x"), (1, 9, "c")] {
            print(&lines, actor, job, text);
        }
        assert_eq!(texts(&follower.now()), ["a", "b", "c"]);
    }

    #[test]
    fn who_prints_a_lot_pushes_out_its_own_and_it_is_counted() {
        let lines = Arc::new(Lines::default());
        print(&lines, 2, 9, "quiet");
        let mut follower = lines.follow(actor(1), 1);
        print(&lines, 1, 9, "first");
        assert_eq!(texts(&follower.now()), ["first"]);
        let long = "x".repeat(1000);
        (0..1000).for_each(|_| print(&lines, 1, 9, &long));
        let batch = follower.now();
        assert_eq!(batch.skipped as usize + batch.lines.len(), 1000);
        assert!(batch.skipped > 900, "{}", batch.skipped);
        assert_eq!(texts(&lines.follow(actor(2), 9).now()), ["quiet"]);
    }

    #[test]
    fn all_lines_together_are_bounded_and_the_silent_go_first() {
        let lines = Arc::new(Lines::default());
        let long = "x".repeat(8000);
        for seq in 0..5000 {
            print(&lines, seq, 9, &long);
            print(&lines, 7, 9, "again");
        }
        let state = lines.state.lock();
        assert!(state.bytes <= limits::LINES_BYTES);
        assert_eq!(state.rings.len(), state.by_last.len());
        let held: usize = state.rings.values().map(|ring| ring.bytes + RING_BYTES).sum();
        assert_eq!(state.bytes, held);
        drop(state);
        assert!(lines.knows(ActorId { node: NODE, seq: 7 }));
        assert!(!lines.knows(ActorId { node: NODE, seq: 1 }));
    }

    #[tokio::test]
    async fn a_follower_that_waits_is_woken() {
        let lines = Arc::new(Lines::default());
        let mut follower = lines.follow(actor(1), 0);
        let waiting = tokio::spawn(async move { follower.next().await });
        tokio::task::yield_now().await;
        print(&lines, 1, 9, "now");
        assert_eq!(texts(&waiting.await.unwrap()), ["now"]);
    }
}
