//! Everything that reads bytes of others, fed with bytes of all kinds. A seed
//! that fails is printed, and is one line to repeat.

use bytes::Bytes;
use fastrand::Rng;
use host_identity::join::{Answer, Binding, Joiner, Refused, RenewRequest, Request};
use host_identity::{
    Authority, CaCertificate, Enrolment, JoinToken, Kind, LocalToken, Name, PrivateKey, PublicKey,
    Revocation, Role, Serial, Token, Uses, record,
};
use prost::Message;

use crate::fixture::{Cluster, client, name, node};

/// Rounds of what is cheap; what verifies a signature takes a tenth.
const ROUNDS: u64 = 20_000;

/// Something like the original: a few bytes changed, cut, put in, repeated, or
/// nothing of it left.
fn mutated(original: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=rng.usize(..3) {
        let at = rng.usize(..=bytes.len());
        match rng.u8(..7) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            2 if at < bytes.len() => bytes[at] = rng.u8(..),
            3 => bytes.truncate(at),
            4 => bytes.insert(at, rng.u8(..)),
            5 => {
                let part = bytes[at..].to_vec();
                bytes.extend(part);
            }
            6 if rng.u8(..20) == 0 => {
                bytes = vec![0; rng.usize(..6_000)];
                rng.fill(&mut bytes);
            }
            _ => {}
        }
    }
    bytes
}

/// Runs a check on many mutations; the check knows what may come of them.
fn fuzz(rounds: u64, original: &[u8], check: impl Fn(&[u8])) {
    check(original);
    for seed in 0..rounds {
        let bytes = mutated(original, &mut Rng::with_seed(seed));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&bytes)));
        assert!(outcome.is_ok(), "seed {seed}: {}", bytes.escape_ascii());
    }
}

#[test]
fn texts_of_tokens() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Node, Uses::Once);
    fuzz(ROUNDS, token.reveal().as_bytes(), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match text.parse::<JoinToken>() {
            // One token has one text, but for the case of its digits.
            Ok(token) => assert_eq!(token.reveal()[3..], text.trim_ascii()[3..].to_lowercase()),
            Err(error) => assert!(error.to_string().len() < 120),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let local = LocalToken::create(&folder.path().join("run")).unwrap();
    fuzz(ROUNDS, local.reveal().as_bytes(), |bytes| {
        let _ = String::from_utf8_lossy(bytes).parse::<LocalToken>();
    });
    fuzz(ROUNDS, b"node-1.example", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(name) = text.parse::<Name>() {
            assert_eq!(name.as_str(), text);
        }
    });
}

#[test]
fn records() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Client(Role::Run), Uses::Many);
    cluster.grant(client("ann", Role::Admin));
    let Cluster { authority, store, .. } = &cluster;
    check_sealed::<Token>(authority, &record::token_key(token.id()), store);
    check_sealed::<Enrolment>(authority, &record::client_key(&name("ann")), store);
    let serial = Serial::from_slice(&[0x41; 16]).unwrap();
    let revocation = Revocation { serial, subject: node("a"), until: cluster.now() };
    assert_eq!(Revocation::from_bytes(&revocation.to_bytes()).unwrap(), revocation);
    fuzz(ROUNDS, &revocation.to_bytes(), |bytes| {
        if let Ok(revocation) = Revocation::from_bytes(bytes) {
            let again = Revocation::from_bytes(&revocation.to_bytes()).unwrap();
            assert_eq!(again, revocation);
        }
    });
}

fn check_sealed<T: record::Sealed>(
    authority: &Authority,
    key: &str,
    store: &std::collections::HashMap<String, Bytes>,
) {
    let good = &store[key];
    fuzz(ROUNDS, good, |bytes| {
        let opened = authority.open::<T>(key, Bytes::copy_from_slice(bytes));
        assert_eq!(opened.is_ok(), bytes == good);
    });
}

#[test]
fn requests_for_certificates() {
    let key = PrivateKey::draw().unwrap();
    fuzz(ROUNDS / 10, &key.request().unwrap(), |bytes| {
        if let Ok(found) = PublicKey::from_request(bytes) {
            assert_eq!(found.hash(), key.public().hash(), "a key that nobody proved");
        }
    });
}

#[test]
fn messages_of_the_join_exchange() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Once);
    let (joining, serving) = cluster.connect_to_join(&token, &first).unwrap();
    let key = PrivateKey::draw().unwrap();
    let csr = key.request().unwrap();
    let joiner = Joiner::new(&token, name("a"), key);
    let request = joiner.request(&token, &Binding::of(&joining).unwrap()).unwrap();
    let binding = Binding::of(&serving).unwrap();
    let cluster = std::cell::RefCell::new(cluster);
    fuzz(ROUNDS / 10, &request.to_wire().encode_to_vec(), |bytes| {
        let Ok(wire) = host_proto::join::JoinRequest::decode(bytes) else { return };
        let Ok(found) = Request::from_wire(wire) else { return };
        if found == request {
            return;
        }
        let refused = cluster.borrow_mut().serve(&found, binding).unwrap_err();
        assert_eq!(refused, Refused::Token);
    });
    let renew = RenewRequest { protocol: host_proto::PROTOCOL_VERSION, csr };
    fuzz(ROUNDS, &renew.to_wire().encode_to_vec(), |bytes| {
        let Ok(wire) = host_proto::join::RenewRequest::decode(bytes) else { return };
        let _ = RenewRequest::from_wire(wire);
    });
    let refusal = Refused::Malformed { why: "x".into() };
    fuzz(ROUNDS, &refusal.to_details(), |bytes| {
        let _ = Refused::from_details(bytes);
    });
}

#[test]
fn answers_and_certificates() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Once);
    let folder = tempfile::tempdir().unwrap();
    let key = || PrivateKey::load_or_draw(folder.path(), "join.pem").unwrap();
    let (joining, serving) = cluster.connect_to_join(&token, &first).unwrap();
    let joiner = Joiner::new(&token, name("a"), key());
    let request = joiner.request(&token, &Binding::of(&joining).unwrap()).unwrap();
    let answer = cluster.serve(&request, Binding::of(&serving).unwrap()).unwrap();
    let now = cluster.now();
    fuzz(ROUNDS / 10, &answer.to_wire().encode_to_vec(), |bytes| {
        let Ok(wire) = host_proto::join::JoinAnswer::decode(bytes) else { return };
        let Ok(found) = Answer::from_wire(&wire) else { return };
        let accepted = Joiner::new(&token, name("a"), key()).accept(&found, now);
        assert_eq!(accepted.is_ok(), found == answer);
    });
    let ca = cluster.authority.certificate();
    fuzz(ROUNDS / 10, ca.der(), |bytes| {
        if let Ok(found) = CaCertificate::from_der(bytes) {
            assert_eq!(found.hash() == ca.hash(), bytes == &ca.der()[..]);
        }
    });
}
