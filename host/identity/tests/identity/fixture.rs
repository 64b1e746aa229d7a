//! A cluster of one process: an authority, a store, a clock, and connections.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use host_identity::join::{self, Answer, Binding, Joiner, Records, Refused, Request};
use host_identity::record::{self, Sealed};
use host_identity::{
    Authority, Certificate, Change, ClusterId, Endpoint, Enrolment, Error, Expect, Holding,
    JoinToken, Kind, Name, Order, PinnedClient, PrivateKey, RevocationsHandle, Role, Stored,
    Subject, Token, TokenId, Uses, server_name,
};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, ConnectionCommon, ServerConfig, ServerConnection};
use rustls_pki_types::UnixTime;

/// A day in 2027.
const START_S: u64 = 1_800_000_000;

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct Clock(AtomicU64);

pub(crate) struct Cluster {
    pub(crate) authority: Authority,
    pub(crate) clock: Arc<Clock>,
    pub(crate) revocations: RevocationsHandle,
    pub(crate) store: HashMap<String, Bytes>,
}

/// Which side did not want to go on, and why.
#[derive(Debug, PartialEq)]
pub(crate) enum Failed {
    Client(rustls::Error),
    Server(rustls::Error),
}

impl Clock {
    pub(crate) fn at(seconds: u64) -> Arc<Clock> {
        Arc::new(Clock(AtomicU64::new(seconds)))
    }

    pub(crate) fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed)))
    }

    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    pub(crate) fn back(&self, by: Duration) {
        self.0.fetch_sub(by.as_secs(), Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.now())
    }
}

impl Cluster {
    pub(crate) fn new() -> Cluster {
        Cluster::with_id(ClusterId::from_bytes([7; 16]))
    }

