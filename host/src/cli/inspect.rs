//! `host inspect`: what is in a package, without running it.

use std::path::PathBuf;
use std::sync::Arc;

use host_core::package::{ClassInfo, MethodInfo, Param};
use host_core::resources::format_bytes;
use host_core::spec::{Concurrency, Options};
use serde_json::{Map, Value as Json, json};

use super::console::{Console, Format};
use super::explain::{params, signature};
use super::failure::Failure;
use super::options::CacheOptions;
use super::package::{self, Source};
use super::project::BuildOptions;
use super::table::{laid_out, table};
use super::text::{one_line, summary};
use crate::sandbox::{CONTRACT_VERSION, Package, World};

/// Show what is in a package: classes, methods, imports, grants it may need
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Inspect {
    /// A package file, or the folder of an actor project, which is built first
    #[arg(value_name = "FILE|PATH")]
    path: PathBuf,
    #[command(flatten)]
    cache: CacheOptions,
    #[command(flatten, next_help_heading = "Building (if a folder is given)")]
    build: BuildOptions,
}

const EXAMPLES: &str = "\
Examples:
  host inspect counter.wasm
  host inspect counter.wasm --format json | jq .classes[].name

Nothing of the package runs but its description of itself.";

/// WASI interfaces that do nothing without a grant, and the grant.
const GRANTS: [(&str, &str, &str); 3] = [
    ("wasi:filesystem/", "files", "--dir"),
    ("wasi:sockets/", "network", "--net"),
    ("wasi:cli/environment", "environment", "--env"),
];

impl Inspect {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        let source = Source::of(&self.path, &self.build, console)?;
        let bytes = source.read()?;
        let size = bytes.len() as u64;
        let package = package::inspect(&source, bytes, &self.cache, console)?;
        match console.format {
            Format::Text => console.out(&for_people(source.name(), size, &package)),
            Format::Json => console.out(&format!("{}\n", for_programs(size, &package))),
        }
        Ok(())
    }
}

fn world(package: &Package) -> &'static str {
    match package.code.world {
        World::Sequential => "actor",
        World::Concurrent => "async-actor",
    }
}

fn may_use(package: &Package) -> Vec<(&'static str, &'static str)> {
    let imports =
        |interface: &str| package.code.imports.iter().any(|import| import.starts_with(interface));
    let wanted = GRANTS.into_iter().filter(|(interface, ..)| imports(interface));
    wanted.map(|(_, what, grant)| (what, grant)).collect()
}

fn for_people(name: &str, size: u64, package: &Package) -> String {
    let info = &package.info;
    let may_use: Vec<_> =
        may_use(package).iter().map(|(what, grant)| format!("{what} ({grant})")).collect();
    let mut facts = table();
    let mut fact = |what: &str, is: String| {
        facts.add_row([what, &is]);
    };
    fact("package", name.into());
    fact("size", format_bytes(size));
    fact("hash", package.code.id.to_string());
    fact("contract", format!("greenroom:actor@{CONTRACT_VERSION}, world {}", world(package)));
    fact("sdk", one_line(&info.sdk));
    fact("driver", driver(info.driver.as_deref()));
    fact("may use", if may_use.is_empty() { "nothing".into() } else { may_use.join(", ") });
    fact("imports", imports(package));
    let mut text = laid_out(&facts);
    for class in &info.classes {
        text.push('\n');
        text.push_str(&class_for_people(class));
    }
    text
}

fn driver(docs: Option<&str>) -> String {
    match docs.map(summary) {
        None => "none".into(),
        Some(docs) if docs.is_empty() => "yes".into(),
        Some(docs) => docs,
    }
}

fn imports(package: &Package) -> String {
    let all: Vec<_> = package.code.imports.iter().map(|import| one_line(import)).collect();
    if all.is_empty() { "nothing beyond the contract".into() } else { all.join("\n") }
}

fn class_for_people(class: &ClassInfo) -> String {
    let kind = match class.concurrency {
        Concurrency::Sequential => "one call at a time",
        Concurrency::Concurrent => "async",
    };
    let mut text = format!("class {} ({kind})", class.name);
    let options = options(&class.options);
    if !options.is_empty() {
        let shown = options.iter().map(|(name, value)| format!("{name} = {value}"));
        text.push_str(&format!(", {}", one_line(&shown.collect::<Vec<_>>().join(", "))));
    }
    text.push('\n');
    let docs = summary(&class.docs);
    if !docs.is_empty() {
        text.push_str(&format!("  {docs}\n"));
    }
    let mut methods = table();
    methods.add_row([format!("new({})", params(&class.params)), "The constructor.".into()]);
    for method in &class.methods {
        methods.add_row([signature(method), summary(&method.docs)]);
    }
    text.push_str(&laid_out(&methods));
    text
}

