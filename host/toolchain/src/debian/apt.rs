//! An apt of our own: it reads the machine's sources and changes nothing of
//! the machine's.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::output_within;

/// Suites newer than most machines run, the more settled one first.
const NEWER: [&str; 2] = ["testing", "sid"];

/// The index has 10 MB, the packages have 200.
const INDEX_LIMIT: Duration = Duration::from_secs(300);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(1800);

/// Dependencies for linking programs of the machine's own kind, which the
/// machine's own linker does: prefixes of package names.
const UNNEEDED: [&str; 22] = [
    "binutils",
    "cpp",
    "gcc-",
    "lib32",
    "libasan",
    "libbinutils",
    "libc-dev",
    "libc6-dev",
    "libcc1",
    "libctf",
    "libgprofng",
    "libhwasan",
    "libisl",
    "libitm",
    "libjansson",
    "liblsan",
    "libmpc",
    "libmpfr",
    "libquadmath",
    "libtsan",
    "libubsan",
    "linux-libc-dev",
];

/// A suite on a mirror.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Archive {
    mirror: String,
    suite: String,
}

/// Which suites to take packages from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Suites {
    /// Those that are newer than the machine.
    Newer,
    /// The machine's own, whose programs run with its libraries.
    Own,
}

/// Which packages to fetch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted<'a> {
    /// These, and what they depend on.
    WithDependencies(&'a [&'a str]),
    /// Only these.
    Alone(&'a [&'a str]),
}

/// What to fetch.
pub(super) struct Packages {
    pub(super) names: Vec<String>,
    pub(super) bytes: u64,
}

/// An apt that knows one archive and thinks nothing is installed.
pub(super) struct Apt {
    config: PathBuf,
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.mirror, self.suite)
    }
}

/// The archives on the mirrors that this machine uses already; at least one.
pub(super) fn archives(scratch: &Path, suites: Suites) -> Result<Vec<Archive>> {
    // With empty lists apt says every address that it would read, whatever
    // form its sources have, and whether or not it was ever updated.
    let lists = scratch.join("lists");
    fs::create_dir_all(lists.join("partial")).context("cannot create a folder for apt's lists")?;
    let mut apt = Command::new("apt-get");
    apt.args(["update", "--print-uris", "-o"]).arg(option("Dir::State::Lists", &lists));
    let text = output_within(&mut apt, INDEX_LIMIT, || ())
        .context("this machine's package sources cannot be read (is it a Debian?)")?;
    let own = own_archives(&text);
    ensure!(!own.is_empty(), "this machine's package sources name no Debian mirror");
    Ok(match suites {
        Suites::Own => own,
        Suites::Newer => newer_archives(&own),
    })
}

/// The newer suites on the mirrors of these archives.
fn newer_archives(own: &[Archive]) -> Vec<Archive> {
    let mut mirrors: Vec<&String> = own.iter().map(|archive| &archive.mirror).collect();
    mirrors.dedup();
    let of_suite = |suite: &'static str| {
        let archive =
            move |mirror: &&String| Archive { mirror: (*mirror).clone(), suite: suite.to_owned() };
        mirrors.iter().map(archive)
    };
    NEWER.into_iter().flat_map(of_suite).collect()
}

/// The archives of Debian's main mirrors among the addresses apt would read,
/// those of one mirror together.
fn own_archives(uris: &str) -> Vec<Archive> {
    let mut found: Vec<Archive> = Vec::new();
    for line in uris.lines() {
        let uri = line.trim_start_matches('\'').split('\'').next().unwrap_or_default();
        let Some((mirror, rest)) = uri.split_once("/dists/") else { continue };
        let suite = rest.split('/').next().unwrap_or_default();
        // Security updates are an archive of their own, without these suites.
        // Anything else with the name may be a mirror: one that is not has no
        // such suite, and the next is tried.
        let is_debian = mirror.contains("debian") && !mirror.contains("security");
        let archive = Archive { mirror: mirror.to_owned(), suite: suite.to_owned() };
        if is_debian && !found.contains(&archive) {
            found.push(archive);
        }
    }
    found.sort_by(|one, other| one.mirror.cmp(&other.mirror));
    found
}

