//! Actors' lives: names, handles, kills, restarts, cycles; refs and handles in
//! values. Against the fake host.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom::prelude::*;
use greenroom::{Cause, Death, testing};

fn ask<T: serde::de::DeserializeOwned>(call: greenroom::Call<'_, T>) -> Result<T> {
    get(call.remote()?)
}

fn death<T: std::fmt::Debug>(result: Result<T>) -> Death {
    match result {
        Err(Error::Died(death)) => death,
        other => panic!("not dead: {other:?}"),
    }
}

#[derive(Default)]
struct Counter {
    value: i64,
}

#[actor(max_restarts = 0, resources(tpu = 2, "fast disk" = 0.5), memory = "1MiB")]
impl Counter {
    fn new() -> Self {
        Self::default()
    }

    fn increment(&mut self) -> i64 {
        self.value += 1;
        self.value
    }

    fn incarnation(&self) -> u32 {
        context::current().incarnation
    }

    fn crash_once(&mut self) -> String {
        let identity = context::current();
        assert!(identity.was_restarted(), "first life");
        format!("{} lives", identity.class)
    }

    fn exit(&self) {
        context::exit();
    }
}

/// Everything that can travel, inside a serde type.
#[derive(Serialize, Deserialize)]
struct Parcel {
    counter: Option<Handle<Counter>>,
    objects: BTreeMap<String, Vec<ObjectRef<i64>>>,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Serialize, Deserialize)]
struct Rest {
    twice: (ObjectRef<i64>, ObjectRef<i64>),
}

struct Office {
    counter: Handle<Counter>,
    last: Option<ObjectRef<i64>>,
}

#[actor]
impl Office {
    fn new(counter: Handle<Counter>) -> Self {
        Office { counter, last: None }
    }

    fn unpack(&mut self, parcel: Parcel) -> Result<i64> {
        let counter = parcel.counter.ok_or("no counter")?;
        let mut sum = ask(counter.increment())?;
        for object in parcel.objects.values().flatten() {
            sum += get(object)?;
        }
        let (one, two) = parcel.rest.twice;
        sum += get(&one)? + get(two)?;
        self.last = Some(one);
        Ok(sum)
    }

    fn counter(&self) -> Handle<Counter> {
        self.counter.clone()
    }

    fn last(&self) -> Option<ObjectRef<i64>> {
        self.last.clone()
    }

    fn pending(&self) -> Result<ObjectRef<i64>> {
        self.counter.increment().remote()
    }
}

#[test]
fn refs_and_handles_travel_inside_any_type() {
    let counter = Counter::remote().unwrap();
    let office = Office::remote(&counter).unwrap();
    let object = put(&10).unwrap();
    let parcel = Parcel {
        counter: Some(counter.clone()),
        objects: BTreeMap::from([("a".to_owned(), vec![object.clone(), put(&5).unwrap()])]),
        rest: Rest { twice: (object.clone(), object) },
    };
    assert_eq!(ask(office.unpack(&parcel)).unwrap(), 1 + 10 + 5 + 10 + 10);
    drop((counter, parcel));
    assert_eq!(ask(ask(office.counter()).unwrap().increment()).unwrap(), 2);
    assert_eq!(get(ask(office.last()).unwrap().unwrap()).unwrap(), 10);
    assert_eq!(get(ask(office.pending()).unwrap()).unwrap(), 3);
}

#[test]
fn a_ref_cannot_be_serialised_elsewhere() {
    let object = put(&1).unwrap();
    let error = rmp_serde::to_vec(&object).unwrap_err();
    assert!(error.to_string().contains("only inside an argument"), "{error}");
}

#[test]
fn an_actor_ends_with_its_last_handle_after_its_calls() {
    let counter = Counter::options().name("short").remote().unwrap();
    let last = counter.increment().remote().unwrap();
    drop(counter);
    assert_eq!(get(last).unwrap(), 1);
    testing::settle();
    let error = Counter::lookup("short").unwrap_err();
    assert_eq!(error, Error::Invalid("no actor is called short in namespace default".to_owned()));
}

#[test]
fn a_detached_actor_lives_until_it_is_killed() {
    drop(Counter::options().name("long").detached().remote().unwrap());
    testing::settle();
    let counter = Counter::lookup("long").unwrap();
    assert_eq!(ask(counter.increment()).unwrap(), 1);
    counter.kill().unwrap();
    assert_eq!(death(ask(counter.increment())).cause, Cause::Killed);
    assert!(Counter::lookup("long").is_err());
}

