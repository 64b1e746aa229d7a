//! `Class(json, …).method(json, …)`: what `--invoke` takes.
//!
//! Only the frame around the arguments is parsed here; each argument is JSON
//! and read by serde_json. Nothing here knows the package: whether there is
//! such a class is for `calls` to say.

use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

/// One call, as it was asked for.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Invocation {
    /// The class's name.
    pub(super) class: String,
    /// The constructor's arguments, if they are given.
    pub(super) construct: Option<Vec<Value>>,
    /// The method's name.
    pub(super) method: String,
    /// The method's arguments.
    pub(super) args: Vec<Value>,
    /// As it was written.
    pub(super) text: String,
}

/// Why a text is not a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Malformed {
    /// What is wrong.
    reason: String,
    /// Where, in characters from 1.
    column: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at column {}; the form is Class.method(json, …) or, to give the constructor \
             arguments, Class(json, …).method(json, …)",
            self.reason, self.column
        )
    }
}

/// Reads a call.
pub(super) fn parse(text: &str) -> Result<Invocation, Malformed> {
    let mut reader = Reader { text, at: 0 };
    let class = reader.name("a class")?;
    let construct = if reader.next_is('(') { Some(reader.args()?) } else { None };
    if !reader.next_is('.') {
        return Err(reader.wrong("a method is missing: expected `.`".into()));
    }
    reader.at += 1;
    let method = reader.name("a method")?;
    // Without arguments the brackets, which shells want quoted, may go.
    let args = if reader.next_is('(') { reader.args()? } else { Vec::new() };
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.wrong("there is more after the call".into()));
    }
    let text = text.trim().to_string();
    Ok(Invocation { class, construct, method, args, text })
}

/// Reads arguments that stand alone: a JSON array.
pub(super) fn list(text: &str) -> Result<Vec<Value>, String> {
    let items: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|error| format!("{error}; write them like [1, \"two\"]"))?;
    let item = |raw: &RawValue| match integer_too_large(raw.get()) {
        Some(number) => Err(format!("the integer {number} does not fit 64 bits")),
        None => serde_json::from_str(raw.get()).map_err(|error| error.to_string()),
    };
    items.into_iter().map(item).collect()
}

/// Goes through the text.
struct Reader<'a> {
    text: &'a str,
    /// A byte position, at the border of a character.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn next_is(&mut self, wanted: char) -> bool {
        self.skip_space();
        self.rest().starts_with(wanted)
    }

    fn wrong(&self, reason: String) -> Malformed {
        Malformed { reason, column: self.text[..self.at].chars().count() + 1 }
    }

    fn name(&mut self, what: &str) -> Result<String, Malformed> {
        self.skip_space();
        let rest = self.rest();
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.wrong(format!("expected the name of {what}")));
        }
        self.at += end;
        Ok(rest[..end].into())
    }

    /// `(json, …)`, standing before the bracket.
    fn args(&mut self) -> Result<Vec<Value>, Malformed> {
        self.at += 1;
        let mut args = Vec::new();
        if self.next_is(')') {
            self.at += 1;
            return Ok(args);
        }
        loop {
            self.skip_space();
            let (length, end) = self.argument_length()?;
            args.push(self.argument(length)?);
            self.at += length + 1;
            if end == ')' {
                return Ok(args);
            }
        }
    }

    /// How long the argument is that starts here, and what ends it.
    fn argument_length(&self) -> Result<(usize, char), Malformed> {
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        for (at, character) in self.rest().char_indices() {
            if in_string {
                (in_string, escaped) = match character {
                    _ if escaped => (true, false),
                    '\\' => (true, true),
                    '"' => (false, false),
                    _ => (true, false),
                };
                continue;
            }
            match character {
                '"' => in_string = true,
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                ',' | ')' if depth == 0 => return Ok((at, character)),
                _ => {}
            }
        }
        Err(self.wrong("the bracket is never closed: expected `)`".into()))
    }

    fn argument(&self, length: usize) -> Result<Value, Malformed> {
        let text = &self.rest()[..length];
        if text.trim().is_empty() {
            return Err(self.wrong("an argument is missing".into()));
        }
        if let Some(number) = integer_too_large(text.trim()) {
            return Err(self.wrong(format!("the integer {number} does not fit 64 bits")));
        }
        serde_json::from_str(text).map_err(|error| {
            // A line's end inside an argument is rare: the column is enough.
            let into =
                text.chars().take(error.column().saturating_sub(1)).map(char::len_utf8).sum();
            let at = if error.line() == 1 { self.at + usize::min(into, length) } else { self.at };
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default();
            let hint = if text.trim_start().starts_with(|c: char| c.is_alphabetic() || c == '\'') {
                " (a string needs double quotes)"
            } else {
                ""
            };
            Reader { text: self.text, at }.wrong(format!("bad JSON: {reason}{hint}"))
        })
    }
}

