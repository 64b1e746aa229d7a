//! Guests that send more than anybody can read.

use host::log::Source;
use host_core::spec::Options;
use host_core::{Error, limits};
use tests::{Later, Object, until};

use super::{attack, attack_with};

/// Lines that are kept of a flood, at most: the burst, and what comes in the
/// seconds that it takes.
const KEPT_MAX: usize =
    limits::LOG_BURST_LINES as usize + 30 * limits::LOG_LINES_PER_SECOND as usize;

#[test]
fn a_flood_of_standard_output() {
    attack(async |arena| {
        let attacker = arena.attacker();
        assert_eq!(attacker.ask("flood_stdout", (100_000,)).await, Ok(()));
        let kept = arena.world.lines.len();
        assert!(kept >= limits::LOG_BURST_LINES as usize && kept < KEPT_MAX, "{kept}");
    });
}

#[test]
fn a_flood_of_log_lines() {
    attack(async |arena| {
        let attacker = arena.attacker();
        assert_eq!(attacker.ask("flood_log", (200_000,)).await, Ok(()));
        let kept = arena.world.lines.len();
        assert!(kept >= limits::LOG_BURST_LINES as usize && kept < KEPT_MAX, "{kept}");
    });
}

#[test]
fn a_line_without_an_end() {
    attack(async |arena| {
        let attacker = arena.attacker();
        assert_eq!(attacker.ask("print_long_line", (20,)).await, Ok(()));
        let lines = arena.world.lines.texts();
        assert_eq!(lines.len(), 2, "one printed and one logged");
        for line in lines {
            assert!(line.len() < limits::LOG_LINE_BYTES + 100, "a line of {}", line.len());
            assert!(line.ends_with("(cut)"), "{}", &line[line.len() - 20..]);
        }
    });
}

#[test]
fn lines_that_would_drive_a_terminal() {
    attack(async |arena| {
        let attacker = arena.attacker();
        assert_eq!(attacker.ask("print_escapes", ()).await, Ok(()));
        let lines = arena.world.lines.all();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().any(|line| line.source == Source::Stdout));
        for line in lines {
            let harmful = |c: char| c.is_control() || c == '\u{202e}';
            assert!(!line.text.chars().any(harmful), "{:?}", line.text);
        }
    });
}

#[test]
fn calls_that_nobody_reads() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let never = arena.world.promise::<u64>();
        let target = arena.attacker();
        let busy: Object<u64> = target.send("wait_forever", ((&never,),)).unwrap();
        target.until_running(&arena.world).await;
        let (sent, error): (u32, String) = attacker.ask("flood_mailbox", (&target,)).await.unwrap();
        assert_eq!(sent, limits::MAILBOX_CALLS);
        assert!(error.starts_with("MailboxFull("), "{error}");
        never.fulfil(1);
        assert_eq!(busy.get().await, Ok(1));
        // Its answer comes before the next call is taken out.
        until("all are read", || {
            target.snapshot(&arena.world).is_some_and(|seen| seen.waiting == 0)
        })
        .await;
        assert_eq!(target.ask("ping", ()).await, Ok(true));
    });
}

#[test]
fn calls_whose_time_will_not_be_up() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let never = arena.world.promise::<u64>();
        let target = arena.attacker();
        let busy: Object<u64> = target.send("wait_forever", ((&never,),)).unwrap();
        target.until_running(&arena.world).await;
        assert_eq!(attacker.ask("flood_timers", (&target, 9_000)).await, Ok(9_000));
        target.kill();
        assert!(matches!(busy.get().await, Err(Error::Died { .. })));
    });
}

#[test]
fn a_hundred_thousand_refs_in_a_value() {
    attack(async |arena| {
        let sender = arena.attacker();
        let receiver = arena.attacker();
        let most = limits::VALUE_ATTACHMENTS;
        assert_eq!(sender.ask("send_refs", (&receiver, most)).await, Ok(most));
        let answer = sender.ask::<usize>("send_refs", (&receiver, most + 1)).await;
        let Err(Error::Invalid(text)) = answer else { panic!("{answer:?}") };
        assert!(text.contains("100001") && text.contains("100000"), "{text}");
        assert_eq!(receiver.ask("ping", ()).await, Ok(true));
    });
}

#[test]
fn a_hundred_thousand_resources_in_the_options() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let answer = attacker.ask::<()>("ask_for_resources", (100_000,)).await;
        let Err(Error::Invalid(text)) = answer else { panic!("{answer:?}") };
        assert!(text.contains("more than 64 custom resources"), "{text}");
        assert_eq!(attacker.ask("ping", ()).await, Ok(true));
    });
}

#[test]
fn reads_of_a_large_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("large"), vec![0; 20 << 20]).unwrap();
    let dir = format!("{}:ro=/data", folder.path().display()).parse().unwrap();
    attack_with(
        move |config| config.grants.dirs = vec![dir],
        async move |arena| {
            let attacker = arena.attacker();
            let read = attacker.ask::<usize>("read_much", ("/data/large", 5)).await;
            assert_eq!(read, Ok(100 << 20));
            drop(folder);
        },
    );
}

#[test]
fn a_late_argument_with_a_long_queue_behind_it() {
    attack(async |arena| {
        // Every look for the next call passes over all that are held up.
        let target = arena.spawn("Attacker", (), Options::default());
        let late = arena.world.promise::<u64>();
        let first: Object<u64> = target.send("next_number", (Later(&late),)).unwrap();
        let queued: Vec<Object<bool>> =
            (1..limits::MAILBOX_CALLS).map(|_| target.send("ping", ()).unwrap()).collect();
        late.fulfil(1);
        assert_eq!(first.get().await, Ok(2));
        for call in queued {
            assert_eq!(call.get().await, Ok(true));
        }
    });
}