#[test]
fn a_name_is_unique_in_its_namespace() {
    let one = Counter::options().name("hits").remote().unwrap();
    ask(one.increment()).unwrap();
    let taken = Counter::options().name("hits").remote().unwrap_err();
    assert_eq!(taken, Error::Invalid("the name hits is taken in namespace default".to_owned()));
    let same = Counter::options().name("hits").get_if_exists().remote().unwrap();
    assert_eq!(ask(same.increment()).unwrap(), 2);
    let other = Counter::options().name("hits").namespace("web").remote().unwrap();
    assert_eq!(ask(other.increment()).unwrap(), 1);
    let found = Counter::lookup_in("web", "hits").unwrap();
    assert_eq!(Handle::id(&found), Handle::id(&other));
    let wrong = Office::lookup("hits").unwrap_err();
    assert_eq!(wrong, Error::Invalid("actor-1 is a Counter, not a Office".to_owned()));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options: greenroom::Options<Counter>| options.remote().unwrap_err().to_string();
    assert_eq!(
        refused(Counter::options().memory("64 lightyears")),
        "`64 lightyears` is not an amount of memory (such as 256MiB or 1GB)"
    );
    assert_eq!(refused(Counter::options().get_if_exists()), "Counter: get_if_exists needs a name");
    assert_eq!(refused(Counter::options().cpus(-1.0)), "cpus of Counter is not an amount");
    assert_eq!(
        refused(Counter::options().max_concurrency(2)),
        "Counter: only an async class runs more than one call at once"
    );
    assert!(Counter::options().memory(1 << 20).memory("1GiB").remote().is_ok());
}

#[test]
fn a_crash_restarts_the_constructor_and_keeps_the_queue() {
    let counter = Counter::options().max_restarts(1).remote().unwrap();
    let before = counter.increment().remote().unwrap();
    let crash = counter.crash_once().remote().unwrap();
    let after = counter.increment().remote().unwrap();
    assert_eq!(get(before).unwrap(), 1);
    assert!(matches!(get(crash), Err(Error::Trapped(_))));
    assert_eq!(get(after).unwrap(), 1);
    assert_eq!(ask(counter.incarnation()).unwrap(), 1);
}

#[test]
fn a_call_with_a_retry_runs_again_before_those_behind_it() {
    let counter = Counter::options().max_restarts(-1).remote().unwrap();
    let crash = counter.crash_once().max_retries(1).remote().unwrap();
    let after = counter.increment().remote().unwrap();
    assert_eq!(get(crash).unwrap(), "Counter lives");
    assert_eq!(get(after).unwrap(), 1);
}

#[test]
fn kill_and_restart_fails_what_was_queued() {
    let counter = Counter::options().max_restarts(1).remote().unwrap();
    ask(counter.increment()).unwrap();
    let queued = counter.increment().remote().unwrap();
    counter.kill_and_restart().unwrap();
    assert!(matches!(get(queued), Err(Error::Unavailable(_))));
    assert_eq!(ask(counter.increment()).unwrap(), 1);
    counter.kill_and_restart().unwrap();
    assert_eq!(death(ask(counter.increment())).cause, Cause::Killed);
}

#[test]
fn exit_lets_queued_calls_run_first() {
    let counter = Counter::remote().unwrap();
    let first = counter.increment().remote().unwrap();
    let exit = counter.exit().remote().unwrap();
    let queued = counter.increment().remote().unwrap();
    assert_eq!(get((first, exit, queued)).unwrap(), (1, (), 2));
    assert_eq!(death(ask(counter.increment())).cause, Cause::Exited);
}

struct Node {
    next: Option<Handle<Node>>,
}

#[actor]
impl Node {
    fn new() -> Self {
        Node { next: None }
    }

    fn connect(&mut self, next: Handle<Node>) {
        self.next = Some(next);
    }

    fn walk(&self, steps: u32) -> Result<u32> {
        match &self.next {
            Some(next) if steps > 0 => Ok(ask(next.walk(steps - 1))? + 1),
            _ => Ok(0),
        }
    }

    fn kill_next(&self) -> Result<()> {
        self.next.as_ref().map_or(Ok(()), |next| next.kill())
    }

    fn wait_long(&self) -> Result<bool> {
        // Behind this call, so it cannot begin while this one waits.
        let behind = context::me::<Node>()?.wait_long().remote()?;
        let waited = wait([&behind], 1, Some(Duration::from_secs(3600)));
        cancel(&behind)?;
        waited.map(|_| context::is_cancelled())
    }
}

