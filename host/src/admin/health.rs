//! Whether the node can do work.
//!
//! Asked often, by probes of all kinds, it must not be work itself: the checks
//! are carried out at most once at a time, and their answer stands for
//! [`HEALTH_AGE`](core_limits::HEALTH_AGE).

use std::sync::Arc;
use std::time::Duration;

use host_core::limits as core_limits;
use host_proto::admin as proto;
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{Inner, limits};

/// What was checked last.
#[derive(Default)]
pub(super) struct Checked(Mutex<Option<(Instant, Arc<Health>)>>);

/// What was checked, and how it went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Health {
    checks: Vec<Check>,
}

/// One check.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Check {
    name: &'static str,
    /// How long it took; or what is wrong.
    outcome: Result<Duration, String>,
}

impl Inner {
    /// Checks that the node can do work, unless that was done just now.
    pub(super) async fn health(&self) -> Arc<Health> {
        // Held while checking: whoever comes meanwhile gets the same answer.
        let mut last = self.checked.0.lock().await;
        if let Some((at, health)) = &*last
            && at.elapsed() < core_limits::HEALTH_AGE
        {
            return health.clone();
        }
        let health = Arc::new(self.check().await);
        *last = Some((Instant::now(), health.clone()));
        health
    }

    async fn check(&self) -> Health {
        let canary = async { self.node.canary().await.map_err(|error| error.to_string()) };
        let store = async {
            let asked = timeout(limits::HEALTH_STORE_TIME, self.vitals.reach_store()).await;
            asked.unwrap_or_else(|_| {
                Err(format!("no answer within {:?}", limits::HEALTH_STORE_TIME))
            })
        };
        let (canary, store) = tokio::join!(timed(canary), timed(store));
        let lease = match self.vitals.lease_left() {
            Some(left) if !left.is_zero() => Ok(Duration::ZERO),
            Some(_) | None => Err("this node could not renew its lease in time".into()),
        };
        let placing = match self.operator.is_draining() {
            true => Err("it is being drained, and takes no new actors".into()),
            false => Ok(Duration::ZERO),
        };
        let check = |name, outcome| Check { name, outcome };
        Health {
            checks: vec![
                check("canary", canary),
                check("store", store),
                check("lease", lease),
                check("placing", placing),
            ],
        }
    }
}

async fn timed(work: impl Future<Output = Result<(), String>>) -> Result<Duration, String> {
    let since = Instant::now();
    work.await.map(|()| since.elapsed())
}

impl Health {
    /// Whether all is well.
    pub(super) fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.outcome.is_ok())
    }

    /// For programs.
    pub(super) fn json(&self) -> Json {
        let checks = self.checks.iter().map(|check| match &check.outcome {
            Ok(took) => json!({
                "check": check.name,
                "ok": true,
                "ms": took.as_micros() as f64 / 1000.0,
            }),
            Err(why) => json!({ "check": check.name, "ok": false, "why": why }),
        });
        json!({ "ready": self.is_ready(), "checks": checks.collect::<Vec<_>>() })
    }

    /// As it is sent.
    pub(super) fn wire(&self) -> proto::Health {
        let check = |check: &Check| proto::HealthCheck {
            name: check.name.into(),
            why: check.outcome.as_ref().err().cloned().unwrap_or_default(),
            ok: check.outcome.is_ok(),
        };
        proto::Health { ready: self.is_ready(), checks: self.checks.iter().map(check).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_check_that_fails_makes_a_node_unready() {
        let ok = Check { name: "lease", outcome: Ok(Duration::from_micros(1500)) };
        let failed = Check { name: "store", outcome: Err("no answer".into()) };
        let well = Health { checks: vec![ok.clone()] };
        assert_eq!(
            well.json().to_string(),
            r#"{"checks":[{"check":"lease","ms":1.5,"ok":true}],"ready":true}"#
        );
        let ill = Health { checks: vec![ok, failed] };
        assert!(well.is_ready() && !ill.is_ready());
        assert_eq!(ill.wire().checks[1].why, "no answer");
    }
}
