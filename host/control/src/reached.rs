//! The revision that a client has seen.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Revision};

/// The highest revision that a store has answered. What answers a later
/// question with a lower one is an old copy of the store.
#[derive(Debug, Default)]
pub(crate) struct Reached(AtomicU64);

impl Reached {
    /// The highest so far; asked before a question.
    pub(crate) fn now(&self) -> Revision {
        Revision::new(self.0.load(Ordering::Acquire))
    }

    /// Checks the answer to a question before which `before` was reached.
    pub(crate) fn check(&self, before: Revision, answer: Revision) -> Result<(), Error> {
        if answer < before {
            let why = format!(
                "it is at revision {answer}, and {before} was seen: an old copy was put in place"
            );
            return Err(Error::Corrupt { why });
        }
        self.0.fetch_max(answer.number(), Ordering::AcqRel);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_older_than_what_was_seen_before_the_question_is_refused() {
        let reached = Reached::default();
        let before = reached.now();
        assert!(reached.check(before, Revision::new(5)).is_ok());
        // Asked at the same time, answered later.
        assert!(reached.check(before, Revision::new(4)).is_ok());
        assert!(reached.check(reached.now(), Revision::new(4)).is_err());
        assert_eq!(reached.now(), Revision::new(5));
    }
}
