//! The calls of `--invoke`: checked against the package before anything runs,
//! then carried out one after the other.

use std::collections::HashMap;
use std::sync::Arc;

use host_core::Error;
use host_core::package::{ClassInfo, PackageInfo, Param};
use host_core::spec::Options;
use serde_json::{Value as Json, json};

use super::console::{Console, Format};
use super::explain::params;
use super::failure::Failure;
use super::invoke::{self, Invocation};
use super::text::{nearest, one_line};
use super::values::{self, Shown, Unreadable};
use crate::node::Job;
use crate::sandbox::Package;
use host_refs::{Args, Handle};

/// A call that makes sense for its package.
pub(super) struct Call {
    pub(super) class: String,
    /// The constructor's arguments: given to the first call of each class.
    pub(super) construct: Option<Args>,
    pub(super) method: String,
    pub(super) args: Args,
    /// As it was written.
    pub(super) text: String,
}

/// Reads the calls and checks them against the package. `Err` is a usage
/// error: nothing has run yet.
pub(super) fn plan(package: &PackageInfo, texts: &[String]) -> Result<Vec<Call>, Failure> {
    let mut constructed = Vec::new();
    texts
        .iter()
        .map(|text| {
            let refuse = |reason: String| Failure::usage(format!("--invoke {text:?}: {reason}"));
            let invocation = invoke::parse(text).map_err(|error| refuse(error.to_string()))?;
            let first = !constructed.contains(&invocation.class);
            let call = check(package, invocation, first).map_err(refuse)?;
            constructed.push(call.class.clone());
            Ok(call)
        })
        .collect()
}

/// One actor per class, and the calls to it.
pub(super) async fn run(
    job: &Job,
    package: &Arc<Package>,
    calls: Vec<Call>,
    console: &Console,
) -> Result<(), Failure> {
    let mut actors: HashMap<String, Handle> = HashMap::new();
    for call in calls {
        let fail = |error| Failure::call(&call.text, error);
        if let Some(args) = call.construct {
            let options = Options::default();
            let placed = job.place(package, &call.class, args, options).await;
            let actor = placed.map_err(fail)?;
            actors.insert(call.class.clone(), actor);
        }
        let actor = &actors[&call.class];
        let outcome = job.ask(actor, &call.method, call.args).await;
        let value = outcome.map_err(|error| Failure::call(&call.text, error))?;
        let line = result_line(&call.text, &Shown::from(&value), console.format)
            .map_err(|error| Failure::call(&call.text, Error::Invalid(error.to_string())))?;
        console.write_out(&line);
    }
    Ok(())
}

/// A result in one line: as JSON, or inside an object that names the call.
pub(super) fn result_line(
    call: &str,
    value: &Shown,
    format: Format,
) -> Result<Vec<u8>, Unreadable> {
    let mut line = Vec::new();
    match format {
        Format::Text => values::write(value, &mut line)?,
        Format::Json => {
            line.extend_from_slice(format!("{{\"call\":{},\"result\":", json!(call)).as_bytes());
            values::write(value, &mut line)?;
            line.push(b'}');
        }
    }
    line.push(b'\n');
    Ok(line)
}

fn check(package: &PackageInfo, given: Invocation, first: bool) -> Result<Call, String> {
    let Invocation { class: name, construct, method, args, text } = given;
    let class = package.class(&name).ok_or_else(|| no_class(package, &name))?;
    let construct = match (construct, first) {
        (Some(_), false) => {
            return Err(format!(
                "the {name} is made by the first call to it: give its constructor's arguments there"
            ));
        }
        (None, false) => None,
        (given, true) => {
            let given = given.unwrap_or_default();
            Some(checked(
                &given,
                &class.params,
                || format!("write {name}({}).{method}(…)", params(&class.params)),
                &format!("the constructor of {name}"),
            )?)
        }
    };
    let info = class.methods.iter().find(|known| known.name == method);
    let info = info.ok_or_else(|| no_method(class, &method))?;
    let what = format!("{name}.{method}");
    let args =
        checked(&args, &info.params, || format!("write {what}({})", params(&info.params)), &what)?;
    Ok(Call { class: name, construct, method, args, text })
}

