//! Actors with a GPU, each in a process of its own.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use host_core::Error;
use host_core::spec::Options;
use tests::gpu::{is_worker, kill, kill_worker_of, program, workers_of};
use tests::{Actor, Later, Object, World, check, check_gpu, until};

fn gpus(gpus: f64) -> Options {
    Options { gpus: Some(gpus), ..Options::default() }
}

async fn card(world: &World, options: Options) -> Actor {
    let package = world.load("cards").await;
    world.spawn(&package, "Card", (), options).unwrap()
}

/// The worker processes of this test, but for one that waits for an actor.
fn workers() -> Vec<u32> {
    workers_of(std::process::id())
}

#[test]
fn an_actor_computes_on_its_gpu_and_keeps_its_state() {
    check_gpu(1, async |world| {
        let card = world.actor("cards", "Card", ()).await;
        assert_eq!(card.ask("double", (vec![1.0f32, 2.5],)).await, Ok(vec![2.0f32, 5.0]));
        for expected in 1..=100 {
            assert_eq!(card.ask("count", ()).await, Ok(expected));
        }
    });
}

#[test]
fn a_poll_that_waits_ends_when_the_work_does() {
    check_gpu(1, async |world| {
        let card = world.actor("cards", "Card", ()).await;
        let (waited, rest): (u64, u64) = card.ask("polls", ()).await.unwrap();
        assert!(rest < waited / 2, "{waited} µs, and {rest} µs afterwards");
    });
}

#[test]
fn the_example_runs() {
    check_gpu(1, async |world| {
        let package = world.try_load(tests::guests::example("gpu")).await.unwrap();
        world.job.run(&package, Vec::new()).await.unwrap();
        assert_eq!(world.lines.stdout(), "[11.0, 22.0, 33.0]\n[2.0, 1.0, 4.0, 3.0]\n");
    });
}

#[test]
fn everything_of_the_contract_works_from_another_process() {
    check_gpu(1, async |world| {
        let card = world.actor("cards", "Card", ()).await;
        let plain = world.actor("cards", "Plain", ()).await;
        let object = world.promise::<i64>();
        object.fulfil(77);
        let seen: Result<Vec<i64>, Error> = card.ask("talk", (&plain, &object)).await;
        // 1, 1+2, 1+2+3; and 5 more by a ref; the object; a child's.
        assert_eq!(seen, Ok(vec![1, 3, 6, 11, 77, 101]));
        assert!(world.lines.has("a line that it prints"), "{:?}", world.lines.texts());
        assert!(world.lines.has("cards: a line of its log"), "{:?}", world.lines.texts());
        let (made, sum): (Actor, Object<i64>) = card.ask("make", ()).await.unwrap();
        assert_eq!(sum.get().await, Ok(7));
        assert_eq!(made.ask("add", (1,)).await, Ok(8));
        let failed: Result<i64, Error> = card.ask("fails", ()).await;
        assert!(failed.unwrap_err().to_string().contains("as it was told to"));
        let large = pattern(3 << 20);
        assert_eq!(card.ask("echo", (large.clone(),)).await, Ok(large));
    });
}

fn pattern(length: usize) -> serde_bytes::ByteBuf {
    serde_bytes::ByteBuf::from((0..length).map(|at| (at % 251) as u8).collect::<Vec<u8>>())
}

#[test]
fn an_actor_without_a_gpu_sees_none_and_is_told_what_to_write() {
    check_gpu(1, async |world| {
        let plain = world.actor("cards", "Plain", ()).await;
        assert_eq!(plain.ask("sees_a_gpu", ()).await, Ok(false));
        let opened: Result<(), Error> = plain.ask("open", ()).await;
        let message = opened.unwrap_err().to_string();
        assert!(message.contains("#[actor(gpus = 1)]"), "{message}");
    });
}

#[test]
fn a_node_without_a_gpu_says_so() {
    check(async |world| {
        let package = world.load("cards").await;
        let refused = world.spawn(&package, "Card", (), Options::default());
        let Err(Error::Unplaceable(why)) = refused else { panic!("it was made") };
        assert!(why.contains("1 gpus") && why.contains("has 0"), "{why}");
        let refused = world.spawn(&package, "Card", (), gpus(1.5));
        let Err(Error::Invalid(why)) = refused else { panic!("it was made") };
        assert!(why.contains("whole ones"), "{why}");
    });
}

