//! What people and scripts write: names, tokens, ids, sizes.

use std::fmt::Display;
use std::str::FromStr;

use host_core::resources::{Amount, parse_bytes};
use host_core::{ActorId, ClusterId, GroupId, NodeId};
use host_identity::fuzzing::{authority, uri};
use host_identity::{JoinToken, LocalToken, Name, Role, Subject, TokenId};

/// What says who somebody is.
pub(crate) fn who(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    round::<Name>(text);
    round::<Subject>(text);
    round::<Role>(text);
    round::<TokenId>(text);
    let _ = text.parse::<JoinToken>();
    let _ = text.parse::<LocalToken>();
    let _ = authority(text);
    if let Some(again) = uri(text) {
        assert_eq!(again, text, "an identity has one URI");
    }
}

pub(crate) fn who_seeds() -> Vec<Vec<u8>> {
    let id = "000102030405060708090a0b0c0d0e0f";
    let mut seeds: Vec<String> = vec![
        "box-1".into(),
        "node/box-1".into(),
        "client/admin/alice".into(),
        "admin".into(),
        "0001020304050607".into(),
        format!("greenroom://{id}/node/box-1"),
        format!("greenroom://{id}/client/reader/alice"),
        format!("greenroom://{id}"),
    ];
    seeds.push(format!("GR1{}::0001020304050607:{}", "ab".repeat(32), "cd".repeat(32)));
    seeds.into_iter().map(String::into_bytes).collect()
}

/// Ids, amounts and sizes.
pub(crate) fn values(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    round::<NodeId>(text);
    round::<ActorId>(text);
    round::<GroupId>(text);
    round::<ClusterId>(text);
    let _ = parse_bytes(text);
    if let Some(amount) = text.parse().ok().and_then(Amount::from_f64) {
        assert!(amount.to_string().parse::<f64>().is_ok(), "{amount} is a number");
    }
}

pub(crate) fn values_seeds() -> Vec<Vec<u8>> {
    let cluster = ClusterId(7).to_string();
    let seeds = [
        "n7",
        "a5@n7",
        "g3@n7",
        &cluster,
        "256MiB",
        "1.5 GB",
        "18446744073709551615",
        "0.0001",
        "1e300",
    ];
    seeds.map(|seed| seed.as_bytes().to_vec()).into()
}

/// What is read is shown so that it reads the same.
fn round<T: FromStr + Display>(text: &str) {
    let Ok(read) = text.parse::<T>() else { return };
    let shown = read.to_string();
    let again = shown.parse::<T>().ok().map(|again| again.to_string());
    assert_eq!(again, Some(shown));
}