#[test]
fn a_call_cycle_is_an_error_that_names_it() {
    let (one, two) = (Node::remote().unwrap(), Node::remote().unwrap());
    ask(one.connect(&two)).unwrap();
    ask(two.connect(&one)).unwrap();
    let error = ask(one.walk(5)).unwrap_err();
    assert_eq!(
        error,
        Error::Invalid(
            "a call cycle: Node.walk (actor-2) waits for Node.walk (actor-1) \
             waits for Node.walk (actor-2)"
                .to_owned()
        )
    );
    // Both go on, once the calls that nobody waits for any more have run.
    testing::settle();
    assert_eq!(ask(one.walk(1)).unwrap(), 1);
    assert_eq!(ask(two.walk(1)).unwrap(), 1);
}

#[test]
fn a_chain_of_calls_without_a_cycle_runs() {
    let nodes: Vec<_> = (0..10).map(|_| Node::remote().unwrap()).collect();
    for pair in nodes.windows(2) {
        ask(pair[0].connect(&pair[1])).unwrap();
    }
    assert_eq!(ask(nodes[0].walk(100)).unwrap(), 9);
}

#[test]
fn a_killed_actor_stops_in_the_middle_of_a_call() {
    let (killer, victim) = (Node::remote().unwrap(), Node::remote().unwrap());
    ask(killer.connect(&victim)).unwrap();
    let waiting = victim.wait_long().remote().unwrap();
    testing::settle();
    ask(killer.kill_next()).unwrap();
    assert_eq!(death(get(waiting)).cause, Cause::Killed);
    assert_eq!(testing::elapsed(), Duration::ZERO);
}

#[test]
fn cancel_drops_a_queued_call_and_wakes_a_running_one() {
    let node = Node::remote().unwrap();
    let running = node.wait_long().remote().unwrap();
    let queued = node.walk(1).remote().unwrap();
    testing::settle();
    cancel(&queued).unwrap();
    assert!(matches!(get(queued), Err(Error::Cancelled(_))));
    cancel(&running).unwrap();
    assert!(matches!(get(running), Err(Error::Cancelled(_))));
    assert_eq!(ask(node.walk(1)).unwrap(), 0);
    assert_eq!(testing::elapsed(), Duration::ZERO);
}

#[test]
fn get_timeout_answers_when_the_time_has_passed() {
    let node = Node::remote().unwrap();
    let object = node.wait_long().remote().unwrap();
    let error = greenroom::get_timeout(&object, Duration::from_secs(60)).unwrap_err();
    assert!(matches!(error, Error::TimedOut(_)), "{error:?}");
    assert!(!get(object).unwrap());
}

struct Talker;

#[actor]
impl Talker {
    fn new() -> Self {
        Talker
    }

    fn talk(&self, times: u32) {
        for time in 1..=times {
            log::info!(target: "talk", "time {time}");
        }
        log::debug!("done");
    }
}

#[test]
fn log_lines_are_kept_with_their_class_and_level() {
    let talker = Talker::remote().unwrap();
    talker.talk(2u32).tell().unwrap();
    testing::settle();
    let lines: Vec<_> = testing::logs()
        .into_iter()
        .map(|line| (line.class, line.level, line.target, line.message))
        .collect();
    let line = |level, target: &str, message: &str| {
        ("Talker".to_owned(), level, target.to_owned(), message.to_owned())
    };
    assert_eq!(
        lines,
        [
            line(log::Level::Info, "talk", "time 1"),
            line(log::Level::Info, "talk", "time 2"),
            line(log::Level::Debug, "actors", "done"),
        ]
    );
}

/// Sums its arguments.
#[driver]
fn main(args: Vec<String>) -> Result<()> {
    let numbers: Vec<i64> =
        args.iter().map(|arg| arg.parse().map_err(Error::failed)).collect::<Result<_>>()?;
    let sum: i64 = numbers.iter().sum();
    if sum == 6 { Ok(()) } else { Err(Error::failed(format!("the sum is {sum}"))) }
}

#[test]
fn the_driver_runs_with_its_arguments_and_answers_its_error() {
    assert_eq!(testing::run_driver(["1", "2", "3"]), Ok(()));
    assert_eq!(testing::run_driver(["1"]), Err(Error::failed("the sum is 1")));
    assert_eq!(testing::run_driver(["x"]), Err(Error::failed("invalid digit found in string")));
    assert_eq!(testing::classes(), ["Counter", "Node", "Office", "Talker"]);
}

#[test]
fn reset_begins_an_empty_world() {
    let counter = Counter::options().name("gone").remote().unwrap();
    testing::reset();
    assert!(Counter::lookup("gone").is_err());
    drop(counter);
}
