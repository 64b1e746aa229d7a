//! What nodes are labelled with, and how one asks for it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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
        }
    }
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
        }
    }
}
