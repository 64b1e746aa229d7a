use greenroom::prelude::*;

struct Words {
    last: String,
}

#[actor]
impl Words {
    fn new(first: &str) -> Self {
        Words { last: first.to_owned() }
    }

    fn add(&mut self, words: &[String], counts: Option<&u32>) -> usize {
        words.len() + counts.map_or(0, |_| 1)
    }

    fn last(&self) -> &str {
        &self.last
    }

    fn pick<'a>(&'a self, from: std::borrow::Cow<'a, str>) -> bool {
        from == self.last
    }
}

fn main() {}
