use greenroom::prelude::*;

#[derive(Default)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    fn value(&self) -> i64 {
        self.value
    }
}

struct Other;

#[actor]
impl Other {
    fn new() -> u8 {
        1
    }
}

struct Silent;

#[actor]
impl Silent {
    fn new() {}
}

fn main() {}
