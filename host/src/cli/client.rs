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

use host_identity::LocalToken;
use host_proto::PROTOCOL_VERSION;
use host_proto::admin as proto;
use host_proto::admin::admin_client::AdminClient;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::console::Console;
use super::failure::Failure;
use super::interrupt::{self, Stop};
use super::places;
use crate::admin::{BEARER, limits};

/// How long a node has to take a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long a node has for an answer that needs no guest: it may wait for other
/// nodes.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(60);

/// A sign of life on a quiet connection; one that gets no answer for as long
/// again is over.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

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
pub(super) type Client = AdminClient<InterceptedService<Channel, Credential>>;

/// Shows in every request who asks.
#[derive(Clone)]
pub(super) struct Credential {
    authorization: MetadataValue<Ascii>,
}

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.authorization.clone());
        Ok(request)
    }
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
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::set_up(format!("the runtime cannot be started: {error}")))?;
    runtime.block_on(stop.or(async { work(connect(options).await?).await }))
}

/// Connects to the node that the options name.
pub(super) async fn connect(options: &ClientOptions) -> Result<Client, Failure> {
    let data_dir = places::data_dir(options.data_dir.as_deref())?;
    let local = local_address(&data_dir)?;
    let address = match (&options.cluster, local) {
        (None, Some(local)) => local,
        (None, None) => return Err(no_node(&data_dir)),
        (Some(given), local) => of_this_machine(given, local, &data_dir)?,
    };
    let token = LocalToken::load(&data_dir).map_err(|error| Failure::set_up(error.to_string()))?;
    let token = token.ok_or_else(|| no_node(&data_dir))?;
    let authorization = format!("{BEARER}{}", *token.reveal()).parse::<MetadataValue<Ascii>>();
    let mut authorization = authorization.expect("a token is ASCII");
    authorization.set_sensitive(true);
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| Failure::set_up(format!("{address}: {error}")))?
        .connect_timeout(CONNECT_TIME)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true);
    let channel = endpoint.connect().await.map_err(|_| {
        Failure::set_up(format!(
            "no node answers at {address}, where the one of {} listened; start it with host start",
            data_dir.display()
        ))
    })?;
    Ok(AdminClient::with_interceptor(channel, Credential { authorization })
        .max_decoding_message_size(limits::ANSWER_BYTES)
        .max_encoding_message_size(limits::REQUEST_BYTES))
}

/// The address that is given, if the node of the data directory listens there:
/// its token goes to nobody else.
fn of_this_machine(
    given: &str,
    local: Option<SocketAddr>,
    data_dir: &Path,
) -> Result<SocketAddr, Failure> {
    let (host, port) = given.rsplit_once(':').unwrap_or((given, ""));
    let Ok(port) = port.parse::<u16>() else {
        return Err(Failure::usage(format!("--cluster {given:?} is not HOST:PORT")));
    };
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let loopback = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
    if !loopback {
        return Err(Failure::set_up(format!(
            "{given} is another machine, and this build of host can only talk to nodes on this one"
        )));
    }
    let local = local.ok_or_else(|| no_node(data_dir))?;
    if local.port() != port || ip.is_some_and(|ip| ip != local.ip()) {
        return Err(Failure::set_up(format!(
            "the node of {} listens on {local}, not on {given}; give the data directory of the \
             other with --data-dir",
            data_dir.display()
        )));
    }
    Ok(local)
}

/// Where the node of a data directory listens, if one does.
fn local_address(data_dir: &Path) -> Result<Option<SocketAddr>, Failure> {
    let file = places::address_file(data_dir);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::set_up(format!("{}: {error}", file.display()))),
    };
    text.trim()
        .parse()
        .map(Some)
        .map_err(|_| Failure::set_up(format!("{} is damaged; start the node anew", file.display())))
}

fn no_node(data_dir: &Path) -> Failure {
    Failure::set_up(format!(
        "no node runs with the data directory {}; start one with host start, or give another \
         with --data-dir",
        data_dir.display()
    ))
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

    fn check(given: &str, expected: Result<&str, &str>) {
        let local = Some("127.0.0.1:7420".parse().unwrap());
        let found = of_this_machine(given, local, Path::new("data"));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected),
            (Err(failure), Err(part)) => {
                assert!(failure.to_string().contains(part), "{given}: {failure}");
            }
            (found, _) => panic!("{given}: {found:?}"),
        }
    }

    #[test]
    fn the_owners_token_goes_to_the_owners_node_only() {
        check("127.0.0.1:7420", Ok("127.0.0.1:7420"));
        check("localhost:7420", Ok("127.0.0.1:7420"));
        check("127.0.0.1:7421", Err("listens on 127.0.0.1:7420"));
        check("127.0.0.2:7420", Err("listens on 127.0.0.1:7420"));
        check("10.0.0.1:7420", Err("another machine"));
        check("alpha:7420", Err("another machine"));
        check("127.0.0.1", Err("not HOST:PORT"));
    }
}
