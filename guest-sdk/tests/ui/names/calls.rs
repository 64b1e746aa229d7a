use greenroom::prelude::*;

#[derive(Default)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    fn new(value: i64) -> Self {
        Counter { value }
    }

    fn add(&mut self, amount: i64) -> i64 {
        self.value += amount;
        self.value
    }
}

fn main() -> Result<()> {
    let counter = Counter::remote(1)?;
    counter.subtract(1).remote()?;
    get(counter.add(1))?;
    Ok(())
}