fn for_programs(size: u64, package: &Package) -> Json {
    let info = &package.info;
    let may_use: Vec<_> = may_use(package).into_iter().map(|(what, _)| what).collect();
    json!({
        "size": size,
        "hash": package.code.id.to_string(),
        "contract": CONTRACT_VERSION,
        "world": world(package),
        "sdk": info.sdk,
        "driver": info.driver.as_ref().map(|docs| json!({ "docs": docs })),
        "may_use": may_use,
        "imports": package.code.imports,
        "classes": info.classes.iter().map(class_for_programs).collect::<Vec<_>>(),
    })
}

fn class_for_programs(class: &ClassInfo) -> Json {
    let ClassInfo { name, docs, params, methods, options: given, concurrency } = class;
    json!({
        "name": name,
        "docs": docs,
        "params": params.iter().map(param_for_programs).collect::<Vec<_>>(),
        "methods": methods.iter().map(method_for_programs).collect::<Vec<_>>(),
        "options": options(given).into_iter().collect::<Map<_, _>>(),
        "async": *concurrency == Concurrency::Concurrent,
    })
}

fn method_for_programs(method: &MethodInfo) -> Json {
    let MethodInfo { name, docs, params, returns, fails } = method;
    json!({
        "name": name,
        "docs": docs,
        "params": params.iter().map(param_for_programs).collect::<Vec<_>>(),
        "returns": returns,
        "fails": fails,
    })
}

fn param_for_programs(param: &Param) -> Json {
    json!({ "name": param.name, "type": param.ty })
}

/// The options that are given, by name.
fn options(options: &Options) -> Vec<(String, Json)> {
    let Options {
        cpus,
        gpus,
        memory,
        resources,
        strategy,
        labels,
        max_restarts,
        max_retries,
        max_concurrency,
        max_pending_calls,
        name,
        namespace,
        detached,
        isolation,
        // No class can know of one.
        group: _,
    } = options;
    let custom: Map<String, Json> =
        resources.iter().map(|(name, amount)| (name.clone(), json!(amount))).collect();
    let all = [
        ("cpus", json!(cpus)),
        ("gpus", json!(gpus)),
        ("memory", json!(memory)),
        ("resources", if custom.is_empty() { Json::Null } else { Json::Object(custom) }),
        ("strategy", json!(strategy.as_ref().map(ToString::to_string))),
        ("labels", if labels.is_empty() { Json::Null } else { json!(labels.join(", ")) }),
        ("max_restarts", json!(max_restarts)),
        ("max_retries", json!(max_retries)),
        ("max_concurrency", json!(max_concurrency)),
        ("max_pending_calls", json!(max_pending_calls)),
        ("name", json!(name)),
        ("namespace", json!(namespace)),
        ("detached", json!(detached)),
        ("isolation", json!(isolation.map(|isolation| isolation.to_string()))),
    ];
    let given = all.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (name.to_string(), value)).collect()
}

#[cfg(test)]
mod tests {
    use host_core::placement::Strategy;

    use super::*;

    #[test]
    fn only_options_that_are_given_are_shown() {
        assert_eq!(options(&Options::default()), []);
        let given = Options {
            cpus: Some(0.5),
            resources: vec![("licence".into(), 2.0)],
            strategy: Some(Strategy::Only("beta".into())),
            labels: vec!["zone=a".into(), "!slow".into()],
            detached: Some(true),
            isolation: Some(host_core::spec::Isolation::Process),
            ..Options::default()
        };
        let shown: Json = options(&given).into_iter().collect::<Map<_, _>>().into();
        let expected = json!({
            "cpus": 0.5, "resources": {"licence": 2.0}, "strategy": "on-node beta",
            "labels": "zone=a, !slow", "detached": true, "isolation": "process",
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_class_is_shown_with_what_it_asks_for() {
        let class = ClassInfo {
            name: "Counter".into(),
            docs: "Counts.".into(),
            params: vec![Param { name: "start".into(), ty: "i64".into() }],
            methods: vec![],
            options: Options { max_restarts: Some(3), ..Options::default() },
            concurrency: Concurrency::Sequential,
        };
        let text = class_for_people(&class);
        assert!(
            text.starts_with("class Counter (one call at a time), max_restarts = 3\n  Counts.\n"),
            "{text}"
        );
        assert!(text.contains("new(start: i64)"), "{text}");
        assert_eq!(class_for_programs(&class)["options"], json!({"max_restarts": 3}));
    }
}
