//! The answers of several nodes together.

use std::sync::Arc;

use host_core::NodeId;
use host_identity::Admitted;
use host_proto::admin as proto;
use host_proto::admin::NodeState;
use host_proto::admin::target::Of;
use tonic::Code;

use crate::fixture::{Client, Gate, Known, Served, caller, check, node, summary};

/// Alpha, which knows beta, which answers, and gamma, which does not.
async fn three() -> (Client, [Served; 2]) {
    let known = Arc::new(Known::default());
    let alpha = node(1, "alpha", known.clone());
    // Beta would ask nobody, and must not: alpha asks for its part only.
    let beta = node(2, "beta", Arc::new(Known::default()));
    let name = "alpha".parse().unwrap();
    let as_node = Gate::new().admitted(host_identity::Subject::Node { name });
    let channel = beta.channel(Some(as_node)).await;
    known.nodes.lock().extend([
        (NodeId(2), (summary(2, "beta"), Some(channel))),
        (NodeId(3), (summary(3, "gamma"), None)),
    ]);
    let client = alpha.client(Some(Admitted::local())).await;
    (client, [alpha, beta])
}

#[test]
fn a_node_that_does_not_answer_is_reported_and_fails_nothing() {
    check(async {
        let (mut client, _nodes) = three().await;
        let request = proto::StatusRequest { caller: caller() };
        let status = client.status(request).await.unwrap().into_inner();
        let seen: Vec<_> =
            status.nodes.iter().map(|node| (node.id, node.name.as_str(), node.state())).collect();
        assert_eq!(
            seen,
            [
                (1, "alpha", NodeState::Alive),
                (2, "beta", NodeState::Alive),
                (3, "gamma", NodeState::Silent)
            ]
        );
        assert!(status.nodes[2].why.contains("did not answer"));
        let request = proto::ListRequest {
            caller: caller(),
            kind: proto::Kind::Actors.into(),
            ..Default::default()
        };
        let list = client.list(request).await.unwrap().into_inner();
        let silent: Vec<_> = list.unanswered.iter().map(|one| one.node.as_str()).collect();
        assert_eq!(silent, ["gamma (n3)"]);
    });
}

#[test]
fn what_is_nowhere_is_told_so_with_who_was_not_heard() {
    check(async {
        let (mut client, _nodes) = three().await;
        let target = || {
            let name = proto::Name { name: "hits".into(), namespace: String::new() };
            Some(proto::Target { of: Some(Of::Named(name)) })
        };
        let request = proto::GetActorRequest { caller: caller(), target: target() };
        let status = client.get_actor(request).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("no actor is named \"hits\""), "{status:?}");
        assert!(status.message().contains("gamma"), "{status:?}");
        let alone = Some(proto::Caller { this_node: true, ..caller().unwrap() });
        let request = proto::GetActorRequest { caller: alone, target: target() };
        assert_eq!(client.get_actor(request).await.unwrap_err().code(), Code::NotFound);
    });
}

#[test]
fn a_job_of_another_node_is_ended_there() {
    check(async {
        let (mut client, _nodes) = three().await;
        let target = |node| Some(proto::Target { of: Some(Of::Job(proto::Id { node, seq: 7 })) });
        let request = proto::KillRequest { caller: caller(), target: target(2) };
        let status = client.kill(request).await.unwrap_err();
        let address = status.metadata().get(host::admin::ELSEWHERE).unwrap();
        assert_eq!(address, "beta:7420");
        assert!(status.message().contains("--cluster beta:7420"), "{status:?}");
        let request = proto::KillRequest { caller: caller(), target: target(9) };
        assert_eq!(client.kill(request).await.unwrap_err().code(), Code::NotFound);
    });
}

#[test]
fn a_node_that_is_alone_refuses_what_needs_a_cluster() {
    check(async {
        let alpha = node(1, "alpha", Arc::new(Known::default()));
        let mut client = alpha.client(Some(Admitted::local())).await;
        let request = proto::CreateTokenRequest {
            caller: caller(),
            role: proto::Role::Node.into(),
            ..Default::default()
        };
        let status = client.create_token(request).await.unwrap_err();
        assert!(status.message().contains("no cluster"), "{status:?}");
        let drain = |node: &str| proto::DrainRequest {
            caller: caller(),
            node: node.into(),
            deadline_ms: 10,
        };
        let status = client.drain(drain("alpha")).await.unwrap_err();
        assert!(status.message().contains("host stop"), "{status:?}");
        let status = client.drain(drain("omega")).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    });
}
