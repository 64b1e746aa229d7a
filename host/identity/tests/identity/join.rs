//! The join exchange, and what somebody in the middle could do to it.

use bytes::Bytes;
use host_identity::join::{
    Answer, Binding, Joiner, Records, Refused, RenewRequest, Request, admit, renew,
};
use host_identity::record::{self, Sealed};
use host_identity::{
    Enrolment, Error, JoinToken, Kind, PrivateKey, Revocations, Role, Token, Untrusted, Uses,
};
use rustls::CertificateError;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::fixture::{Cluster, Failed, client, name, node};

/// A request over a connection, and the binding that the server has.
fn request(cluster: &mut Cluster, token: &JoinToken) -> (Joiner, Request, Binding) {
    let first = cluster.node(&format!("first-{}", cluster.store.len()));
    let (joining, serving) = cluster.connect_to_join(token, &first).unwrap();
    let joiner = Joiner::new(token, name("a"), PrivateKey::draw().unwrap());
    let request = joiner.request(token, &Binding::of(&joining).unwrap()).unwrap();
    (joiner, request, Binding::of(&serving).unwrap())
}

#[test]
fn a_node_and_a_client_get_what_their_tokens_are_for() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Once);
    let held = cluster.join_anew(&token, "a", &first).unwrap();
    assert_eq!(*held.certificate().subject(), node("a"));
    let token = cluster.token(Kind::Client(Role::Run), Uses::Once);
    let held = cluster.join_anew(&token, "ann", &first).unwrap();
    assert_eq!(*held.certificate().subject(), client("ann", Role::Run));
}

#[test]
fn a_message_that_is_replayed_is_refused() {
    let mut cluster = Cluster::new();
    for uses in [Uses::Once, Uses::Many] {
        let token = cluster.token(Kind::Node, uses);
        let (_, heard, _) = request(&mut cluster, &token);
        // Over a connection of the thief's own, before and after it is used.
        let (_, _, other) = request(&mut cluster, &token);
        assert_eq!(cluster.serve(&heard, other).unwrap_err(), Refused::Token);
        assert_eq!(cluster.token_record(token.id()).value().used, 0, "no effect");
    }
    let token = cluster.token(Kind::Node, Uses::Once);
    let (_, heard, binding) = request(&mut cluster, &token);
    cluster.serve(&heard, binding).unwrap();
    let (_, _, other) = request(&mut cluster, &token);
    assert_eq!(cluster.serve(&heard, other).unwrap_err(), Refused::Token);
}

#[test]
fn a_message_that_comes_twice_over_its_connection_is_harmless() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Node, Uses::Once);
    let (joiner, twice, binding) = request(&mut cluster, &token);
    cluster.serve(&twice, binding).unwrap();
    let answer = cluster.serve(&twice, binding).unwrap();
    // Only who has the key can use it.
    joiner.accept(&answer, cluster.now()).unwrap();
}

#[test]
fn a_node_that_passes_a_message_on_gets_nothing() {
    let mut cluster = Cluster::new();
    let (first, hostile) = (cluster.node("first"), cluster.node("hostile"));
    let token = cluster.token(Kind::Node, Uses::Once);
    // The joiner talks to the hostile node, which is a node of the cluster...
    let (joining, _) = cluster.connect_to_join(&token, &hostile).unwrap();
    let joiner = Joiner::new(&token, name("a"), PrivateKey::draw().unwrap());
    let heard = joiner.request(&token, &Binding::of(&joining).unwrap()).unwrap();
    // ...which talks to the first, in its own connection, with its own key.
    let (_, serving) = cluster.connect_to_join(&token, &first).unwrap();
    let binding = Binding::of(&serving).unwrap();
    assert_eq!(cluster.serve(&heard, binding).unwrap_err(), Refused::Token);
    let own = PrivateKey::draw().unwrap().request().unwrap();
    let changed = Request { csr: own, ..heard };
    assert_eq!(cluster.serve(&changed, binding).unwrap_err(), Refused::Token);
}

