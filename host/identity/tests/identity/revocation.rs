//! Putting somebody out, and keeping the list short.

use host_identity::join::{Refused, RenewRequest, renew};
use host_identity::{
    Cut, Enrolment, Error, Kind, PrivateKey, Revocation, Revocations, Serial, Token, Untrusted,
    Uses, limits, record,
};

use crate::fixture::{Cluster, DAY, HOUR, connect, name, node};

fn serial(number: u32) -> Serial {
    let mut bytes = [0x40; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    Serial::from_slice(&bytes).unwrap()
}

/// Revokes somebody as an operator does.
fn revoke(cluster: &mut Cluster, name: &str) {
    let stored = cluster.get::<Enrolment>(&record::node_key(&name.parse().unwrap())).unwrap();
    let change = Enrolment::revoke(&cluster.authority, &stored, cluster.now());
    assert!(cluster.apply(&change));
    cluster.load_revocations();
}

#[test]
fn live_connections_of_the_revoked_and_the_expired_are_cut() {
    let mut cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    cluster.clock.forward(DAY);
    let c = cluster.node("c");
    let live = [(1, a.certificate()), (2, b.certificate()), (3, c.certificate())];
    let of = |cluster: &Cluster| {
        let live = live.iter().map(|(id, certificate)| (*id, certificate));
        cluster.revocations.current().cut_of(live, cluster.now())
    };
    assert_eq!(of(&cluster), []);
    revoke(&mut cluster, "a");
    assert_eq!(of(&cluster), [(1, Cut::Revoked)]);
    cluster.clock.forward(limits::NODE_LIFETIME - HOUR);
    assert_eq!(of(&cluster), [(1, Cut::Revoked), (2, Cut::Expired)]);
}

#[test]
fn all_certificates_of_a_name_are_revoked_and_it_gets_no_more() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Many);
    let one = cluster.join_anew(&token, "a", &first).unwrap();
    let serial = one.certificate().serial();
    let two = cluster.join(&token, "a", one.into_key(), &first).unwrap();
    revoke(&mut cluster, "a");
    let current = cluster.revocations.current();
    assert!(current.has(serial) && current.has(two.certificate().serial()));
    assert_eq!(current.len(), 2);
    connect(&cluster.endpoint(&two), &first).unwrap_err();
    let refused = cluster.join(&token, "a", two.into_key(), &first).unwrap_err();
    assert_eq!(refused, Refused::Revoked);
    assert_eq!(cluster.join_anew(&token, "a", &first).unwrap_err(), Refused::Revoked);
}

#[test]
fn a_one_time_token_does_not_bring_the_revoked_back() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Once);
    let held = cluster.join_anew(&token, "a", &first).unwrap();
    revoke(&mut cluster, "a");
    let stored = cluster.get::<Enrolment>(&record::node_key(&name("a"))).unwrap();
    let change = Enrolment::forget(&cluster.authority, &stored, cluster.now());
    assert!(cluster.apply(&change));
    // The name is free, for whoever has a token that is good.
    let refused = cluster.join(&token, "a", held.into_key(), &first).unwrap_err();
    assert_eq!(refused, Refused::TokenUsed);
    let token = cluster.token(Kind::Node, Uses::Once);
    cluster.join_anew(&token, "a", &first).unwrap();
}

#[test]
fn forgetting_somebody_revokes_as_well() {
    let mut cluster = Cluster::new();
    let (a, first) = (cluster.node("a"), cluster.node("first"));
    let stored = cluster.get::<Enrolment>(&record::node_key(&name("a"))).unwrap();
    let change = Enrolment::forget(&cluster.authority, &stored, cluster.now());
    assert!(cluster.apply(&change));
    cluster.load_revocations();
    connect(&a, &first).unwrap_err();
    assert!(cluster.get::<Enrolment>(&record::node_key(&name("a"))).is_none());
}

