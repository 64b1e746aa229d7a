//! The word count runs over a real tree, and a plain loop over the same files
//! has to agree with it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use tests::{check_with, guests, until};
use wordcount::words::{Counts, count_file};

use super::{Access, DirGrant, World};

/// What is counted has at least this many bytes.
const BYTES_MIN: u64 = 128 << 20;

/// Objects get less memory than the text has: what is counted has to go.
const STORE_BYTES: u64 = 32 << 20;

/// The sources that cargo keeps of all packages it ever built.
fn sources() -> PathBuf {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let sources = home.expect("there is a home folder").join("registry/src");
    assert!(sources.is_dir(), "{} is not there; it is the text to count", sources.display());
    sources
}

/// The files below a folder, without following links.
fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("cargo's folders can be listed") {
        let entry = entry.expect("a folder can be listed to its end");
        let kind = entry.file_type().expect("entries have types");
        if kind.is_dir() {
            files_below(&entry.path(), files);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
}

/// What a loop without actors counts.
#[derive(Default)]
struct Plain {
    bytes: u64,
    counts: Counts,
}

impl Plain {
    fn add(&mut self, folder: &Path) {
        let mut files = Vec::new();
        files_below(folder, &mut files);
        for file in files {
            self.bytes += count_file(&file, &mut self.counts).expect("cargo's files can be read");
        }
    }

    /// What the example should print.
    fn report(&self) -> String {
        let mut top: Vec<_> = self.counts.iter().collect();
        top.sort_by(|(a, times_a), (b, times_b)| times_b.cmp(times_a).then(a.cmp(b)));
        let words: u64 = self.counts.values().sum();
        let mut report = format!("words: {words}\ndistinct: {}\n", self.counts.len());
        for (word, times) in top.into_iter().take(10) {
            report += &format!("{times:>10} {word}\n");
        }
        report
    }
}

/// Counts packages until there is enough text, each again if there is too
/// little; answers their names for the guest as well.
fn count_plainly(sources: &Path) -> (Plain, Vec<String>) {
    let mut packages = Vec::new();
    for registry in fs::read_dir(sources).expect("cargo's folder can be listed") {
        let registry = registry.expect("a folder can be listed to its end").path();
        let entries = fs::read_dir(registry).expect("a registry's folder can be listed");
        packages.extend(entries.map(|entry| entry.expect("it is a folder").path()));
    }
    assert!(!packages.is_empty(), "{} is empty", sources.display());
    packages.sort();
    let (mut plain, mut names) = (Plain::default(), Vec::new());
    for package in packages.iter().cycle() {
        plain.add(package);
        let below = package.strip_prefix(sources).expect("it was found there");
        names.push(format!("/src/{}", below.display()));
        if plain.bytes >= BYTES_MIN {
            break;
        }
    }
    (plain, names)
}

#[test]
fn wordcount_agrees_with_a_plain_loop() {
    let sources = sources();
    let (plain, folders) = count_plainly(&sources);
    let component = guests::example("wordcount");
    let grant = DirGrant { path: sources, guest_path: "/src".to_owned(), access: Access::ReadOnly };
    let run = async move |world: World| {
        let package = world.try_load(component).await.expect("the example can be loaded");
        world.job.run(&package, folders).await.expect("the driver succeeds");
        assert_eq!(world.lines.stdout(), plain.report());
        until("no object is left", || world.node.object_bytes() == 0).await;
    };
    check_with(
        |config| {
            config.grants.dirs.push(grant);
            config.object_store_bytes = STORE_BYTES;
        },
        run,
    );
}