#[test]
fn four_quarters_share_one_gpu_and_a_fifth_waits() {
    check_gpu(1, async |world| {
        let package = world.load("cards").await;
        let mut quarters = Vec::new();
        for at in 0..4 {
            let quarter = world.spawn(&package, "Part", (), Options::default()).unwrap();
            let sum: Result<f32, Error> = quarter.ask("sum", (vec![at as f32, 1.0],)).await;
            assert_eq!(sum, Ok(at as f32 + 1.0));
            quarters.push(quarter);
        }
        let fifth = world.spawn(&package, "Part", (), Options::default()).unwrap();
        let sum: Object<f32> = fifth.send("sum", (vec![4.0f32],)).unwrap();
        assert!(!sum.is_settled());
        quarters.pop();
        assert_eq!(sum.get().await, Ok(4.0));
    });
}

#[test]
fn parts_that_do_not_fit_on_one_gpu_are_on_two() {
    check_gpu(2, async |world| {
        let (one, two) = (card(&world, gpus(0.6)).await, card(&world, gpus(0.6)).await);
        assert_eq!(one.ask("count", ()).await, Ok(1));
        assert_eq!(two.ask("count", ()).await, Ok(1));
        // 0.8 are free, and no GPU has them.
        let third = card(&world, gpus(0.8)).await;
        let count: Object<i64> = third.send("count", ()).unwrap();
        assert!(!count.is_settled());
        drop(one);
        assert_eq!(count.get().await, Ok(1));
    });
}

#[test]
fn a_driver_uses_two_gpus_with_an_actor_on_each() {
    check_gpu(2, async |world| {
        let package = world.load("fleet").await;
        world.job.run(&package, vec!["2".into(), "1".into()]).await.unwrap();
        let said = world.lines.stdout();
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(said.contains("ship 0 at ") && said.contains("ship 1 at "), "{said}");
        // A third would wait, and nobody would answer it.
        let package = world.load("cards").await;
        assert!(world.spawn(&package, "Card", (), gpus(3.0)).is_err());
    });
}

#[test]
fn calls_of_an_async_actor_interleave() {
    check_gpu(1, async |world| {
        let part = world.actor("cards", "Part", ()).await;
        let late = world.promise::<i64>();
        let stays: Vec<Object<i64>> =
            (0..10).map(|_| part.send("stay", ((&late,),)).unwrap()).collect();
        until("all are in", || world.lines.texts().iter().filter(|it| *it == "in").count() == 10)
            .await;
        assert_eq!(part.ask("sum", (vec![1.0f32, 2.0],)).await, Ok(3.0f32));
        late.fulfil(9);
        for stay in stays {
            assert_eq!(stay.get().await, Ok(9));
        }
    });
}

#[test]
fn memory_is_bounded_by_the_part_and_comes_back() {
    check_gpu(1, async |world| {
        let part = card(&world, gpus(0.01)).await;
        let got: u64 = part.ask("fill", ()).await.unwrap();
        assert!(got > 0, "it got nothing");
        // It lives, and another has its own.
        let other = card(&world, gpus(0.5)).await;
        assert_eq!(other.ask("double", (vec![3.0f32],)).await, Ok(vec![6.0f32]));
        assert_eq!(part.ask("count", ()).await, Ok(1));
        drop(part);
        let again = card(&world, gpus(0.01)).await;
        assert_eq!(again.ask::<u64>("fill", ()).await, Ok(got));
    });
}

#[test]
fn fresh_memory_holds_nothing_of_others() {
    check_gpu(1, async |world| {
        let writer = card(&world, gpus(0.5)).await;
        assert_eq!(writer.ask("write_all", ()).await, Ok(()));
        let reader = card(&world, gpus(0.5)).await;
        assert_eq!(reader.ask("finds_something", ()).await, Ok(false));
        drop(writer);
        assert_eq!(reader.ask("finds_something", ()).await, Ok(false));
    });
}

