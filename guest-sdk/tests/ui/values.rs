use greenroom::prelude::*;

struct NotSerde;

#[derive(Debug)]
struct NoMessage;

struct Values;

#[actor]
impl Values {
    fn new() -> Self {
        Values
    }

    fn take(&self, value: NotSerde) {}

    fn give(&self) -> NotSerde {
        NotSerde
    }

    fn fail(&self) -> Result<(), NoMessage> {
        Err(NoMessage)
    }
}

fn main() {}
