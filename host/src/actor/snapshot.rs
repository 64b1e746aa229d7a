//! An actor as people see it, at one moment.

use std::sync::atomic::Ordering;

use host_core::id::Label;
use host_core::limits;

use super::target::{Actor, Life, Phase};

/// What an actor is doing, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Waiting for resources: the reason.
    Pending(String),
    /// Instantiating or constructing.
    Starting,
    /// Waiting for a call.
    Idle,
    /// In a call.
    Running,
    /// Ended: the cause.
    Dead(String),
}

/// An actor at one moment, for people.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Class and id.
    pub label: Label,
    /// What it is doing.
    pub state: State,
    /// Calls waiting.
    pub waiting: usize,
    /// Calls that have ended.
    pub done: u64,
    /// Restarts so far.
    pub restarts: u32,
    /// Handles to it.
    pub handles: usize,
}

impl Actor {
    /// What it is doing.
    pub fn snapshot(&self) -> Snapshot {
        let shared = self.shared.lock();
        let state = match (&shared.death, &shared.life, shared.phase) {
            (Some(death), ..) => State::Dead(death.to_string()),
            (None, Life::Waiting(reason), _) => State::Pending(reason.clone().unwrap_or_default()),
            (None, _, Phase::Crowded) => State::Pending(self.crowded()),
            (None, _, Phase::Unseated) => State::Pending(unseated()),
            (None, _, Phase::New | Phase::Starting) => State::Starting,
            (None, _, Phase::Idle) => State::Idle,
            (None, _, Phase::Running) => State::Running,
        };
        Snapshot {
            label: self.label.clone(),
            state,
            waiting: shared.mail.len(),
            done: shared.calls_done,
            restarts: shared.restarts.used() + self.lives_before(),
            handles: self.handles.load(Ordering::Relaxed),
        }
    }

    fn crowded(&self) -> String {
        format!(
            "waits for room: {} actors are alive, the most that the node has room for \
             (--max-actors)",
            self.package.code.room.places()
        )
    }
}

fn unseated() -> String {
    format!("waits for a process of its own; a node has {} at most", limits::WORKERS)
}
