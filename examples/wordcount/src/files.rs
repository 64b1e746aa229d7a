//! The files below some folders, a batch at a time.

use std::fs;
use std::io::Result;
use std::path::{Path, PathBuf};

/// Files in a batch: enough to be worth a call, and few enough that one batch
/// of large files does not keep everybody waiting in the end.
const BATCH: usize = 64;

/// Walks folders while it hands their files out, so that a tree of any size
/// takes little memory. Links are not followed.
pub(crate) struct Batches {
    /// Folders that are not listed yet.
    folders: Vec<PathBuf>,
    /// Files that were found and not handed out.
    files: Vec<PathBuf>,
    /// Folders that could not be listed, or not to their end, and why.
    pub(crate) skipped: Vec<String>,
}

impl Batches {
    /// The files below these folders.
    pub(crate) fn below(folders: Vec<String>) -> Self {
        let folders = folders.into_iter().map(PathBuf::from).collect();
        Batches { folders, files: Vec::new(), skipped: Vec::new() }
    }

    fn list(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.folders.push(entry.path());
            } else if kind.is_file() {
                self.files.push(entry.path());
            }
        }
        Ok(())
    }
}

impl Iterator for Batches {
    type Item = Vec<PathBuf>;

    fn next(&mut self) -> Option<Vec<PathBuf>> {
        while self.files.len() < BATCH
            && let Some(folder) = self.folders.pop()
        {
            if let Err(error) = self.list(&folder) {
                self.skipped.push(format!("{}: {error}", folder.display()));
            }
        }
        let rest = self.files.len().saturating_sub(BATCH);
        let batch = self.files.split_off(rest);
        (!batch.is_empty()).then_some(batch)
    }
}
