//! What one node asks of another: run on the first of three nodes. It has the
//! resource `near`, the second `far`, the third `third`, and the last two
//! `movable`. Prints a line for each thing measured: its name and nanoseconds.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use greenroom::prelude::*;

use crate::{Caller, Echo};

/// Bytes of a small argument, as in the calls that are the yardstick.
const SMALL_BYTES: u32 = 64;

/// Calls under way in `pipelined`.
const WINDOW: u32 = 1_024;

/// Pairs of actors in each direction in `many`.
const PAIRS: u32 = 32;

/// What moves in `objects`: a gibibyte.
const OBJECTS: u32 = 16;
const OBJECT_BYTES: u32 = 64 << 20;

/// Between two looks at an actor that is not there.
const PAUSE: Duration = Duration::from_millis(5);

const USAGE: &str = "sync CALLS, pipelined BATCHES, many CALLS, sized BYTES CALLS, objects, \
                     broadcast, beside, spawn ACTORS, lookup TIMES, or failover";

#[driver]
fn main(args: Vec<String>) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["sync", calls] => sync(parse(calls)?),
        ["pipelined", batches] => pipelined(parse(batches)?),
        ["many", calls] => many(parse(calls)?),
        ["sized", bytes, calls] => sized(parse(bytes)?, parse(calls)?),
        ["objects"] => objects(),
        ["broadcast"] => broadcast(),
        ["beside"] => beside(),
        ["spawn", actors] => spawn(parse(actors)?),
        ["lookup", times] => lookup(parse(times)?),
        ["failover"] => failover(),
        _ => Err(Error::failed(USAGE)),
    }
}

fn parse(text: &str) -> Result<u32> {
    text.parse().map_err(|_| Error::failed(format!("{text:?} is no number; {USAGE}")))
}

fn print(name: &str, value: f64) {
    println!("{name} {value}");
}

fn per(begun: Instant, count: u32) -> f64 {
    begun.elapsed().as_nanos() as f64 / f64::from(count)
}

/// An echo on another node, that has answered.
fn far() -> Result<Handle<Echo>> {
    echo_at("far")
}

fn echo_at(place: &str) -> Result<Handle<Echo>> {
    let echo = Echo::options().cpus(0.0).memory("512MiB").resource(place, 1.0).remote()?;
    get(echo.len(Bytes::default()).remote()?)?;
    Ok(echo)
}

fn caller_at(place: &str) -> Result<Handle<Caller>> {
    Caller::options().cpus(0.0).resource(place, 1.0).remote()
}

fn one_by_one(echo: &Handle<Echo>, data: &Bytes, calls: u32) -> Result<()> {
    for _ in 0..calls {
        get(echo.echo(data).remote()?)?;
    }
    Ok(())
}

fn sync(calls: u32) -> Result<()> {
    let echo = far()?;
    let data = Bytes::from(vec![7; SMALL_BYTES as usize]);
    let begun = Instant::now();
    one_by_one(&echo, &data, calls)?;
    print("call", per(begun, calls));
    Ok(())
}

fn pipelined(batches: u32) -> Result<()> {
    let echo = far()?;
    let data = Bytes::from(vec![7; SMALL_BYTES as usize]);
    let begun = Instant::now();
    for _ in 0..batches {
        let calls = (0..WINDOW).map(|_| echo.echo(&data).remote());
        get(calls.collect::<Result<Vec<_>>>()?)?;
    }
    print("call", per(begun, batches * WINDOW));
    Ok(())
}

/// Callers on both sides, each with an echo on the other.
fn many(calls: u32) -> Result<()> {
    let mut pairs = Vec::new();
    for (here, there) in [("near", "far"), ("far", "near")] {
        for _ in 0..PAIRS {
            pairs.push((caller_at(here)?, echo_at(there)?));
        }
    }
    let mut took = 0.0;
    // First a few, so that nobody's start is measured.
    for calls in [10, calls] {
        let begun = Instant::now();
        let answers =
            pairs.iter().map(|(caller, echo)| caller.one_by_one(echo, SMALL_BYTES, calls).remote());
        get(answers.collect::<Result<Vec<_>>>()?)?;
        took = per(begun, 2 * PAIRS * calls);
    }
    print("call", took);
    Ok(())
}

