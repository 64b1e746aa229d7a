//! Pulls that go well.

use bytes::Bytes;
use host_content::limits::{CHUNK_BYTES, RANGE_BYTES};
use host_content::{Error, What};
use host_core::NodeId;

use crate::fixture::{Bucket, Cluster, LONG, OBJECT, package, some};

const SIZES: [usize; 8] =
    [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, RANGE_BYTES, RANGE_BYTES + 1, 64 << 20];

#[tokio::test]
async fn what_is_pulled_is_what_was_there_whatever_its_size() {
    let cluster = Cluster::start(3).await;
    for size in SIZES {
        let bytes = some(size);
        for what in [OBJECT, package(&bytes)] {
            cluster.put_everywhere(what, &bytes);
            for known in [None, Some(size as u64)] {
                let pulled = cluster.pull(what, known).await.unwrap();
                assert!(pulled == bytes, "{what} of {size}");
            }
            let mut bucket = Bucket::default();
            let pulling = cluster.puller.pull_into(what, None, &cluster.nodes, &mut bucket);
            let pulled = tokio::time::timeout(LONG, pulling).await.unwrap();
            assert_eq!(pulled, Ok(size as u64));
            assert!(bucket.bytes == bytes, "{what} of {size}, into a sink");
        }
    }
    assert_eq!(cluster.puller.under_way(), 0);
}

#[tokio::test]
async fn a_large_thing_comes_from_everybody_who_has_it() {
    let cluster = Cluster::start(3).await;
    cluster.put_everywhere(OBJECT, &some(64 << 20));
    cluster.pull(OBJECT, Some(64 << 20)).await.unwrap();
    let opened: Vec<usize> = cluster.shelves.iter().map(|shelf| *shelf.opened.lock()).collect();
    assert_eq!(opened.iter().sum::<usize>(), 8);
    assert!(opened.iter().all(|opened| *opened >= 2), "{opened:?}");
}

#[tokio::test]
async fn a_node_that_lacks_it_or_is_not_reached_is_passed_over() {
    let mut cluster = Cluster::start(3).await;
    let bytes = some(3 * RANGE_BYTES);
    cluster.shelves[2].put(OBJECT, bytes.clone());
    cluster.nodes.insert(0, NodeId(99));
    for known in [None, Some(bytes.len() as u64)] {
        assert!(cluster.pull(OBJECT, known).await.unwrap() == bytes);
    }
}

#[tokio::test]
async fn many_who_want_the_same_share_one_pull() {
    let cluster = Cluster::start(1).await;
    let bytes = some(2 * RANGE_BYTES);
    cluster.put_everywhere(OBJECT, &bytes);
    let size = Some(bytes.len() as u64);
    let pulls = (0..10).map(|_| cluster.puller.pull(OBJECT, size, &cluster.nodes));
    let pulled: Vec<Bytes> = futures_util::future::try_join_all(pulls).await.unwrap();
    assert!(pulled[0] == bytes);
    assert!(pulled.iter().all(|other| other.as_ptr() == pulled[0].as_ptr()));
    assert_eq!(*cluster.shelves[0].opened.lock(), 2);
    // The next one pulls anew: the puller keeps nothing.
    cluster.pull(OBJECT, size).await.unwrap();
    assert_eq!(*cluster.shelves[0].opened.lock(), 4);
}

#[tokio::test]
async fn what_nobody_has_is_told_from_what_nobody_was_reached_for() {
    let mut cluster = Cluster::start(2).await;
    for size in [None, Some(5)] {
        let nowhere = Error::NotThere { what: OBJECT, asked: 2 };
        assert_eq!(cluster.pull(OBJECT, size).await, Err(nowhere));
    }
    cluster.nodes.insert(1, NodeId(99));
    for size in [None, Some(5)] {
        let Err(Error::Unreached { node, why, .. }) = cluster.pull(OBJECT, size).await else {
            panic!("a node was not reached");
        };
        assert_eq!((node, &*why), (NodeId(99), "nobody knows where it is"));
    }
    cluster.nodes.clear();
    assert_eq!(cluster.pull(OBJECT, None).await, Err(Error::NotThere { what: OBJECT, asked: 0 }));
    let what = What::Package(host_core::PackageId([0; 32]));
    let large = cluster.puller.pull(what, Some(u64::MAX), &[NodeId(1)]).await;
    assert!(matches!(large, Err(Error::TooLarge { .. })));
}
