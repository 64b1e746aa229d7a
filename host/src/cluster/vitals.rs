//! What those who watch this host want to know of its part in the cluster.

use std::sync::Arc;
use std::time::Duration;

use host_cluster::{Counts, Member};
use host_control::{ControlStore as _, Deadline};
use host_core::limits;
use tonic::async_trait;

use super::counted::Counted;
use crate::admin::{Numbers, Vitals};

/// A member and its control store.
pub(super) struct Watched {
    member: Member,
    store: Arc<Counted>,
}

impl Watched {
    pub(super) fn new(member: Member, store: Arc<Counted>) -> Watched {
        Watched { member, store }
    }
}

#[async_trait]
impl Vitals for Watched {
    async fn reach_store(&self) -> Result<(), String> {
        let asked = self.store.cluster(Deadline::after(limits::CONTROL_TIME)).await;
        asked.map(drop).map_err(|error| error.to_string())
    }

    fn lease_left(&self) -> Option<Duration> {
        self.member.lease_left()
    }

    fn numbers(&self) -> Numbers {
        let Counts {
            objects_lent,
            objects_borrowed,
            actors_lent,
            actors_borrowed,
            guests,
            loans,
            calls,
        } = self.member.counts();
        let sessions = self.member.sessions();
        Numbers {
            members: self.member.nodes().len(),
            lease_left: self.member.lease_left().unwrap_or_default(),
            references: vec![
                ("objects-lent", objects_lent),
                ("objects-borrowed", objects_borrowed),
                ("actors-lent", actors_lent),
                ("actors-borrowed", actors_borrowed),
                ("guests", guests),
                ("loans", loans),
                ("calls", calls),
            ],
            peers: sessions.peers().len(),
            traffic: sessions.traffic(),
            store: self.store.counts(),
            store_times: self.store.times(),
        }
    }
}
