//! When an answer stops being of use.

use std::time::Duration;

use tokio::time::Instant;

use crate::Error;

/// The moment up to which an operation may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub fn after(time: Duration) -> Deadline {
        // A century stands for times that no clock can hold.
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let now = Instant::now();
        Deadline(now.checked_add(time).unwrap_or_else(|| now + CENTURY))
    }

    /// The moment itself.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// How long there still is; zero once it passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it passed.
    pub fn passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// Waits for something, at most until the deadline.
    pub(crate) async fn limit<T>(
        self,
        what: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        // Asked first: work that is ready at once would else be let through.
        if self.passed() {
            return Err(Error::TimedOut { what: what.into() });
        }
        match tokio::time::timeout_at(self.0, work).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut { what: what.into() }),
        }
    }
}
