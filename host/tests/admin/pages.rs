//! Metrics and health, as plain HTTP sees them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use host_identity::{Admitted, Operation, Role, Subject};
use http::{Request, StatusCode};
use tower_service::Service as _;

use crate::fixture::{Gate, Known, Served, check, node};

/// Gets a page as this peer.
async fn get(served: &Served, path: &str, who: Option<&Admitted>) -> (StatusCode, String) {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    if let Some(who) = who {
        request.extensions_mut().insert(who.clone());
    }
    let response = served.admin.pages().call(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn pages_are_for_whom_the_table_of_roles_says() {
    check(async {
        let gate = Gate::new();
        let name = || "x".parse().unwrap();
        let client = |role| gate.admitted(Subject::Client { name: name(), role });
        let node_peer = gate.admitted(Subject::Node { name: name() });
        let served = node(1, "alpha", Arc::new(Known::default()));
        let peers = [
            node_peer,
            client(Role::Read),
            client(Role::Run),
            client(Role::Admin),
            Admitted::local(),
        ];
        let pages = [
            ("/metrics", Operation::ReadMetrics),
            ("/health", Operation::ReadHealth),
            ("/ready", Operation::ReadHealth),
            ("/health?canary", Operation::ReadHealth),
        ];
        for (page, operation) in pages {
            for peer in &peers {
                let (status, body) = get(&served, page, Some(peer)).await;
                let who = peer.peer();
                assert_eq!(status == StatusCode::OK, who.may(operation), "{page} {who}: {body}");
                let denied = status == StatusCode::FORBIDDEN && body.contains(&who.to_string());
                assert_eq!(denied, !who.may(operation), "{page} {who}: {status} {body}");
            }
            assert_eq!(get(&served, page, None).await.0, StatusCode::UNAUTHORIZED, "{page}");
        }
    });
}

#[test]
fn metrics_follow_what_the_node_does() {
    check(async {
        let served = node(1, "alpha", Arc::new(Known::default()));
        let local = Admitted::local();
        let (_, before) = get(&served, "/metrics", Some(&local)).await;
        for line in [
            "greenroom_build_info{version=\"",
            "greenroom_actors{class=",
            "greenroom_calls_started_total 0\n",
            "greenroom_calls_finished_total{outcome=\"ok\"} 0\n",
            "greenroom_instances_max{engine=\"sequential\"} 10.0\n",
            "greenroom_resource_max{resource=\"cpus\"}",
            "greenroom_session_frames_total{direction=\"sent\"} 0\n",
            "process_resident_memory_bytes ",
            "process_cpu_seconds_total ",
        ] {
            let absent_without_actors = line.starts_with("greenroom_actors");
            assert_eq!(before.contains(line), !absent_without_actors, "{line}\n{before}");
        }
        assert!(before.ends_with("# EOF\n"), "{before}");
        // Each name is described once, before its lines.
        let mut described: Vec<&str> = before
            .lines()
            .filter_map(|line| line.strip_prefix("# HELP "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        let all = described.len();
        described.sort_unstable();
        described.dedup();
        assert_eq!(described.len(), all);
        // A look at the health makes an actor and calls it.
        assert_eq!(get(&served, "/ready", Some(&local)).await.0, StatusCode::OK);
        let (_, after) = get(&served, "/metrics", Some(&local)).await;
        for line in [
            "greenroom_calls_started_total 1\n",
            "greenroom_calls_finished_total{outcome=\"ok\"} 1\n",
            "greenroom_actor_spawns_total 1\n",
            // It is timed once its caller has the answer.
            "greenroom_call_duration_seconds_bucket{le=\"+Inf\"} ",
        ] {
            assert!(after.contains(line), "{line}\n{after}");
        }
    });
}

#[test]
fn health_is_looked_at_once_and_says_what_is_wrong() {
    check(async {
        let served = node(1, "alpha", Arc::new(Known::default()));
        let local = Admitted::local();
        let asked = (0..20).map(|_| get(&served, "/ready", Some(&local)));
        for (status, body) in futures_util::future::join_all(asked).await {
            assert_eq!(status, StatusCode::OK, "{body}");
            let health: serde_json::Value = serde_json::from_str(&body).unwrap();
            let checks = health["checks"].as_array().unwrap().iter();
            let names: Vec<_> = checks.map(|check| check["check"].as_str().unwrap()).collect();
            assert_eq!(names, ["canary", "store", "lease", "placing"]);
        }
        assert_eq!(served.well.asked.load(Ordering::Relaxed), 1, "it was asked anew");
        tokio::time::sleep(host_core::limits::HEALTH_AGE).await;
        served.well.ill.store(true, Ordering::Relaxed);
        let (status, body) = get(&served, "/health?canary", Some(&local)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains(r#"{"check":"store","ok":false,"why":"it is ill"}"#), "{body}");
        assert_eq!(get(&served, "/health", Some(&local)).await.0, StatusCode::OK);
    });
}
