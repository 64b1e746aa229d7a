//! The model of the control store, as a port.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::local::Host;
use host_cluster::Answer;
use host_core::NodeId;
use host_core::control::{self, Change, Key, Prefix, Request, Revision, Store};
use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A control store that all nodes of a test share.
pub(crate) struct Control {
    started: Instant,
    state: Mutex<State>,
    /// Where what is pulled comes from.
    hosts: Mutex<HashMap<NodeId, Weak<Host>>>,
}

#[derive(Default)]
struct State {
    store: Store,
    changes: Vec<Change>,
    watchers: Vec<UnboundedSender<Change>>,
}

impl Control {
    pub(crate) fn new() -> Arc<Control> {
        Arc::new(Control {
            started: Instant::now(),
            state: Mutex::default(),
            hosts: Mutex::default(),
        })
    }

    pub(crate) fn has(&self, id: NodeId, host: &Arc<Host>) {
        self.hosts.lock().insert(id, Arc::downgrade(host));
    }

    pub(crate) fn host(&self, id: NodeId) -> Option<Arc<Host>> {
        self.hosts.lock().get(&id).and_then(Weak::upgrade)
    }

    /// A node's lease ends now, as if it had not been renewed.
    pub(crate) fn lose(&self, node: NodeId) {
        let lease = self.state.lock().store.get(&Key::Node(node)).and_then(|entry| entry.lease);
        self.carry_out(&Request::Revoke(lease.expect("a node has a lease")));
    }

    fn carry_out(&self, request: &Request) -> control::Answer {
        let mut state = self.state.lock();
        let mut changes = Vec::new();
        let answer = state.store.handle(self.started.elapsed(), request, &mut changes);
        for change in &changes {
            state.watchers.retain(|watcher| watcher.send(change.clone()).is_ok());
        }
        state.changes.extend(changes);
        answer
    }
}

impl host_cluster::Control for Control {
    fn ask(&self, request: Request) -> Answer<'static, control::Answer> {
        let answer = self.carry_out(&request);
        Box::pin(std::future::ready(answer))
    }

    fn watch(
        &self,
        prefix: Prefix,
        after: Revision,
        mut tell: Box<dyn FnMut(Change) -> bool + Send>,
    ) -> Answer<'static, ()> {
        let (sender, mut changes) = unbounded_channel();
        let mut state = self.state.lock();
        for change in state.changes.iter().filter(|change| change.revision > after) {
            let _ = sender.send(change.clone());
        }
        state.watchers.push(sender);
        Box::pin(async move {
            while let Some(change) = changes.recv().await {
                if prefix.has(&change.key) && !tell(change) {
                    return;
                }
            }
        })
    }
}