/// An argument that is an integer, but too large for one: JSON readers would
/// make an inexact number of it without a word.
fn integer_too_large(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    (is_integer && !fits).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, class: &str, construct: Option<Value>, method: &str, args: Value) {
        let list = |value: Value| value.as_array().cloned().unwrap();
        let expected = Invocation {
            class: class.into(),
            construct: construct.map(list),
            method: method.into(),
            args: list(args),
            text: text.trim().into(),
        };
        assert_eq!(parse(text), Ok(expected), "{text}");
    }

    #[test]
    fn calls_are_read() {
        check("Counter.increment()", "Counter", None, "increment", json!([]));
        check("Counter.increment", "Counter", None, "increment", json!([]));
        check(" Counter . add ( 1 , -2 ) ", "Counter", None, "add", json!([1, -2]));
        check("Counter(7).get()", "Counter", Some(json!([7])), "get", json!([]));
        check("Counter().get()", "Counter", Some(json!([])), "get", json!([]));
        check("A.b(18446744073709551615)", "A", None, "b", json!([u64::MAX]));
    }

    #[test]
    fn arguments_are_any_json() {
        check(
            r#"A.b("x,y)\"]", [1, [2]], {"k": ",)"}, null, true, 1.5e3, "ü")"#,
            "A",
            None,
            "b",
            json!(["x,y)\"]", [1, [2]], {"k": ",)"}, null, true, 1500.0, "ü"]),
        );
    }

    #[test]
    fn what_is_no_call_is_refused_with_its_place() {
        for (text, reason, column) in [
            ("", "expected the name of a class", 1),
            ("Counter", "a method is missing", 8),
            ("Counter.", "expected the name of a method", 9),
            ("Counter.add(1", "the bracket is never closed", 13),
            ("Counter.add(1,)", "an argument is missing", 15),
            ("Counter.add(,1)", "an argument is missing", 13),
            ("Counter.add(hello)", "a string needs double quotes", 13),
            ("Counter.add('x')", "a string needs double quotes", 13),
            ("Counter.add({\"a\":})", "bad JSON: expected value", 18),
            ("Counter.add(1) x", "there is more after the call", 16),
            ("Counter.add(1 2)", "bad JSON: trailing characters", 15),
            ("Counter.add(18446744073709551616)", "does not fit 64 bits", 13),
            ("Counter.add(-9223372036854775809)", "does not fit 64 bits", 13),
            ("Counter.add(\"x)", "the bracket is never closed", 13),
            ("Counter.add(])", "bad JSON", 13),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.reason.contains(reason), "{text}: {error}");
            assert_eq!(error.column, column, "{text}: {error}");
        }
    }

    #[test]
    fn a_list_of_arguments_is_a_json_array() {
        assert_eq!(list(r#"[1, "two", [3]]"#), Ok(vec![json!(1), json!("two"), json!([3])]));
        assert_eq!(list("[]"), Ok(vec![]));
        for (text, reason) in [
            ("", "EOF"),
            ("1", "write them like"),
            ("[1", "EOF"),
            ("[18446744073709551616]", "does not fit 64 bits"),
        ] {
            assert!(list(text).unwrap_err().contains(reason), "{text}");
        }
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert!(list(&deep).unwrap_err().contains("recursion limit"));
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        let text = format!("A.b({}{})", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(&text).unwrap_err().reason.contains("recursion limit"));
    }
}
