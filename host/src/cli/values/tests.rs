use host_core::{NodeId, ObjectId};
use serde_json::json;

use super::*;
use host_refs::{Attached, ObjectRef};

fn shown(value: &Value) -> String {
    let mut out = Vec::new();
    write(&Shown::from(value), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn refused(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    let error = write(&Shown::from(&Value::plain(bytes.to_vec())), &mut out).unwrap_err();
    assert!(out.is_empty(), "something was printed");
    error.to_string()
}

fn encode(json: &Json) -> Result<Value, String> {
    let mut bytes = Vec::new();
    append(json, &mut bytes).map(|()| Value::plain(bytes))
}

#[test]
fn json_comes_back_as_it_went() {
    let all = json!([
        null, true, false, 0, 127, 128, -1, -33, 65536, i64::MIN, u64::MAX, 1.5, -0.25,
        "", "text \"with\" \\ ü \n", "x".repeat(70_000), [], {}, {"a": {"b": [1]}}, [[1], [2]],
    ]);
    for item in all.as_array().unwrap() {
        let text = shown(&encode(item).unwrap());
        assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), *item);
    }
    assert_eq!(serde_json::from_str::<Json>(&shown(&encode(&all).unwrap())).unwrap(), all);
}

#[test]
fn integers_stay_integers_and_floats_floats() {
    assert_eq!(encode(&json!(1)).unwrap().bytes[..], [1]);
    assert_eq!(encode(&json!(-1)).unwrap().bytes[..], [0xff]);
    assert_eq!(encode(&json!(1.0)).unwrap().bytes[0], 0xcb);
    assert_eq!(shown(&encode(&json!(1.0)).unwrap()), "1.0");
    assert_eq!(shown(&Value::plain(vec![0xca, 0x3f, 0x8c, 0xcc, 0xcd])), "1.1");
}

#[test]
fn bytes_go_both_ways() {
    let json = json!({"$bytes": "AP8="});
    let value = encode(&json).unwrap();
    assert_eq!(value.bytes[..], [0xc4, 2, 0, 255]);
    assert_eq!(shown(&value), "{\"$bytes\":\"AP8=\"}");
    assert!(encode(&json!({"$bytes": "?"})).unwrap_err().contains("not base64"));
    // Not the form for bytes: an object like any other.
    assert_eq!(shown(&encode(&json!({"$bytes": 1})).unwrap()), "{\"$bytes\":1}");
}

#[test]
fn floats_that_json_lacks_go_both_ways() {
    for text in ["NaN", "inf", "-inf"] {
        let json = json!({"$float": text});
        assert_eq!(shown(&encode(&json).unwrap()), json.to_string());
    }
    assert!(encode(&json!({"$float": "x"})).is_err());
}

#[test]
fn references_are_shown_and_cannot_be_made() {
    let object = ObjectRef::ready(ObjectId { node: NodeId(1), seq: 3 }, Value::default(), None);
    let attached = Attached { refs: vec![object], handles: vec![] };
    let bytes = vec![0x91, 0xd6, 1, 0, 0, 0, 0];
    let value = Value { bytes: bytes.clone().into(), attached: Some(Box::new(attached)) };
    assert_eq!(shown(&value), "[{\"$ref\":\"o3@n1\"}]");
    assert!(refused(&bytes).contains("does not carry"));
    assert!(refused(&[0xd6, 2, 0, 0, 0, 0]).contains("does not carry"));
    assert!(encode(&json!({"$ref": "o3@n1"})).unwrap_err().contains("cannot be made"));
}

#[test]
fn keys_that_are_no_strings_become_text() {
    assert_eq!(
        shown(&Value::plain(vec![0x82, 1, 2, 0x91, 0xa1, b'x', 0xc3])),
        r#"{"1":2,"[\"x\"]":true}"#
    );
}

#[test]
fn other_extensions_are_shown_as_they_are() {
    assert_eq!(shown(&Value::plain(vec![0xd4, 5, 255])), "{\"$ext\":5,\"$bytes\":\"/w==\"}");
}

#[test]
fn text_cannot_harm_a_terminal() {
    let value = encode(&json!("\u{1b}[2J\u{202e}\u{9b}\u{7f}")).unwrap();
    assert_eq!(shown(&value), "\"\\u001b[2J\\u202e\\u009b\\u007f\"");
    assert_eq!(shown(&Value::plain(vec![0xa1, 0xff])), "\"\u{fffd}\"");
}

#[test]
fn hostile_bytes_are_refused_without_printing_anything() {
    assert!(refused(&[]).contains("ends too early"));
    assert!(refused(&[0xc1]).contains("0xc1"));
    assert!(refused(&[1, 2]).contains("more bytes"));
    assert!(refused(&[0x92, 1]).contains("ends too early"));
    for marker in [0xdb, 0xc6, 0xdd, 0xdf, 0xc9] {
        assert!(refused(&[marker, 255, 255, 255, 255, 1]).contains("ends too early"), "{marker:x}");
    }
    assert!(refused(&[0x91; 100_000]).contains("nested too deeply"));
    assert!(refused(&[0x81; 100_000]).contains("nested too deeply"));
}

#[test]
fn every_first_byte_is_handled() {
    for first in 0..=255u8 {
        let mut bytes = vec![first];
        bytes.extend([0; 40]);
        let _ = write(&Shown::from(&Value::plain(bytes)), &mut io::sink());
    }
}

#[test]
fn as_deep_as_json_can_be_is_fine() {
    let text = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
    let json: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(shown(&encode(&json).unwrap()), text);
}

#[test]
fn application_errors_are_decoded_if_they_can_be() {
    assert_eq!(decode(&[0x81, 0xa1, b'a', 1]), Some(json!({"a": 1})));
    assert_eq!(decode(&[]), None);
    assert_eq!(decode(&[0x91]), None);
}
