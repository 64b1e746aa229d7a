//! Pulling over loopback, from nodes that have it, have it not, or lie.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use host_content::{Answer, Error, Puller, Source, What, server};
use host_core::{NodeId, ObjectId, PackageId};
use host_transport::Dial;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tonic::transport::{Channel, Endpoint, Server};

#[derive(Default)]
struct Shelf {
    things: HashMap<What, Bytes>,
    opened: AtomicUsize,
    refuses: bool,
}

impl Source for Shelf {
    fn admit(&self, _: &tonic::Extensions) -> Result<(), String> {
        if self.refuses { Err("not you".into()) } else { Ok(()) }
    }

    fn open(&self, what: What) -> Answer<'_, Option<Bytes>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(self.things.get(&what).cloned()))
    }
}

#[derive(Default)]
struct Book(Mutex<HashMap<NodeId, SocketAddr>>);

impl Dial for Book {
    fn dial(&self, peer: NodeId) -> host_transport::Answer<'_, Result<Channel, String>> {
        let address = self.0.lock().get(&peer).copied();
        Box::pin(async move {
            let address = address.ok_or("nobody knows where it is")?;
            let endpoint = Endpoint::from_shared(format!("http://{address}"));
            let endpoint = endpoint.map_err(|error| error.to_string())?;
            endpoint.connect().await.map_err(|error| error.to_string())
        })
    }
}

/// A cluster of nodes that have things.
#[derive(Default)]
struct World {
    book: Arc<Book>,
}

impl World {
    async fn node(&self, id: u32, shelf: Shelf) -> Arc<Shelf> {
        let shelf = Arc::new(shelf);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.book.0.lock().insert(NodeId(id), listener.local_addr().unwrap());
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let serving = Server::builder().add_service(server(shelf.clone()));
        tokio::spawn(serving.serve_with_incoming(incoming));
        shelf
    }

    fn puller(&self) -> Puller {
        Puller::new(self.book.clone())
    }
}

fn object(seq: u64) -> What {
    What::Object(ObjectId { node: NodeId(1), seq })
}

fn with(what: What, bytes: impl Into<Bytes>) -> Shelf {
    Shelf { things: HashMap::from([(what, bytes.into())]), ..Shelf::default() }
}

fn from(nodes: &[u32]) -> Vec<NodeId> {
    nodes.iter().copied().map(NodeId).collect()
}

#[tokio::test]
async fn every_size_comes_whole() {
    let world = World::default();
    let sizes = [0, 1, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, (8 << 20) + 1, 40 << 20];
    let bytes = |size: usize| -> Vec<u8> { (0..size).map(|at| (at / 251) as u8).collect() };
    let all = sizes.iter().zip(0..).map(|(size, seq)| (object(seq), bytes(*size).into()));
    world.node(1, Shelf { things: all.collect(), ..Shelf::default() }).await;
    let puller = world.puller();
    for (size, seq) in sizes.into_iter().zip(0..) {
        let pulled = puller.pull(object(seq), from(&[1])).await.unwrap();
        assert!(pulled == bytes(size), "{size} bytes");
    }
}

#[tokio::test]
async fn who_asks_for_the_same_at_once_shares_one_pull() {
    let world = World::default();
    let shelf = world.node(1, with(object(1), vec![1; 1 << 20])).await;
    let puller = world.puller();
    let pulls = (0..20).map(|_| puller.pull(object(1), from(&[1])));
    let pulled = futures_util::future::join_all(pulls).await;
    assert!(pulled.iter().all(|pulled| pulled.as_ref().unwrap().len() == 1 << 20));
    assert_eq!(shelf.opened.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_next_node_is_asked_when_one_does_not_help() {
    let world = World::default();
    world.node(1, Shelf::default()).await;
    world.node(2, Shelf { refuses: true, ..with(object(1), "mine") }).await;
    world.node(4, with(object(1), "here")).await;
    let puller = world.puller();
    assert_eq!(puller.pull(object(1), from(&[1, 2, 3, 4])).await.unwrap(), "here");
    let nowhere = puller.pull(object(1), from(&[1])).await.unwrap_err();
    assert_eq!(nowhere, Error::NotThere { what: object(1), from: from(&[1]) });
    let refused = puller.pull(object(1), from(&[1, 2])).await.unwrap_err();
    assert!(matches!(&refused, Error::Failed { why, .. } if why.contains("not you")), "{refused}");
}

#[tokio::test]
async fn a_package_with_another_hash_is_not_taken() {
    let world = World::default();
    let id = PackageId(Sha256::digest(b"the package").into());
    let what = What::Package(id);
    world.node(1, with(what, "something else")).await;
    world.node(2, with(what, "the package")).await;
    let puller = world.puller();
    assert_eq!(puller.pull(what, from(&[1, 2])).await.unwrap(), "the package");
    let forged = puller.pull(what, from(&[1])).await.unwrap_err();
    assert!(matches!(&forged, Error::Failed { why, .. } if why.contains("hash")), "{forged}");
}
