//! No guest without a test.

use std::path::Path;

use tests::guests;

/// Every method of every class is named, in quotes, by a test; so is every
/// guest. What nothing calls is dead weight that only looks like a test.
#[test]
fn every_guest_is_used_by_a_test() {
    let mut tests = String::new();
    read_all(&guests::workspace().join("tests/it"), &mut tests);
    for (name, path) in guests::sources() {
        assert!(tests.contains(&format!("{name:?}")), "no test runs the guest {name}");
        let source = std::fs::read_to_string(&path).expect("a source can be read");
        for method in methods(&source) {
            let called = tests.contains(&format!("\"{method}\"")) || uses(&source, method);
            assert!(called, "no test calls {method} of {}", path.display());
        }
    }
}

/// The methods of all classes in a guest's source.
fn methods(source: &str) -> impl Iterator<Item = &str> {
    let blocks = source.split("#[actor").skip(1);
    blocks.flat_map(|block| {
        let end = block.find("\n}").unwrap_or(block.len());
        block[..end].lines().filter_map(method)
    })
}

/// The method that a line of an actor's `impl` block begins.
fn method(line: &str) -> Option<&str> {
    let signature = line.strip_prefix("    fn ").or_else(|| line.strip_prefix("    async fn "))?;
    let (name, params) = signature.split_once('(')?;
    (params.starts_with("&self") || params.starts_with("&mut self")).then_some(name)
}

/// Whether another actor of the guest calls it.
fn uses(source: &str, method: &str) -> bool {
    source.contains(&format!(".{method}("))
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            read_all(&path, text);
        } else {
            text.push_str(&std::fs::read_to_string(&path).expect("a source can be read"));
        }
    }
}
