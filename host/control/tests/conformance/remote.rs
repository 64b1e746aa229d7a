//! What only the contract between hosts brings: versions, and hostile callers.

use host_control::Embedded;
use host_proto::PROTOCOL_VERSION;
use host_proto::control as proto;
use host_proto::control::control_store_client::ControlStoreClient;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::fixture::{Served, key};

async fn serve(folder: &tempfile::TempDir) -> (Served, ControlStoreClient<Channel>) {
    let served = Served::start(Embedded::open(folder.path(), None).await.unwrap()).await;
    let url = format!("http://{}", served.address);
    (served, ControlStoreClient::new(Endpoint::new(url).unwrap().connect_lazy()))
}

fn caller(protocol: u32, cluster: &[u8]) -> Option<proto::Caller> {
    Some(proto::Caller { protocol, cluster: cluster.to_vec().into(), timeout_ms: 5_000 })
}

#[tokio::test]
async fn host_of_an_unknown_version_is_refused_and_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = serve(&folder).await;
    let newer = PROTOCOL_VERSION + 1;
    for caller in [caller(newer, b""), caller(0, b""), None] {
        let request = proto::IdentifyRequest { caller };
        let refused = client.identify(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(refused.message().contains("upgrade the older"), "{refused}");
    }
    served.stop().await;
}

#[tokio::test]
async fn malformed_requests_are_refused_and_harm_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = serve(&folder).await;
    let request = proto::IdentifyRequest { caller: caller(PROTOCOL_VERSION, b"") };
    let cluster = client.identify(request).await.unwrap().into_inner().cluster;
    let name = key("a").bytes().clone();
    for wrong in [&b""[..], b"short", &[0; 16], &[0; 1 << 20]] {
        let caller = caller(PROTOCOL_VERSION, wrong);
        let request = proto::GetRequest { caller, key: name.clone() };
        assert!(client.get(request).await.is_err(), "{} bytes", wrong.len());
    }
    let us = || caller(PROTOCOL_VERSION, &cluster);
    let put = |value: Vec<u8>| {
        let put = proto::Put { value: value.into(), lease: 0 };
        proto::Write { key: name.clone(), change: Some(proto::write::Change::Put(put)) }
    };
    let many = vec![proto::Write { key: name.clone(), change: None }; 100_000];
    for writes in [vec![put(vec![0; 2 << 20])], vec![put(vec![0; 64 << 20])], many] {
        let request = proto::TransactRequest { caller: us(), compares: Vec::new(), writes };
        assert!(client.transact(request).await.is_err());
    }
    for name in [Vec::new(), vec![0; 2 << 10]] {
        let request = proto::GetRequest { caller: us(), key: name.into() };
        assert!(client.get(request).await.is_err());
    }
    let request = proto::KeepAliveRequest { caller: us(), lease: 0 };
    assert!(client.keep_alive(request).await.is_err());
    let request = proto::GrantRequest { caller: us(), ttl_ms: u64::MAX };
    assert!(client.grant(request).await.is_err());
    let request = proto::GetRequest { caller: us(), key: name };
    assert_eq!(client.get(request).await.unwrap().into_inner().record, None);
    served.stop().await;
}