#[test]
fn who_was_revoked_cannot_renew_and_neither_can_a_stranger() {
    let mut cluster = Cluster::new();
    let held = cluster.grant(node("a"));
    let other = cluster.grant(node("b"));
    let key = record::node_key(&name("a"));
    let csr = PrivateKey::draw().unwrap().request().unwrap();
    let request = RenewRequest { protocol: host_proto::PROTOCOL_VERSION, csr };
    let (shown, now) = (Some(held.certificate()), cluster.now());
    let (authority, none) = (&cluster.authority, Revocations::new());
    let before = cluster.get::<Enrolment>(&key).unwrap();
    let good = renew(authority, &request, shown, Some(&before), &none, now).unwrap();
    let said = |shown, stored, at| renew(authority, &request, shown, stored, &none, at);
    assert_eq!(said(None, Some(&before), now).unwrap_err(), Refused::NotAllowed);
    assert_eq!(said(shown, None, now).unwrap_err(), Refused::Revoked);
    let others = Some(other.certificate());
    assert_eq!(said(others, Some(&before), now).unwrap_err(), Refused::Revoked);
    revoke(&mut cluster, "a");
    assert!(!cluster.apply(&good.change), "a renewal that was under way is refused");
    let after = cluster.get::<Enrolment>(&key).unwrap();
    let said = renew(&cluster.authority, &request, shown, Some(&after), &none, now);
    assert_eq!(said.unwrap_err(), Refused::Revoked);
    // By the list alone, where the record is not yet seen.
    let list = cluster.revocations.current();
    let said = renew(&cluster.authority, &request, shown, Some(&before), &list, now);
    assert_eq!(said.unwrap_err(), Refused::Revoked);
}

#[test]
fn the_old_owner_of_a_name_cannot_renew_it_for_itself() {
    let mut cluster = Cluster::new();
    let old = cluster.grant(node("a"));
    let key = record::node_key(&name("a"));
    let stored = cluster.get::<Enrolment>(&key).unwrap();
    let change = Enrolment::forget(&cluster.authority, &stored, cluster.now());
    assert!(cluster.apply(&change));
    cluster.grant(node("a"));
    let stored = cluster.get::<Enrolment>(&key);
    let csr = old.key().request().unwrap();
    let request = RenewRequest { protocol: host_proto::PROTOCOL_VERSION, csr };
    // Even where the list of revocations has not been heard of yet.
    let (none, shown, now) = (Revocations::new(), Some(old.certificate()), cluster.now());
    let said = renew(&cluster.authority, &request, shown, stored.as_ref(), &none, now);
    assert_eq!(said.unwrap_err(), Refused::Revoked);
}

#[test]
fn who_is_revoked_right_after_its_handshake_is_not_let_in() {
    let mut cluster = Cluster::new();
    let (a, first) = (cluster.node("a"), cluster.node("first"));
    let (_, server) = connect(&a, &first).unwrap();
    revoke(&mut cluster, "a");
    let serial = a.certificate().serial();
    let error = first.admitted(&server).unwrap_err();
    assert_eq!(error, Error::Untrusted(Untrusted::Revoked { serial }));
}

#[test]
fn revocations_are_pruned_when_the_certificates_have_ended() {
    let mut cluster = Cluster::new();
    cluster.node("a");
    revoke(&mut cluster, "a");
    let mut revocations = (*cluster.revocations.current()).clone();
    cluster.clock.forward(limits::NODE_LIFETIME + limits::CLOCK_SKEW);
    assert!(revocations.prune(cluster.now(), 100).is_none(), "a slow clock still takes it");
    cluster.clock.forward(HOUR);
    let change = revocations.prune(cluster.now(), 100).unwrap();
    assert!(cluster.apply(&change) && revocations.is_empty());
    assert!(!cluster.store.keys().any(|key| key.starts_with(record::REVOCATIONS)));
}

#[test]
fn the_list_is_bounded_and_pruned_in_parts() {
    let now = Cluster::new().now();
    let of = |number| Revocation { serial: serial(number), subject: node("a"), until: now };
    let mut revocations = Revocations::new();
    for number in 0..limits::REVOCATIONS_MAX as u32 {
        revocations.insert(of(number)).unwrap();
    }
    revocations.insert(of(0)).unwrap();
    let error = revocations.insert(of(u32::MAX)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    revocations.remove(serial(0));
    let cluster = Cluster::new();
    cluster.clock.forward(DAY);
    assert_eq!(revocations.prune(cluster.now(), 100).unwrap().writes.len(), 100);
    assert_eq!(revocations.len(), limits::REVOCATIONS_MAX - 101);
}

#[test]
fn revoking_a_token_leaves_those_who_joined() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Many);
    let held = cluster.join_anew(&token, "a", &first).unwrap();
    let change =
        Token::revoke(&cluster.authority, &cluster.token_record(token.id()), cluster.now());
    assert!(cluster.apply(&change));
    connect(&cluster.endpoint(&held), &first).unwrap();
}
