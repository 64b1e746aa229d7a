//! Asking again, for the stores that are reached over a network.

use std::error::Error as _;
use std::time::Duration;

use tonic::{ConnectError, Status};

use crate::{Deadline, Error};

/// The wait before the second attempt; it doubles from there.
const BACKOFF_MIN: Duration = Duration::from_millis(20);

/// The longest wait: a store that is back is found within it.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The store answered, or asking again is no use.
    Final(Error),
    /// The store did not do it: it was not reached, or it said so.
    NotDone(String),
    /// The store may have done it.
    Unknown(String),
}

impl Fault {
    /// What a broken transport means: none of it was sent, or who knows.
    pub(crate) fn of_transport(status: &Status) -> Fault {
        let why = text(status);
        // Said by tonic's generated clients before they send.
        let unsent = status.message().starts_with("Service was not ready");
        let chain = std::iter::successors(status.source(), |error| (*error).source());
        if unsent || chain.into_iter().any(|error| error.is::<ConnectError>()) {
            Fault::NotDone(why)
        } else {
            Fault::Unknown(why)
        }
    }
}

/// What a status says, down to the first cause.
fn text(status: &Status) -> String {
    let chain = std::iter::successors(status.source(), |error| (*error).source());
    let mut text = status.message().to_owned();
    for cause in chain.map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Final(error)
    }
}

/// Whether an operation may be done twice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Repeat {
    /// Twice is as good as once.
    Harmless,
    /// Once at most.
    Never,
}

/// The waits between attempts.
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Backoff {
        Backoff { next: BACKOFF_MIN }
    }

    /// Waits; longer each time. Some do not wait as long as others, so that
    /// those who lost one store do not all come back at once.
    pub(crate) async fn wait(&mut self) {
        let time = self.next.mul_f64(0.5 + 0.5 * fastrand::f64());
        self.next = (self.next * 2).min(BACKOFF_MAX);
        tokio::time::sleep(time).await;
    }
}

/// Attempts something until it is done, cannot be done, or the time is over.
pub(crate) async fn retry<T, F: Future<Output = Result<T, Fault>>>(
    what: &'static str,
    repeat: Repeat,
    deadline: Deadline,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error> {
    // The last fault that left nothing done.
    let mut missed = None;
    let mut backoff = Backoff::new();
    loop {
        let limited = deadline.limit(what, async { Ok(attempt().await) }).await;
        match limited {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(Fault::Final(error))) => return Err(error),
            Ok(Err(Fault::NotDone(why))) => missed = Some(why),
            Ok(Err(Fault::Unknown(why))) if repeat == Repeat::Harmless => missed = Some(why),
            Ok(Err(Fault::Unknown(why))) => return Err(Error::Uncertain { why }),
            Err(error) => {
                // Said with the reason if it did harm to nothing.
                let missed = missed.filter(|_| repeat == Repeat::Harmless);
                return Err(missed.map_or(error, unavailable));
            }
        }
        if tokio::time::timeout_at(deadline.instant(), backoff.wait()).await.is_err() {
            return Err(unavailable(missed.expect("there was a fault, or no wait")));
        }
    }
}

fn unavailable(why: String) -> Error {
    Error::Unavailable {
        why,
        advice: "check that the hosts of the control store run and can be reached".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(repeat: Repeat, faults: Vec<Fault>) -> Result<usize, Error> {
        let mut attempts = 0;
        let mut faults = faults.into_iter();
        let deadline = Deadline::after(Duration::from_secs(30));
        let work = || {
            attempts += 1;
            std::future::ready(faults.next().map_or(Ok(attempts), Err))
        };
        retry("a test", repeat, deadline, work).await
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_harmless_is_repeated_after_an_unknown_outcome() {
        let not_done = || Fault::NotDone("down".to_owned());
        let unknown = || Fault::Unknown("cut".to_owned());
        assert_eq!(check(Repeat::Harmless, vec![not_done(), unknown()]).await, Ok(3));
        assert_eq!(check(Repeat::Never, vec![not_done(), not_done()]).await, Ok(3));
        let uncertain = Err(Error::Uncertain { why: "cut".to_owned() });
        assert_eq!(check(Repeat::Never, vec![not_done(), unknown()]).await, uncertain);
    }

    #[tokio::test(start_paused = true)]
    async fn store_that_stays_away_is_unavailable_at_the_deadline() {
        let deadline = Deadline::after(Duration::from_secs(5));
        let down = async || Err::<(), _>(Fault::NotDone("refused".to_owned()));
        let error = retry("a test", Repeat::Never, deadline, down).await.unwrap_err();
        assert!(matches!(&error, Error::Unavailable { why, .. } if why == "refused"), "{error}");
        assert!(deadline.passed());
    }

    #[tokio::test(start_paused = true)]
    async fn attempt_without_an_answer_times_out() {
        let deadline = Deadline::after(Duration::from_secs(5));
        let silent = async || std::future::pending::<Result<(), Fault>>().await;
        let error = retry("a test", Repeat::Never, deadline, silent).await.unwrap_err();
        assert_eq!(error, Error::TimedOut { what: "a test".into() });
    }
}
