//! What all guests under one set of grants share.

use std::future;
use std::sync::Arc;

use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::grants::{Access, Error, Grants};
use crate::handles::{Pool, Share};
use crate::network::Door;
use crate::output::{Output, Stream, Writer};

/// Grants made ready: folders opened and environment values read, once, so
/// that a missing one is an error before any guest runs, and so that ten
/// thousand guests with a folder share one file descriptor.
pub struct Profile {
    /// What is granted.
    grants: Grants,
    /// What `wasi:cli/environment` gives as arguments.
    args: Vec<String>,
    /// Granted environment variables with their values.
    env: Vec<(String, String)>,
    /// The granted folders, opened.
    folders: WasiFilesystemCtx,
    /// What its guests hold open.
    handles: Arc<Pool>,
}

impl Profile {
    /// Opens what `grants` names. Its guests together may hold half as many
    /// files as the process may open at this time, so a process that raises
    /// that limit does it before. `args` is what the guest sees as its
    /// command line, by convention with the program's name first.
    pub fn new(grants: Grants, args: Vec<String>) -> Result<Profile, Error> {
        let env = grants.env.iter().map(|grant| grant.read()).collect::<Result<_, _>>()?;
        let folders = open(&grants)?;
        Ok(Profile { grants, args, env, folders, handles: Arc::new(Pool::new()) })
    }

    /// Grants nothing.
    pub fn deny_all() -> Profile {
        Profile::new(Grants::default(), Vec::new()).expect("nothing to open, nothing to fail")
    }

    /// What it grants.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// What the guest sees as its command line.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// A fresh context for one guest.
    pub(crate) fn ctx(&self, output: &Arc<dyn Output>, door: &Arc<Door>) -> WasiCtx {
        let door = door.clone();
        let mut ctx = WasiCtx::builder()
            .args(&self.args)
            .envs(&self.env)
            .stdout(Writer::new(output.clone(), Stream::Stdout))
            .stderr(Writer::new(output.clone(), Stream::Stderr))
            .allow_tcp(!self.grants.net.is_empty())
            .allow_udp(false)
            .socket_addr_check(move |address, purpose| {
                let permitted = door.permits(address, purpose);
                Box::pin(future::ready(permitted))
            })
            .build();
        // A copy shares the opened folders.
        *ctx.filesystem() = self.folders.clone();
        ctx
    }

    /// The count of what one guest holds open.
    pub(crate) fn share(&self) -> Share {
        Share::new(self.handles.clone())
    }
}

/// Opens the folders of `grants`.
fn open(grants: &Grants) -> Result<WasiFilesystemCtx, Error> {
    grants.check_guest_paths()?;
    // Blocking the thread on files is never allowed: it would hold up the
    // other guests on it.
    let mut builder = WasiCtx::builder();
    builder.allow_blocking_current_thread(false);
    for dir in &grants.dirs {
        let perms = match dir.access {
            Access::ReadOnly => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        builder.preopened_dir(&dir.path, &dir.guest_path, perms).map_err(|error| {
            Error::Folder { path: dir.path.display().to_string(), reason: error.to_string() }
        })?;
    }
    Ok(builder.build().filesystem().clone())
}
