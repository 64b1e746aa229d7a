//! From what is on the command line to a node that answers.
//!
//! [`connect`] is the only way from a command to a node. A node on this machine
//! is known by two files in its data directory: where it listens, and the
//! owner's token, which is shown to it and to nobody else.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_core::trace::Context;
use host_gate::{Dialler, Identity, system_clock};
use host_identity::LocalToken;
use host_proto::PROTOCOL_VERSION;
use host_proto::admin as proto;
use host_proto::admin::admin_client::AdminClient;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tonic::{Code, Request, Response, Status};

use super::console::Console;
use super::failure::Failure;
use super::interrupt::{self, Stop};
use super::places;
use crate::admin::{ELSEWHERE, TRACEPARENT, limits};

/// How long a node has to take a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long a node has for an answer that needs no guest: it may wait for other
/// nodes.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(60);

/// Which node a command talks to.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Node")]
pub(super) struct ClientOptions {
    /// A node of the cluster [default: the one on this machine]
    #[arg(long, value_name = "HOST:PORT", env = "GREENROOM_CLUSTER")]
    pub(super) cluster: Option<String>,
    /// The data directory of the node on this machine [default:
    /// $XDG_DATA_HOME/greenroom or ~/.local/share/greenroom]
    #[arg(long, value_name = "DIR", env = "GREENROOM_DATA_DIR")]
    pub(super) data_dir: Option<PathBuf>,
}

/// A node that was reached.
pub(super) type Client = AdminClient<host_gate::Client>;

/// The runtime of a command that only asks others: one thread.
pub(super) fn client_runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::set_up(format!("the runtime cannot be started: {error}")))
}

/// Connects, does the work and gives up at Ctrl-C, or when nobody reads what is
/// printed.
pub(super) fn with_client<T, F>(
    options: &ClientOptions,
    console: &Arc<Console>,
    work: impl FnOnce(Client) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let stop = Stop { interrupted: interrupt::watch()?, unread: console.unread.clone() };
    client_runtime()?.block_on(stop.or(async { work(connect(options).await?).await }))
}

/// Connects to the node that the options name: on this machine as its owner,
/// elsewhere with what `host login` got.
pub(super) async fn connect(options: &ClientOptions) -> Result<Client, Failure> {
    let data_dir = places::data_dir(options.data_dir.as_deref())?;
    let here = Here::read(&data_dir)?;
    let channel = match (&options.cluster, here) {
        (None, None) => return Err(no_node(&data_dir)),
        (None, Some(here)) => local(here.local, &data_dir).await?,
        (Some(given), Some(here)) if here.is(given)? => local(here.local, &data_dir).await?,
        (Some(given), _) => remote(given).await?,
    };
    Ok(client(channel))
}

/// To the node of a data directory, with its owner's token.
async fn local(address: SocketAddr, data_dir: &Path) -> Result<host_gate::Client, Failure> {
    let token = LocalToken::load(data_dir).map_err(|error| Failure::set_up(error.to_string()))?;
    let token = token.ok_or_else(|| no_node(data_dir))?;
    let connecting = timeout(CONNECT_TIME, host_gate::local(address, &token)).await;
    let connected = connecting.ok().and_then(Result::ok);
    connected.ok_or_else(|| {
        Failure::set_up(format!(
            "no node answers at {address}, where the one of {} listened; start it with host start",
            data_dir.display()
        ))
    })
}

/// To a node elsewhere, with the credential for it.
async fn remote(address: &str) -> Result<host_gate::Client, Failure> {
    let failed = |error: host_gate::Error| Failure::set_up(error.to_string());
    let folder = places::credential(address)?;
    let identity = Identity::load(&folder, system_clock()).map_err(failed)?;
    let identity = identity.ok_or_else(|| {
        Failure::set_up(format!(
            "there is no credential for {address}; get one with host login {address} --token-file \
             FILE, and a token from its operator (host token create --client)"
        ))
    })?;
    if let Err(error) = identity.renew_if_due().await {
        // It still counts, or the connection says that it does not.
        tracing::warn!(%error, "the credential could not be renewed");
    }
    Dialler::new(identity).client(address).await.map_err(failed)
}

/// The node of a data directory, as its file says.
struct Here {
    /// Where its owner reaches it.
    local: SocketAddr,
    /// Where others reach it.
    advertised: String,
}

