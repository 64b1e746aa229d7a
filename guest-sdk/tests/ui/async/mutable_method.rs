use greenroom::prelude::*;

struct Station {
    trains: u32,
}

#[actor(max_concurrency = 10)]
impl Station {
    fn new() -> Self {
        Station { trains: 0 }
    }

    async fn arrive(&mut self) {
        self.trains += 1;
    }

    fn depart(&mut self) {
        self.trains -= 1;
    }
}

fn main() {}
