//! `host identity`: who was let into the cluster, and putting them out.

use std::sync::Arc;
use std::time::Duration;

use host_identity::{Subject, TokenId};
use host_proto::admin as proto;
use serde_json::{Value as Json, json};

use super::client::{self, ClientOptions, answer, caller};
use super::console::{Console, Format};
use super::failure::Failure;
use super::table::{laid_out, table};
use super::text::one_line;
use super::time;

/// Show who was let into the cluster, and put somebody out
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Identity {
    #[command(subcommand)]
    what: What,
}

const EXAMPLES: &str = "\
Examples:
  host identity revoke client/run/ann     she has left
  host identity forget node/gamma         its disk is lost: a new gamma can join";

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Show the nodes and clients that were let in
    List(List),
    /// Put a node or a client out, at once; its name stays taken
    Revoke(One),
    /// Put a node or a client out, and free its name for another key
    Forget(One),
}

#[derive(clap::Args, Debug)]
struct List {
    #[command(flatten)]
    node: ClientOptions,
}

#[derive(clap::Args, Debug)]
struct One {
    /// As `host identity list` shows it: node/NAME or client/ROLE/NAME
    #[arg(value_name = "IDENTITY")]
    subject: Subject,
    #[command(flatten)]
    node: ClientOptions,
}

impl Identity {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        match self.what {
            What::List(list) => list.run(console),
            What::Revoke(one) => one.revoke(console),
            What::Forget(one) => one.forget(console),
        }
    }
}

impl List {
    fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.node, console, async |mut client| {
            let request = proto::ListIdentitiesRequest { caller: caller() };
            let identities = answer(client.list_identities(request)).await?.identities;
            match console.format {
                Format::Text => console.out(&for_people(&identities)),
                Format::Json => {
                    let lines = identities.iter().map(|it| format!("{}\n", for_programs(it)));
                    console.out(&lines.collect::<String>());
                }
            }
            Ok(())
        })
    }
}

impl One {
    fn revoke(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.node, console, async |mut client| {
            let subject = self.subject.to_string();
            let request = proto::RevokeIdentityRequest { caller: caller(), subject };
            answer(client.revoke_identity(request)).await?;
            self.done(console, "revoked");
            Ok(())
        })
    }

    fn forget(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.node, console, async |mut client| {
            let subject = self.subject.to_string();
            let request = proto::ForgetIdentityRequest { caller: caller(), subject };
            answer(client.forget_identity(request)).await?;
            self.done(console, "forgot");
            Ok(())
        })
    }

    fn done(&self, console: &Console, what: &str) {
        match console.format {
            Format::Text => console.out(&format!("{what} {}\n", self.subject)),
            Format::Json => {
                console.out(&format!("{}\n", json!({ what: self.subject.to_string() })));
            }
        }
    }
}

fn for_people(identities: &[proto::Identity]) -> String {
    let mut rows = table();
    rows.set_header(["IDENTITY", "STATE", "TOKEN"]);
    for identity in identities {
        let state = match state(identity) {
            ("valid", left) => format!("valid for {}", time::show(left)),
            (state, _) => state.into(),
        };
        rows.add_row([
            one_line(&identity.subject),
            state,
            token(identity).unwrap_or_else(|| "none".into()),
        ]);
    }
    laid_out(&rows)
}

fn for_programs(identity: &proto::Identity) -> Json {
    json!({
        "identity": identity.subject,
        "state": state(identity).0,
        "since_s": identity.since_s,
        "until_s": Some(identity.until_s).filter(|until| *until > 0),
        "token": token(identity),
    })
}

fn token(identity: &proto::Identity) -> Option<String> {
    let bytes = identity.token[..].try_into().ok()?;
    Some(TokenId::from_bytes(bytes).to_string())
}

/// Whether it has a certificate that counts, and for how long.
fn state(identity: &proto::Identity) -> (&'static str, Duration) {
    let left = time::left_until(identity.until_s);
    match identity {
        identity if identity.revoked_s > 0 => ("revoked", Duration::ZERO),
        _ if left.is_zero() => ("expired", left),
        _ => ("valid", left),
    }
}