#[test]
fn a_message_that_was_changed_is_refused() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Node, Uses::Once);
    let other = cluster.token(Kind::Client(Role::Admin), Uses::Once);
    let (_, good, binding) = request(&mut cluster, &token);
    let mut proof = good.proof;
    proof[10] ^= 1;
    for bad in [
        Request { token: other.id(), ..good.clone() },
        Request { name: name("b"), ..good.clone() },
        Request { csr: PrivateKey::draw().unwrap().request().unwrap(), ..good.clone() },
        Request { csr: Bytes::new(), ..good.clone() },
        Request { proof, ..good.clone() },
    ] {
        assert_eq!(cluster.serve(&bad, binding).unwrap_err(), Refused::Token);
    }
    let ours = host_proto::PROTOCOL_VERSION;
    let newer = Request { protocol: ours + 1, ..good.clone() };
    let text = cluster.serve(&newer, binding).unwrap_err().to_string();
    let named = text.contains(&format!("speaks protocol {ours}"));
    assert!(named && text.contains(&(ours + 1).to_string()), "{text}");
    cluster.serve(&good, binding).unwrap();
}

#[test]
fn a_wrong_secret_and_an_unknown_token_look_the_same() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Once);
    let text = token.reveal();
    let (start, last) = text.split_at(text.len() - 1);
    let wrong: JoinToken =
        format!("{start}{}", if last == "0" { "1" } else { "0" }).parse().unwrap();
    assert_eq!(cluster.join_anew(&wrong, "a", &first).unwrap_err(), Refused::Token);
    cluster.store.remove(&record::token_key(token.id()));
    assert_eq!(cluster.join_anew(&token, "a", &first).unwrap_err(), Refused::Token);
}

#[test]
fn a_token_of_another_cluster_meets_nobody() {
    let mut cluster = Cluster::new();
    // The other has the same id, as after a copy: only its authority differs.
    let (first, other) = (cluster.node("first"), Cluster::new().token(Kind::Node, Uses::Once));
    let failed = cluster.connect_to_join(&other, &first).unwrap_err();
    let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
    assert_eq!(failed, Failed::Client(unknown));
}

#[test]
fn only_the_key_of_a_request_counts() {
    use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
    let mut cluster = Cluster::new();
    let held = cluster.grant(client("a", Role::Read));
    // A request that asks to be another, a node, and to sign for others.
    let mut params = CertificateParams::default();
    let uri = format!("greenroom://{}/node/first", "07".repeat(16));
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().unwrap())];
    params.distinguished_name.push(DnType::CommonName, "node/first");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let csr = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
    let csr = Bytes::copy_from_slice(csr.der());
    let request = RenewRequest { protocol: host_proto::PROTOCOL_VERSION, csr };
    let stored = cluster.get::<Enrolment>(&record::client_key(&name("a"))).unwrap();
    let shown = Some(held.certificate());
    let none = Revocations::new();
    let now = cluster.now();
    let renewed = renew(&cluster.authority, &request, shown, Some(&stored), &none, now).unwrap();
    assert_eq!(*renewed.certificate.subject(), client("a", Role::Read));
    let (_, parsed) = X509Certificate::from_der(renewed.certificate.der()).unwrap();
    let usage = parsed.key_usage().unwrap().unwrap().value;
    assert!(!parsed.is_ca() && !usage.key_cert_sign());
    assert!(!parsed.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert_eq!(parsed.subject().to_string(), "CN=client/read/a");
}

#[test]
fn requests_with_other_kinds_of_keys_are_refused() {
    use rcgen::{CertificateParams, KeyPair};
    for algorithm in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let csr = CertificateParams::default().serialize_request(&pair).unwrap();
        let error = host_identity::PublicKey::from_request(csr.der()).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
}

#[test]
fn of_two_that_use_a_token_at_once_one_gets_in() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Node, Uses::Once);
    let (_, one, one_binding) = request(&mut cluster, &token);
    let (_, two, two_binding) = request(&mut cluster, &token);
    let stored = cluster.token_record(token.id());
    let records = Records { token: Some(&stored), enrolment: None };
    let now = cluster.now();
    let one = admit(&cluster.authority, &one, &one_binding, records, now).unwrap();
    let other = admit(&cluster.authority, &two, &two_binding, records, now).unwrap();
    assert!(cluster.apply(&one.change));
    assert!(!cluster.apply(&other.change), "the store refuses the second");
    assert_eq!(cluster.serve(&two, two_binding).unwrap_err(), Refused::TokenUsed);
}

