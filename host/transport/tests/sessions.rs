//! Two nodes over loopback, with a way between them that can be cut.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod way;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host_core::session::Room;
use host_core::{ClusterId, NodeId};
use host_transport::{Answer, Caller, Config, Dial, Inbound, Sessions};
use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::transport::{Channel, Endpoint, Server};

use way::Way;

const CLUSTER: ClusterId = ClusterId(9);

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// What a node heard.
#[derive(Clone, PartialEq, Eq, Debug)]
enum News {
    Said(NodeId, Vec<u8>),
    Up(NodeId, u64),
    Lost(NodeId, u64),
    Room(NodeId),
}

/// Tells what it hears to a channel; refuses one node.
struct Ear {
    news: UnboundedSender<News>,
    refused: NodeId,
}

impl Inbound for Ear {
    fn admit(&self, from: NodeId, caller: &Caller<'_>) -> Result<(), String> {
        assert!(caller.address.is_some());
        if from == self.refused { Err(format!("{from} is not welcome")) } else { Ok(()) }
    }

    fn deliver(&self, from: NodeId, payload: Bytes) {
        let _ = self.news.send(News::Said(from, payload.to_vec()));
    }

    fn up(&self, peer: NodeId, epoch: u64) {
        let _ = self.news.send(News::Up(peer, epoch));
    }

    fn lost(&self, peer: NodeId, epoch: u64) {
        let _ = self.news.send(News::Lost(peer, epoch));
    }

    fn room(&self, peer: NodeId) {
        let _ = self.news.send(News::Room(peer));
    }
}

/// Finds every node at one address.
#[derive(Default)]
struct Book(Mutex<Option<std::net::SocketAddr>>);

impl Dial for Book {
    fn dial(&self, _: NodeId) -> Answer<'_, Result<Channel, String>> {
        let address = *self.0.lock();
        Box::pin(async move {
            let address = address.ok_or("nobody knows where it is")?;
            let endpoint = Endpoint::from_shared(format!("http://{address}"));
            let endpoint = endpoint.map_err(|error| error.to_string())?;
            endpoint.connect().await.map_err(|error| error.to_string())
        })
    }
}

struct Node {
    sessions: Sessions,
    heard: UnboundedReceiver<News>,
    book: Arc<Book>,
    address: std::net::SocketAddr,
}

impl Node {
    async fn start(id: u32) -> Node {
        let (news, heard) = unbounded_channel();
        let book = Arc::<Book>::default();
        let config = Config { local: NodeId(id), cluster: CLUSTER };
        let ear = Ear { news, refused: NodeId(13) };
        let sessions = Sessions::new(config, book.clone(), Arc::new(ear));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let server = Server::builder().add_service(sessions.server());
        tokio::spawn(server.serve_with_incoming(incoming));
        Node { sessions, heard, book, address }
    }

    fn finds_others_at(&self, address: std::net::SocketAddr) {
        *self.book.0.lock() = Some(address);
    }

    fn say(&self, to: u32, number: u32) {
        let payload = Bytes::copy_from_slice(&number.to_be_bytes());
        self.sessions.send(NodeId(to), payload, Room::New).unwrap();
    }

    async fn next(&mut self) -> News {
        let next = tokio::time::timeout(LONG, self.heard.recv());
        next.await.expect("something is heard").expect("the node lives")
    }

    /// The next number that was said; what else is heard is kept.
    async fn number(&mut self, others: &mut Vec<News>) -> u32 {
        loop {
            match self.next().await {
                News::Said(_, bytes) => return u32::from_be_bytes(bytes.try_into().unwrap()),
                other => others.push(other),
            }
        }
    }
}

/// Two nodes, and the way from the first to the second.
async fn pair() -> (Node, Node, Way) {
    let (one, two) = (Node::start(1).await, Node::start(2).await);
    let way = Way::to(two.address).await;
    one.finds_others_at(way.address());
    // The second does not dial: so the way is the only one.
    (one, two, way)
}

#[tokio::test]
async fn frames_arrive_once_and_in_order_however_often_the_connection_breaks() {
    let (one, mut two, way) = pair().await;
    let mut others = Vec::new();
    for number in 0..5_000 {
        one.say(2, number);
    }
    for number in 0..5_000 {
        assert_eq!(two.number(&mut others).await, number);
        if number % 500 == 7 {
            way.cut();
        }
    }
    // Never away for so long that anything was lost.
    assert!(others.iter().all(|news| matches!(news, News::Up(_, 1))), "{others:?}");
    one.sessions.end();
    two.sessions.end();
}

