//! The smallest whole program: an actor class and a driver that calls it.

use greenroom::prelude::*;

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    value: i64,
}

/// Counts.
#[actor]
impl Counter {
    fn new() -> Self {
        Self::default()
    }

    /// Adds one and answers the sum.
    fn increment(&mut self) -> i64 {
        self.value += 1;
        self.value
    }

    /// The sum so far.
    fn get_value(&self) -> i64 {
        self.value
    }
}

/// Counts to two.
#[driver]
fn main() -> Result<()> {
    let counter = Counter::remote()?;
    let first = counter.increment().remote()?;
    let second = counter.increment().remote()?;
    println!("{:?}", get([first, second])?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_counts_in_the_order_called() -> Result<()> {
        let counter = Counter::remote()?;
        let refs = [counter.increment().remote()?, counter.increment().remote()?];
        assert_eq!(get(refs)?, [1, 2]);
        assert_eq!(get(counter.get_value().remote()?)?, 2);
        Ok(())
    }

    #[test]
    fn the_driver_runs() {
        assert_eq!(greenroom::testing::run_driver(Vec::<String>::new()), Ok(()));
    }
}