#[test]
fn a_revocation_that_comes_in_between_wins() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Node, Uses::Many);
    let (_, request, binding) = request(&mut cluster, &token);
    let stored = cluster.token_record(token.id());
    let records = Records { token: Some(&stored), enrolment: None };
    let admission = admit(&cluster.authority, &request, &binding, records, cluster.now()).unwrap();
    let change = Token::revoke(&cluster.authority, &stored, cluster.now());
    assert!(cluster.apply(&change));
    assert!(!cluster.apply(&admission.change));
}

#[test]
fn a_record_that_the_authority_did_not_write_grants_nothing() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Node, Uses::Once);
    let mut other = Cluster::new();
    let forged = other.token(Kind::Client(Role::Admin), Uses::Many);
    let (key, good) = (record::token_key(token.id()), record::token_key(forged.id()));
    // A hostile node writes a token of its own making into the store.
    let bytes = other.store[&good].clone();
    let error = cluster.authority.open::<Token>(&good, bytes.clone()).unwrap_err();
    assert_eq!(error, Error::Unsealed { key: good.clone() });
    // Nor does a record count under another key, or as one of another kind.
    let own = cluster.store[&key].clone();
    assert!(cluster.authority.open::<Token>(&good, own.clone()).is_err());
    assert!(cluster.authority.open::<Enrolment>(&key, own.clone()).is_err());
    for at in 0..own.len() {
        let mut bytes = own.to_vec();
        bytes[at] ^= 1;
        assert!(cluster.authority.open::<Token>(&key, bytes.into()).is_err(), "{at}");
    }
    let stored = cluster.authority.open::<Token>(&key, own).unwrap();
    assert_eq!(stored.value().key(), key);
}

#[test]
fn an_answer_of_somebody_else_is_not_taken() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Node, Uses::Many);
    let answer_to = |cluster: &mut Cluster| {
        let (joiner, request, binding) = request(cluster, &token);
        let answer = cluster.serve(&request, binding);
        (joiner, answer)
    };
    let (joiner, answer) = answer_to(&mut cluster);
    let answer = answer.unwrap();
    let other = Cluster::new();
    let ca = other.authority.certificate().der().clone();
    let foreign = Answer { ca, ..answer.clone() };
    let key = PrivateKey::draw().unwrap();
    let error = Joiner::new(&token, name("a"), key).accept(&foreign, cluster.now()).unwrap_err();
    assert_eq!(error, Error::Untrusted(Untrusted::NotPinned { pinned: token.ca() }));
    let key = PrivateKey::draw().unwrap();
    let error = Joiner::new(&token, name("a"), key).accept(&answer, cluster.now()).unwrap_err();
    assert_eq!(error, Error::NotOurs { why: "it is for another key" });
    let key = PrivateKey::draw().unwrap();
    let error = Joiner::new(&token, name("b"), key).accept(&answer, cluster.now()).unwrap_err();
    assert_eq!(error, Error::NotOurs { why: "it has another name" });
    joiner.accept(&answer, cluster.now()).unwrap();
}

#[test]
fn refusals_cross_the_wire_whole() {
    for refused in [
        Refused::Protocol { ours: 1, theirs: 9 },
        Refused::Token,
        Refused::TokenExpired,
        Refused::TokenRevoked,
        Refused::TokenUsed,
        Refused::TokenForAnother,
        Refused::NameTaken,
        Refused::Revoked,
        Refused::TooManyCertificates,
        Refused::NotAllowed,
        Refused::Malformed { why: "x".into() },
        Refused::Elsewhere { address: "10.0.0.1:7".into() },
        Refused::Unavailable { why: "y".into() },
    ] {
        assert_eq!(Refused::from_details(&refused.to_details()).unwrap(), refused);
    }
}
