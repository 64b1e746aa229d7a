use greenroom::prelude::*;

struct Counter;

#[actor]
impl std::fmt::Display for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("counter")
    }
}

#[actor]
struct NotABlock;

fn main() {}
