//! The import rule: in the host, dependencies point one way.
//!
//! The rules of `host-core` lie lowest; above them the layers of
//! [`LAYERS`], each of which may name those before it. A lower layer reaches
//! a higher one only through a trait that it declares itself. The check reads
//! the paths in the source (`use` lines and others, in macros too), so that a
//! wrong arrow fails a test and not a review.

mod paths;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use self::paths::{Mention, mentions};

/// The modules of the host, lowest layer first.
const LAYERS: [&[&str]; 8] = [
    &["log", "meters", "trace"],
    &["sandbox", "store"],
    &["worker"],
    &["actor"],
    &["node"],
    &["admin"],
    &["cluster"],
    &["dashboard", "cli"],
];

/// Arrows between modules of one layer that are allowed: from, to, why.
const SIDEWAYS: [(&str, &str, &str); 0] = [];

/// Crates that only one module may name: crate, module.
const OWNED: [(&str, &str); 3] =
    [("wasmtime", "sandbox"), ("wasmtime_wasi", "sandbox"), ("host_toolchain", "cli")];

/// What the rules may not name: whatever waits, tells the time, is random or
/// touches the world, since the simulator has to own all of it.
const IMPURE: [&str; 16] = [
    "tokio",
    "wasmtime",
    "tonic",
    "rand",
    "getrandom",
    "fastrand",
    "parking_lot",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::hash::RandomState",
];

/// A path that breaks the rule.
struct Violation {
    file: PathBuf,
    line: usize,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// Checks a file of the package `host`; `file` is relative to its `src`.
fn check_host(file: &Path, text: &str) -> Vec<Violation> {
    let module = module_of(file);
    let mut found = Vec::new();
    let mut report = |line, what| found.push(Violation { file: file.to_owned(), line, what });
    if let Some(own) = module.first()
        && layer(own).is_none()
    {
        report(1, format!("module {own} is in no layer; add it to LAYERS in {}", file!()));
        return found;
    }
    for mention in mentions(text, &module) {
        if let Some(what) = wrong_arrow(module.first().map(String::as_str), &mention) {
            report(mention.line, what);
        }
    }
    found
}

/// What is wrong with a path in the module `own`, or in the crate's root.
fn wrong_arrow(own: Option<&str>, mention: &Mention) -> Option<String> {
    let target = mention.path.first().map_or("*", String::as_str);
    if !mention.in_crate {
        let (_, owner) = OWNED.iter().find(|(name, _)| *name == target)?;
        let allowed = own == Some(owner);
        return (!allowed).then(|| format!("names {target}, which only {owner} may name"));
    }
    // The root wires the modules up.
    let own = own.filter(|own| *own != target)?;
    let Some(its_layer) = layer(target) else {
        return Some(format!("names crate::{target}, which is no module of a layer"));
    };
    let own_layer = layer(own)?;
    let sideways = SIDEWAYS.iter().any(|(from, to, _)| *from == own && *to == target);
    match its_layer.cmp(&own_layer) {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal if sideways => None,
        std::cmp::Ordering::Equal => {
            Some(format!("{own} names {target}, which is beside it in its layer"))
        }
        std::cmp::Ordering::Greater => Some(format!(
            "{own} names {target}, which lies above it; declare a trait in {own} that {target} implements"
        )),
    }
}

/// Checks a file of the package `host-core`.
fn check_core(file: &Path, text: &str) -> Vec<Violation> {
    let outside = mentions(text, &module_of(file)).into_iter().filter(|mention| !mention.in_crate);
    outside
        .filter_map(|mention| {
            let impure = IMPURE.iter().find(|impure| reaches(&mention, impure))?;
            let what =
                format!("the rules name {}, which gives them {impure}", mention.path.join("::"));
            Some(Violation { file: file.to_owned(), line: mention.line, what })
        })
        .collect()
}

/// Whether a path names `wanted` or something in it, or imports something that
/// `wanted` could then be named through.
fn reaches(mention: &Mention, wanted: &str) -> bool {
    let wanted: Vec<&str> = wanted.split("::").collect();
    let path: Vec<&str> = mention.path.iter().map(String::as_str).collect();
    path.starts_with(&wanted) || (mention.imported && wanted.starts_with(&path))
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// The module a file holds: `store/spill.rs` is store::spill, `lib.rs` the root.
fn module_of(file: &Path) -> Vec<String> {
    let mut module: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// Checks every Rust file below a folder.
fn check_tree(src: &Path, check: fn(&Path, &str) -> Vec<Violation>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a source folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                let file = path.strip_prefix(src).expect("it was found there");
                found.extend(
                    check(file, &text)
                        .into_iter()
                        .map(|violation| Violation { file: path.clone(), ..violation }),
                );
            }
        }
    }
    found
}

