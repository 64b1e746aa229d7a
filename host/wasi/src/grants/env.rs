//! `--env NAME` and `--env NAME=VALUE`.

use std::env::{self, VarError};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Error;

/// An environment variable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EnvGrant {
    /// Its name.
    pub name: String,
    /// Its value; without one, what it has in the host's environment.
    pub value: Option<String>,
}

impl FromStr for EnvGrant {
    type Err = Error;

    fn from_str(given: &str) -> Result<EnvGrant, Error> {
        let (name, value) = match given.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (given, None),
        };
        let refuse = |reason: &str| Error::Env { given: given.into(), reason: reason.into() };
        if name.is_empty() {
            return Err(refuse("the name is empty"));
        }
        if name.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(refuse("the name holds a space or a control character"));
        }
        if value.is_some_and(|value| value.contains('\0')) {
            return Err(refuse("the value holds a zero byte"));
        }
        Ok(EnvGrant { name: name.into(), value: value.map(str::to_owned) })
    }
}

impl EnvGrant {
    /// The name with the value that the guest will see.
    pub(crate) fn read(&self) -> Result<(String, String), Error> {
        let value = match &self.value {
            Some(value) => value.clone(),
            None => env::var(&self.name).map_err(|error| Error::NoValue {
                name: self.name.clone(),
                reason: match error {
                    VarError::NotPresent => "not set in the host's environment".into(),
                    VarError::NotUnicode(_) => "its value in the host is not UTF-8".into(),
                },
            })?,
        };
        Ok((self.name.clone(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_be_empty_and_may_hold_equals_signs() {
        let parse = |given: &str| {
            let EnvGrant { name, value } = given.parse().unwrap();
            (name, value)
        };
        assert_eq!(parse("HOME"), ("HOME".into(), None));
        assert_eq!(parse("A="), ("A".into(), Some(String::new())));
        assert_eq!(parse("A=b=c"), ("A".into(), Some("b=c".into())));
    }

    #[test]
    fn a_refused_variable_says_what_is_wrong_and_shows_the_form() {
        for given in ["", "=x", "A B=x", "A\n=x", "A=\0"] {
            let message = given.parse::<EnvGrant>().unwrap_err().to_string();
            assert!(message.contains("NAME=VALUE"), "{given}: {message}");
        }
    }

    #[test]
    fn a_variable_without_a_value_comes_from_the_host() {
        // Cargo sets this one for every test.
        let grant = "CARGO_PKG_NAME".parse::<EnvGrant>().unwrap();
        assert_eq!(grant.read(), Ok(("CARGO_PKG_NAME".into(), "host-wasi".into())));
    }

    #[test]
    fn a_variable_that_is_nowhere_is_an_error_that_names_it() {
        let grant = "GREENROOM_NO_SUCH_VARIABLE".parse::<EnvGrant>().unwrap();
        let message = grant.read().unwrap_err().to_string();
        assert!(message.contains("--env GREENROOM_NO_SUCH_VARIABLE=VALUE"), "{message}");
    }
}