    pub(crate) fn with_id(id: ClusterId) -> Cluster {
        let clock = Clock::at(START_S);
        let authority = Authority::create(id, clock.now()).unwrap();
        let (revocations, store) = (RevocationsHandle::default(), HashMap::new());
        Cluster { authority, clock, revocations, store }
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Writes a change if its comparisons hold, as a control store does.
    pub(crate) fn apply(&mut self, change: &Change) -> bool {
        let holds = change
            .compares
            .iter()
            .all(|compare| self.store.get(&compare.key) == compare.value.as_ref());
        if holds {
            for write in &change.writes {
                match &write.value {
                    Some(value) => self.store.insert(write.key.clone(), value.clone()),
                    None => self.store.remove(&write.key),
                };
            }
        }
        holds
    }

    pub(crate) fn get<T: Sealed>(&self, key: &str) -> Option<Stored<T>> {
        let bytes = self.store.get(key)?.clone();
        Some(self.authority.open(key, bytes).unwrap())
    }

    pub(crate) fn token_record(&self, id: TokenId) -> Stored<Token> {
        self.get(&record::token_key(id)).unwrap()
    }

    /// What a host hears when records of revocations change.
    pub(crate) fn load_revocations(&self) {
        let mut revocations = host_identity::Revocations::new();
        for (key, value) in &self.store {
            if key.starts_with(record::REVOCATIONS) {
                let revocation = host_identity::Revocation::from_bytes(value).unwrap();
                assert_eq!(revocation.key(), *key);
                revocations.insert(revocation).unwrap();
            }
        }
        self.revocations.replace(revocations);
    }

    pub(crate) fn token(&mut self, kind: Kind, uses: Uses) -> JoinToken {
        let (name, note) = (None, "a note".to_owned());
        self.order(Order { kind, uses, name, lifetime: DAY, note })
    }

    pub(crate) fn order(&mut self, order: Order) -> JoinToken {
        let (text, _, change) = Token::issue(&self.authority, order, self.now()).unwrap();
        assert!(self.apply(&change));
        text
    }

    /// A certificate that was given without a token.
    pub(crate) fn grant(&mut self, subject: Subject) -> Holding {
        let key = PrivateKey::draw().unwrap();
        let now = self.now();
        let (certificate, change) =
            Enrolment::grant(&self.authority, subject, &key, None, now).unwrap();
        assert!(self.apply(&change));
        self.hold(certificate, key)
    }

    pub(crate) fn hold(&self, certificate: Certificate, key: PrivateKey) -> Holding {
        Holding::new(self.authority.certificate().clone(), certificate, key).unwrap()
    }

    pub(crate) fn node(&mut self, name: &str) -> Endpoint {
        let holding = self.grant(node(name));
        self.endpoint(&holding)
    }

    pub(crate) fn client(&mut self, name: &str, role: Role) -> Endpoint {
        let holding = self.grant(client(name, role));
        self.endpoint(&holding)
    }

    pub(crate) fn endpoint(&self, holding: &Holding) -> Endpoint {
        Endpoint::new(holding, self.revocations.clone(), self.clock.clone()).unwrap()
    }

    /// Connects to a node as a joiner does.
    pub(crate) fn connect_to_join(
        &self,
        token: &JoinToken,
        to: &Endpoint,
    ) -> Result<(ClientConnection, ServerConnection), Failed> {
        let client = PinnedClient::config(token.ca(), self.clock.clone()).unwrap();
        handshake(client, to.server_config().unwrap())
    }

    /// The authority's side of a join, as its host does it.
    pub(crate) fn serve(&mut self, request: &Request, over: Binding) -> Result<Answer, Refused> {
        let token: Option<Stored<Token>> = self.get(&record::token_key(request.token));
        let enrolment: Option<Stored<Enrolment>> = token
            .as_ref()
            .and_then(|token| self.get(&join::enrolment_key(token.value(), &request.name)));
        let records = Records { token: token.as_ref(), enrolment: enrolment.as_ref() };
        let admission = join::admit(&self.authority, request, &over, records, self.now())?;
        assert!(self.apply(&admission.change));
        Ok(admission.answer)
    }

    /// All of a join, over a connection and the wire.
    pub(crate) fn join(
        &mut self,
        token: &JoinToken,
        as_name: &str,
        key: PrivateKey,
        to: &Endpoint,
    ) -> Result<Holding, Refused> {
        let (joining, serving) = self.connect_to_join(token, to).unwrap();
        let joiner = Joiner::new(token, name(as_name), key);
        let request = joiner.request(token, &Binding::of(&joining).unwrap()).unwrap();
        let request = Request::from_wire(request.to_wire())?;
        let answer = self.serve(&request, Binding::of(&serving).unwrap())?;
        let answer = Answer::from_wire(&answer.to_wire()).unwrap();
        Ok(joiner.accept(&answer, self.now()).unwrap())
    }

    /// All of a join, with a new key.
    pub(crate) fn join_anew(
        &mut self,
        token: &JoinToken,
        name: &str,
        to: &Endpoint,
    ) -> Result<Holding, Refused> {
        self.join(token, name, PrivateKey::draw().unwrap(), to)
    }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn node(text: &str) -> Subject {
    Subject::Node { name: name(text) }
}

pub(crate) fn client(text: &str, role: Role) -> Subject {
    Subject::Client { name: name(text), role }
}

/// Connects two members; the first calls the second, by its name.
pub(crate) fn connect(
    from: &Endpoint,
    to: &Endpoint,
) -> Result<(ClientConnection, ServerConnection), Failed> {
    let expect = Expect::Node(to.certificate().subject().name().clone());
    handshake(from.client_config(expect).unwrap(), to.server_config().unwrap())
}

/// A whole handshake: until both are done and have sent each other something,
/// so that a late refusal is seen too.
pub(crate) fn handshake(
    client: impl Into<Arc<ClientConfig>>,
    server: impl Into<Arc<ServerConfig>>,
) -> Result<(ClientConnection, ServerConnection), Failed> {
    let mut client = ClientConnection::new(client.into(), server_name()).unwrap();
    let mut server = ServerConnection::new(server.into()).unwrap();
    for _ in 0..8 {
        pass(&mut client, &mut server).map_err(Failed::Server)?;
        pass(&mut server, &mut client).map_err(Failed::Client)?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    say(&mut client, &mut server);
    say(&mut server, &mut client);
    Ok((client, server))
}

/// Sends a few bytes over a connection and sees them arrive.
pub(crate) fn say<A, B>(from: &mut ConnectionCommon<A>, to: &mut ConnectionCommon<B>) {
    from.writer().write_all(b"hello").unwrap();
    pass(from, to).unwrap();
    let mut heard = [0; 5];
    to.reader().read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
}

fn pass<A, B>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Result<(), rustls::Error> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).unwrap();
    }
    let mut wire = wire.as_slice();
    while !wire.is_empty() {
        to.read_tls(&mut wire).unwrap();
        to.process_new_packets()?;
    }
    Ok(())
}

/// The text of an error of ours, which says what to do.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}
