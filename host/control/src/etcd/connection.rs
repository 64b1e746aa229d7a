//! Reaching one of etcd's members.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use host_proto::etcd as proto;
use host_proto::etcd::auth_client::AuthClient;
use host_proto::etcd::kv_client::KvClient;
use host_proto::etcd::lease_client::LeaseClient;
use host_proto::etcd::watch_client::WatchClient;
use parking_lot::Mutex;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::{EtcdOptions, EtcdUser, fault};
use crate::retry::{Fault, Repeat};
use crate::{Error, limits};

/// To connect to a member; the next is tried then.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// For an answer that another member may give as well. etcd elects a leader
/// within about a second, and answers in milliseconds.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);

/// Between pings to a member that has yet to answer something. etcd ends
/// connections that ping more often than every 5 s
/// (`--grpc-keepalive-min-time`).
const PING_INTERVAL: Duration = Duration::from_secs(6);

/// For the answer to a ping; a machine that is gone is noticed so.
const PONG_MAX: Duration = Duration::from_secs(3);

/// Endpoints: an etcd has 3 to 7 members.
const ENDPOINTS_MAX: usize = 32;

/// The members, and which of them is asked.
pub(super) struct Connection {
    channels: Vec<Channel>,
    /// The one that is asked, modulo their number.
    current: AtomicUsize,
    user: Option<EtcdUser>,
    /// What etcd gave for the password; held for a moment.
    token: Mutex<Option<MetadataValue<Ascii>>>,
}

/// A member, and what proves who asks.
#[derive(Clone)]
pub(super) struct Link {
    channel: Channel,
    token: Option<MetadataValue<Ascii>>,
}

/// An attempt with a member; the next is asked from now on unless it went well.
struct Turn<'a> {
    current: &'a AtomicUsize,
    index: usize,
    well: bool,
}

impl Connection {
    pub(super) fn new(options: &EtcdOptions) -> Result<Connection, Error> {
        let EtcdOptions { endpoints, namespace: _, tls, user, cluster: _ } = options;
        if endpoints.is_empty() {
            return Err(Error::Invalid { why: "etcd needs an endpoint".into() });
        }
        if endpoints.len() > ENDPOINTS_MAX {
            return Err(Error::too_large("endpoints of etcd", endpoints.len(), ENDPOINTS_MAX));
        }
        let tls = tls.as_ref().map(|tls| {
            let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&tls.ca));
            if let Some((certificate, key)) = &tls.identity {
                config = config.identity(Identity::from_pem(certificate, key));
            }
            match &tls.server_name {
                Some(name) => config.domain_name(name),
                None => config,
            }
        });
        let channels = endpoints.iter().map(|text| channel(text, tls.as_ref()));
        Ok(Connection {
            channels: channels.collect::<Result<_, _>>()?,
            // Hosts begin with different members.
            current: AtomicUsize::new(fastrand::usize(..endpoints.len())),
            user: user.clone(),
            token: Mutex::new(None),
        })
    }

    /// Asks a member something; another next time if it does not answer.
    pub(super) async fn attempt<T, F: Future<Output = Result<T, Status>>>(
        &self,
        repeat: Repeat,
        call: impl FnOnce(Link) -> F,
    ) -> Result<T, Fault> {
        let mut turn = self.turn();
        let asking = async {
            let link = self.link(turn.index).await?;
            let token = link.token.clone();
            call(link).await.map_err(|status| {
                if fault::is_token_over(&status) {
                    self.forget(token.as_ref());
                    return Fault::NotDone(status.message().to_owned());
                }
                fault::of(&status)
            })
        };
        let result = match repeat {
            // Dropping it when its caller's time is over counts as no answer.
            Repeat::Never => asking.await,
            Repeat::Harmless => match tokio::time::timeout(ATTEMPT_MAX, asking).await {
                Ok(result) => result,
                Err(_) => Err(Fault::Unknown("etcd did not answer".to_owned())),
            },
        };
        turn.well = matches!(result, Ok(_) | Err(Fault::Final(_)));
        result
    }

    fn turn(&self) -> Turn<'_> {
        let index = self.current.load(Ordering::Relaxed);
        Turn { current: &self.current, index, well: false }
    }

    /// The member of a turn, with a token if etcd wants one.
    async fn link(&self, index: usize) -> Result<Link, Fault> {
        let channel = self.channels[index % self.channels.len()].clone();
        let Some(user) = &self.user else { return Ok(Link { channel, token: None }) };
        let known = self.token.lock().clone();
        if known.is_some() {
            return Ok(Link { channel, token: known });
        }
        let EtcdUser { name, password } = user.clone();
        let request = proto::AuthenticateRequest { name, password };
        let answer = AuthClient::new(channel.clone()).authenticate(request).await;
        // No token is needed either if etcd knows no users.
        let token = match answer {
            Ok(answer) => Some(answer.into_inner().token),
            Err(status) if fault::is_without_users(&status) => None,
            Err(status) => return Err(fault::not_begun(&status)),
        };
        let token = token.map(|token| {
            let parsed: Result<MetadataValue<Ascii>, _> = token.parse();
            parsed.map_err(|_| Error::corrupt("etcd gave a token that is no text"))
        });
        let mut token = token.transpose()?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        self.token.lock().clone_from(&token);
        Ok(Link { channel, token })
    }

    /// Forgets a token that is over, unless there is a newer one.
    fn forget(&self, token: Option<&MetadataValue<Ascii>>) {
        let mut known = self.token.lock();
        if known.as_ref() == token {
            *known = None;
        }
    }
}

impl Link {
    /// A message with what etcd wants to know beside it.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        // A member that is cut off from the others says so instead of waiting.
        metadata.insert("hasleader", MetadataValue::from_static("true"));
        if let Some(token) = &self.token {
            metadata.insert("token", token.clone());
        }
        request
    }

    pub(super) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone()).max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
    }

    pub(super) fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone())
    }

    pub(super) fn watch(&self) -> WatchClient<Channel> {
        WatchClient::new(self.channel.clone()).max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.well {
            let next = self.index.wrapping_add(1);
            // Lost to another attempt that met the same.
            let _ = self.current.compare_exchange(
                self.index,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }
}

fn channel(text: &str, tls: Option<&ClientTlsConfig>) -> Result<Channel, Error> {
    let invalid = |why: &dyn fmt::Display| Error::Invalid {
        why: format!("the endpoint {text} of etcd: {why}").into(),
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let text = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
    let endpoint = Endpoint::from_shared(text.clone()).map_err(|error| invalid(&error))?;
    let endpoint = match (endpoint.uri().scheme_str(), tls) {
        (Some("https"), Some(tls)) => {
            endpoint.tls_config(tls.clone()).map_err(|error| invalid(&error))?
        }
        (Some("https"), None) => return Err(invalid(&"https needs etcd's authority (ca)")),
        (Some("http"), None) => endpoint,
        (Some("http"), Some(_)) => {
            return Err(invalid(&"http, although there are settings for TLS"));
        }
        _ => return Err(invalid(&"neither http nor https")),
    };
    Ok(endpoint
        .connect_timeout(CONNECT_MAX)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PONG_MAX)
        .connect_lazy())
}