mod tests {
    use super::*;

    fn assert_none(violations: &[Violation]) {
        let list: String = violations.iter().map(|violation| format!("\n{violation}")).collect();
        assert!(violations.is_empty(), "imports that break the layers (DESIGN):{list}");
    }

    /// Checks a snippet as a file of the host: the violations, one a line.
    fn host(file: &str, text: &str) -> String {
        let lines: Vec<String> =
            check_host(Path::new(file), text).iter().map(Violation::to_string).collect();
        lines.join("\n")
    }

    fn core(text: &str) -> String {
        let lines: Vec<String> =
            check_core(Path::new("lib.rs"), text).iter().map(Violation::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn dependencies_of_the_host_point_one_way() {
        assert_none(&check_tree(&crate::project::root().join("host/src"), check_host));
    }

    #[test]
    fn rules_are_pure() {
        assert_none(&check_tree(&crate::project::root().join("host/core/src"), check_core));
    }

    #[test]
    fn arrow_upwards_is_reported_with_file_and_line() {
        let text = "use std::fmt;\n\nuse crate::actor::Mailbox;\n";
        assert_eq!(
            host("store/spill.rs", text),
            "store/spill.rs:3: store names actor, which lies above it; \
             declare a trait in store that actor implements"
        );
    }

    #[test]
    fn arrow_downwards_and_within_a_module_is_fine() {
        let text = "use crate::{actor::Mailbox, node::{self, Node}, log};\nuse super::other;\n\
                    fn f() -> crate::store::Store { host_core::x(); self::g() }";
        assert_eq!(host("node/wiring.rs", text), "");
    }

    #[test]
    fn arrow_sideways_is_reported() {
        assert!(host("store.rs", "use crate::sandbox::X;").contains("beside it"));
    }

    #[test]
    fn arrow_is_seen_through_super_groups_expressions_macros_and_nested_modules() {
        for text in [
            "use super::super::node::Node;",
            "use super::super::{store, node::Node};",
            "fn f() { crate::node::go() }",
            "fn f() { select! { x = crate::node::go() => {} } }",
            "fn f(x: Vec<crate::node::Node>) {}",
            "mod tests { use super::super::super::node::Node; }",
            "#[derive(crate::node::Derive)] struct X;",
            "use crate::node;",
            "pub use crate::node as n;",
        ] {
            assert!(host("actor/task.rs", text).contains("actor names node"), "{text}");
        }
    }

    #[test]
    fn root_may_not_be_used_as_a_way_around() {
        assert!(host("store.rs", "use crate::*;").contains("no module of a layer"));
        assert!(host("store.rs", "use super::*;").contains("no module of a layer"));
        assert!(host("store.rs", "use crate as c;").contains("no module of a layer"));
        assert!(host("store.rs", "use crate::Node;").contains("no module of a layer"));
        assert_eq!(host("lib.rs", "pub use crate::node::Node;\npub use crate::store::Store;"), "");
    }

    #[test]
    fn wasmtime_is_named_in_the_sandbox_only() {
        assert_eq!(host("sandbox/engine.rs", "use wasmtime::Engine;"), "");
        for (file, text) in [
            ("actor/task.rs", "fn f() -> wasmtime::Result<()> { todo() }"),
            ("lib.rs", "pub use wasmtime;"),
            ("cli.rs", "use ::wasmtime_wasi::X;"),
        ] {
            assert!(host(file, text).contains("which only sandbox may name"), "{text}");
        }
    }

    #[test]
    fn module_of_no_layer_is_reported() {
        assert!(host("helpers/mod.rs", "").contains("module helpers is in no layer"));
    }

    #[test]
    fn comments_and_strings_are_not_imports() {
        let text =
            "//! See [`crate::node`].\n// use crate::node;\nconst X: &str = \"crate::node::X\";";
        assert_eq!(host("store.rs", text), "");
    }

    #[test]
    fn clock_and_io_in_the_rules_are_reported() {
        for text in [
            "use std::time::{Duration, Instant};",
            "use std::time;",
            "use std::time::*;",
            "use std::time::{self, Duration};",
            "fn f() { std::fs::read(\"x\"); }",
            "use std::{fmt, net::IpAddr};",
            "use tokio::sync::mpsc;",
            "use rand;",
        ] {
            assert!(core(text).starts_with("lib.rs:1: the rules name "), "{text}");
        }
        assert_eq!(core("use std::time::Duration;\nfn f(x: std::time::Duration) {}"), "");
    }
}
