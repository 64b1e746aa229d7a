//! What a node does not serve.

use bytes::Bytes;
use host_content::limits::STREAMS_SERVED;
use host_content::{Config, Error, Puller};
use host_core::{ClusterId, NodeId};
use host_proto::PROTOCOL_VERSION;
use host_proto::content::content_client::ContentClient;
use host_proto::content::read_request::What as Thing;
use host_proto::content::{Object, ReadRequest};
use host_transport::Dial as _;
use tonic::Code;

use crate::fixture::{Cluster, OBJECT, UNWELCOME, config, some};

async fn refused_puller(cluster: &Cluster, config: Config) -> String {
    let puller = Puller::new(config, cluster.book.clone());
    match puller.pull(OBJECT, None, &cluster.nodes).await {
        Err(Error::Unreached { why, .. }) => why,
        other => panic!("it was let in: {other:?}"),
    }
}

#[tokio::test]
async fn who_is_not_admitted_or_of_another_cluster_reads_nothing() {
    let cluster = Cluster::start(1).await;
    cluster.put_everywhere(OBJECT, &some(10));
    assert_eq!(refused_puller(&cluster, config(UNWELCOME)).await, "n13 is not welcome");
    let foreign = Config { cluster: ClusterId(8), ..config(NodeId(100)) };
    let why = refused_puller(&cluster, foreign).await;
    assert!(why.contains("this is a node of cluster"), "{why}");
    assert_eq!(*cluster.shelves[0].opened.lock(), 0);
}

fn good() -> ReadRequest {
    ReadRequest {
        protocol: PROTOCOL_VERSION,
        cluster: Bytes::copy_from_slice(&ClusterId(9).bytes()),
        from: 100,
        what: Some(Thing::Object(Object { node: 1, seq: 7 })),
        at: 0,
        len: 10,
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let cluster = Cluster::start(1).await;
    cluster.put_everywhere(OBJECT, &some(10));
    let mut client = ContentClient::new(cluster.book.dial(NodeId(1)).await.unwrap());
    assert!(client.read(good()).await.is_ok());
    let short = Bytes::from_static(&[1; 31]);
    for (request, code) in [
        (ReadRequest { protocol: PROTOCOL_VERSION + 1, ..good() }, Code::FailedPrecondition),
        (ReadRequest { cluster: Bytes::new(), ..good() }, Code::FailedPrecondition),
        (ReadRequest { what: None, ..good() }, Code::InvalidArgument),
        (ReadRequest { what: Some(Thing::Package(short)), ..good() }, Code::InvalidArgument),
        (ReadRequest { at: 1, ..good() }, Code::OutOfRange),
        (ReadRequest { at: u64::MAX, ..good() }, Code::OutOfRange),
        (ReadRequest { at: 11, len: 0, ..good() }, Code::OutOfRange),
    ] {
        let status = client.read(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), code, "{request:?}");
    }
}

#[tokio::test]
async fn a_node_reads_so_many_ranges_at_once_and_others_are_not_kept_out() {
    let cluster = Cluster::start(1).await;
    let bytes = some(8 << 20);
    cluster.put_everywhere(OBJECT, &bytes);
    let mut client = ContentClient::new(cluster.book.dial(NodeId(1)).await.unwrap());
    let large = || ReadRequest { len: 8 << 20, ..good() };
    let mut streams = Vec::new();
    // More is in them than fits on the way, and nobody reads.
    for _ in 0..STREAMS_SERVED {
        streams.push(client.read(large()).await.unwrap().into_inner());
    }
    let status = client.read(large()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    // On a connection of its own: what fits on one is taken.
    let mut client = ContentClient::new(cluster.book.dial(NodeId(1)).await.unwrap());
    let other = ReadRequest { from: 101, ..good() };
    let mut stream = client.read(other).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().size, 8 << 20);
    drop(streams);
}