impl Here {
    fn read(data_dir: &Path) -> Result<Option<Here>, Failure> {
        let file = places::address_file(data_dir);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Failure::set_up(format!("{}: {error}", file.display())));
            }
        };
        Here::parse(&text).map(Some).ok_or_else(|| {
            Failure::set_up(format!("{} is damaged; start the node anew", file.display()))
        })
    }

    fn parse(text: &str) -> Option<Here> {
        let mut lines = text.lines();
        let local = lines.next()?.trim().parse().ok()?;
        let advertised = lines.next().unwrap_or_default().trim().to_owned();
        Some(Here { local, advertised })
    }

    /// Whether an address is this node's: its token goes to nobody else.
    fn is(&self, given: &str) -> Result<bool, Failure> {
        if given == self.advertised {
            return Ok(true);
        }
        let (host, port) = given.rsplit_once(':').unwrap_or((given, ""));
        let Ok(port) = port.parse::<u16>() else {
            return Err(Failure::usage(format!("--cluster {given:?} is not HOST:PORT")));
        };
        let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let this = host == "localhost" || ip.is_some_and(|ip| ip == self.local.ip());
        Ok(this && port == self.local.port())
    }
}

fn no_node(data_dir: &Path) -> Failure {
    Failure::set_up(format!(
        "no node runs with the data directory {}; start one with host start, or give another \
         with --data-dir",
        data_dir.display()
    ))
}

/// A request that is done under what `TRACEPARENT` says, as programs that trace
/// tell those that they start.
pub(super) fn traced<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(value) = traceparent().and_then(|given| given.to_string().parse().ok()) {
        request.metadata_mut().insert(TRACEPARENT, value);
    }
    request
}

/// What this process does is done under.
pub(super) fn traceparent() -> Option<Context> {
    std::env::var("TRACEPARENT").ok()?.parse().ok()
}

/// What is in every request.
pub(super) fn caller() -> Option<proto::Caller> {
    Some(proto::Caller { protocol: PROTOCOL_VERSION, this_node: false })
}

/// Waits for an answer, [`ANSWER_TIME`] at most.
pub(super) async fn answer<T>(
    asking: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    answer_within(ANSWER_TIME, asking).await
}

/// Waits for an answer, so long at most.
pub(super) async fn answer_within<T>(
    time: Duration,
    asking: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    match timeout(time, asking).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(refused(&status)),
        Err(_) => Err(Failure::set_up(format!("the node did not answer within {time:?}"))),
    }
}

/// Asks a node, and if that says that another has to be asked, and the client
/// has a credential, then that one. Waits so long at most for each.
///
/// The client goes there itself: a node does nothing for a client that it could
/// not do for itself. Whoever is at that address has to prove to be of the same
/// cluster, so a node that lies about it gains nothing.
pub(super) async fn answer_anywhere<T, R: Clone, F>(
    options: &ClientOptions,
    time: Duration,
    client: Client,
    request: R,
    ask: impl Fn(Client, R) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let late = || Failure::set_up(format!("the node did not answer within {time:?}"));
    let asked = timeout(time, ask(client, request.clone())).await.map_err(|_| late())?;
    let status = match asked {
        Ok(answer) => return Ok(answer.into_inner()),
        Err(status) => status,
    };
    match elsewhere(options, &status).await? {
        Some(client) => answer_within(time, ask(client, request)).await,
        None => Err(refused(&status)),
    }
}

/// The node that a refusal names, if the client has a credential for its
/// cluster.
async fn elsewhere(options: &ClientOptions, status: &Status) -> Result<Option<Client>, Failure> {
    let address = status.metadata().get(ELSEWHERE).and_then(|address| address.to_str().ok());
    let Some(address) = address else { return Ok(None) };
    for known in options.cluster.as_deref().into_iter().chain([address]) {
        let identity = Identity::load(&places::credential(known)?, system_clock());
        if let Ok(Some(identity)) = identity {
            let channel = Dialler::new(identity).client(address).await;
            let channel = channel.map_err(|error| Failure::set_up(error.to_string()))?;
            return Ok(Some(client(channel)));
        }
    }
    Ok(None)
}

fn client(channel: host_gate::Client) -> Client {
    AdminClient::new(channel)
        .max_decoding_message_size(limits::ANSWER_BYTES)
        .max_encoding_message_size(limits::REQUEST_BYTES)
}

/// A node's refusal, as a failure.
pub(super) fn refused(status: &Status) -> Failure {
    let message = status.message();
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange => Failure::usage(message),
        Code::NotFound => Failure::missing(message),
        _ if message.is_empty() => Failure::set_up(format!("the node answered {}", status.code())),
        _ => Failure::set_up(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owners_token_goes_to_the_owners_node_only() {
        let here = Here::parse("127.0.0.1:7420\n10.0.0.1:7420\n").unwrap();
        for own in ["127.0.0.1:7420", "localhost:7420", "10.0.0.1:7420"] {
            assert!(here.is(own).unwrap(), "{own}");
        }
        for other in ["127.0.0.1:7421", "127.0.0.2:7420", "10.0.0.2:7420", "alpha:7420"] {
            assert!(!here.is(other).unwrap(), "{other}");
        }
        assert!(here.is("127.0.0.1").is_err());
        assert!(Here::parse("somewhere").is_none());
    }
}