fn sized(bytes: u32, calls: u32) -> Result<()> {
    let echo = far()?;
    let data = Bytes::from(vec![7; bytes as usize]);
    get(echo.len(&data).remote()?)?;
    let begun = Instant::now();
    for _ in 0..calls {
        get(echo.len(&data).remote()?)?;
    }
    print("call", per(begun, calls));
    Ok(())
}

/// Objects that are there, to be taken to another node.
fn laid_out(count: u32) -> Result<Vec<ObjectRef<Bytes>>> {
    let data = Bytes::from(vec![7; OBJECT_BYTES as usize]);
    (0..count).map(|_| put(&data)).collect()
}

fn objects() -> Result<()> {
    let echo = far()?;
    // The actor's memory has grown when it is measured.
    get(echo.len(&laid_out(1)?[0]).remote()?)?;
    let objects = laid_out(OBJECTS)?;
    let begun = Instant::now();
    let calls = objects.iter().map(|object| echo.len(object).remote());
    get(calls.collect::<Result<Vec<_>>>()?)?;
    print("byte", per(begun, OBJECTS * OBJECT_BYTES));
    Ok(())
}

/// One object to several actors of each other node.
fn broadcast() -> Result<()> {
    let places = ["far", "third"].iter().cycle().take(8);
    let readers = places.map(|place| echo_at(place)).collect::<Result<Vec<_>>>()?;
    let object = &laid_out(1)?[0];
    let begun = Instant::now();
    let calls = readers.iter().map(|reader| reader.len(object).remote());
    get(calls.collect::<Result<Vec<_>>>()?)?;
    print("broadcast", per(begun, 1));
    Ok(())
}

/// Small calls while nothing else moves, and while a gibibyte does.
fn beside() -> Result<()> {
    const QUIET_CALLS: usize = 2_000;
    let (echo, reader) = (far()?, far()?);
    let data = Bytes::from(vec![7; SMALL_BYTES as usize]);
    get(reader.len(&laid_out(1)?[0]).remote()?)?;
    one_by_one(&echo, &data, 200)?;
    let call = || -> Result<u64> {
        let begun = Instant::now();
        get(echo.echo(&data).remote()?)?;
        Ok(begun.elapsed().as_nanos() as u64)
    };
    let quiet = (0..QUIET_CALLS).map(|_| call()).collect::<Result<Vec<_>>>()?;
    let objects = laid_out(OBJECTS)?;
    let calls = objects.iter().map(|object| reader.len(object).remote());
    let mut under_way = calls.collect::<Result<Vec<_>>>()?;
    let mut beside = Vec::new();
    while !under_way.is_empty() {
        beside.push(call()?);
        let count = under_way.len();
        (_, under_way) = wait(under_way, count, Some(Duration::ZERO))?;
    }
    print("quiet", median(quiet));
    print("beside", median(beside));
    Ok(())
}

fn median(mut values: Vec<u64>) -> f64 {
    values.sort_unstable();
    values[values.len() / 2] as f64
}

fn spawn(actors: u32) -> Result<()> {
    far()?;
    let data = Bytes::from(vec![7; SMALL_BYTES as usize]);
    let begun = Instant::now();
    for _ in 0..actors {
        let echo = Echo::options().cpus(0.0).resource("far", 1.0).remote()?;
        get(echo.echo(&data).remote()?)?;
    }
    print("actor", per(begun, actors));
    Ok(())
}

fn lookup(times: u32) -> Result<()> {
    let named = Echo::options().cpus(0.0).resource("far", 1.0).name("looked-up").remote()?;
    get(named.len(Bytes::default()).remote()?)?;
    let begun = Instant::now();
    for _ in 0..times {
        Handle::<Echo>::lookup("looked-up")?;
    }
    print("lookup", per(begun, times));
    Ok(())
}

/// Calls an actor until its node is gone, and then until it is elsewhere.
/// Prints when: nanoseconds of the wall clock.
fn failover() -> Result<()> {
    let echo = Echo::options().cpus(0.0).resource("movable", 1.0).max_restarts(1).remote()?;
    println!("node {}", get(echo.node().remote()?)?);
    while get(echo.node().remote()?).is_ok() {}
    now("unavailable")?;
    while get(echo.node().remote()?).is_err() {
        thread::sleep(PAUSE);
    }
    now("elsewhere")
}

fn now(name: &str) -> Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    print(name, now.map_err(|error| Error::failed(error.to_string()))?.as_nanos() as f64);
    Ok(())
}
