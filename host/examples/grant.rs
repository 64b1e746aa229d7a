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
    let mut a = std::env::args().skip(1);
    let file = a.next().unwrap(); let dir = a.next().unwrap();
    let mut c = Config::for_this_machine(Arc::new(Plain), Arc::new(Plain))?;
    if let Ok(n) = std::env::var("STORE") { c.object_store_bytes = n.parse()?; }
    if dir != "-" { c.grants.dirs.push(dir.parse()?); }
    let node = Node::start(c)?;
    let package = node.load(std::fs::read(file)?).await?;
    let job = node.begin_job();
    job.run(&package, a.collect()).await?;
    Ok(())
}
