//! What actors print and log.

use host::log::Source;
use host_core::{Level, limits};
use tests::{Line, check, until};

#[test]
fn what_an_actor_prints_becomes_lines_with_its_name() {
    check(async |world| {
        let talker = world.actor("lives", "Talker", ()).await;
        talker.ask::<()>("say", ("one\ntwo",)).await.unwrap();
        talker.ask::<()>("complain", ("three",)).await.unwrap();
        let actor = format!("Talker({})", talker.id());
        let line = |source, text: &str| Line { actor: actor.clone(), source, text: text.into() };
        let expected = [
            line(Source::Stdout, "one"),
            line(Source::Stdout, "two"),
            line(Source::Stderr, "three"),
        ];
        assert_eq!(world.lines.all(), expected);
    });
}

#[test]
fn a_line_is_whole_however_it_was_printed() {
    check(async |world| {
        let talker = world.actor("lives", "Talker", ()).await;
        talker.ask::<()>("mumble", ("half a ",)).await.unwrap();
        assert!(world.lines.is_empty());
        talker.ask::<()>("mumble", ("line\nand",)).await.unwrap();
        assert_eq!(world.lines.texts(), ["half a line"]);
        // What is left comes out with the actor's end.
        drop(talker);
        world.until_gone("Talker").await;
        until("the rest is there", || world.lines.len() == 2).await;
        assert_eq!(world.lines.texts()[1], "and");
    });
}

#[test]
fn log_lines_have_levels_and_those_below_the_nodes_are_not_kept() {
    check(async |world| {
        let talker = world.actor("lives", "Talker", ()).await;
        talker.ask::<()>("log_all", ("careful",)).await.unwrap();
        let seen: Vec<Source> = world.lines.all().into_iter().map(|line| line.source).collect();
        let expected = [Level::Error, Level::Warn, Level::Info].map(Source::Log);
        assert_eq!(seen, expected);
        assert!(world.lines.texts().iter().all(|text| text.ends_with("careful")));
    });
}

#[test]
fn a_chatty_actor_is_cut_off_and_the_rest_is_counted() {
    check(async |world| {
        let talker = world.actor("lives", "Talker", ()).await;
        let quiet = world.actor("lives", "Talker", ()).await;
        let lines = limits::LOG_BURST_LINES * 4;
        talker.ask::<()>("chatter", (lines,)).await.unwrap();
        quiet.ask::<()>("say", ("hear me",)).await.unwrap();
        assert!(world.lines.has("hear me"));
        drop(talker);
        until("the actor's log is finished", || {
            world.lines.all().iter().any(|line| line.source == Source::Host)
        })
        .await;
        let all = world.lines.all();
        let kept = all.iter().filter(|line| line.source == Source::Stdout).count() - 1;
        assert!(kept >= limits::LOG_BURST_LINES as usize && kept < lines as usize, "{kept}");
        let counted: usize = all
            .iter()
            .filter(|line| line.source == Source::Host)
            .filter_map(|line| line.text.split(' ').nth(1)?.parse::<usize>().ok())
            .sum();
        assert_eq!(kept + counted, lines as usize);
    });
}
