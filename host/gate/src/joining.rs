//! Asking for a certificate: the side of the joiner.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use host_identity::join::{Answer, Binding, Joiner, Refused};
use host_identity::{Expect, Holding, JoinToken, Name, PinnedClient, PrivateKey};
use host_proto::join as proto;
use host_proto::join::join_client::JoinClient;
use http::Uri;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Response, Status};
use tower_service::Service;

use crate::identity::now;
use crate::stream::Stream;
use crate::{Clock, Dialler, Error, Identity, dialler};

/// What is needed to join.
#[derive(Debug)]
pub struct Joining {
    /// A host of the cluster: `host:port`.
    pub address: String,
    /// What lets us in.
    pub token: JoinToken,
    /// The name we want.
    pub name: Name,
}

/// Joins; also where the authority is.
pub(crate) async fn join(
    joining: Joining,
    key: PrivateKey,
    clock: &Clock,
) -> Result<(Holding, String), Error> {
    let Joining { address, token, name } = joining;
    let joiner = Joiner::new(&token, name, key);
    let mut way = Way { address, followed: false };
    let answer = loop {
        let answered = ask_to_join(&way.address, &joiner, &token, clock).await;
        if let Some(answer) = way.follow(answered)? {
            break answer;
        }
    };
    Ok((joiner.accept(&answer, now(clock)?)?, way.address))
}

async fn ask_to_join(
    address: &str,
    joiner: &Joiner,
    token: &JoinToken,
    clock: &Clock,
) -> Result<Answer, Error> {
    let (channel, binding) = connect_pinned(address, token, clock).await?;
    let request = joiner.request(token, &binding)?.to_wire();
    answer(address, JoinClient::new(channel).join(request)).await
}

/// Gets the next certificate of a member, from the host that has the authority.
pub(crate) async fn renew(identity: &Identity, dialler: &Dialler) -> Result<Holding, Error> {
    let address = identity.authority().ok_or_else(|| {
        Error::failed("renewing the certificate", "this host has the authority itself")
    })?;
    let (holding, key) = identity.holding().await?;
    let joiner = Joiner::renewing(&holding, key);
    let request = joiner.renew_request()?.to_wire();
    let mut way = Way { address, followed: false };
    let answer = loop {
        let answered = ask_to_renew(&way.address, request.clone(), dialler).await;
        if let Some(answer) = way.follow(answered)? {
            break answer;
        }
    };
    if way.followed {
        identity.move_authority(way.address).await?;
    }
    Ok(joiner.accept(&answer, identity.now()?)?)
}

async fn ask_to_renew(
    address: &str,
    request: proto::RenewRequest,
    dialler: &Dialler,
) -> Result<Answer, Error> {
    let channel = dialler.dial(address, Expect::AnyNode).await?;
    answer(address, JoinClient::new(channel).renew(request)).await
}

/// Where the authority is thought to be.
struct Way {
    address: String,
    /// Whether a host said that it is here.
    followed: bool,
}

impl Way {
    /// None if it is to be asked again, where a host said; that is done once.
    fn follow(&mut self, answered: Result<Answer, Error>) -> Result<Option<Answer>, Error> {
        match answered {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Refused { refused: Refused::Elsewhere { address }, .. })
                if !self.followed && !address.is_empty() && address != self.address =>
            {
                *self = Way { address, followed: true };
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// What was answered; or why nothing was.
async fn answer(
    address: &str,
    asked: impl Future<Output = Result<Response<proto::JoinAnswer>, Status>>,
) -> Result<Answer, Error> {
    let strange = |why: String| Error::Answer { address: address.to_owned(), why };
    let asked = timeout(crate::limits::JOIN_TIME, asked).await;
    let status = match asked {
        Ok(Ok(answer)) => return Ok(Answer::from_wire(answer.get_ref())?),
        Ok(Err(status)) => status,
        Err(_) => {
            let time = crate::limits::JOIN_TIME;
            return Err(strange(format!("it did not answer within {time:?}")));
        }
    };
    match Refused::from_details(status.details()) {
        Ok(refused) => Err(Error::Refused { by: address.to_owned(), refused }),
        Err(_) => Err(strange(format!("{}: {}", status.code(), crate::error::text(&status)))),
    }
}

/// One connection to a host of the token's cluster, and what binds a request
/// to it. When it breaks, the channel does not make another: the request would
/// count for nothing there.
async fn connect_pinned(
    address: &str,
    token: &JoinToken,
    clock: &Clock,
) -> Result<(Channel, Binding), Error> {
    let endpoint = dialler::endpoint(address)?;
    let config = PinnedClient::config(token.ca(), clock.clone())?;
    let stream = Stream::connect(address, config).await?;
    let binding = Binding::of(stream.tls())?;
    let once = Once(Arc::new(Mutex::new(Some(stream))));
    let channel = endpoint.connect_with_connector(once).await;
    let channel = channel.map_err(|error| Error::Connect {
        address: address.to_owned(),
        why: crate::error::text(&error),
        advice: "check that it is a host of this version",
    })?;
    Ok((channel, binding))
}

/// A connector with one connection. Locked to take it.
#[derive(Clone)]
struct Once(Arc<Mutex<Option<Stream>>>);

impl Service<Uri> for Once {
    type Response = TokioIo<Stream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, std::io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.lock().take();
        let gone = || std::io::Error::other("the connection that the request is for broke");
        Box::pin(std::future::ready(stream.map(TokioIo::new).ok_or_else(gone)))
    }
}
