//! Whoever should not get in.

use std::time::Duration;

use host_gate::{Dialler, JoinService};
use host_identity::{Expect, PinnedClient, Role};
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use crate::fixture::{
    Cluster, LONG, ask, channel, end_of, expect, hang, join_client, open, said, tls, who,
};

/// Reads until the other side hangs up; what it said.
async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    let reading = stream.read_to_end(&mut said);
    // Whether it is a clean end or a reset depends on what was in flight.
    let _ = tokio::time::timeout(LONG, reading).await.expect("it did not hang up");
    said
}

#[tokio::test]
async fn without_a_certificate_there_is_nothing_but_join() {
    let cluster = Cluster::found().await;
    let token = cluster.token().await;
    let mut stranger = channel(cluster.pinned(&token).await).await;
    for path in [
        "/test.Echo/Who",
        "/greenroom.join.v1.Join/Renew",
        "/greenroom.join.v1.Join/Join/",
        "/greenroom.join.v1.Join//Join",
        "//greenroom.join.v1.Join/Join",
        "/greenroom.join.v1.Join/../Join",
        "/",
    ] {
        let status = ask(&mut stranger, Request::post(path)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{path}: {status}");
    }
    let mut client = join_client(cluster.pinned(&token).await).await;
    let status = client.join(host_proto::join::JoinRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "that one is looked at: {status}");
}

#[tokio::test]
async fn certificate_of_another_cluster_is_refused_in_the_handshake() {
    let (ours, theirs) = (Cluster::found().await, Cluster::found().await);
    let beta = theirs.node("beta").await;
    let error = Dialler::new(beta.clone()).dial(&ours.address(), Expect::AnyNode).await;
    assert!(said(error).contains("another cluster"));
    // One that does not look at whom it talks to.
    let token = ours.token().await;
    let mut config = PinnedClient::config(token.ca(), ours.clock.clone()).unwrap();
    let shown = beta.endpoint().client_config(Expect::AnyNode).unwrap();
    config.client_auth_cert_resolver = shown.client_auth_cert_resolver;
    let mut stream = tls(ours.gate.address(), config).await.unwrap();
    let error = stream.read_u8().await.unwrap_err().to_string();
    assert!(error.contains("UnknownCA") || error.contains("UnknownCa"), "{error}");
}

#[tokio::test]
async fn strangers_who_say_nothing_or_rubbish_cost_nobody_else_anything() {
    let cluster = Cluster::with(|config| {
        config.bounds.handshake_time = Duration::from_secs(2);
        config.bounds.strangers_max = 4;
    })
    .await;
    let address = cluster.gate.address();
    for _ in 0..50 {
        drop(TcpStream::connect(address).await.unwrap());
    }
    for rubbish in [&b"\x00\xff"[..], b"GET / HTTP/1.1\r\n\r\n", &[0x16, 0xff, 0, 0, 0, 0]] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(rubbish).await.unwrap();
        let said = read_all(&mut stream).await;
        assert!(said.len() < 10, "an alert at most: {said:?}");
    }
    // As many as there is room for, who begin a handshake and go no further.
    let mut half = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&[0x16, 3, 1, 2, 0]).await.unwrap();
        half.push(stream);
    }
    for stream in &mut half {
        read_all(stream).await;
    }
    let beta = cluster.node("beta").await;
    let mut channel = Dialler::new(beta).dial(&cluster.address(), expect("alpha")).await.unwrap();
    who(&mut channel).await.unwrap();
}

#[tokio::test]
async fn one_address_has_so_many_strangers_and_members_do_not_count() {
    let cluster = Cluster::with(|config| config.bounds.strangers_per_address = 2).await;
    let beta = cluster.node("beta").await;
    let address = cluster.address();
    let mut member = Dialler::new(beta.clone()).dial(&address, expect("alpha")).await.unwrap();
    let token = cluster.token().await;
    // Joined through two connections of this address, they keep their places.
    let (first, second) = (cluster.pinned(&token).await, cluster.pinned(&token).await);
    let (mut first, _second) = (channel(first).await, channel(second).await);
    assert!(ask(&mut first, Request::post("/")).await.is_err());
    let mut third = TcpStream::connect(cluster.gate.address()).await.unwrap();
    assert_eq!(read_all(&mut third).await, b"");
    assert_eq!(who(&mut member).await.unwrap(), "node beta");
}

