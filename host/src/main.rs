//! The `host` command (being built).

use std::io::Write;
use std::sync::Arc;

use host::log::{Record, Sink};
use host::node::{Config, Node};
use host_wasi::{Output, Stream};

struct Plain;

impl Sink for Plain {
    fn line(&self, record: &Record<'_>) {
        eprintln!("{} | {}", record.actor, record.text);
    }
}

impl Output for Plain {
    fn write(&self, _: Stream, bytes: &[u8]) {
        let _ = std::io::stdout().write_all(bytes);
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).expect("a file");
    let node = Node::start(Config::for_this_machine(Arc::new(Plain), Arc::new(Plain))?)?;
    let package = node.load(std::fs::read(file)?).await?;
    let job = node.begin_job();
    job.run(&package, std::env::args().skip(2).collect()).await?;
    Ok(())
}
