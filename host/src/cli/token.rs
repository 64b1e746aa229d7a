//! `host token`: what lets machines and people into the cluster.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host_identity::{Role, TokenId};
use host_proto::admin as proto;
use serde_json::{Value as Json, json};

use super::client::{self, ClientOptions, answer, caller};
use super::console::{Console, Format};
use super::failure::Failure;
use super::table::{laid_out, table};
use super::text::one_line;
use super::time;

/// Make, show and revoke tokens, which let machines and people in
#[derive(clap::Args, Debug)]
pub(super) struct Token {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Make a token and print it, this once
    Create(Create),
    /// Show the tokens there are
    List(List),
    /// From now on, let nobody in with a token
    Revoke(Revoke),
}

#[derive(clap::Args, Debug)]
struct Create {
    /// For a person or a program, not for a machine
    #[arg(long, requires = "role")]
    client: bool,
    /// What the client may do: read, run or admin
    #[arg(long, requires = "client", value_parser = role)]
    role: Option<Role>,
    /// It lets in one, not many [default: for clients]
    #[arg(long, conflicts_with = "uses")]
    once: bool,
    /// How often it lets in: 1 or many [default: many for machines]
    #[arg(long, value_name = "1|many", value_parser = ["1", "many"])]
    uses: Option<String>,
    /// How long it counts
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = time::parse)]
    expires: Duration,
    /// Whoever joins with it has this name [default: the one they say]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What you want to know about it later
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    node: ClientOptions,
}

#[derive(clap::Args, Debug)]
struct List {
    #[command(flatten)]
    node: ClientOptions,
}

#[derive(clap::Args, Debug)]
struct Revoke {
    /// Its id, as `host token list` shows it
    id: TokenId,
    #[command(flatten)]
    node: ClientOptions,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: host_identity::Error| error.to_string())
}

impl Token {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        match self.what {
            What::Create(create) => create.run(console),
            What::List(list) => list.run(console),
            What::Revoke(revoke) => revoke.run(console),
        }
    }
}

impl Create {
    fn request(&self) -> proto::CreateTokenRequest {
        let role = match self.role {
            None => proto::Role::Node,
            Some(Role::Read) => proto::Role::ClientRead,
            Some(Role::Run) => proto::Role::ClientRun,
            Some(Role::Admin) => proto::Role::ClientAdmin,
        };
        let once = match self.uses.as_deref() {
            Some(uses) => uses == "1",
            None => self.once || self.client,
        };
        proto::CreateTokenRequest {
            caller: caller(),
            role: role.into(),
            once,
            name: self.name.clone().unwrap_or_default(),
            lifetime_s: self.expires.as_secs().max(1),
            note: self.note.clone(),
        }
    }

    fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.node, console, async |mut client| {
            let made = answer(client.create_token(self.request())).await?;
            match console.format {
                Format::Text => console.out(&format!("{}\n", made.text)),
                Format::Json => {
                    let mut object = for_programs(&made.token.unwrap_or_default());
                    object["token"] = made.text.into();
                    console.out(&format!("{object}\n"));
                }
            }
            Ok(())
        })
    }
}

impl List {
    fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.node, console, async |mut client| {
            let request = proto::ListTokensRequest { caller: caller() };
            let tokens = answer(client.list_tokens(request)).await?.tokens;
            match console.format {
                Format::Text => console.out(&for_people(&tokens)),
                Format::Json => {
                    let lines = tokens.iter().map(|token| format!("{}\n", for_programs(token)));
                    console.out(&lines.collect::<String>());
                }
            }
            Ok(())
        })
    }
}

impl Revoke {
    fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        client::with_client(&self.node, console, async |mut client| {
            let id = Bytes::copy_from_slice(self.id.bytes());
            answer(client.revoke_token(proto::RevokeTokenRequest { caller: caller(), id })).await?;
            match console.format {
                Format::Text => console.out(&format!("revoked {}\n", self.id)),
                Format::Json => {
                    console.out(&format!("{}\n", json!({ "revoked": self.id.to_string() })));
                }
            }
            Ok(())
        })
    }
}

fn for_people(tokens: &[proto::Token]) -> String {
    let mut rows = table();
    rows.set_header(["TOKEN", "FOR", "NAME", "USES", "USED", "STATE", "NOTE"]);
    for token in tokens {
        let state = match state(token) {
            ("valid", left) => format!("valid for {}", time::show(left)),
            (state, _) => state.into(),
        };
        rows.add_row([
            id(token),
            buys(token.role()).into(),
            if token.name.is_empty() { "any".into() } else { one_line(&token.name) },
            if token.once { "1".into() } else { "many".into() },
            token.used.to_string(),
            state,
            one_line(&token.note),
        ]);
    }
    laid_out(&rows)
}

fn for_programs(token: &proto::Token) -> Json {
    json!({
        "id": id(token),
        "for": buys(token.role()),
        "name": Some(&token.name).filter(|name| !name.is_empty()),
        "once": token.once,
        "used": token.used,
        "state": state(token).0,
        "created_s": token.created_s,
        "expires_s": token.expires_s,
        "note": token.note,
    })
}

fn id(token: &proto::Token) -> String {
    let bytes = token.id[..].try_into();
    bytes.map_or_else(|_| "?".into(), |bytes| TokenId::from_bytes(bytes).to_string())
}

fn buys(role: proto::Role) -> &'static str {
    match role {
        proto::Role::Unknown => "unknown",
        proto::Role::Node => "node",
        proto::Role::ClientRead => "client read",
        proto::Role::ClientRun => "client run",
        proto::Role::ClientAdmin => "client admin",
    }
}

/// Whether it counts, and for how long.
fn state(token: &proto::Token) -> (&'static str, Duration) {
    let left = time::left_until(token.expires_s);
    match token {
        token if token.revoked_s > 0 => ("revoked", Duration::ZERO),
        _ if left.is_zero() => ("expired", left),
        token if token.once && token.used > 0 => ("used", left),
        _ => ("valid", left),
    }
}
