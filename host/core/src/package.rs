//! What a package says of itself, and the check that it makes sense: a
//! description comes from a guest, so nothing in it is believed unseen.

use crate::error::Error;
use crate::limits;
use crate::spec::{Concurrency, Options, check_name};

/// A package's classes and origin.
#[derive(Clone, PartialEq, Debug)]
pub struct PackageInfo {
    /// The SDK and its version.
    pub sdk: String,
    /// The actor classes.
    pub classes: Vec<ClassInfo>,
    /// The driver's documentation, if there is a driver.
    pub driver: Option<String>,
}

/// A kind of actor.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassInfo {
    /// Unique in the package.
    pub name: String,
    /// What its author wrote about it.
    pub docs: String,
    /// The constructor's parameters.
    pub params: Vec<Param>,
    /// The methods; a call names one by its place.
    pub methods: Vec<MethodInfo>,
    /// The options its author gave it.
    pub options: Options,
    /// How many calls of one actor may be in progress.
    pub concurrency: Concurrency,
}

/// A method.
#[derive(Clone, PartialEq, Debug)]
pub struct MethodInfo {
    /// Unique in the class.
    pub name: String,
    /// What its author wrote about it.
    pub docs: String,
    /// The parameters.
    pub params: Vec<Param>,
    /// The type of the result, as its author wrote it.
    pub returns: String,
    /// The type of the error, if it can fail.
    pub fails: Option<String>,
}

/// A parameter.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type, as its author wrote it.
    pub ty: String,
}

impl PackageInfo {
    /// Refuses a description with names that are missing, doubled or torn,
    /// with too many items, or with options that make no sense.
    pub fn check(&self) -> Result<(), Error> {
        if self.classes.len() > limits::DESCRIBED_ITEMS {
            return Err(Error::Invalid(format!(
                "the package describes {} classes; the most is {}",
                self.classes.len(),
                limits::DESCRIBED_ITEMS
            )));
        }
        check_unique("class", self.classes.iter().map(|class| class.name.as_str()))?;
        self.classes.iter().try_for_each(ClassInfo::check)
    }

    /// The class of this name.
    pub fn class(&self, name: &str) -> Option<&ClassInfo> {
        self.classes.iter().find(|class| class.name == name)
    }
}

impl ClassInfo {
    fn check(&self) -> Result<(), Error> {
        if self.methods.len() > limits::DESCRIBED_ITEMS {
            return Err(Error::Invalid(format!(
                "class {} describes {} methods; the most is {}",
                self.name,
                self.methods.len(),
                limits::DESCRIBED_ITEMS
            )));
        }
        check_unique("method", self.methods.iter().map(|method| method.name.as_str()))?;
        let params = self.methods.iter().map(|method| method.params.len());
        if let Some(count) = params.chain([self.params.len()]).find(|n| *n > limits::CALL_ARGS) {
            return Err(Error::Invalid(format!(
                "class {} has a method of {count} parameters; the most is {}",
                self.name,
                limits::CALL_ARGS
            )));
        }
        self.options
            .clone()
            .resolve(self.concurrency)
            .map(drop)
            .map_err(|error| Error::Invalid(format!("class {}: {error}", self.name)))
    }

    /// The place of the method of this name.
    pub fn method_index(&self, name: &str) -> Option<u32> {
        let index = self.methods.iter().position(|method| method.name == name)?;
        u32::try_from(index).ok()
    }

    /// The error for a method that is not there, with those that are.
    pub fn no_method(&self, name: &str) -> Error {
        let known: Vec<_> = self.methods.iter().map(|method| method.name.as_str()).collect();
        Error::Invalid(format!(
            "class {} has no method {name:?}; it has {}",
            self.name,
            if known.is_empty() { "none".into() } else { known.join(", ") }
        ))
    }
}

fn check_unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        check_name(what, name)?;
        if !seen.insert(name) {
            return Err(Error::Invalid(format!("the package describes {what} {name} twice")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str, methods: &[&str]) -> ClassInfo {
        let methods = methods.iter().map(|name| MethodInfo {
            name: (*name).into(),
            docs: String::new(),
            params: vec![],
            returns: "i64".into(),
            fails: None,
        });
        ClassInfo {
            name: name.into(),
            docs: String::new(),
            params: vec![],
            methods: methods.collect(),
            options: Options::default(),
            concurrency: Concurrency::Sequential,
        }
    }

    fn package(classes: Vec<ClassInfo>) -> PackageInfo {
        PackageInfo { sdk: "test".into(), classes, driver: None }
    }

    #[test]
    fn a_plain_description_is_fine() {
        let info = package(vec![class("Counter", &["increment", "get_value"])]);
        assert_eq!(info.check(), Ok(()));
        assert_eq!(info.class("Counter").unwrap().method_index("get_value"), Some(1));
    }

    #[test]
    fn doubled_empty_and_torn_names_are_refused() {
        for classes in [
            vec![class("A", &[]), class("A", &[])],
            vec![class("A", &["m", "m"])],
            vec![class("", &[])],
            vec![class("A\u{1b}[2J", &[])],
        ] {
            assert!(matches!(package(classes).check(), Err(Error::Invalid(_))));
        }
    }

    #[test]
    fn senseless_options_are_refused_with_the_class() {
        let mut bad = class("Counter", &[]);
        bad.options.max_concurrency = Some(7);
        let error = package(vec![bad]).check().unwrap_err();
        assert!(error.to_string().starts_with("class Counter: max_concurrency = 7"), "{error}");
    }

    #[test]
    fn an_unknown_method_is_answered_with_the_known_ones() {
        let error = class("Counter", &["increment", "get_value"]).no_method("incr");
        assert_eq!(
            error.to_string(),
            "class Counter has no method \"incr\"; it has increment, get_value"
        );
    }
}