#[test]
fn a_crash_takes_only_its_own_process_along() {
    check_gpu(1, async |world| {
        let other = card(&world, gpus(0.2)).await;
        for (method, text) in [("panics", "the card is burnt"), ("grab_memory", "more than its")] {
            let bad = card(&world, gpus(0.2)).await;
            let crashed: Result<i64, Error> = bad.ask(method, ()).await;
            let message = crashed.unwrap_err().to_string();
            assert!(message.contains(text), "{method}: {message}");
            assert_eq!(other.ask("double", (vec![1.0f32],)).await, Ok(vec![2.0f32]));
        }
        let wrong: Result<(), Error> = other.ask("wrong_shader", ()).await;
        assert!(wrong.is_err());
        assert_eq!(other.ask("count", ()).await, Ok(1));
    });
}

#[test]
fn an_endless_loop_and_endless_work_end_with_a_kill() {
    check_gpu(1, async |world| {
        let other = card(&world, gpus(0.2)).await;
        for (method, line) in [("spin", "it spins"), ("work_without_end", "it works")] {
            let bad = card(&world, gpus(0.2)).await;
            let call: Object<i64> = bad.send(method, ()).unwrap();
            until("it has begun", || world.lines.has(line)).await;
            let running = workers();
            assert_eq!(other.ask("double", (vec![1.0f32],)).await, Ok(vec![2.0f32]));
            let killed = Instant::now();
            bad.kill();
            assert!(matches!(call.get().await, Err(Error::Died { .. })), "{method}");
            assert!(killed.elapsed() < Duration::from_secs(2), "{method}");
            until("its process is gone", || running.iter().any(|id| !is_worker(*id))).await;
        }
        assert_eq!(other.ask("count", ()).await, Ok(1));
    });
}

#[test]
fn a_cancelled_wait_ends_and_the_actor_lives() {
    check_gpu(1, async |world| {
        let card = world.actor("cards", "Card", ()).await;
        assert_eq!(card.ask("count", ()).await, Ok(1));
        let never = world.promise::<i64>();
        let call: Object<i64> = card.send("waits_for", ((&never,),)).unwrap();
        until("it waits", || world.lines.has("it waits")).await;
        call.cancel();
        assert!(matches!(call.get().await, Err(Error::Cancelled(_))));
        assert_eq!(card.ask("count", ()).await, Ok(2));
    });
}

#[test]
fn a_process_that_is_killed_is_a_crash_and_its_actor_restarts() {
    check_gpu(1, async |world| {
        let options = Options { max_restarts: Some(1), ..gpus(1.0) };
        let card = card(&world, options).await;
        assert_eq!(card.ask("count", ()).await, Ok(1));
        assert_eq!(card.ask("count", ()).await, Ok(2));
        let spinning: Object<i64> = card.send("spin", ()).unwrap();
        until("it spins", || world.lines.has("it spins")).await;
        kill_worker_of("Card", &card);
        let error = spinning.get().await.unwrap_err();
        assert!(error.to_string().contains("signal: 9"), "{error}");
        // A new life, from the constructor.
        assert_eq!(card.ask("count", ()).await, Ok(1));
        // While it is idle, too; it has no restart left.
        kill_worker_of("Card", &card);
        card.until_dead(&world).await;
        let late: Result<i64, Error> = card.ask("count", ()).await;
        assert!(matches!(late, Err(Error::Died { .. })), "{late:?}");
    });
}

#[test]
fn a_late_argument_reaches_the_other_process() {
    check_gpu(1, async |world| {
        let card = world.actor("cards", "Card", ()).await;
        let late = world.promise::<Vec<f32>>();
        let call: Object<Vec<f32>> = card.send("double", (Later(&late),)).unwrap();
        assert!(!call.is_settled());
        late.fulfil(vec![4.0f32]);
        assert_eq!(call.get().await, Ok(vec![8.0]));
    });
}

/// `kill -9` of the host itself: no process of its own is left behind, not even
/// one that computes without end.
#[test]
fn no_process_outlives_its_host() {
    // The guests are built by then, and the machine is this test's alone.
    check_gpu(1, async |_| {
        let cards = test_builds::built_folder().join("examples").join("cards.wasm");
        let mut host = Command::new(program())
            .args(["run", "--software-gpu", "--no-cache"])
            .arg(cards)
            .args(["--invoke", "Card.spin()"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut left = Vec::new();
        // The one that spins, and the one that was started ahead for the next.
        until("its workers run", || {
            left = workers_of(host.id());
            left.len() == 2
        })
        .await;
        kill(host.id());
        host.wait().unwrap();
        until("they are gone", || left.iter().all(|id| !is_worker(*id))).await;
    });
}
