//! What the log has been told already.

use std::collections::HashSet;
use std::mem::{Discriminant, discriminant};

use host_control::{Error, Key as Path, Revision};
use parking_lot::Mutex;

use crate::failure::{Failure, Unreadable};
use crate::limits;

/// What the log has been told, so that what stays as it is is told once.
#[derive(Default)]
pub(crate) struct Told {
    /// Locked for a moment.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why the store did not answer the last question that went wrong; none
    /// once it answered.
    trouble: Option<Error>,
    /// Records that were left out.
    left_out: HashSet<(Path, Revision)>,
}

impl Told {
    /// The store answered.
    pub(crate) fn answered(&self) {
        if self.state.lock().trouble.take().is_some() {
            tracing::info!("the control store answers again");
        }
    }

    /// A question has no answer.
    pub(crate) fn failed(&self, failure: Failure) {
        match failure {
            Failure::Store(error) => {
                let kind = |error: &Error| -> Discriminant<Error> { discriminant(error) };
                let before = self.state.lock().trouble.replace(error.clone());
                if before.as_ref().map(kind) != Some(kind(&error)) {
                    tracing::warn!(%error, "the control store did not answer");
                }
            }
            Failure::Mistake(why) => {
                tracing::error!(why, "a question to the control store makes no sense");
            }
            Failure::Unreadable { path, why, modified } => self.left_out(&path, modified, &why),
        }
    }

    /// A record cannot be read, and is left out of an answer.
    pub(crate) fn left_out(&self, path: &Path, modified: Revision, why: &Unreadable) {
        let mut state = self.state.lock();
        let room = state.left_out.len() < limits::TOLD_MAX;
        if room && state.left_out.insert((path.clone(), modified)) {
            let last = state.left_out.len() == limits::TOLD_MAX;
            drop(state);
            tracing::error!(%path, %why, last, "a record of the control store cannot be read");
        }
    }

    /// Why the store does not answer, if it does not.
    pub(crate) fn trouble(&self) -> Option<Error> {
        self.state.lock().trouble.clone()
    }
}
