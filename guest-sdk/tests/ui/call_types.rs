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
    counter.add("one").remote()?;
    counter.add(1, 2).remote()?;
    let sum: String = get(counter.add(1).remote()?)?;
    let words: ObjectRef<String> = counter.add(1).remote()?;
    counter.add(put(&"one".to_owned())?).remote()?;
    Counter::remote("one")?;
    Ok(())
}
