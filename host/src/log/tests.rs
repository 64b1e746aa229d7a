use host_core::{ActorId, NodeId};

use super::*;

/// A log with a sink that remembers, at a time that stands still.
struct Bench {
    log: LineLog,
    seen: Seen,
    label: Label,
    now: Duration,
}

#[derive(Default)]
struct Seen(Mutex<Vec<(Source, String)>>);

impl Sink for Seen {
    fn line(&self, record: &Record<'_>) {
        assert_eq!(record.actor.to_string(), "Counter(a7@n1)");
        self.0.lock().push((record.source, record.text.to_owned()));
    }
}

impl Bench {
    fn new() -> Bench {
        let id = ActorId { node: NodeId(1), seq: 7 };
        Bench {
            log: LineLog::default(),
            seen: Seen::default(),
            label: Label { class: "Counter".into(), id },
            now: Duration::from_secs(1),
        }
    }

    fn entry(&self) -> Entry<'_> {
        let job = JobId { node: NodeId(1), seq: 3 };
        Entry { actor: &self.label, job, sink: &self.seen, now: self.now }
    }

    fn write(&self, source: Source, bytes: impl AsRef<[u8]>) {
        self.log.write(self.entry(), source, bytes.as_ref());
    }

    fn out(&self, bytes: impl AsRef<[u8]>) {
        self.write(Source::Stdout, bytes);
    }

    /// The lines since the last time, as text.
    fn lines(&self) -> Vec<String> {
        self.seen.0.lock().drain(..).map(|(_, text)| text).collect()
    }
}

#[test]
fn lines_end_at_newlines_however_they_are_cut_into_writes() {
    let bench = Bench::new();
    bench.out("one\ntw");
    assert_eq!(bench.lines(), ["one"]);
    bench.out("o");
    assert_eq!(bench.lines(), [""; 0]);
    bench.out("\n\nthree\r\nfour");
    assert_eq!(bench.lines(), ["two", "", "three"]);
    bench.log.finish(bench.entry());
    assert_eq!(bench.lines(), ["four"]);
    bench.log.finish(bench.entry());
    assert_eq!(bench.lines(), [""; 0]);
}

#[test]
fn the_two_streams_do_not_mix() {
    let bench = Bench::new();
    bench.out("o");
    bench.write(Source::Stderr, "err\n");
    bench.out("ut\n");
    let seen = bench.seen.0.lock().clone();
    assert_eq!(seen, [(Source::Stderr, "err".into()), (Source::Stdout, "out".into())]);
}

#[test]
fn a_message_of_several_lines_is_several_records() {
    let bench = Bench::new();
    bench.log.log(bench.entry(), Level::Warn, "a\nb");
    let warn = Source::Log(Level::Warn);
    assert_eq!(*bench.seen.0.lock(), [(warn, "a".into()), (warn, "b".into())]);
}

#[test]
fn a_long_line_is_cut_and_marked_and_the_next_is_whole() {
    let bench = Bench::new();
    let long = "x".repeat(limits::LOG_LINE_BYTES + 1);
    let cut = format!("{}{CUT}", &long[1..]);
    bench.out(format!("{long}\nnext\n"));
    assert_eq!(bench.lines(), [cut.as_str(), "next"]);
    long.bytes().for_each(|byte| bench.out([byte]));
    bench.out("more\nnext\n");
    assert_eq!(bench.lines(), [cut.as_str(), "next"]);
}

#[test]
fn a_line_of_exactly_the_limit_is_whole() {
    let bench = Bench::new();
    let line = "x".repeat(limits::LOG_LINE_BYTES);
    bench.out(format!("{line}\n"));
    bench.out(&line);
    bench.out("\n");
    assert_eq!(bench.lines(), [line.as_str(), line.as_str()]);
}

#[test]
fn a_cut_never_splits_a_character() {
    let bench = Bench::new();
    bench.out(format!("a{}\n", "é".repeat(limits::LOG_LINE_BYTES)));
    let expected = format!("a{}{CUT}", "é".repeat((limits::LOG_LINE_BYTES - 1) / 2));
    assert_eq!(bench.lines(), [expected]);
}

#[test]
fn a_flood_without_an_end_of_line_keeps_no_more_than_a_line() {
    let bench = Bench::new();
    (0..100).for_each(|_| bench.out([b'x'; 64 << 10]));
    let state = bench.log.state.lock();
    assert!(state.as_ref().unwrap().stdout.bytes.capacity() <= 2 * limits::LOG_LINE_BYTES);
}

#[test]
fn characters_split_between_writes_are_put_together() {
    let bench = Bench::new();
    let [first, second] = *"é".as_bytes() else { unreachable!() };
    bench.out([first]);
    bench.out([second, b'\n']);
    assert_eq!(bench.lines(), ["é"]);
}

#[test]
fn invalid_utf8_is_replaced() {
    let bench = Bench::new();
    bench.out(b"a\xffb\xc3\n");
    assert_eq!(bench.lines(), ["a\u{fffd}b\u{fffd}"]);
}

#[test]
fn nothing_that_drives_a_terminal_gets_through() {
    let bench = Bench::new();
    bench.out("\x1b[2J\x1b]0;title\x07a\tb\x08\x7f\u{9b}31m\rc\u{202e}d\u{2028}e\0\n");
    assert_eq!(bench.lines(), ["[2J]0;titlea\tb31mcde"]);
}

#[test]
fn lines_past_the_rate_are_counted_and_the_count_is_logged() {
    let mut bench = Bench::new();
    let burst = limits::LOG_BURST_LINES as usize;
    bench.out("x\n".repeat(burst + 3));
    assert_eq!(bench.lines().len(), burst);
    bench.now += Duration::from_secs(1);
    bench.out("y\n");
    assert_eq!(bench.lines(), ["… 3 lines dropped", "y"]);
    bench.log.finish(bench.entry());
    assert_eq!(bench.lines(), [""; 0]);
}

#[test]
fn lines_dropped_at_the_end_are_reported_at_the_end() {
    let bench = Bench::new();
    bench.out("x\n".repeat(limits::LOG_BURST_LINES as usize + 1));
    bench.lines();
    bench.log.finish(bench.entry());
    assert_eq!(*bench.seen.0.lock(), [(Source::Host, "… 1 line dropped".into())]);
}

#[test]
fn the_last_lines_are_kept_within_bounds() {
    let bench = Bench::new();
    (0..1_000).for_each(|n| bench.out(format!("line {n}\n")));
    let tail = bench.log.tail();
    let texts: Vec<_> = tail.iter().map(|line| &*line.text).collect();
    let first = 1_000 - texts.len();
    assert!((100..1_000).contains(&texts.len()));
    assert_eq!(texts, (first..1_000).map(|n| format!("line {n}")).collect::<Vec<_>>());
    assert_eq!(tail[0].at, bench.now);
    let bytes: usize = texts.iter().map(|text| text.len() + KEPT_LINE_BYTES).sum();
    assert!(bytes <= KEPT_BYTES);
}

#[test]
fn what_was_kept_outlives_the_actor() {
    let bench = Bench::new();
    bench.out("last words");
    bench.log.finish(bench.entry());
    assert_eq!(&*bench.log.tail()[0].text, "last words");
}

#[test]
fn an_actor_that_never_logs_costs_almost_nothing() {
    assert!(mem::size_of::<LineLog>() <= 16);
    let bench = Bench::new();
    bench.log.finish(bench.entry());
    assert_eq!(bench.log.tail(), []);
    assert!(bench.log.state.lock().is_none());
}
