//! What nodes are labelled with, and how one asks for it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::limits;
use crate::spec::check_name;

/// A node's labels: one value for each name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Labels(pub BTreeMap<Arc<str>, Arc<str>>);

/// A condition on one label.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Selector {
    /// The label's name.
    pub label: Arc<str>,
    /// What it has to be.
    pub test: Test,
}

/// What a label has to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Test {
    /// There, whatever it is.
    Exists,
    /// This.
    Is(Arc<str>),
    /// Absent, or something else.
    IsNot(Arc<str>),
    /// One of these.
    In(Vec<Arc<str>>),
    /// Absent, or none of these.
    NotIn(Vec<Arc<str>>),
    /// Not there.
    Absent,
}

impl Selector {
    /// Whether a node with these labels will do.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.0.get(&self.label);
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Is(wanted) => value == Some(wanted),
            Test::IsNot(unwanted) => value != Some(unwanted),
            Test::In(wanted) => value.is_some_and(|value| wanted.contains(value)),
            Test::NotIn(unwanted) => value.is_none_or(|value| !unwanted.contains(value)),
            Test::Absent => value.is_none(),
        }
    }
}

impl Labels {
    /// The labels that these say, each as `NAME=VALUE`. Errors are
    /// [`Error::Invalid`] and name the label.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Labels, Error> {
        let mut labels = BTreeMap::new();
        for text in texts {
            let pair = text.split_once('=');
            let (name, value) = pair.ok_or_else(|| {
                Error::Invalid(format!("label {text:?}: it has to be NAME=VALUE"))
            })?;
            let label = (checked_name(name)?, checked_value(value)?);
            if labels.insert(label.0, label.1).is_some() {
                return Err(Error::Invalid(format!("label {name:?} is given twice")));
            }
            if labels.len() > limits::LABELS {
                let most = limits::LABELS;
                return Err(Error::Invalid(format!("more than {most} labels on one node")));
            }
        }
        Ok(Labels(labels))
    }
}