#[tokio::test]
async fn stranger_does_not_stay() {
    let cluster = Cluster::with(|config| {
        config.bounds.stranger_time = Duration::from_millis(100);
    })
    .await;
    let mut stream = cluster.pinned(&cluster.token().await).await;
    // It says nothing in HTTP at all, and is told nothing but settings.
    let mut said = Vec::new();
    let ended = tokio::time::timeout(LONG, stream.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "it stayed");
}

#[tokio::test]
async fn member_has_so_many_connections() {
    let cluster = Cluster::with(|config| config.bounds.connections_per_member = 2).await;
    let dialler = Dialler::new(cluster.node("beta").await);
    let address = cluster.address();
    let _first = dialler.dial(&address, expect("alpha")).await.unwrap();
    let second = dialler.dial(&address, expect("alpha")).await.unwrap();
    let text = said(dialler.dial(&address, expect("alpha")).await);
    assert!(text.contains("too many connections") && text.contains(&address), "{text}");
    let other = Dialler::new(cluster.node("gamma").await);
    other.dial(&address, expect("alpha")).await.unwrap();
    drop(second);
}

#[tokio::test]
async fn headers_without_end_are_refused_and_the_connection_lives() {
    let cluster = Cluster::found().await;
    let dialler = Dialler::new(cluster.node("beta").await);
    let mut channel = dialler.dial(&cluster.address(), expect("alpha")).await.unwrap();
    let large = "x".repeat(64 << 10);
    let request = Request::post("/test.Echo/Who").header("large", large);
    // hyper answers 431, which is no answer of ours.
    match ask(&mut channel, request).await {
        Ok(response) => assert_eq!(response.status().as_u16(), 431),
        Err(status) => assert_ne!(status.code(), Code::Ok, "{status}"),
    }
    assert_eq!(who(&mut channel).await.unwrap(), "node beta");
}

#[tokio::test]
async fn idle_connection_ends_and_a_busy_one_does_not() {
    let cluster = Cluster::found().await;
    let dialler = Dialler::new(cluster.client("person", Role::Read).await);
    let joins = JoinService::elsewhere(cluster.identity.clone());
    let idle_time = Duration::from_millis(500);
    let gate = open(&cluster.identity, joins, |config| {
        config.bounds.stranger_time = idle_time;
        config.bounds.idle_time = idle_time;
        config.bounds.connections_per_member = 1;
    })
    .await;
    let address = gate.address().to_string();
    let first = dialler.dial(&address, expect("alpha")).await.unwrap();
    // The one connection is given back although its channel is still held.
    let dial = async {
        loop {
            match dialler.dial(&address, expect("alpha")).await {
                Ok(second) => break second,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let mut second = tokio::time::timeout(LONG, dial).await.unwrap();
    // What is under way is not idle.
    let body = hang(&mut second).await;
    let quiet = tokio::time::timeout(3 * idle_time, end_of(body)).await;
    assert!(quiet.is_err(), "it ended");
    drop((first, second));
}

#[tokio::test]
async fn gate_that_closes_lets_requests_end_for_so_long() {
    let cluster = Cluster::found().await;
    let beta = cluster.node("beta").await;
    let dialler = Dialler::new(cluster.identity.clone());
    let gate = || async { open(&beta, JoinService::elsewhere(beta.clone()), |_| {}).await };
    let idle = gate().await;
    let address = idle.address().to_string();
    let mut channel = dialler.dial(&address, expect("beta")).await.unwrap();
    who(&mut channel).await.unwrap();
    assert!(idle.shutdown(LONG).await, "nothing was under way");
    let text = said(dialler.dial(&address, expect("beta")).await);
    assert!(text.contains(&address) && text.contains("check that a host runs there"), "{text}");
    let busy = gate().await;
    let mut channel = dialler.dial(&busy.address().to_string(), expect("beta")).await.unwrap();
    let body = hang(&mut channel).await;
    assert!(!busy.shutdown(Duration::from_millis(50)).await);
    assert!(end_of(body).await.is_some(), "it was cut");
}
