//! What `host … --format json` prints, as far as tests look at it.

use serde::Deserialize;
use serde_json::Value;

/// The line a host prints when it is ready.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Ready {
    /// The node's id, such as `n1`.
    pub node: String,
    /// Its name.
    pub name: String,
    /// The cluster's id.
    pub cluster: String,
    /// Where others reach it.
    pub address: String,
    /// What another needs to join; only the node that founds the cluster has
    /// it.
    pub token: Option<String>,
}

impl Ready {
    /// The line, if it is this one.
    pub(crate) fn parse(line: &str) -> Option<Ready> {
        let value: Value = serde_json::from_str(line).ok()?;
        let is_it = value.get("event").and_then(Value::as_str) == Some("ready");
        if is_it { serde_json::from_value(value).ok() } else { None }
    }
}

/// A node, as `host status` shows it.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// `alive`, or in what other state it is.
    pub state: String,
}

/// An actor, as `host list actors` shows it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct ActorView {
    /// Its id.
    pub id: Value,
    /// Its class.
    pub class: String,
    /// Where it is.
    pub node: Value,
    /// What it does.
    pub state: String,
    /// Its name; empty or absent if it has none.
    #[serde(default)]
    pub name: Option<String>,
}

/// What is listed: one object a line, or an array, alone or under `name`.
pub(crate) fn rows(text: &str, name: &str) -> Result<Vec<Value>, String> {
    let values: Result<Vec<Value>, _> =
        serde_json::Deserializer::from_str(text).into_iter::<Value>().collect();
    let values = values.map_err(|error| format!("{error} in {text:?}"))?;
    let rows = values.into_iter().flat_map(|value| match value {
        Value::Array(rows) => rows,
        Value::Object(mut object) => match object.remove(name) {
            Some(Value::Array(rows)) => rows,
            Some(other) => vec![other],
            None => vec![Value::Object(object)],
        },
        other => vec![other],
    });
    Ok(rows.collect())
}

/// Rows of a known shape.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(text: &str, name: &str) -> Result<Vec<T>, String> {
    let read = |row: Value| {
        serde_json::from_value(row.clone()).map_err(|error| format!("{error} in {row}"))
    };
    rows(text, name)?.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_line_is_told_from_others() {
        let line = r#"{"event":"ready","node":"n1","name":"alpha","cluster":"7f","address":"10.77.0.1:7420","token":"GR1x"}"#;
        let ready = Ready::parse(line).unwrap();
        assert_eq!((ready.name.as_str(), ready.token.as_deref()), ("alpha", Some("GR1x")));
        assert_eq!(Ready::parse(r#"{"event":"log","node":"n1"}"#), None);
        assert_eq!(Ready::parse("node alpha (n1) of cluster 7f…"), None);
    }

    #[test]
    fn rows_are_found_in_lines_arrays_and_objects() {
        let expected = vec![NodeView { name: "a".into(), state: "alive".into() }; 2];
        let row = r#"{"id":1,"name":"a","state":"alive"}"#;
        for text in [
            format!("{row}\n{row}\n"),
            format!("[{row},{row}]"),
            format!(r#"{{"cluster":"7f","nodes":[{row},{row}]}}"#),
        ] {
            assert_eq!(read::<NodeView>(&text, "nodes").unwrap(), expected, "{text}");
        }
        assert_eq!(read::<NodeView>("", "nodes").unwrap(), []);
        assert!(read::<NodeView>("error: no", "nodes").is_err());
    }
}
