use greenroom::prelude::*;

struct Station;

#[actor]
impl Station {
    fn new() -> Self {
        Station
    }

    async fn wait(&self) {}
}

#[driver]
async fn main() -> Result<()> {
    Ok(())
}