/// The arguments encoded, if they are as many as the parameters.
fn checked(
    given: &[Json],
    wanted: &[Param],
    form: impl Fn() -> String,
    what: &str,
) -> Result<Args, String> {
    if given.len() != wanted.len() {
        let plural = if wanted.len() == 1 { "" } else { "s" };
        return Err(format!(
            "{what} takes {} argument{plural}, not {}: {}",
            wanted.len(),
            given.len(),
            form()
        ));
    }
    let mut bytes = Vec::new();
    for (json, param) in given.iter().zip(wanted) {
        values::append(json, &mut bytes)
            .map_err(|reason| format!("{}: {reason}", one_line(&param.name)))?;
    }
    Ok(Args::plain(bytes))
}

fn no_class(package: &PackageInfo, given: &str) -> String {
    let known = || package.classes.iter().map(|class| class.name.as_str());
    format!("the package has no class {given:?}; {}", choices(given, known))
}

fn no_method(class: &ClassInfo, given: &str) -> String {
    let known = || class.methods.iter().map(|method| method.name.as_str());
    format!("class {} has no method {given:?}; {}", class.name, choices(given, known))
}

/// The name that was probably meant, or all there are.
fn choices<'a, I: Iterator<Item = &'a str>>(given: &str, known: impl Fn() -> I) -> String {
    if let Some(near) = nearest(given, known()) {
        return format!("did you mean {near}?");
    }
    let all: Vec<_> = known().collect();
    if all.is_empty() { "it has none".into() } else { format!("it has {}", all.join(", ")) }
}

#[cfg(test)]
mod tests {
    use host_core::package::MethodInfo;
    use host_core::spec::Concurrency;
    use host_refs::Value;

    use super::*;

    fn param(name: &str, ty: &str) -> Param {
        Param { name: name.into(), ty: ty.into() }
    }

    fn package() -> PackageInfo {
        let add = MethodInfo {
            name: "add".into(),
            docs: String::new(),
            params: vec![param("by", "i64"), param("note", "String")],
            returns: "i64".into(),
            fails: None,
        };
        let get_value = MethodInfo { name: "get_value".into(), params: vec![], ..add.clone() };
        let counter = ClassInfo {
            name: "Counter".into(),
            docs: String::new(),
            params: vec![param("start", "i64")],
            methods: vec![add, get_value],
            options: Options::default(),
            concurrency: Concurrency::Sequential,
        };
        PackageInfo { sdk: "test".into(), classes: vec![counter], driver: None }
    }

    fn planned(texts: &[&str]) -> Result<Vec<Call>, String> {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_string()).collect();
        plan(&package(), &texts).map_err(|failure| failure.to_string())
    }

    fn refused(texts: &[&str], reason: &str) {
        let Err(error) = planned(texts) else { panic!("{texts:?} is accepted") };
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn the_first_call_makes_the_actor() {
        let calls = planned(&["Counter(5).get_value()", "Counter.add(1, \"x\")"]).unwrap();
        assert!(calls[0].construct.is_some() && calls[1].construct.is_none());
        assert_eq!(&*calls[1].args.values.bytes, b"\x01\xa1x");
    }

    #[test]
    fn a_slip_is_answered_with_what_was_meant() {
        refused(&["Countr(1).add()"], "did you mean Counter?");
        refused(&["Counter(1).getvalue()"], "did you mean get_value?");
        refused(&["Counter(1).reset()"], "it has add, get_value");
        refused(&["Bank.reset()"], "it has Counter");
    }

    #[test]
    fn arguments_are_counted_before_anything_runs() {
        refused(&["Counter.get_value()"], "takes 1 argument, not 0: write Counter(start: i64)");
        refused(
            &["Counter(1).add(1)"],
            "Counter.add takes 2 arguments, not 1: write Counter.add(by: i64, note: String)",
        );
        refused(&["Counter(1).get_value()", "Counter(2).get_value()"], "made by the first call");
    }

    #[test]
    fn an_argument_that_cannot_be_sent_is_named() {
        refused(&["Counter(1).add({\"$bytes\": \"?\"}, 1)"], "by: ");
    }

    #[test]
    fn results_are_json_in_a_line() {
        let value = Value::plain(vec![0x92, 1, 2]);
        let line = |format| {
            String::from_utf8(result_line("A.b(\"x\")", &Shown::from(&value), format).unwrap())
        };
        assert_eq!(line(Format::Text).unwrap(), "[1,2]\n");
        assert_eq!(line(Format::Json).unwrap(), "{\"call\":\"A.b(\\\"x\\\")\",\"result\":[1,2]}\n");
    }
}
