//! A client: sends one request after another and measures each.

use std::thread;
use std::time::{Duration, Instant};

use greenroom::prelude::*;

use crate::router::{Busy, Router};

/// How long a client waits that was refused.
const BUSY_WAIT: Duration = Duration::from_millis(5);

/// What became of a client's requests.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Microseconds of each that was answered, with the times it was refused.
    pub(crate) latencies_us: Vec<u64>,
    /// How often one was refused, and sent again.
    pub(crate) refused: usize,
    /// Why others were not answered.
    pub(crate) lost: Vec<String>,
    /// Answers that were not the vector of their text.
    pub(crate) wrong: usize,
}

/// Sends requests.
pub(crate) struct Client {
    router: Handle<Router>,
}

#[actor]
impl Client {
    fn new(router: Handle<Router>) -> Self {
        Client { router }
    }

    /// Sends so many requests, of these texts in turn; an answer is checked
    /// against the text's vector.
    fn run(&self, requests: usize, texts: Vec<(String, Vec<f32>)>) -> Measured {
        let mut measured = Measured::default();
        for (text, vector) in texts.iter().cycle().take(requests) {
            let started = Instant::now();
            match self.ask(text, &mut measured.refused) {
                Ok(answer) => {
                    measured.latencies_us.push(started.elapsed().as_micros() as u64);
                    measured.wrong += usize::from(!is_same(&answer, vector));
                }
                Err(error) => measured.lost.push(error.to_string()),
            }
        }
        measured
    }
}

impl Client {
    fn ask(&self, text: &str, refused: &mut usize) -> Result<Vec<f32>> {
        loop {
            let answer = self.router.embed(text).remote().and_then(get);
            match answer {
                Err(error) if error.application::<Busy>().is_some() => *refused += 1,
                answer => return answer,
            }
            thread::sleep(BUSY_WAIT);
        }
    }
}

/// Whether two vectors of length 1 point the same way: in another batch,
/// numbers are added in another order.
fn is_same(one: &[f32], other: &[f32]) -> bool {
    let product: f32 = one.iter().zip(other).map(|(a, b)| a * b).sum();
    one.len() == other.len() && (product - 1.0).abs() < 1e-4
}
