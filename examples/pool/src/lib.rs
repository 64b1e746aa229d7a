//! Load balancing: jobs that take very different times, spread over a few
//! workers so that none is idle while there is something to do.

use greenroom::prelude::*;

const WORKERS: usize = 3;

/// The first job takes longer than all others together.
const JOBS: [u64; 12] =
    [3_000_000, 10, 100, 1_000, 10_000, 100_000, 20, 200, 2_000, 20_000, 200_000, 50];

#[derive(Default)]
struct Worker {
    done: usize,
}

/// The answer to a job.
#[derive(Serialize, Deserialize)]
struct Primes {
    below: u64,
    count: usize,
}

/// Does jobs, and remembers how many.
#[actor]
impl Worker {
    fn new() -> Self {
        Self::default()
    }

    /// Counts the primes below a number, the slow way.
    fn count_primes(&mut self, below: u64) -> Primes {
        self.done += 1;
        let is_prime = |n: &u64| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0);
        Primes { below, count: (2..below).filter(is_prime).count() }
    }

    /// How many jobs this worker did.
    fn done(&self) -> usize {
        self.done
    }
}

/// Does all jobs twice: with the results in order, and as they come.
#[driver]
fn main() -> Result<()> {
    let workers: Vec<_> = (0..WORKERS).map(|_| Worker::remote()).collect::<Result<_>>()?;
    let mut pool = ActorPool::new(workers.iter().cloned());

    println!("in order:");
    for primes in pool.map(|worker, below| worker.count_primes(below), JOBS) {
        show(&primes?);
    }
    println!("as they come:");
    for primes in pool.map_unordered(|worker, below| worker.count_primes(below), JOBS) {
        show(&primes?);
    }
    for (number, worker) in workers.iter().enumerate() {
        println!("worker {number} did {} jobs", get(worker.done().remote()?)?);
    }
    Ok(())
}

fn show(primes: &Primes) {
    println!("{:>8} primes below {}", primes.count, primes.below);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_counted() {
        let counts = [0, 2, 3, 10, 100].map(|below| Worker::new().count_primes(below).count);
        assert_eq!(counts, [0, 0, 1, 4, 25]);
    }

    #[test]
    fn every_job_is_done_once() {
        let workers = [Worker::remote().unwrap(), Worker::remote().unwrap()];
        let mut pool = ActorPool::new(workers.clone());
        let results: Result<Vec<Primes>> =
            pool.map(|worker, below| worker.count_primes(below), [10, 20, 30]).collect();
        let counts: Vec<_> = results.unwrap().iter().map(|primes| primes.count).collect();
        assert_eq!(counts, [4, 8, 10]);
        let done = get(workers.map(|worker| worker.done().remote().unwrap())).unwrap();
        assert_eq!(done.iter().sum::<usize>(), 3);
    }
}
