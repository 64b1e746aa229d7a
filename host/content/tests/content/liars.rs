//! Nodes that do not give what they should.

use std::sync::Arc;

use bytes::Bytes;
use host_content::limits::{CHUNK_BYTES, RANGE_BYTES};
use host_content::{Content, Error};
use host_transport::Answer;
use tokio::sync::Notify;

use crate::fixture::{Bucket, Cluster, OBJECT, package, some};

/// Fails past some bytes, or never answers.
struct Broken {
    bytes: Bytes,
    good: u64,
    /// Told when it will say nothing more; none: it says that it failed.
    silent: Option<Arc<Notify>>,
}

impl Content for Broken {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, at: u64, len: usize) -> Answer<'_, Result<Bytes, String>> {
        if at + len as u64 <= self.good {
            return self.bytes.read(at, len);
        }
        match &self.silent {
            None => Box::pin(std::future::ready(Err("its disk is broken".to_owned()))),
            Some(told) => {
                told.notify_one();
                Box::pin(std::future::pending())
            }
        }
    }
}

fn broken(bytes: &Bytes, good: usize, silent: Option<Arc<Notify>>) -> Broken {
    Broken { bytes: bytes.clone(), good: good as u64, silent }
}

#[tokio::test]
async fn where_one_stops_in_the_middle_another_goes_on() {
    let bytes = some(5 * RANGE_BYTES + 1);
    let cluster = Cluster::start(2).await;
    let (half, copy) = (RANGE_BYTES + 3 * CHUNK_BYTES, bytes.clone());
    cluster.shelves[0].put_made(OBJECT, Box::new(move || Box::new(broken(&copy, half, None))));
    let Err(Error::Unreached { why, .. }) = cluster.pull(OBJECT, None).await else {
        panic!("half of it was taken for the whole");
    };
    assert!(why.contains("its disk is broken"), "{why}");
    cluster.shelves[1].put(OBJECT, bytes.clone());
    assert!(cluster.pull(OBJECT, None).await.unwrap() == bytes);
    assert_eq!(cluster.puller.under_way(), 0);
}

#[tokio::test]
async fn a_source_that_falls_silent_is_given_up() {
    let bytes = some(CHUNK_BYTES + 1);
    let cluster = Cluster::start(2).await;
    let (told, copy) = (Arc::new(Notify::new()), bytes.clone());
    let silent = told.clone();
    let make =
        move || -> Box<dyn Content> { Box::new(broken(&copy, CHUNK_BYTES, Some(silent.clone()))) };
    cluster.shelves[0].put_made(OBJECT, Box::new(make));
    cluster.shelves[1].put(OBJECT, bytes.clone());
    let nodes = cluster.nodes.clone();
    let puller = cluster.puller.clone();
    let size = Some(bytes.len() as u64);
    let pulling = tokio::spawn(async move { puller.pull(OBJECT, size, &nodes[..1]).await });
    told.notified().await;
    // From here on time passes whenever nothing else happens.
    tokio::time::pause();
    let Err(Error::Unreached { why, .. }) = pulling.await.unwrap() else {
        panic!("it was waited for");
    };
    assert!(why.contains("silent") || why.contains("too long"), "{why}");
}

#[tokio::test]
async fn a_wrong_size_is_no_size_and_the_honest_one_is_found() {
    let bytes = some(2 * RANGE_BYTES);
    let size = bytes.len() as u64;
    for wrong in [some(2 * RANGE_BYTES - 1), some(2 * RANGE_BYTES + 1), some(0)] {
        let cluster = Cluster::start(2).await;
        cluster.shelves[0].put(OBJECT, wrong.clone());
        let alone = cluster.puller.pull(OBJECT, Some(size), &cluster.nodes[..1]).await;
        assert!(matches!(alone, Err(Error::Corrupt { .. })), "{alone:?}");
        cluster.shelves[1].put(OBJECT, bytes.clone());
        assert!(cluster.pull(OBJECT, Some(size)).await.unwrap() == bytes);
    }
}

