//! The same shapes in a native actor library: no sandbox, no encoding.

use std::time::Instant;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};

use crate::report::Report;

#[derive(Actor)]
struct Echo;

struct Data(Vec<u8>);

impl Message<Data> for Echo {
    type Reply = Vec<u8>;

    async fn handle(&mut self, data: Data, _: &mut Context<Self, Self::Reply>) -> Vec<u8> {
        data.0
    }
}

#[derive(Actor)]
struct Caller(ActorRef<Echo>);

/// Make this many calls, one after the other.
struct OneByOne(u64);

impl Message<OneByOne> for Caller {
    type Reply = u64;

    async fn handle(&mut self, work: OneByOne, _: &mut Context<Self, Self::Reply>) -> u64 {
        let mut total = 0;
        for _ in 0..work.0 {
            let answer = self.0.ask(Data(vec![7; 16])).await;
            total += answer.expect("an echo").len() as u64;
        }
        total
    }
}

/// Measures every yardstick once.
pub(crate) async fn round(report: &mut Report, quick: bool) -> anyhow::Result<()> {
    let scale = if quick { 1 } else { 5 };
    let one = asks(1, 20_000 * scale).await?;
    report.add("kameo_ask_1_1", "ns", one);
    let many = asks(64, 1_000 * scale).await?;
    report.add("kameo_ask_n_n_64", "ns", many);
    let actors = 5_000 * scale;
    let begun = Instant::now();
    for _ in 0..actors {
        Echo::spawn(Echo).ask(Data(vec![7; 16])).await?;
    }
    let took = begun.elapsed().as_nanos() as f64;
    report.add("kameo_spawn_ask_drop", "ns", took / actors as f64);
    Ok(())
}

async fn asks(pairs: usize, calls: u64) -> anyhow::Result<f64> {
    let callers: Vec<_> = (0..pairs).map(|_| Caller::spawn(Caller(Echo::spawn(Echo)))).collect();
    for caller in &callers {
        caller.ask(OneByOne(10)).await?;
    }
    let begun = Instant::now();
    let answers: Vec<_> = callers
        .iter()
        .map(|caller| {
            let caller = caller.clone();
            tokio::spawn(async move { caller.ask(OneByOne(calls)).await })
        })
        .collect();
    for answer in answers {
        answer.await??;
    }
    Ok(begun.elapsed().as_nanos() as f64 / (pairs as u64 * calls) as f64)
}
