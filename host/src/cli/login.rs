//! `host login`: a credential for a cluster on other machines.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use host_gate::{Identity, Joining, system_clock};
use host_identity::{JoinToken, Name, limits};
use serde_json::json;

use super::client::client_runtime;
use super::console::{Console, Format};
use super::failure::Failure;
use super::places;

/// Get a credential for a cluster on other machines
#[derive(clap::Args, Debug)]
pub(super) struct Login {
    /// A node of the cluster
    #[arg(value_name = "HOST:PORT")]
    address: String,
    /// What the credential is called there
    #[arg(long, value_name = "NAME", default_value = "client")]
    name: Name,
    #[command(flatten)]
    token: TokenOptions,
}

/// Where a token comes from. Other users see what is on a command line.
#[derive(clap::Args, Debug, Default)]
pub(super) struct TokenOptions {
    /// The token; other users of this machine see it in the list of processes
    #[arg(long, value_name = "TOKEN", env = "GREENROOM_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The file that holds the token
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
}

impl TokenOptions {
    /// The token, if one is given.
    pub(super) fn read(&self) -> Result<Option<JoinToken>, Failure> {
        let text = match (&self.token, &self.token_file) {
            (Some(text), _) => text.clone(),
            (None, Some(file)) => read(file)?,
            (None, None) => return Ok(None),
        };
        let token = text.trim().parse();
        token.map(Some).map_err(|error: host_identity::TokenTextError| {
            Failure::usage(format!("the token cannot be used: {error}"))
        })
    }
}

/// The text of a file, as far as a token could be long.
fn read(file: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::set_up(format!("{}: {error}", file.display()));
    let mut text = String::new();
    let most = limits::TOKEN_TEXT_BYTES_MAX as u64 + 1;
    File::open(file).map_err(failed)?.take(most).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

impl Login {
    /// Carries it out.
    pub(super) fn run(self, console: &Console) -> Result<(), Failure> {
        let Some(token) = self.token.read()? else {
            let advice =
                "a token is missing: give it with --token-file, GREENROOM_TOKEN or --token";
            return Err(Failure::usage(advice));
        };
        let folder = places::credential(&self.address)?;
        let joining = Joining { address: self.address.clone(), token, name: self.name };
        let joined = client_runtime()?.block_on(Identity::join(&folder, joining, system_clock()));
        let identity = joined.map_err(|error| Failure::set_up(error.to_string()))?;
        console.out(&match console.format {
            Format::Text => {
                format!("logged in to cluster {} as {}\n", identity.cluster(), identity.subject())
            }
            Format::Json => {
                let (cluster, subject) = (identity.cluster(), identity.subject());
                let said = json!({"cluster": cluster.to_string(), "as": subject.to_string()});
                format!("{said}\n")
            }
        });
        Ok(())
    }
}