impl Selector {
    /// The conditions that a text says, separated by commas, each as
    /// Kubernetes writes it: `zone=a`, `zone!=a`, `zone in (a, b)`,
    /// `zone notin (a, b)`, `zone` for any value and `!zone` for none. Errors
    /// are [`Error::Invalid`] and name the condition.
    pub fn parse_all(text: &str) -> Result<Vec<Selector>, Error> {
        let (mut selectors, mut rest) = (Vec::new(), text);
        loop {
            // A comma within parentheses separates values, not conditions.
            let mut depth = 0_u32;
            let end = rest.find(|c| {
                match c {
                    '(' => depth += 1,
                    ')' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                c == ',' && depth == 0
            });
            let (condition, more) = rest.split_at(end.unwrap_or(rest.len()));
            selectors.push(Selector::parse(condition.trim())?);
            if selectors.len() > limits::SELECTORS {
                let most = limits::SELECTORS;
                return Err(Error::Invalid(format!("more than {most} conditions on labels")));
            }
            match more.strip_prefix(',') {
                Some(more) => rest = more,
                None => return Ok(selectors),
            }
        }
    }

    fn parse(text: &str) -> Result<Selector, Error> {
        let of = |label: &str, test| Ok(Selector { label: checked_name(label.trim())?, test });
        if let Some((label, value)) = text.split_once("!=") {
            return of(label, Test::IsNot(checked_value(value.trim())?));
        }
        if let Some((label, value)) = text.split_once('=') {
            let value = value.strip_prefix('=').unwrap_or(value);
            return of(label, Test::Is(checked_value(value.trim())?));
        }
        if let Some(label) = text.strip_prefix('!') {
            return of(label, Test::Absent);
        }
        let Some((label, listed)) = text.split_once(char::is_whitespace) else {
            return of(text, Test::Exists);
        };
        let wrong = || {
            let forms = "zone=a, zone!=a, zone in (a, b), zone notin (a, b), zone or !zone";
            Error::Invalid(format!("{text:?} is no condition on a label: write {forms}"))
        };
        let (word, values) = listed.split_once('(').ok_or_else(wrong)?;
        let values = values.trim_end().strip_suffix(')').ok_or_else(wrong)?;
        let values: Vec<Arc<str>> =
            values.split(',').map(|value| checked_value(value.trim())).collect::<Result<_, _>>()?;
        if values.len() > limits::SELECTED {
            return Err(Error::Invalid(format!(
                "{label} has more than {} values",
                limits::SELECTED
            )));
        }
        match word.trim() {
            "in" => of(label, Test::In(values)),
            "notin" => of(label, Test::NotIn(values)),
            _ => Err(wrong()),
        }
    }
}

/// What has a meaning of its own in a condition.
const RESERVED: [char; 5] = ['=', '!', ',', '(', ')'];

fn checked_name(name: &str) -> Result<Arc<str>, Error> {
    check_name("label", name)?;
    if name.contains(RESERVED) || name.contains(char::is_whitespace) {
        return Err(Error::Invalid(format!("label {name:?} holds a space or one of = ! , ( )")));
    }
    Ok(name.into())
}

fn checked_value(value: &str) -> Result<Arc<str>, Error> {
    if !value.is_empty() {
        check_name("label's value", value)?;
    }
    if value.contains(RESERVED) {
        return Err(Error::Invalid(format!("a label's value {value:?} holds one of = ! , ( )")));
    }
    Ok(value.into())
}

impl<'a> FromIterator<(&'a str, &'a str)> for Labels {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(labels: I) -> Labels {
        Labels(labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = &self.label;
        match &self.test {
            Test::Exists => f.write_str(label),
            Test::Is(value) => write!(f, "{label}={value}"),
            Test::IsNot(value) => write!(f, "{label}!={value}"),
            Test::In(values) => write!(f, "{label} in ({})", values.join(", ")),
            Test::NotIn(values) => write!(f, "{label} notin ({})", values.join(", ")),
            Test::Absent => write!(f, "!{label}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_written_as_kubernetes_does() {
        let text = "zone=a, rack != r1,disk in (ssd, nvme), os notin (old), tpu, !slow, empty==";
        let read = Selector::parse_all(text).unwrap();
        let written: Vec<String> = read.iter().map(Selector::to_string).collect();
        let forms = [
            "zone=a",
            "rack!=r1",
            "disk in (ssd, nvme)",
            "os notin (old)",
            "tpu",
            "!slow",
            "empty=",
        ];
        assert_eq!(written, forms);
        assert_eq!(Selector::parse_all(&written.join(",")), Ok(read));
    }

    #[test]
    fn a_condition_that_makes_no_sense_is_refused_by_name() {
        let many = vec!["a"; limits::SELECTORS + 1].join(",");
        let values = format!("a in ({})", vec!["b"; limits::SELECTED + 1].join(","));
        for bad in [
            "",
            "a,",
            "=a",
            "a in b",
            "a like (b)",
            "a in (b",
            "a b",
            "a=b=c",
            "a\u{7}b",
            &many,
            &values,
        ] {
            let refused = Selector::parse_all(bad);
            assert!(matches!(refused, Err(Error::Invalid(_))), "{bad}: {refused:?}");
        }
    }

    #[test]
    fn each_condition_says_what_it_means() {
        let node: Labels = [("zone", "a"), ("disk", "ssd")].into_iter().collect();
        let holds = [
            ("zone=a", true),
            ("zone=b", false),
            ("zone!=b", true),
            ("rack!=b", true),
            ("disk in (ssd, nvme)", true),
            ("disk in (hdd)", false),
            ("rack in (r1)", false),
            ("disk notin (hdd)", true),
            ("disk notin (ssd)", false),
            ("rack notin (r1)", true),
            ("disk", true),
            ("rack", false),
            ("!rack", true),
            ("!disk", false),
        ];
        for (text, expected) in holds {
            let selectors = Selector::parse_all(text).unwrap();
            assert_eq!(selectors[0].matches(&node), expected, "{text}");
        }
    }

    #[test]
    fn labels_of_a_node_have_names_of_their_own() {
        let labels = Labels::parse(["zone=a", "empty="]).unwrap();
        assert_eq!(labels, [("zone", "a"), ("empty", "")].into_iter().collect());
        for bad in ["zone", "=a", "zone=a=b", "a b=c"] {
            assert!(Labels::parse([bad]).is_err(), "{bad}");
        }
        assert!(Labels::parse(["zone=a", "zone=b"]).is_err());
    }
}
