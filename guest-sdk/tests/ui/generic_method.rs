use greenroom::prelude::*;

struct Echo;

#[actor]
impl Echo {
    fn new() -> Self {
        Echo
    }

    fn echo<T>(&self, value: T) -> T {
        value
    }

    fn show(&self, value: impl std::fmt::Display) -> String {
        value.to_string()
    }

    fn chars(&self, text: String) -> impl Iterator<Item = char> {
        text.chars().collect::<Vec<_>>().into_iter()
    }
}

fn main() {}
