//! Founding, joining and coming back.

use host_gate::{Dialler, Error, Identity, JoinService, Joining, Membership};
use host_identity::join::{Joiner, Refused};
use host_identity::{JoinToken, Kind, Peer, PrivateKey, Role, Uses};

use crate::fixture::{
    Cluster, DAY, binding, dyn_store, expect, join_client, name, node, open, said, who,
};

/// Why somebody was refused.
fn refusal<T>(result: Result<T, Error>) -> Refused {
    match result.err().expect("it was let in") {
        Error::Refused { refused, .. } => refused,
        other => panic!("it was refused otherwise: {other}"),
    }
}

/// The same token with another secret.
fn forged(token: &JoinToken) -> JoinToken {
    let mut text = token.reveal().to_string();
    let last = text.pop().unwrap();
    text.push(if last == '0' { '1' } else { '0' });
    text.parse().unwrap()
}

#[tokio::test]
async fn who_joined_calls_and_both_sides_know_each_other() {
    let cluster = Cluster::found().await;
    let beta = cluster.node("beta").await;
    let dialler = Dialler::new(beta.clone());
    let mut channel = dialler.dial(&cluster.address(), expect("alpha")).await.unwrap();
    assert_eq!(who(&mut channel).await.unwrap(), "node beta");
    let person = cluster.client("person", Role::Run).await;
    let mut channel = Dialler::new(person).client(&cluster.address()).await.unwrap();
    assert_eq!(who(&mut channel).await.unwrap(), "client person (run)");
    // The other direction, to the one who joined.
    let gate = open(&beta, JoinService::elsewhere(beta.clone()), |_| {}).await;
    let dialler = Dialler::new(cluster.identity.clone());
    let address = gate.address().to_string();
    let mut channel = dialler.channel(&address, expect("beta")).unwrap();
    assert_eq!(who(&mut channel).await.unwrap(), "node alpha");
}

#[tokio::test]
async fn token_that_does_not_count_lets_nobody_in() {
    let cluster = Cluster::found().await;
    let token = cluster.token().await;
    let wrong = cluster.join_with(forged(&token), "beta").await;
    assert_eq!(refusal(wrong), Refused::Token);
    cluster.registrar.revoke_token(token.id()).await.unwrap();
    assert_eq!(refusal(cluster.join_with(token, "beta").await), Refused::TokenRevoked);
    let token = cluster.token().await;
    let again: JoinToken = token.reveal().parse().unwrap();
    cluster.join_with(token, "beta").await.unwrap();
    assert_eq!(refusal(cluster.join_with(again, "gamma").await), Refused::TokenUsed);
    let token = cluster.order(Kind::Node, Uses::Once, Some(name("delta"))).await;
    assert_eq!(refusal(cluster.join_with(token, "gamma").await), Refused::TokenForAnother);
    let token = cluster.token().await;
    cluster.clock.forward(2 * DAY);
    assert_eq!(refusal(cluster.join_with(token, "gamma").await), Refused::TokenExpired);
}

#[tokio::test]
async fn token_of_another_cluster_is_not_shown_to_this_one() {
    let (ours, theirs) = (Cluster::found().await, Cluster::found().await);
    let token = theirs.token().await;
    let text = said(ours.join_with(token, "beta").await);
    assert!(text.contains(&ours.address()) && text.contains("another cluster"), "{text}");
}

#[tokio::test]
async fn address_with_many_bad_attempts_has_to_wait() {
    let cluster = Cluster::found().await;
    let token = cluster.token().await;
    for _ in 0..host_identity::limits::ATTEMPTS_BURST {
        let wrong = cluster.join_with(forged(&token), "beta").await;
        assert_eq!(refusal(wrong), Refused::Token);
    }
    let refused = refusal(cluster.join_with(token, "beta").await);
    assert!(matches!(&refused, Refused::Unavailable { why } if why.contains("bad attempts")));
}

#[tokio::test]
async fn request_that_was_heard_counts_for_nothing_over_another_connection() {
    let cluster = Cluster::found().await;
    let token = cluster.token().await;
    let ours = cluster.pinned(&token).await;
    let joiner = Joiner::new(&token, name("beta"), PrivateKey::draw().unwrap());
    let request = joiner.request(&token, &binding(&ours)).unwrap();
    let mut thief = join_client(cluster.pinned(&token).await).await;
    let status = thief.join(request.to_wire()).await.unwrap_err();
    assert_eq!(Refused::from_details(status.details()).unwrap(), Refused::Token);
    // It was good where it belongs.
    join_client(ours).await.join(request.to_wire()).await.unwrap();
}

#[tokio::test]
async fn token_for_one_lets_one_of_many_in() {
    let cluster = Cluster::found().await;
    let token = cluster.token().await;
    let racing = |who: &'static str| {
        let token: JoinToken = token.reveal().parse().unwrap();
        cluster.join_with(token, who)
    };
    let (a, b, c) = tokio::join!(racing("a"), racing("b"), racing("c"));
    let joined = [a, b, c].map(|joined| joined.map_err(|error| error.to_string()));
    assert_eq!(joined.iter().filter(|joined| joined.is_ok()).count(), 1);
    for refused in joined.into_iter().filter_map(Result::err) {
        assert!(refused.contains("used already"), "{refused}");
    }
}

