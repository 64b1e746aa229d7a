//! Tokens: their text and their lives.

use host_identity::join::Refused;
use host_identity::{
    Error, JoinToken, Kind, Order, PrivateKey, Role, Token, TokenTextError, Uses, limits, record,
};

use crate::fixture::{Cluster, DAY, HOUR, client, name};

#[test]
fn the_text_of_a_token_reads_back() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Node, Uses::Once);
    let text = token.reveal();
    assert_eq!(text.parse::<JoinToken>().unwrap(), token);
    assert_eq!(format!(" {}\n", *text).parse::<JoinToken>().unwrap(), token);
    assert_eq!(token.ca(), cluster.authority.certificate().hash());
    assert!(text.starts_with("GR1") && text.len() == 150, "{}", text.len());
}

#[test]
fn a_text_that_is_no_token_says_what_is_wrong() {
    let mut cluster = Cluster::new();
    let text = cluster.token(Kind::Node, Uses::Once).reveal();
    let said = |text: &str| text.parse::<JoinToken>().unwrap_err();
    assert_eq!(said(" \n"), TokenTextError::Empty);
    assert_eq!(said("K10abc::server:x"), TokenTextError::Prefix);
    for end in 3..text.len() {
        let error = said(&text[..end]);
        assert!(matches!(error, TokenTextError::Damaged { .. }), "{end}: {error}");
    }
    said(&"x".repeat(limits::TOKEN_TEXT_BYTES_MAX + 1));
    said(&format!("{}0", *text));
    said(&text.replace("::", ":"));
    said(&format!("{}é", &text[..text.len() - 2]));
    assert!(!said(&text[..100]).to_string().contains(&text[70..100]));
}

#[test]
fn the_records_do_not_have_the_secret() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Node, Uses::Once);
    let text = token.reveal();
    let secret: Vec<u8> = text[text.len() - 64..]
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    for value in cluster.store.values() {
        assert!(!value.windows(32).any(|window| window == secret));
    }
}

#[test]
fn a_token_that_is_used_twice_lets_in_one() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Once);
    cluster.join_anew(&token, "a", &first).unwrap();
    assert_eq!(cluster.join_anew(&token, "b", &first).unwrap_err(), Refused::TokenUsed);
    assert_eq!(cluster.join_anew(&token, "a", &first).unwrap_err(), Refused::TokenUsed);
    assert_eq!(cluster.token_record(token.id()).value().used, 1);
}

#[test]
fn who_lost_the_answer_can_ask_again_with_the_same_key() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Once);
    let held = cluster.join_anew(&token, "a", &first).unwrap();
    let serial = held.certificate().serial();
    let again = cluster.join(&token, "a", held.into_key(), &first).unwrap();
    assert_ne!(again.certificate().serial(), serial);
    let key = again.into_key();
    assert_eq!(cluster.join(&token, "b", key, &first).unwrap_err(), Refused::TokenUsed);
}

#[test]
fn certificates_of_one_name_are_bounded() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Once);
    let mut key = PrivateKey::draw().unwrap();
    for _ in 0..limits::CERTIFICATES_LIVE_MAX {
        key = cluster.join(&token, "a", key, &first).unwrap().into_key();
    }
    let refused = cluster.join(&token, "a", key, &first).unwrap_err();
    assert_eq!(refused, Refused::TooManyCertificates);
}

#[test]
fn a_token_for_many_lets_in_many_but_a_name_is_its_owners() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Many);
    cluster.join_anew(&token, "a", &first).unwrap();
    let b = cluster.join_anew(&token, "b", &first).unwrap();
    assert_eq!(cluster.join_anew(&token, "a", &first).unwrap_err(), Refused::NameTaken);
    assert_eq!(cluster.join_anew(&token, "first", &first).unwrap_err(), Refused::NameTaken);
    // A node that lost its certificate, not its key.
    cluster.join(&token, "b", b.into_key(), &first).unwrap();
    assert_eq!(cluster.token_record(token.id()).value().used, 3);
}

#[test]
fn a_token_can_be_for_one_name() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let order = Order {
        kind: Kind::Client(Role::Read),
        uses: Uses::Once,
        name: Some(name("ann")),
        lifetime: HOUR,
        note: String::new(),
    };
    let token = cluster.order(order);
    assert_eq!(cluster.join_anew(&token, "bob", &first).unwrap_err(), Refused::TokenForAnother);
    let held = cluster.join_anew(&token, "ann", &first).unwrap();
    assert_eq!(*held.certificate().subject(), client("ann", Role::Read));
}

#[test]
fn a_client_cannot_raise_its_role_by_another_token() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let read = cluster.token(Kind::Client(Role::Read), Uses::Once);
    let admin = cluster.token(Kind::Client(Role::Admin), Uses::Once);
    let held = cluster.join_anew(&read, "ann", &first).unwrap();
    let refused = cluster.join(&admin, "ann", held.into_key(), &first).unwrap_err();
    assert_eq!(refused, Refused::NameTaken);
}

#[test]
fn expired_and_revoked_tokens_are_refused() {
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let (old, revoked) =
        (cluster.token(Kind::Node, Uses::Many), cluster.token(Kind::Node, Uses::Many));
    let stored = cluster.token_record(revoked.id());
    assert!(Token::prune(&stored, cluster.now()).is_none());
    let change = Token::revoke(&cluster.authority, &stored, cluster.now());
    assert!(cluster.apply(&change));
    assert_eq!(cluster.join_anew(&revoked, "a", &first).unwrap_err(), Refused::TokenRevoked);
    cluster.clock.forward(DAY);
    cluster.join_anew(&old, "a", &first).unwrap();
    cluster.clock.forward(std::time::Duration::from_secs(1));
    assert_eq!(cluster.join_anew(&old, "b", &first).unwrap_err(), Refused::TokenExpired);
    let change = Token::prune(&cluster.token_record(old.id()), cluster.now()).unwrap();
    assert!(cluster.apply(&change));
    assert_eq!(cluster.join_anew(&old, "b", &first).unwrap_err(), Refused::Token);
}

#[test]
fn a_list_of_tokens_has_all_but_the_secrets() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Kind::Client(Role::Run), Uses::Many);
    let listed = cluster.store.keys().filter(|key| key.starts_with(record::TOKENS));
    let listed: Vec<Token> =
        listed.map(|key| cluster.get::<Token>(key).unwrap().value().clone()).collect();
    let [listed] = &listed[..] else { panic!("one token") };
    assert_eq!(listed.id, token.id());
    assert_eq!((listed.kind, listed.uses), (Kind::Client(Role::Run), Uses::Many));
    assert_eq!((listed.note.as_str(), listed.used), ("a note", 0));
}

#[test]
fn tokens_are_bounded() {
    let cluster = Cluster::new();
    let order = Order {
        kind: Kind::Node,
        uses: Uses::Once,
        name: None,
        lifetime: limits::TOKEN_LIFETIME_MAX,
        note: "n".repeat(limits::NOTE_BYTES_MAX),
    };
    let long = Order { lifetime: limits::TOKEN_LIFETIME_MAX + HOUR, ..order.clone() };
    let wordy = Order { note: "n".repeat(limits::NOTE_BYTES_MAX + 1), ..order.clone() };
    let largest = Token::issue(&cluster.authority, order, cluster.now());
    assert!(largest.is_ok());
    for order in [long, wordy] {
        let error = Token::issue(&cluster.authority, order, cluster.now()).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
}
