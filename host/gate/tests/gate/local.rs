//! The owner of a host, on the same machine.

use host_gate::local;
use host_identity::LocalToken;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use crate::fixture::{Cluster, LONG, who};

/// A cluster whose gate knows its owner, and the token.
async fn owned(is_local: bool) -> (Cluster, LocalToken) {
    let folder = tempfile::tempdir().unwrap();
    let token = LocalToken::create(&folder.path().join("local")).unwrap();
    let cluster = Cluster::with(|config| {
        config.local = Some(token.clone());
        config.is_local = if is_local { |_| true } else { |_| false };
    })
    .await;
    (cluster, token)
}

fn other_token() -> LocalToken {
    let folder = tempfile::tempdir().unwrap();
    LocalToken::create(&folder.path().join("local")).unwrap()
}

/// Says something in plain text; what comes back until the other side hangs up.
async fn say(cluster: &Cluster, text: &str) -> String {
    let mut stream = TcpStream::connect(cluster.gate.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let reading = stream.read_to_end(&mut heard);
    let _ = tokio::time::timeout(LONG, reading).await.expect("it did not hang up");
    String::from_utf8_lossy(&heard).into_owned()
}

fn get(headers: &str) -> String {
    format!("GET /test.Echo/Who HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn owner_is_known_by_the_token_over_both_kinds_of_http() {
    let (cluster, token) = owned(true).await;
    let mut client = local(cluster.gate.address(), &token).await.unwrap();
    assert_eq!(who(&mut client).await.unwrap(), "the owner of this host");
    let header = format!("authorization: Bearer {}\r\n", *token.reveal());
    let answer = say(&cluster, &get(&header)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("who: the owner of this host"), "{answer}");
}

#[tokio::test]
async fn without_the_token_nobody_is_the_owner() {
    let (cluster, token) = owned(true).await;
    let mut thief = local(cluster.gate.address(), &other_token()).await.unwrap();
    let status = who(&mut thief).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("owner"), "{status}");
    let (right, wrong) = (token.reveal(), other_token().reveal());
    for headers in [
        String::new(),
        "authorization: Bearer \r\n".to_owned(),
        format!("authorization: Basic {}\r\n", *right),
        format!("authorization: Bearer {}\r\n", *wrong),
        format!("authorization: Bearer {}0\r\n", *right),
        // Two of them: it is not said which counts.
        format!("authorization: Bearer {}\r\nauthorization: Bearer {}\r\n", *right, *wrong),
    ] {
        let answer = say(&cluster, &get(&headers)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{headers}: {answer}");
    }
}

#[tokio::test]
async fn plain_text_from_elsewhere_is_not_answered() {
    let (cluster, token) = owned(false).await;
    let header = format!("authorization: Bearer {}\r\n", *token.reveal());
    assert_eq!(say(&cluster, &get(&header)).await, "");
    // A host without a token has no owner.
    let cluster = Cluster::found().await;
    assert_eq!(say(&cluster, &get(&header)).await, "");
}

#[tokio::test]
async fn headers_without_end_are_refused_in_plain_text() {
    let (cluster, _) = owned(true).await;
    let answer = say(&cluster, &get(&format!("large: {}\r\n", "x".repeat(1 << 20)))).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}
