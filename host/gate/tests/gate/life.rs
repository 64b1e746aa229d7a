//! Revocation, expiry and renewal.

use std::time::Duration;

use host_gate::{Dialler, Identity, JoinService, Keeper};
use host_identity::Role;

use crate::faulty::{Fault, Faulty};
use crate::fixture::{
    Cluster, DAY, dyn_store, end_of, expect, hang, name, node, open, said, until, who,
};

#[tokio::test]
async fn revoked_member_is_cut_off_at_once_in_both_directions() {
    let cluster = Cluster::found().await;
    let beta = cluster.node("beta").await;
    let theirs = Dialler::new(beta.clone());
    let mut inward = theirs.dial(&cluster.address(), expect("alpha")).await.unwrap();
    let gate = open(&beta, JoinService::elsewhere(beta.clone()), |_| {}).await;
    let ours = Dialler::new(cluster.identity.clone());
    let address = gate.address().to_string();
    let mut outward = ours.dial(&address, expect("beta")).await.unwrap();
    let (incoming, outgoing) = (hang(&mut inward).await, hang(&mut outward).await);
    cluster.registrar.revoke_identity(&node("beta")).await.unwrap();
    assert!(end_of(incoming).await.is_some());
    assert!(end_of(outgoing).await.is_some());
    let text = said(theirs.dial(&cluster.address(), expect("alpha")).await);
    assert!(text.contains("put out of the cluster"), "{text}");
    let text = said(ours.dial(&address, expect("beta")).await);
    assert!(text.contains("put out of the cluster"), "{text}");
    // A new token does not help it, until the name is forgotten.
    assert!(said(cluster.join_with(cluster.token().await, "beta").await).contains("revoked"));
    cluster.registrar.forget_identity(&node("beta")).await.unwrap();
    let back = cluster.join_with(cluster.token().await, "beta").await.unwrap();
    let mut channel = Dialler::new(back).dial(&cluster.address(), expect("alpha")).await.unwrap();
    assert_eq!(who(&mut channel).await.unwrap(), "node beta");
}

#[tokio::test]
async fn connection_ends_with_the_certificate_it_was_made_with() {
    let cluster = Cluster::with(|config| {
        config.bounds.check_every = Duration::from_millis(5);
    })
    .await;
    let dialler = Dialler::new(cluster.node("beta").await);
    let mut channel = dialler.dial(&cluster.address(), expect("alpha")).await.unwrap();
    let body = hang(&mut channel).await;
    cluster.clock.forward(31 * DAY);
    assert!(end_of(body).await.is_some());
}

#[tokio::test]
async fn request_is_refused_before_anybody_noticed_that_the_certificate_ended() {
    let cluster = Cluster::found().await;
    let dialler = Dialler::new(cluster.node("beta").await);
    let mut channel = dialler.dial(&cluster.address(), expect("alpha")).await.unwrap();
    who(&mut channel).await.unwrap();
    cluster.clock.forward(31 * DAY);
    let status = who(&mut channel).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated, "{status}");
}

#[tokio::test]
async fn certificates_are_renewed_and_shown_at_once() {
    let cluster = Cluster::found().await;
    let beta = cluster.node("beta").await;
    let person = cluster.client("person", Role::Read).await;
    let members = [&beta, &person];
    let before = members.map(|member| member.endpoint().certificate());
    cluster.clock.forward(21 * DAY);
    let _keepers = [cluster.keep(&beta).await, cluster.keep(&person).await];
    let serial = |member: &Identity| member.endpoint().certificate().serial();
    until("the node renews", || serial(&beta) != before[0].serial()).await;
    assert_eq!(serial(&person), before[1].serial(), "a client has 90 days");
    // Its host shows the new one, and it is there after a restart.
    let gate = open(&beta, JoinService::elsewhere(beta.clone()), |_| {}).await;
    cluster.clock.forward(10 * DAY);
    let home = cluster.folder.path().join("beta");
    let back = Identity::load(&home, cluster.clock.clone()).unwrap().unwrap();
    assert_eq!(serial(&back), serial(&beta));
    // The founder renews by itself, also when it is late.
    let store = dyn_store(&cluster.store);
    let late = cluster.identity.endpoint().certificate();
    let registrar = Some(cluster.registrar.clone());
    let _keeper = Keeper::start(cluster.identity.clone(), store, registrar);
    until("the founder renews", || serial(&cluster.identity) != late.serial()).await;
    let dialler = Dialler::new(cluster.identity.clone());
    let mut channel = dialler.dial(&gate.address().to_string(), expect("beta")).await.unwrap();
    assert_eq!(who(&mut channel).await.unwrap(), "node alpha");
    // A client renews when it is used, if it is time.
    assert!(!person.renew_if_due().await.unwrap());
    cluster.clock.forward(30 * DAY);
    let before = serial(&cluster.identity);
    let store = dyn_store(&cluster.store);
    let _keeper = Keeper::start(cluster.identity.clone(), store, Some(cluster.registrar.clone()));
    until("the founder renews", || serial(&cluster.identity) != before).await;
    assert!(person.renew_if_due().await.unwrap());
    assert!(!person.renew_if_due().await.unwrap());
}

#[tokio::test]
async fn renewal_finds_the_authority_where_another_host_says_it_is() {
    let cluster = Cluster::found().await;
    let (beta, gamma) = (cluster.node("beta").await, cluster.node("gamma").await);
    let gate = open(&gamma, JoinService::elsewhere(gamma.clone()), |_| {}).await;
    beta.move_authority(gate.address().to_string()).await.unwrap();
    let before = beta.endpoint().certificate().serial();
    cluster.clock.forward(21 * DAY);
    let _keeper = cluster.keep(&beta).await;
    until("it renews", || beta.endpoint().certificate().serial() != before).await;
    assert_eq!(beta.authority(), Some(cluster.address()), "it remembers");
}

#[tokio::test]
async fn store_that_is_away_is_waited_for() {
    let cluster = Cluster::found().await;
    let beta = cluster.node("beta").await;
    cluster.node("gamma").await;
    cluster.registrar.revoke_identity(&node("gamma")).await.unwrap();
    let store = Faulty::over(dyn_store(&cluster.store), Fault::Away);
    let keeper = Keeper::start(beta.clone(), store.clone(), None);
    let early = tokio::time::timeout(Duration::from_millis(100), keeper.ready()).await;
    assert!(early.is_err(), "nothing is known yet");
    store.set(Fault::None);
    tokio::time::timeout(crate::fixture::LONG, keeper.ready()).await.unwrap();
    assert_eq!(beta.endpoint().revocations().current().len(), 1);
    // From now on it hears of others, and of those that are taken back.
    cluster.client("person", Role::Run).await;
    let person = host_identity::Subject::Client { name: name("person"), role: Role::Run };
    cluster.registrar.revoke_identity(&person).await.unwrap();
    until("it hears", || beta.endpoint().revocations().current().len() == 2).await;
    keeper.stop().await;
}
