//! The control store, as a member of the cluster asks it.

use futures_util::StreamExt as _;
use host_cluster::{Answer, Control};
use host_core::control::{self, Change, Prefix, Request, Revision};
use host_records::Records;

/// The typed records as a port.
pub(super) struct Store(Records);

impl Store {
    pub(super) fn new(records: Records) -> Store {
        Store(records)
    }
}

impl Control for Store {
    fn ask(&self, request: Request) -> Answer<'static, control::Answer> {
        let records = self.0.clone();
        Box::pin(async move { records.ask(request).await })
    }

    fn watch(
        &self,
        prefix: Prefix,
        after: Revision,
        mut tell: Box<dyn FnMut(Change) -> bool + Send>,
    ) -> Answer<'static, ()> {
        let mut changes = self.0.watch(prefix, after);
        Box::pin(async move {
            while let Some(change) = changes.next().await {
                if !tell(change) {
                    return;
                }
            }
        })
    }
}