#[tokio::test]
async fn other_hosts_say_where_to_join() {
    let cluster = Cluster::found().await;
    let beta = cluster.node("beta").await;
    let gate = open(&beta, JoinService::elsewhere(beta.clone()), |_| {}).await;
    let address = gate.address().to_string();
    let gamma = cluster.join_at(address, cluster.token().await, "gamma").await.unwrap();
    assert_eq!(gamma.authority(), Some(cluster.address()));
    let membership = Membership::load(&cluster.folder.path().join("gamma")).unwrap().unwrap();
    assert_eq!(membership.authority, Some(cluster.address()));
    assert_eq!(membership.cluster, cluster.identity.cluster());
}

#[tokio::test]
async fn member_comes_back_until_its_certificate_ends_and_then_joins_again() {
    let cluster = Cluster::found().await;
    let home = cluster.folder.path().join("beta");
    assert!(Identity::load(&home, cluster.clock.clone()).unwrap().is_none());
    let beta = cluster.node("beta").await;
    let back = Identity::load(&home, cluster.clock.clone()).unwrap().unwrap();
    assert_eq!(back.subject(), beta.subject());
    assert_eq!(back.cluster(), cluster.identity.cluster());
    cluster.clock.forward(31 * DAY);
    let expired = Identity::load(&home, cluster.clock.clone());
    assert!(matches!(&expired, Err(Error::Expired { .. })));
    assert!(said(expired).contains("join again"));
    // The founder's has ended too: it comes back without anybody's help.
    let founder = cluster.folder.path().join("alpha");
    let founded =
        Identity::found(&founder, name("alpha"), dyn_store(&cluster.store), cluster.clock.clone());
    let (alpha, registrar) = founded.await.unwrap();
    let gate = open(&alpha, JoinService::new(alpha.clone(), registrar), |_| {}).await;
    // Its key is the same, and so its name is still its own.
    let (address, token) = (gate.address().to_string(), cluster.token().await);
    let beta = cluster.join_at(address, token, "beta").await.unwrap();
    assert_eq!(beta.subject(), node("beta"));
}

#[tokio::test]
async fn cluster_has_one_founder() {
    let cluster = Cluster::found().await;
    let store = || dyn_store(&cluster.store);
    let home = cluster.folder.path().join("alpha");
    let clock = || cluster.clock.clone();
    let (again, _) = Identity::found(&home, name("alpha"), store(), clock()).await.unwrap();
    assert_eq!(again.endpoint().certificate(), cluster.identity.endpoint().certificate());
    let renamed = Identity::found(&home, name("omega"), store(), clock()).await;
    assert!(matches!(renamed, Err(Error::AnotherName { .. })));
    let other = cluster.folder.path().join("other");
    let second = Identity::found(&other, name("other"), store(), clock()).await;
    assert!(said(second).contains("host token create"));
    // A member's folder is no other cluster's.
    let theirs = Cluster::found().await;
    let token = theirs.token().await;
    let joining = |token: &JoinToken| Joining {
        address: theirs.address(),
        token: token.reveal().parse().unwrap(),
        name: name("alpha"),
    };
    let error = Identity::join(&home, joining(&token), clock()).await;
    assert!(matches!(error, Err(Error::Founder { .. })));
    cluster.node("beta").await;
    let home = cluster.folder.path().join("beta");
    let error = Identity::join(&home, joining(&token), clock()).await;
    assert!(matches!(error, Err(Error::AnotherCluster { .. })));
}

#[tokio::test]
async fn node_cannot_be_another() {
    let cluster = Cluster::found().await;
    let beta = cluster.node("beta").await;
    let token = cluster.order(Kind::Node, Uses::Many, None).await;
    let key = PrivateKey::draw().unwrap();
    // With a token for nodes it asks for a name that another has.
    let stream = cluster.pinned(&token).await;
    let joiner = Joiner::new(&token, name("alpha"), key);
    let request = joiner.request(&token, &binding(&stream)).unwrap();
    let status = join_client(stream).await.join(request.to_wire()).await.unwrap_err();
    assert_eq!(Refused::from_details(status.details()).unwrap(), Refused::NameTaken);
    // It stands where another was.
    let gate = open(&beta, JoinService::elsewhere(beta.clone()), |_| {}).await;
    let dialler = Dialler::new(cluster.identity.clone());
    let wrong = dialler.dial(&gate.address().to_string(), expect("alpha")).await;
    let text = said(wrong);
    assert!(text.contains("node beta, not node alpha"), "{text}");
    // It is who its certificate says, whatever it asks for.
    let client = Dialler::new(beta).dial(&cluster.address(), expect("alpha")).await.unwrap();
    assert_eq!(who(&mut { client }).await.unwrap(), Peer::from(node("beta")).to_string());
}
