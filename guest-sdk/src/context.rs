//! Who is running: ids, a handle to oneself, cancellation, the end.

use crate::class::Actor;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::host;

/// The ids of the running actor, for logs and decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// This actor.
    pub actor: String,
    /// Its class; empty in a driver.
    pub class: String,
    /// The job it belongs to.
    pub job: String,
    /// The node it runs on: its id, for one life of its host.
    pub node: String,
    /// That node's name, which stays.
    pub node_name: String,
    /// What that node is labelled with: names and values.
    pub node_labels: Vec<(String, String)>,
    /// Its namespace.
    pub namespace: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// 0 for the first life; counts restarts, and lives that ended because
    /// their node was drained.
    pub incarnation: u32,
}

impl Identity {
    /// The value of a label of its node.
    pub fn node_label(&self, name: &str) -> Option<&str> {
        let label = self.node_labels.iter().find(|(label, _)| label == name);
        label.map(|(_, value)| value.as_str())
    }

    /// Whether the actor was constructed anew, after a crash or since its node
    /// was drained.
    pub fn was_restarted(&self) -> bool {
        self.incarnation > 0
    }
}

/// The running actor's ids.
pub fn current() -> Identity {
    host::current()
}

/// A handle to the running actor, to be handed to others; an error in a driver
/// and in an actor of another class.
pub fn me<A: Actor>() -> Result<Handle<A>> {
    let Some(raw) = host::me() else {
        return Err(Error::Invalid("a driver has no handle to itself".to_owned()));
    };
    Handle::checked(raw)
}

/// Whether the running call was cancelled or its time has passed. A long
/// computation asks now and then.
pub fn is_cancelled() -> bool {
    host::is_cancelled(crate::task::current_call())
}

/// Ends this actor once the running call and those queued before are done.
pub fn exit() {
    host::exit();
}