impl Apt {
    /// Sets it up in a folder, which is created.
    pub(super) fn new(archive: &Archive, folder: &Path) -> Result<Apt> {
        let make = |name: &str| fs::create_dir_all(folder.join(name));
        let write = |name: &str, text: &str| fs::write(folder.join(name), text);
        let sources = sources(archive, keyring());
        make("lists/partial")
            .and_then(|()| make("cache/archives/partial"))
            .and_then(|()| write("status", ""))
            .and_then(|()| write("debian.sources", &sources))
            .and_then(|()| write("apt.conf", &config(folder, &network_settings()?)))
            .with_context(|| format!("cannot set up apt in {}", folder.display()))?;
        Ok(Apt { config: folder.join("apt.conf") })
    }

    /// Reads the archive's index and says what to fetch.
    pub(super) fn packages(&self, wanted: Wanted<'_>) -> Result<Packages> {
        let (Wanted::WithDependencies(named) | Wanted::Alone(named)) = wanted;
        output_within(self.get().arg("update"), INDEX_LIMIT, || ())
            .context("cannot read the package index")?;
        let mut plan = self.get();
        plan.args(["install", "--yes", "--no-install-recommends", "--print-uris"]).args(named);
        let plan = output_within(&mut plan, INDEX_LIMIT, || ())
            .with_context(|| format!("{} cannot be had", named.join(" and ")))?;
        let packages = planned(&plan, wanted);
        for name in named {
            ensure!(packages.names.iter().any(|known| known == name), "apt does not offer {name}");
        }
        Ok(packages)
    }

    /// Fetches packages into a folder, which is created. `progress` is told
    /// the bytes that are there.
    pub(super) fn download(
        &self,
        packages: &Packages,
        into: &Path,
        progress: impl Fn(u64),
    ) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(into).with_context(|| format!("cannot create {}", into.display()))?;
        let mut get = self.get();
        get.arg("download").args(&packages.names).current_dir(into);
        let tick = || progress(sizes(into).into_iter().map(|(_, size)| size).sum());
        output_within(&mut get, DOWNLOAD_LIMIT, tick).context("cannot fetch the packages")?;
        let files: Vec<PathBuf> = sizes(into)
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| path.extension() == Some(OsStr::new("deb")))
            .collect();
        if files.len() != packages.names.len() {
            bail!("apt fetched {} of {} packages", files.len(), packages.names.len());
        }
        Ok(files)
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        // Read before the machine's own settings, which it switches off.
        command.arg("--quiet").env("APT_CONFIG", &self.config).env("LC_ALL", "C");
        command
    }
}

/// The machine's own settings of how to reach an archive and how old it may
/// be: a mirror that its owner froze counts as expired unless he says not.
fn network_settings() -> std::io::Result<String> {
    let output = Command::new("apt-config").args(["dump", "Acquire"]).output()?;
    Ok(network_settings_in(&String::from_utf8_lossy(&output.stdout)))
}

fn network_settings_in(dump: &str) -> String {
    // Never taken over: other indexes to read, and leave to skip signatures.
    let excluded = ["Acquire::IndexTargets", "Acquire::Languages", "Acquire::Allow"];
    let kept = dump.lines().filter(|line| {
        line.starts_with("Acquire::") && !excluded.iter().any(|prefix| line.starts_with(prefix))
    });
    kept.fold(String::new(), |all, line| all + line + "\n")
}

/// apt's settings: folders of our own, and none of the machine's hooks.
fn config(folder: &Path, network: &str) -> String {
    let dir = folder.display();
    format!(
        r#"Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "{dir}/debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::State "{dir}";
Dir::State::lists "{dir}/lists";
Dir::State::status "{dir}/status";
Dir::Cache "{dir}/cache";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
APT::Sandbox::User "root";
{network}"#
    )
}

/// apt's sources: one suite, checked against Debian's keys.
fn sources(archive: &Archive, keyring: Option<&Path>) -> String {
    let Archive { mirror, suite } = archive;
    let signed_by = keyring.map(|path| format!("Signed-By: {}\n", path.display()));
    let signed_by = signed_by.unwrap_or_default();
    format!("Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n{signed_by}")
}

/// The keys of Debian's archive as Debian installs them; without, apt asks
/// the keys it trusts for everything.
fn keyring() -> Option<&'static Path> {
    [
        "/usr/share/keyrings/debian-archive-keyring.pgp",
        "/usr/share/keyrings/debian-archive-keyring.gpg",
    ]
    .into_iter()
    .map(Path::new)
    .find(|path| path.is_file())
}

fn option(name: &str, path: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(format!("{name}="));
    option.push(path);
    option
}

