//! What a class says of itself, as the host sees it.

use std::collections::BTreeMap;

use greenroom::prelude::*;

#[allow(dead_code, reason = "only described")]
struct Library {
    books: BTreeMap<String, Vec<(u32, Option<String>)>>,
}

/// Lends books.
///
/// To members only.
#[actor(
    cpus = 0.5,
    gpus = 1,
    memory = "256MiB",
    resources(tpu = 2, "fast disk" = 0.5),
    strategy = "near-node beta",
    labels = "zone=a, !slow",
    max_restarts = 3,
    max_retries = -1,
    max_pending_calls = 100,
    name = "library",
    namespace = "town",
    detached,
    isolation = "process"
)]
impl Library {
    fn new(name: String, mut size: usize) -> std::io::Result<Self> {
        size += name.len();
        let _ = size;
        Ok(Library { books: BTreeMap::new() })
    }

    /// Lends one.
    fn lend(&mut self, title: String, r#type: Option<u32>) -> Result<(), String> {
        drop((title, r#type));
        Ok(())
    }

    fn books(&self) -> BTreeMap<String, Vec<(u32, Option<String>)>> {
        self.books.clone()
    }

    fn r#move(&self, (_from, _to): (u8, [u8; 4])) -> Result<Option<Bytes>> {
        Ok(None)
    }

    fn close(&mut self) {}

    /// Not a method: others cannot call it.
    fn rules() -> &'static str {
        "be quiet"
    }
}

#[test]
fn a_class_describes_its_methods_as_written() {
    let class = <Library as Actor>::CLASS;
    assert_eq!(class.name, "Library");
    assert_eq!(class.docs, "Lends books.\n\nTo members only.");
    let params = |params: &[greenroom::__private::Param]| -> String {
        let params = params.iter().map(|param| format!("{}: {}", param.name, param.ty));
        params.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(params(class.params), "name: String, size: usize");
    let methods: Vec<String> = class
        .methods
        .iter()
        .map(|method| {
            let (name, params) = (method.name, params(method.params));
            format!("{name}({params}) -> {} ! {:?} {}", method.returns, method.fails, method.docs)
        })
        .collect();
    assert_eq!(
        methods,
        [
            "lend(title: String, type: Option<u32>) -> () ! Some(\"String\") Lends one.",
            "books() -> BTreeMap<String, Vec<(u32, Option<String>)>> ! None ",
            "move(arg0: (u8, [u8; 4])) -> Option<Bytes> ! Some(\"Error\") ",
            "close() -> () ! None ",
        ]
    );
    assert!(!class.is_concurrent());
    assert_eq!(Library::rules(), "be quiet");
}

#[test]
fn a_class_describes_its_options() {
    let options = (<Library as Actor>::CLASS.options)();
    assert_eq!(options.cpus, Some(0.5));
    assert_eq!(options.gpus, Some(1.0));
    assert_eq!(options.memory, Some(256 << 20));
    assert_eq!(options.resources, [("tpu".to_owned(), 2.0), ("fast disk".to_owned(), 0.5)]);
    let beta = greenroom::__private::Strategy::NearNode("beta".to_owned());
    assert_eq!(options.strategy, Some(beta));
    assert_eq!(options.labels, ["zone=a, !slow"]);
    assert_eq!(options.max_restarts, Some(3));
    assert_eq!(options.max_retries, Some(-1));
    assert_eq!(options.max_concurrency, None);
    assert_eq!(options.max_pending_calls, Some(100));
    assert_eq!(options.name.as_deref(), Some("library"));
    assert_eq!(options.namespace.as_deref(), Some("town"));
    assert_eq!(options.detached, Some(true));
    assert_eq!(options.isolation, Some(greenroom::Isolation::Process));
}

#[test]
fn a_method_may_have_a_name_that_is_a_keyword() {
    let library = Library::remote("main", 3usize).unwrap();
    assert_eq!(get(library.r#move((1, [2; 4])).remote().unwrap()).unwrap(), None);
}
