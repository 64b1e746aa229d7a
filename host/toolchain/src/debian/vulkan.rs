//! Debian's software Vulkan driver and its loader, from the machine's own
//! suite: they run with the machine's own C library.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::apt::{Archive, Suites, Wanted};
use super::{clear, obtain, unpack};
use crate::Step;
use crate::vulkan::{DRIVERS, LIBRARIES, MissingVulkan, NAME, Vulkan};

const DRIVER: Wanted<'_> = Wanted::WithDependencies(&["libvulkan1", "mesa-vulkan-drivers"]);

/// The driver that computes on the processor, among Mesa's.
const LAVAPIPE: &str = "libvulkan_lvp.so";

/// The C library and its parts, which are in every program already: two of
/// them in one process would not do.
const MACHINES_OWN: [&str; 18] = [
    "ld-linux",
    "libBrokenLocale.",
    "libanl.",
    "libc.",
    "libc_malloc_debug.",
    "libdl.",
    "libgcc_s.",
    "libm.",
    "libmemusage.",
    "libmvec.",
    "libnsl.",
    "libnss_",
    "libpcprofile.",
    "libpthread.",
    "libresolv.",
    "librt.",
    "libthread_db.",
    "libutil.",
];

/// Unpacks the driver into `folder`, unless it is there.
pub(crate) fn install(folder: &Path) -> Result<Vulkan> {
    let find = || Vulkan::in_folder(folder.join(NAME));
    obtain(
        folder,
        Suites::Own,
        || Ok(find()),
        |archive, partial| {
            from_archive(archive, folder, partial)?;
            Ok(find().ok_or(MissingVulkan)?)
        },
    )
}

/// Everything is made in `partial` and moved into `folder` at the end.
fn from_archive(archive: &Archive, folder: &Path, partial: &Path) -> Result<()> {
    let root = partial.join(NAME);
    unpack(archive, "Debian's software Vulkan driver", DRIVER, partial, &root)?;
    let step = Step::start("putting it in order");
    let libraries = gather(&root)?;
    two_drivers(&root)?;
    let place = folder.join(NAME);
    clear(&place)?;
    fs::rename(&root, &place)
        .with_context(|| format!("cannot move the driver to {}", place.display()))?;
    step.done(format!("{libraries} libraries"));
    Ok(())
}

/// Links every library from one folder, which is all a program has to look
/// into; how many there are.
fn gather(root: &Path) -> Result<usize> {
    let links = root.join(LIBRARIES);
    fs::create_dir(&links).with_context(|| format!("cannot create {}", links.display()))?;
    let mut count = 0;
    for file in libraries(root) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let foreign = MACHINES_OWN.iter().any(|own| name.starts_with(own));
        let link = links.join(&name);
        if foreign || !name.contains(".so") || link.exists() {
            continue;
        }
        symlink(Path::new("..").join(&file), &link)
            .with_context(|| format!("cannot link {}", link.display()))?;
        count += 1;
    }
    ensure!(links.join("libvulkan.so.1").exists(), "the packages hold no Vulkan loader");
    ensure!(links.join(LAVAPIPE).exists(), "the packages hold no {LAVAPIPE}");
    Ok(count)
}

/// The files in the folders where Debian puts libraries, relative to `root`.
fn libraries(root: &Path) -> Vec<PathBuf> {
    let names = |folder: &Path| {
        let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        entries.map(|entry| folder.join(entry.file_name())).collect::<Vec<_>>()
    };
    let tops = ["usr/lib", "lib"].map(|top| names(Path::new(top))).concat();
    let triplets = tops.iter().filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    let below: Vec<PathBuf> = triplets.flat_map(|folder| names(folder)).collect();
    let all = tops.into_iter().chain(below);
    all.filter(|path| !root.join(path).is_dir()).collect()
}

/// Describes the driver to the loader, twice: a loader takes two files of one
/// library for one driver, so the second is a copy.
fn two_drivers(root: &Path) -> Result<()> {
    let copy = "libvulkan_lvp_second.so";
    let driver = root.join(LIBRARIES).join(LAVAPIPE);
    fs::copy(&driver, root.join(LIBRARIES).join(copy))
        .with_context(|| format!("cannot copy {}", driver.display()))?;
    for (file, library) in DRIVERS.into_iter().zip([LAVAPIPE, copy]) {
        let text = format!(
            r#"{{"file_format_version": "1.0.0", "ICD": {{"library_path": "./{LIBRARIES}/{library}", "api_version": "1.3.0"}}}}
"#
        );
        let path = root.join(file);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
