//! Serving a model: servers that each have one, a router that spreads requests
//! over them, and clients that measure what comes of it while a server dies.

mod client;
mod device;
mod router;
mod server;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use client::{Client, Measured};
use greenroom::prelude::*;
use router::{Plan, Router, Stats};

/// Requests that the router takes at once.
const REQUESTS_MAX: usize = 64;

const CLIENTS: usize = 16;

/// Requests of each client, unless the driver is told another number.
const REQUESTS_PER_CLIENT: usize = 60;

/// How often the driver looks how far the clients are.
const LOOK: Duration = Duration::from_millis(5);

/// What is asked, by all clients.
const TEXTS: [&str; 8] = [
    "The cat sits outside.",
    "How do I reset my password?",
    "A man is playing guitar.",
    "The stock market fell sharply on Monday.",
    "Water boils at 100 degrees Celsius at sea level.",
    "I forgot my login and cannot get in.",
    "Once upon a time there was a princess who lived in a tower and never came down.",
    "pizza",
];

/// Has clients send requests, and kills a server when a third is answered.
#[driver]
fn main(args: Vec<String>) -> Result<()> {
    let (plan, requests) = plan(&args)?;
    let servers = plan.servers;
    let router = Router::options().remote(plan)?;
    // The servers have read the model when they answer, and not before.
    let mut texts = Vec::new();
    for text in TEXTS {
        texts.push((text.to_owned(), get(router.embed(text).remote()?)?));
    }
    let clients: Vec<_> = (0..CLIENTS).map(|_| Client::remote(&router)).collect::<Result<_>>()?;
    println!("{servers} servers, {CLIENTS} clients with {requests} requests each");

    let started = Instant::now();
    let before = get(router.stats().remote()?)?;
    let runs: Vec<_> = clients
        .iter()
        .map(|client| client.run(requests, &texts).remote())
        .collect::<Result<_>>()?;
    let third = before.answered + CLIENTS * requests / 3;
    while get(router.stats().remote()?)?.answered < third {
        thread::sleep(LOOK);
    }
    if let Some(server) = get(router.servers().remote()?)?.first() {
        server.kill()?;
        println!("killed {} after {:.2} s", Handle::id(server), started.elapsed().as_secs_f64());
    }
    let measured = get(runs)?;
    let seconds = started.elapsed().as_secs_f64();
    let stats = get(router.stats().remote()?)?;
    report(measured, seconds, before, stats)
}

/// The servers, and how many requests each client sends.
fn plan(args: &[String]) -> Result<(Plan, usize)> {
    let usage = "give the model's folder, and perhaps servers, gpus of each, requests of a client";
    let Some((folder, numbers)) = args.split_first().filter(|(_, numbers)| numbers.len() <= 3)
    else {
        return Err(usage.into());
    };
    let number = |at: usize, otherwise: f64| match numbers.get(at) {
        Some(text) => text.parse().map_err(|error| Error::failed(format_args!("{text}: {error}"))),
        None => Ok(otherwise),
    };
    let plan = Plan {
        folder: PathBuf::from(folder),
        servers: number(0, 2.0)? as usize,
        gpus: number(1, 0.0)?,
        requests_max: REQUESTS_MAX,
    };
    Ok((plan, number(2, REQUESTS_PER_CLIENT as f64)? as usize))
}

/// Prints what came of it. Fails if a request was lost.
fn report(measured: Vec<Measured>, seconds: f64, before: Stats, after: Stats) -> Result<()> {
    let mut all = Measured::default();
    for one in measured {
        all.latencies_us.extend(one.latencies_us);
        all.lost.extend(one.lost);
        all.refused += one.refused;
        all.wrong += one.wrong;
    }
    all.latencies_us.sort_unstable();
    let answered = all.latencies_us.len();
    let batches = after.batches - before.batches;
    println!("{answered} answered, {} lost, {} wrong", all.lost.len(), all.wrong);
    println!("{} batches lost their server and were repeated", after.repeated - before.repeated);
    println!("{} times refused for want of room, and asked again", all.refused);
    println!("{batches} batches, of {:.1} texts", answered as f64 / batches.max(1) as f64);
    println!("{:.0} requests/s", answered as f64 / seconds);
    let quantile = |share: f64| {
        let at = (share * answered as f64) as usize;
        let latency = all.latencies_us.get(at.min(answered.saturating_sub(1)));
        *latency.unwrap_or(&0) as f64 / 1000.0
    };
    println!("latency: p50 {:.1} ms, p99 {:.1} ms", quantile(0.5), quantile(0.99));
    match all.lost.first() {
        Some(why) => Err(Error::failed(format_args!("a request was lost: {why}"))),
        None if all.wrong > 0 => Err("an answer was wrong".into()),
        None => Ok(()),
    }
}
