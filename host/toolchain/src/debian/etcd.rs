//! Debian's etcd, from the machine's own suite: it runs with the machine's own
//! libraries, and nothing starts it but a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::apt::{Archive, Suites, Wanted};
use super::{SHORT_LIMIT, clear, obtain, unpack};
use crate::Step;
use crate::etcd::UNPACKED;
use crate::process::output_within;

const SERVER: Wanted<'_> = Wanted::Alone(&["etcd-server"]);

/// The folder it is unpacked into, in that of set-up.
const NAME: &str = "etcd";

/// Unpacks etcd into `folder`, unless it is there.
pub(crate) fn install(folder: &Path) -> Result<PathBuf> {
    let program = folder.join(UNPACKED);
    let find = || Ok(program.is_file().then(|| program.clone()));
    obtain(folder, Suites::Own, find, |archive, partial| {
        from_archive(archive, folder, partial)?;
        Ok(program.clone())
    })
}

/// Everything is made in `partial` and moved into `folder` at the end.
fn from_archive(archive: &Archive, folder: &Path, partial: &Path) -> Result<()> {
    let root = partial.join(NAME);
    unpack(archive, "Debian's etcd", SERVER, partial, &root)?;
    let step = Step::start("trying it");
    let text =
        output_within(Command::new(partial.join(UNPACKED)).arg("--version"), SHORT_LIMIT, || ())?;
    clear(&folder.join(NAME))?;
    fs::rename(&root, folder.join(NAME))
        .with_context(|| format!("cannot move etcd to {}", folder.display()))?;
    step.done(text.lines().next().unwrap_or_default());
    Ok(())
}
