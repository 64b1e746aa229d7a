//! The `host` command (being built).

use std::sync::Arc;

use host::node::{Config, LogLine, LogSink, Node};

struct Plain;
impl LogSink for Plain {
    fn line(&self, line: &LogLine<'_>) {
        println!("{}", line.text);
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).expect("a file");
    let node = Node::start(Config::for_this_machine(Arc::new(Plain))?)?;
    let package = node.load(std::fs::read(file)?).await?;
    let job = node.begin_job();
    job.run(&package, std::env::args().skip(2).collect()).await?;
    Ok(())
}
