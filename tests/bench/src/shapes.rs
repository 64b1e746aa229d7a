//! The shapes: Ray's microbenchmark, plus spawns and objects.

use std::time::{Duration, Instant};

use crate::guest::{Bench, handle, handles, object, plain};
use crate::report::Report;

/// Measures every shape once.
pub(crate) async fn round(report: &mut Report, bench: &Bench, quick: bool) -> anyhow::Result<()> {
    let scale = if quick { 1 } else { 5 };
    calls(report, bench, scale).await?;
    sizes(report, bench, scale).await?;
    fans(report, bench, scale).await?;
    asynchronous(report, bench, scale).await?;
    objects(report, bench).await
}

async fn calls(report: &mut Report, bench: &Bench, scale: u32) -> anyhow::Result<()> {
    let caller = bench.spawn("Caller")?;
    let echo = bench.spawn("Echo")?;
    if report.wants("call_sync_1_1") {
        let calls = 20_000 * scale;
        let args = handle(&echo, &[16, calls]);
        let took = bench.time(&caller, "one_by_one", args).await?;
        report.add("call_sync_1_1", "ns", took / f64::from(calls));
    }
    if report.wants("call_pipelined_1000") {
        let batches = 20 * scale;
        let one = std::slice::from_ref(&echo);
        let args = handles(one, &[1000, batches]);
        let took = bench.time(&caller, "batches", args).await?;
        report.add("call_pipelined_1000", "ns", took / f64::from(batches * 1000));
    }
    if report.wants("call_ref_arg") {
        let calls = 10_000 * scale;
        let args = handle(&echo, &[1024, calls]);
        let took = bench.time(&caller, "with_ref", args).await?;
        report.add("call_ref_arg", "ns", took / f64::from(calls));
    }
    if report.wants("spawn_call_drop") {
        let actors = 2_000 * scale;
        let took = bench.time(&caller, "spawn_call_drop", plain(&[actors])).await?;
        report.add("spawn_call_drop", "ns", took / f64::from(actors));
    }
    Ok(())
}

async fn sizes(report: &mut Report, bench: &Bench, scale: u32) -> anyhow::Result<()> {
    let caller = bench.spawn("Caller")?;
    let echo = bench.spawn("Echo")?;
    let sizes = [
        ("call_1kib", 1 << 10, 10_000),
        ("call_64kib", 64 << 10, 1_000),
        ("call_1mib", 1 << 20, 100),
    ];
    for (name, bytes, calls) in sizes {
        if report.wants(name) {
            let calls: u32 = calls * scale;
            let args = handle(&echo, &[bytes, calls]);
            let took = bench.time(&caller, "one_by_one", args).await?;
            report.add(name, "ns", took / f64::from(calls));
        }
    }
    Ok(())
}

async fn fans(report: &mut Report, bench: &Bench, scale: u32) -> anyhow::Result<()> {
    if report.wants("call_1_n") {
        let caller = bench.spawn("Caller")?;
        let echoes = (0..16).map(|_| bench.spawn("Echo")).collect::<Result<Vec<_>, _>>()?;
        let batches = 20 * scale;
        let args = handles(&echoes, &[1024, batches]);
        let took = bench.time(&caller, "batches", args).await?;
        report.add("call_1_n", "ns", took / f64::from(batches * 1024));
    }
    if report.wants("call_n_n_64") {
        let calls = 1_000 * scale;
        let mut pairs = Vec::new();
        for _ in 0..64 {
            pairs.push((bench.spawn("Caller")?, bench.spawn("Echo")?));
        }
        // Once first, so that nobody's start is measured.
        for (caller, echo) in &pairs {
            bench.time(caller, "one_by_one", handle(echo, &[16, 10])).await?;
        }
        let begun = Instant::now();
        let mut answers = Vec::new();
        for (caller, echo) in &pairs {
            let args = handle(echo, &[16, calls]);
            answers.push(bench.job.call(caller, "one_by_one", args)?);
        }
        for answer in answers {
            answer.outcome().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        }
        let took = begun.elapsed().as_nanos() as f64;
        report.add("call_n_n_64", "ns", took / f64::from(64 * calls));
    }
    Ok(())
}

async fn asynchronous(report: &mut Report, bench: &Bench, scale: u32) -> anyhow::Result<()> {
    if report.wants("async_actor_sequential") {
        let caller = bench.spawn("Caller")?;
        let echo = bench.spawn_async("AsyncEcho")?;
        let calls = 2_000 * scale;
        let args = handle(&echo, &[16, calls]);
        let took = bench.time(&caller, "one_by_one", args).await?;
        report.add("async_actor_sequential", "ns", took / f64::from(calls));
    }
    if report.wants("async_actor_pipelined") {
        let caller = bench.spawn("Caller")?;
        let echo = bench.spawn_async("AsyncEcho")?;
        let batches = 2 * scale;
        let one = std::slice::from_ref(&echo);
        let args = handles(one, &[1000, batches]);
        let took = bench.time(&caller, "batches", args).await?;
        report.add("async_actor_pipelined", "ns", took / f64::from(batches * 1000));
    }
    Ok(())
}

async fn objects(report: &mut Report, bench: &Bench) -> anyhow::Result<()> {
    let caller = bench.spawn("Caller")?;
    if report.wants("put_get_1kib") {
        let rounds = 10_000;
        let took = bench.time(&caller, "put_get", plain(&[1024, rounds])).await?;
        report.add("put_get_1kib", "ns", took / f64::from(rounds));
    }
    if report.wants("put_get_64mib") {
        const BYTES: u32 = 64 << 20;
        const ROUNDS: u32 = 4;
        let getter = bench.spawn("Caller")?;
        bench.time(&caller, "prepare", plain(&[BYTES])).await?;
        let mut took = Duration::ZERO;
        // The first two rounds make the actors' memories grow.
        for round in 0..2 + ROUNDS {
            let begun = Instant::now();
            let put = bench.job.call(&caller, "put_it", plain::<u32>(&[]))?;
            bench.time(&getter, "get_it", object(&put)).await?;
            if round >= 2 {
                took += begun.elapsed();
            }
        }
        let bytes = f64::from(BYTES) * f64::from(ROUNDS);
        report.add("put_get_64mib", "GB/s", bytes / took.as_secs_f64() / 1e9);
    }
    Ok(())
}