/// Reads what apt would fetch, lines of `'ADDRESS' NAME_VERSION_ARCH.deb SIZE HASH`,
/// and leaves out what is not needed.
fn planned(text: &str, wanted: Wanted<'_>) -> Packages {
    let is_needed = |name: &str| match wanted {
        Wanted::Alone(named) => named.contains(&name),
        Wanted::WithDependencies(_) => {
            name != "gcc" && !UNNEEDED.iter().any(|prefix| name.starts_with(prefix))
        }
    };
    let mut packages = Packages { names: Vec::new(), bytes: 0 };
    for line in text.lines().filter(|line| line.starts_with('\'')) {
        let mut fields = line.split_whitespace().skip(1);
        let (Some(file), Some(size)) = (fields.next(), fields.next()) else { continue };
        let name = file.split('_').next().unwrap_or(file);
        if is_needed(name) {
            packages.names.push(name.to_owned());
            packages.bytes += size.parse::<u64>().unwrap_or(0);
        }
    }
    packages
}

/// The files of a folder and one below, with their sizes.
fn sizes(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_those_of_the_main_mirrors_once_each() {
        let uris = "\
'http://a.example/debian/dists/bookworm/InRelease' a_InRelease 0 \n\
'http://a.example/debian/dists/bookworm-updates/InRelease' b_InRelease 0 \n\
'http://a.example/debian-security/dists/bookworm-security/InRelease' c_InRelease 0 \n\
'https://b.example/node_20.x/dists/nodistro/InRelease' d_InRelease 0 \n\
'mirror+file:/etc/apt/mirrors/debian.list/dists/x/InRelease' e_InRelease 0 \n\
'https://c.example/pub/debian/dists/sid/InRelease' f_InRelease 0 \n";
        let mirror_list = "mirror+file:/etc/apt/mirrors/debian.list";
        let own = own_archives(uris);
        let shown: Vec<String> = own.iter().map(Archive::to_string).collect();
        let listed = format!("{mirror_list} x");
        let expected = [
            "http://a.example/debian bookworm",
            "http://a.example/debian bookworm-updates",
            "https://c.example/pub/debian sid",
            &listed,
        ];
        assert_eq!(shown, expected);
        let newer: Vec<String> = newer_archives(&own).iter().map(Archive::to_string).collect();
        assert_eq!(newer.len(), 6);
        assert!(newer[..3].iter().all(|archive| archive.ends_with(" testing")), "{newer:?}");
    }

    #[test]
    fn plan_leaves_out_what_only_linking_natively_needs() {
        let plan = "\
Reading package lists...\n\
'http://a.example/r.deb' rustc_1.97.1+dfsg1-1_amd64.deb 4494600 SHA256:0\n\
'http://a.example/g.deb' gcc_4%3a16.1.0-3_amd64.deb 5148 SHA256:0\n\
'http://a.example/h.deb' gcc-16-x86-64-linux-gnu_16.2.0-3_amd64.deb 26562708 SHA256:0\n\
'http://a.example/c.deb' libc6_2.43-7_amd64.deb 1866392 SHA256:0\n\
'http://a.example/d.deb' libc6-dev_2.43-7_amd64.deb 2069080 SHA256:0\n";
        let packages = planned(plan, Wanted::WithDependencies(&["rustc"]));
        assert_eq!(packages.names, ["rustc", "libc6"]);
        assert_eq!(packages.bytes, 4494600 + 1866392);
        assert_eq!(planned(plan, Wanted::Alone(&["rustc"])).names, ["rustc"]);
    }

    #[test]
    fn machine_says_how_to_reach_an_archive_but_not_to_trust_it_unsigned() {
        let dump = "\
Acquire \"\";\n\
Acquire::AllowInsecureRepositories \"1\";\n\
Acquire::IndexTargets::deb::Packages::Optional \"0\";\n\
Acquire::http::Proxy \"http://p\";\n\
Acquire::Check-Valid-Until \"false\";\n";
        let kept = "Acquire::http::Proxy \"http://p\";\nAcquire::Check-Valid-Until \"false\";\n";
        assert_eq!(network_settings_in(dump), kept);
    }

    #[test]
    fn settings_name_no_folder_of_the_machine_that_apt_would_write() {
        let text = config(Path::new("/somewhere"), "Acquire::http::Proxy \"http://p\";\n");
        for line in text.lines().filter(|line| line.starts_with("Dir::")) {
            assert!(line.contains("/somewhere") || line.contains("/dev/null"), "{line}");
        }
        assert!(text.ends_with("Acquire::http::Proxy \"http://p\";\n"));
    }
}
