//! The way to other hosts.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use host_identity::{Expect, LocalToken};
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower_service::Service;

use crate::stream::Stream;
use crate::{Error, Identity, error, limits};

/// Makes channels to members of the cluster. Clones are the same.
///
/// A channel that breaks connects anew when it is used again. One whose other
/// side is revoked breaks at once.
#[derive(Clone, Debug)]
pub struct Dialler {
    identity: Identity,
}

/// A channel for a client's requests: over TLS, or on the same machine with
/// the owner's token, which it adds to each. For tonic's generated clients.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    authorization: Option<HeaderValue>,
}

/// Makes the connections of one channel.
#[derive(Clone, Debug)]
struct Connector {
    identity: Identity,
    address: String,
    expect: Expect,
}

impl Dialler {
    /// One that shows this identity.
    pub fn new(identity: Identity) -> Dialler {
        Dialler { identity }
    }

    /// A channel to an address (`host:port`), connected. Whoever is there has
    /// proved to be whom is expected, and has let us in.
    ///
    /// # Errors
    /// [`Error::Address`]; [`Error::Connect`], which names the address and
    /// says what to do.
    pub async fn dial(&self, address: &str, expect: Expect) -> Result<Channel, Error> {
        let (endpoint, connector) = self.prepare(address, expect)?;
        let connected = endpoint.connect_with_connector(connector).await;
        connected.map_err(|error| reason(address, &error))
    }

    /// The same, connected when it is first used.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn channel(&self, address: &str, expect: Expect) -> Result<Channel, Error> {
        let (endpoint, connector) = self.prepare(address, expect)?;
        Ok(endpoint.connect_with_connector_lazy(connector))
    }

    /// A connected channel for a client, to any node.
    ///
    /// # Errors
    /// Those of [`dial`](Dialler::dial).
    pub async fn client(&self, address: &str) -> Result<Client, Error> {
        let channel = self.dial(address, Expect::AnyNode).await?;
        Ok(Client { channel, authorization: None })
    }

    fn prepare(&self, address: &str, expect: Expect) -> Result<(Endpoint, Connector), Error> {
        let endpoint = endpoint(address)?;
        let (identity, address) = (self.identity.clone(), address.to_owned());
        Ok((endpoint, Connector { identity, address, expect }))
    }
}

/// A channel to the host on the same machine, with its owner's token. The
/// token is sent in the clear, and therefore to loopback addresses only.
///
/// # Errors
/// [`Error::Address`] if the address is not a loopback one; [`Error::Connect`].
pub async fn local(address: SocketAddr, token: &LocalToken) -> Result<Client, Error> {
    if !is_loopback(&address) {
        let why = "the owner's token goes to this machine only (127.0.0.1 or ::1)";
        return Err(Error::Address { address: address.to_string(), why });
    }
    let text = format!("Bearer {}", *token.reveal());
    let authorization = HeaderValue::from_str(&text);
    let mut authorization = authorization.map_err(|error| Error::failed("the token", error))?;
    authorization.set_sensitive(true);
    let endpoint = endpoint(&address.to_string())?.connect_timeout(limits::DIAL_TIME);
    let channel = endpoint.connect().await.map_err(|error| Error::Connect {
        address: address.to_string(),
        why: error::text(&error),
        advice: "check that the host runs",
    })?;
    Ok(Client { channel, authorization: Some(authorization) })
}

/// Whether an address is on this machine, and cannot be anywhere else.
pub(crate) fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Checks that a text can be an address with a port.
pub(crate) fn check_address(address: &str) -> Result<Uri, Error> {
    let wrong = |why| Error::Address { address: address.chars().take(300).collect(), why };
    if address.len() > limits::ADDRESS_CHARS_MAX {
        return Err(wrong("it is too long"));
    }
    let uri: Uri = format!("http://{address}/").parse().map_err(|_| wrong("it is malformed"))?;
    let authority = uri.authority().map(|authority| authority.as_str());
    if authority != Some(address) || address.contains('@') {
        return Err(wrong("it has to be HOST:PORT"));
    }
    match uri.port_u16() {
        Some(_) => Ok(uri),
        None => Err(wrong("its port is missing: HOST:PORT")),
    }
}

/// What all channels have in common: room for bulk data, and signs of life.
pub(crate) fn endpoint(address: &str) -> Result<Endpoint, Error> {
    Ok(Endpoint::from(check_address(address)?)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(limits::HEADER_BYTES_MAX)
        .http2_keep_alive_interval(limits::KEEP_ALIVE_EVERY)
        .keep_alive_timeout(limits::KEEP_ALIVE_TIME)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true))
}

/// Our own error inside of tonic's, if it is there.
fn reason(address: &str, error: &tonic::transport::Error) -> Error {
    let first: &(dyn std::error::Error + 'static) = error;
    let chain = std::iter::successors(Some(first), |error| (*error).source());
    for cause in chain {
        if let Some(Error::Connect { address, why, advice }) = cause.downcast_ref() {
            return Error::Connect { address: address.clone(), why: why.clone(), advice };
        }
    }
    let advice = "check that it is a host of this version";
    Error::Connect { address: address.to_owned(), why: error::text(error), advice }
}

impl Connector {
    async fn connect(self) -> Result<TokioIo<Stream>, Error> {
        let endpoint = self.identity.endpoint();
        let mut stream =
            Stream::connect(&self.address, endpoint.client_config(self.expect)?).await?;
        let certificate = endpoint.reached(stream.tls())?;
        let cut = self.identity.clone().until_cut(certificate, limits::CHECK_EVERY);
        stream.cut_when(Box::pin(cut));
        Ok(TokioIo::new(stream))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

impl Service<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<Body>>::poll_ready(&mut self.channel, cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(value) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        self.channel.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port_and_nothing_else() {
        for good in ["127.0.0.1:7420", "[::1]:7420", "node-1.example.org:1"] {
            assert!(check_address(good).is_ok(), "{good}");
        }
        let long = format!("{}:1", "a".repeat(300));
        for bad in ["", "a", "a:", "a:70000", "http://a:1", "a:1/x", "u@a:1", "a b:1", &long] {
            let error = check_address(bad).unwrap_err();
            assert!(matches!(error, Error::Address { .. }), "{bad}");
        }
    }

    #[tokio::test]
    async fn the_owner_s_token_leaves_the_machine_for_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let token = LocalToken::create(&folder.path().join("local")).unwrap();
        for address in ["10.0.0.1:7420", "[2001:db8::1]:7420", "0.0.0.0:7420"] {
            let error = local(address.parse().unwrap(), &token).await.unwrap_err();
            assert!(matches!(error, Error::Address { .. }), "{error}");
        }
        for address in ["127.0.0.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(is_loopback(&address.parse().unwrap()), "{address}");
        }
    }
}
