//! What a package offers, as text for people.

use std::fmt::Write;

use host_core::package::{ClassInfo, MethodInfo, PackageInfo, Param};

use super::text::{one_line, summary};

/// How wide a signature may be to have its explanation beside it.
const SIGNATURE_WIDTH: usize = 40;

/// `by: i64, note: String`.
pub(super) fn params(params: &[Param]) -> String {
    let shown = params.iter().map(|param| match param.ty.is_empty() {
        true => one_line(&param.name),
        false => format!("{}: {}", one_line(&param.name), one_line(&param.ty)),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// `add(by: i64) -> i64, or fails with Overflow`.
pub(super) fn signature(method: &MethodInfo) -> String {
    let mut text = format!("{}({})", method.name, params(&method.params));
    let returns = one_line(&method.returns);
    if !returns.is_empty() && returns != "()" {
        let _ = write!(text, " -> {returns}");
    }
    if let Some(error) = &method.fails {
        let _ = write!(text, ", or fails with {}", one_line(error));
    }
    text
}

/// Every class with its constructor and methods.
pub(super) fn classes(package: &PackageInfo) -> String {
    let mut text = String::new();
    for class in &package.classes {
        let _ = writeln!(text, "{}", with_docs(&class.name, &class.docs));
        let constructor = format!("{}({})", class.name, params(&class.params));
        let _ = writeln!(text, "  {}", with_docs(&constructor, "The constructor."));
        for method in &class.methods {
            let _ = writeln!(text, "  {}", with_docs(&signature(method), &method.docs));
        }
    }
    text
}

/// What can be done with a package that has no driver.
pub(super) fn invocable(package: &PackageInfo, file: &str) -> String {
    let mut text = format!("{}\n", classes(package));
    let callable = package.classes.iter().find_map(|class| Some((class, class.methods.first()?)));
    match callable {
        Some((class, method)) => {
            let call = example(class, method);
            let _ = writeln!(text, "For example: host run {file} --invoke '{call}'");
        }
        None => text.push_str("The package has no methods.\n"),
    }
    text
}

/// A call with the parameters' names and types where the arguments go.
fn example(class: &ClassInfo, method: &MethodInfo) -> String {
    let constructor = match class.params.is_empty() {
        true => class.name.clone(),
        false => format!("{}({})", class.name, params(&class.params)),
    };
    format!("{constructor}.{}({})", method.name, params(&method.params))
}

fn with_docs(what: &str, docs: &str) -> String {
    let docs = summary(docs);
    if docs.is_empty() {
        return what.into();
    }
    format!("{what:SIGNATURE_WIDTH$}  {docs}")
}

#[cfg(test)]
mod tests {
    use host_core::spec::{Concurrency, Options};

    use super::*;

    fn package() -> PackageInfo {
        let draw = MethodInfo {
            name: "draw".into(),
            docs: "Takes money out.\n\nNever more than there is.".into(),
            params: vec![Param { name: "sum".into(), ty: "u64".into() }],
            returns: "u64".into(),
            fails: Some("Short".into()),
        };
        let close = MethodInfo {
            name: "close".into(),
            docs: String::new(),
            params: vec![],
            returns: "()".into(),
            fails: None,
        };
        let account = ClassInfo {
            name: "Account".into(),
            docs: "Holds\u{1b} money.".into(),
            params: vec![Param { name: "owner".into(), ty: "String".into() }],
            methods: vec![draw, close],
            options: Options::default(),
            concurrency: Concurrency::Sequential,
        };
        PackageInfo { sdk: "test".into(), classes: vec![account], driver: None }
    }

    #[test]
    fn a_signature_names_parameters_types_and_errors() {
        let package = package();
        let signatures: Vec<_> = package.classes[0].methods.iter().map(signature).collect();
        assert_eq!(signatures, ["draw(sum: u64) -> u64, or fails with Short", "close()"]);
    }

    #[test]
    fn a_package_without_a_driver_is_explained_with_an_example() {
        let text = invocable(&package(), "bank.wasm");
        assert!(text.contains("Holds money."), "{text}");
        assert!(text.contains("  Account(owner: String)"), "{text}");
        assert!(text.contains("Takes money out.\n"), "{text}");
        assert!(
            text.ends_with(
                "For example: host run bank.wasm \
                 --invoke 'Account(owner: String).draw(sum: u64)'\n"
            ),
            "{text}"
        );
    }
}