#[tokio::test]
async fn both_sides_speak_over_one_connection_and_answers_may_be_given_at_once() {
    let (mut one, two, _way) = pair().await;
    struct Echo(Mutex<Option<Sessions>>);
    impl Inbound for Echo {
        fn admit(&self, _: NodeId, _: &Caller<'_>) -> Result<(), String> {
            Ok(())
        }
        fn deliver(&self, from: NodeId, payload: Bytes) {
            let sessions = self.0.lock().clone().unwrap();
            sessions.send(from, payload, Room::Answer).unwrap();
        }
        fn up(&self, _: NodeId, _: u64) {}
        fn lost(&self, _: NodeId, _: u64) {}
        fn room(&self, _: NodeId) {}
    }
    let echo = Arc::new(Echo(Mutex::default()));
    let config = Config { local: NodeId(3), cluster: CLUSTER };
    let sessions = Sessions::new(config, Arc::<Book>::default(), echo.clone());
    *echo.0.lock() = Some(sessions.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    one.finds_others_at(listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = Server::builder().add_service(sessions.server());
    tokio::spawn(server.serve_with_incoming(incoming));
    let mut others = Vec::new();
    for number in 0..1_000 {
        one.say(3, number);
    }
    for number in 0..1_000 {
        assert_eq!(one.number(&mut others).await, number);
    }
    for all in [&one.sessions, &two.sessions, &sessions] {
        all.end();
    }
}

#[tokio::test]
async fn a_peer_that_is_not_heard_for_a_second_is_lost_and_found_in_the_next_epoch() {
    let (mut one, mut two, way) = pair().await;
    let mut others = Vec::new();
    one.say(2, 1);
    assert_eq!(two.number(&mut others).await, 1);
    assert_eq!(one.next().await, News::Up(NodeId(2), 1));
    way.block();
    one.say(2, 2);
    assert_eq!(one.next().await, News::Lost(NodeId(2), 1));
    one.say(2, 3);
    way.unblock();
    assert!(matches!(one.next().await, News::Up(_, 2) | News::Lost(_, 2)));
    // What was lost does not come: it was answered as lost.
    others.clear();
    while two.number(&mut others).await != 3 {}
    assert!(others.contains(&News::Lost(NodeId(1), 1)), "{others:?}");
    one.sessions.end();
    two.sessions.end();
}

#[tokio::test]
async fn a_node_that_is_not_admitted_has_no_effect() {
    let mut two = Node::start(2).await;
    let stranger = Node::start(13).await;
    stranger.finds_others_at(two.address);
    stranger.say(2, 1);
    let foreign = Config { local: NodeId(4), cluster: ClusterId(1) };
    let (news, _heard) = unbounded_channel();
    let ear = Arc::new(Ear { news, refused: NodeId(0) });
    let foreign = Sessions::new(foreign, two.book.clone(), ear);
    two.finds_others_at(two.address);
    foreign.send(NodeId(2), Bytes::from_static(b"x"), Room::New).unwrap();
    // One that is admitted is heard, and nobody else was before it.
    let one = Node::start(1).await;
    one.finds_others_at(two.address);
    one.say(2, 7);
    let mut others = Vec::new();
    assert_eq!(two.number(&mut others).await, 7);
    assert_eq!(others, [News::Up(NodeId(1), 1)]);
    assert_eq!(two.sessions.peers(), [NodeId(1)]);
    for sessions in [&one.sessions, &two.sessions, &stranger.sessions, &foreign] {
        sessions.end();
    }
}

#[tokio::test]
async fn a_peer_that_is_behind_is_told_and_room_comes_back() {
    let (mut one, mut two, way) = pair().await;
    way.block();
    let payload = Bytes::from(vec![7; 1 << 20]);
    let mut sent = 0_usize;
    let full = loop {
        match one.sessions.send(NodeId(2), payload.clone(), Room::New) {
            Ok(()) => sent += 1,
            Err(full) => break full,
        }
    };
    assert_eq!(full.payload.len(), 1 << 20);
    assert!((60..=70).contains(&sent), "{sent} MiB");
    // Answers still have room.
    assert!(one.sessions.send(NodeId(2), payload.clone(), Room::Answer).is_ok());
    way.unblock();
    let mut arrived = 0;
    while arrived < sent {
        match two.next().await {
            News::Said(_, bytes) => {
                assert_eq!(bytes.len(), 1 << 20);
                arrived += 1;
            }
            News::Up(..) => {}
            other => panic!("{other:?}"),
        }
    }
    while one.next().await != News::Room(NodeId(2)) {}
    one.sessions.end();
    two.sessions.end();
}

#[tokio::test]
async fn a_node_that_has_gone_is_forgotten() {
    let (mut one, mut two, _way) = pair().await;
    one.say(2, 1);
    let mut others = Vec::new();
    assert_eq!(two.number(&mut others).await, 1);
    assert_eq!(one.next().await, News::Up(NodeId(2), 1));
    one.sessions.gone(NodeId(2));
    assert_eq!(one.next().await, News::Lost(NodeId(2), 1));
    assert!(one.sessions.peers().is_empty());
    two.sessions.end();
}