#[tokio::test]
async fn too_much_too_little_and_nothing_at_all_are_refused() {
    let bytes = some(10);
    let (much, chunk) = (some(11), some(CHUNK_BYTES + 1));
    let lies: [Vec<(u64, Bytes)>; 6] = [
        vec![(10, much.clone())],
        vec![(10, bytes.clone()), (0, some(1))],
        vec![(10, bytes.slice(..5))],
        vec![(10, bytes.slice(..5)), (0, Bytes::new()), (0, bytes.slice(5..))],
        vec![(u64::MAX, bytes.clone())],
        vec![],
    ];
    for lie in lies {
        let mut cluster = Cluster::start(1).await;
        cluster.put_everywhere(OBJECT, &bytes);
        cluster.add_liar(lie.clone()).await;
        cluster.nodes.reverse();
        let pulled = cluster.puller.pull(OBJECT, Some(10), &cluster.nodes[..1]).await;
        assert!(matches!(pulled, Err(Error::Corrupt { .. } | Error::Unreached { .. })), "{lie:?}");
        for size in [None, Some(10)] {
            assert_eq!(cluster.pull(OBJECT, size).await, Ok(bytes.clone()), "{lie:?}");
        }
    }
    let mut cluster = Cluster::start(0).await;
    cluster.add_liar(vec![(chunk.len() as u64, chunk.clone())]).await;
    let pulled = cluster.pull(OBJECT, Some(chunk.len() as u64)).await;
    assert!(pulled.is_err(), "a chunk was larger than chunks are");
}

#[tokio::test]
async fn a_package_with_another_hash_is_refused_and_another_node_asked() {
    let bytes = some(3 * RANGE_BYTES);
    let what = package(&bytes);
    let mut wrong = bytes.to_vec();
    // Each of three gives one range, so that any of them spoils the whole.
    wrong.iter_mut().step_by(RANGE_BYTES).for_each(|byte| *byte ^= 1);
    let wrong = Bytes::from(wrong);
    for honest in 0..3 {
        let cluster = Cluster::start(3).await;
        cluster.put_everywhere(what, &wrong);
        let Err(Error::Corrupt { why, .. }) = cluster.pull(what, None).await else {
            panic!("a wrong package was taken");
        };
        assert!(why.contains("hash"), "{why}");
        cluster.shelves[honest].put(what, bytes.clone());
        assert!(cluster.pull(what, None).await.unwrap() == bytes);
        let mut bucket = Bucket::default();
        let pulling = cluster.puller.pull_into(what, None, &cluster.nodes, &mut bucket);
        assert_eq!(pulling.await, Ok(bytes.len() as u64));
        assert!(bucket.bytes == bytes);
        assert_eq!(bucket.begun, 2 + honest, "together, then each alone");
    }
}

#[tokio::test]
async fn one_honest_node_among_bad_ones_of_every_kind_is_enough() {
    let bytes = some(3 * RANGE_BYTES);
    let what = package(&bytes);
    let mut wrong = bytes.to_vec();
    wrong.iter_mut().step_by(RANGE_BYTES).for_each(|byte| *byte ^= 1);
    let mut cluster = Cluster::start(4).await;
    cluster.shelves[1].put(what, wrong.into());
    let copy = bytes.clone();
    let make = move || -> Box<dyn Content> { Box::new(broken(&copy, RANGE_BYTES, None)) };
    cluster.shelves[2].put_made(what, Box::new(make));
    cluster.shelves[3].put(what, bytes.clone());
    cluster.nodes.insert(0, host_core::NodeId(99));
    for size in [None, Some(bytes.len() as u64)] {
        assert!(cluster.pull(what, size).await.unwrap() == bytes);
        let mut bucket = Bucket::default();
        let pulling = cluster.puller.pull_into(what, size, &cluster.nodes, &mut bucket);
        assert_eq!(pulling.await, Ok(bytes.len() as u64));
        assert!(bucket.bytes == bytes);
    }
    // Without it, what was wrong is told, whoever was asked last.
    cluster.nodes.truncate(4);
    assert!(matches!(cluster.pull(what, None).await, Err(Error::Corrupt { .. })));
}

#[tokio::test]
async fn a_sink_that_is_full_ends_the_pull() {
    let cluster = Cluster::start(1).await;
    cluster.put_everywhere(OBJECT, &some(3 * RANGE_BYTES));
    let mut bucket = Bucket { room: Some(RANGE_BYTES), ..Bucket::default() };
    let pulled = cluster.puller.pull_into(OBJECT, None, &cluster.nodes, &mut bucket).await;
    assert_eq!(pulled, Err(Error::Sink { what: OBJECT, why: "the disk is full".into() }));
}
