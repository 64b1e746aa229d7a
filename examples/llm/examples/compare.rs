//! How fast the actor is, beside the same code compiled for this machine:
//!
//! ```sh
//! cargo run --release -p llm --example compare -- target/release/host llm.wasm
//! ```
//!
//! Both answer the same question in turn, so that what else the machine does
//! slows both down.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use model::{Cpu, Generator, Message, Sampling};

const QUESTION: &str = "Why is the sky blue?";

/// As many as the driver asks for.
const TOKENS_MAX: usize = 128;

const ROUNDS: usize = 5;

/// Tokens that were read and written in a second.
#[derive(Clone, Copy)]
struct Rates {
    read: f64,
    written: f64,
}

fn main() -> Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [host, package] = &args[..] else {
        anyhow::bail!("name the host and the package");
    };
    let models = host_toolchain::find_models(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let native = Generator::open(Cpu, &models.smollm2())?;
    let (mut natives, mut actors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        natives.push(natively(&native)?);
        actors.push(in_an_actor(host, package, &models.smollm2())?);
    }
    let (native, actor) = (median(&natives), median(&actors));
    println!("median of {ROUNDS}, tokens/s   read  written");
    println!("native                 {:>6.1} {:>8.1}", native.read, native.written);
    println!("actor                  {:>6.1} {:>8.1}", actor.read, actor.written);
    let (read, written) = (actor.read / native.read, actor.written / native.written);
    println!("actor / native         {read:>6.2} {written:>8.2}");
    Ok(())
}

fn natively(model: &Generator<Cpu>) -> Result<Rates> {
    let prompt = model.prompt(&[Message::user(QUESTION)])?;
    let answer = model.answer(&prompt, Sampling::default(), TOKENS_MAX)?;
    Ok(Rates {
        read: prompt.len() as f64 / answer.reading.as_secs_f64(),
        written: (answer.tokens.len() - 1) as f64 / answer.writing.as_secs_f64(),
    })
}

fn in_an_actor(host: &str, package: &str, model: &Path) -> Result<Rates> {
    let folder = model.parent().context("a file is in a folder")?;
    let name = model.file_name().context("a file has a name")?.to_string_lossy();
    let mut run = Command::new(host);
    run.arg("run").arg(package).arg("--dir").arg(format!("{}:ro=/model", folder.display()));
    let output = run.arg("--").arg(format!("/model/{name}")).arg(QUESTION).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{host} failed: {}", errors.trim());
    let printed = String::from_utf8(output.stdout)?;
    let rate = |what: &str| {
        let line = printed.lines().find(|line| line.starts_with(what))?;
        line.split(' ').nth_back(1)?.parse().ok()
    };
    let rates = rate("read: ").zip(rate("written: "));
    let (read, written) = rates.with_context(|| format!("no rates in {printed:?}"))?;
    Ok(Rates { read, written })
}

fn median(rates: &[Rates]) -> Rates {
    let middle = |of: fn(&Rates) -> f64| {
        let mut all: Vec<_> = rates.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Rates { read: middle(|it| it.read), written: middle(|it| it.written) }
}
