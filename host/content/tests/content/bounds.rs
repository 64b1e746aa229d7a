//! What is bounded stays within its bound.

use std::sync::Arc;

use bytes::Bytes;
use host_content::limits::RANGE_BYTES;
use host_content::{Config, Content, What};
use host_core::{NodeId, ObjectId};
use host_transport::Answer;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};

use crate::fixture::{Cluster, OBJECT, config, some};

/// How many contents there are, and were at most.
#[derive(Default)]
struct Count {
    now: usize,
    most: usize,
}

/// Counts itself while it is read.
struct Counted {
    bytes: Bytes,
    count: Arc<Mutex<Count>>,
    /// A read takes one.
    reads: Arc<Semaphore>,
    /// Told when it is read, and when it ends.
    news: mpsc::UnboundedSender<&'static str>,
}

impl Content for Counted {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read(&self, at: u64, len: usize) -> Answer<'_, Result<Bytes, String>> {
        Box::pin(async move {
            let _ = self.news.send("read");
            self.reads.acquire().await.unwrap().forget();
            self.bytes.read(at, len).await
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.lock().now -= 1;
        let _ = self.news.send("ended");
    }
}

fn object(seq: u64) -> What {
    What::Object(ObjectId { node: NodeId(1), seq })
}

/// A cluster of one node that has counted things, and a way to let reads pass.
async fn counted(
    under_way_bytes_max: u64,
    size: usize,
) -> (Cluster, Arc<Mutex<Count>>, Arc<Semaphore>, mpsc::UnboundedReceiver<&'static str>) {
    let config = Config { under_way_bytes_max, ..config(NodeId(100)) };
    let cluster = Cluster::with(1, config).await;
    let (count, reads) = (Arc::<Mutex<Count>>::default(), Arc::new(Semaphore::new(0)));
    let (news, heard) = mpsc::unbounded_channel();
    for seq in 0..20 {
        let (count, reads, news) = (count.clone(), reads.clone(), news.clone());
        let bytes = some(size);
        let make = move || -> Box<dyn Content> {
            let mut counts = count.lock();
            counts.now += 1;
            counts.most = counts.most.max(counts.now);
            let (count, reads, news) = (count.clone(), reads.clone(), news.clone());
            Box::new(Counted { bytes: bytes.clone(), count, reads, news })
        };
        cluster.shelves[0].put_made(object(seq), Box::new(make));
    }
    (cluster, count, reads, heard)
}

#[tokio::test]
async fn bytes_under_way_stay_within_the_bound_and_more_wait() {
    const SIZE: usize = 1 << 20;
    let (cluster, count, reads, mut heard) = counted(3 * SIZE as u64, SIZE).await;
    let pulls: Vec<_> = (0..12)
        .map(|seq| {
            let (puller, nodes) = (cluster.puller.clone(), cluster.nodes.clone());
            tokio::spawn(async move { puller.pull(object(seq), Some(SIZE as u64), &nodes).await })
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(heard.recv().await, Some("read"));
    }
    assert_eq!(cluster.puller.under_way(), 3 * SIZE as u64);
    assert_eq!(count.lock().now, 3);
    reads.add_permits(1_000);
    for pull in pulls {
        assert_eq!(pull.await.unwrap().unwrap().len(), SIZE);
    }
    assert_eq!(cluster.puller.under_way(), 0);
    // One that was read to its end there may still be ending when the next
    // one begins: at most as many again.
    assert!(count.lock().most <= 6, "{} at once", count.lock().most);
}

#[tokio::test]
async fn what_is_larger_than_the_bound_is_pulled_alone() {
    let bytes = some(3 * RANGE_BYTES);
    let config = Config { under_way_bytes_max: RANGE_BYTES as u64, ..config(NodeId(100)) };
    let cluster = Cluster::with(2, config).await;
    cluster.put_everywhere(OBJECT, &bytes);
    cluster.put_everywhere(object(1), &bytes);
    let (one, other) = tokio::join!(cluster.pull(OBJECT, None), cluster.pull(object(1), None));
    assert!(one.unwrap() == bytes && other.unwrap() == bytes);
}

#[tokio::test]
async fn a_pull_that_nobody_waits_for_ends() {
    const SIZE: usize = 1 << 20;
    let (cluster, _, _reads, mut heard) = counted(1 << 30, SIZE).await;
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let (puller, nodes) = (cluster.puller.clone(), cluster.nodes.clone());
            tokio::spawn(async move { puller.pull(object(0), Some(SIZE as u64), &nodes).await })
        })
        .collect();
    assert_eq!(heard.recv().await, Some("read"));
    for task in waiting {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert_eq!(heard.recv().await, Some("ended"));
    assert_eq!(cluster.puller.under_way(), 0);
}
