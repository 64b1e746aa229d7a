//! Packages that clients give to a node, and those that do not arrive.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use host::sandbox::Package;
use host_identity::Admitted;
use host_proto::admin as proto;
use host_proto::admin::upload_part::Part;
use tonic::{Code, Status};

use crate::fixture::{Client, Known, Served, caller, check, node, node_in};

fn begin(id: impl AsRef<[u8]>, size: u64) -> proto::UploadPart {
    let id = Bytes::copy_from_slice(id.as_ref());
    proto::UploadPart { part: Some(Part::Begin(proto::UploadBegin { caller: caller(), id, size })) }
}

fn data(bytes: &'static [u8]) -> proto::UploadPart {
    proto::UploadPart { part: Some(Part::Data(Bytes::from_static(bytes))) }
}

async fn refused(client: &mut Client, parts: Vec<proto::UploadPart>) -> Status {
    client.upload_package(stream::iter(parts)).await.unwrap_err()
}

fn files(served: &Served) -> usize {
    std::fs::read_dir(&served.packages).unwrap().count()
}

#[test]
fn an_upload_that_is_not_what_was_announced_leaves_nothing() {
    check(async {
        let served = node(1, "alpha", Arc::new(Known::default()));
        let mut client = served.client(Some(Admitted::local())).await;
        let id = Package::id_of(b"abc").0;
        for (parts, why) in [
            (vec![], "begins with its beginning"),
            (vec![data(b"abc")], "begins with its beginning"),
            (vec![begin(b"short", 3)], "32 bytes"),
            (vec![begin(id, u64::MAX)], "at most"),
            (vec![begin(id, 3), data(b"ab")], "only 2 of 3 bytes"),
            (vec![begin(id, 3), data(b"ab"), data(b"cd")], "more than the 3 bytes"),
            (vec![begin(id, 3), data(b"abd")], "hash"),
            (vec![begin(id, 3), begin(id, 3)], "one beginning"),
            (vec![begin(id, 3), proto::UploadPart { part: None }], "does not know"),
            // All of it came, and it is no package.
            (vec![begin(id, 3), data(b"abc")], "not a WebAssembly file"),
        ] {
            let status = refused(&mut client, parts).await;
            assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
            assert!(status.message().contains(why), "{why}: {status:?}");
            assert_eq!(files(&served), 0, "{why}");
        }
    });
}

#[test]
fn a_client_that_goes_away_in_the_middle_leaves_nothing() {
    check(async {
        let served = node(1, "alpha", Arc::new(Known::default()));
        let mut client = served.client(Some(Admitted::local())).await;
        let id = Package::id_of(b"abc").0;
        let (began, first_came) = tokio::sync::oneshot::channel();
        let parts = stream::iter([begin(id, 3), data(b"a")]).chain(stream::once(async {
            began.send(()).unwrap();
            std::future::pending().await
        }));
        let uploading = tokio::spawn(async move { client.upload_package(parts).await });
        first_came.await.unwrap();
        // It is there once the beginning has arrived, and gone with the client.
        while files(&served) == 0 {
            tokio::task::yield_now().await;
        }
        uploading.abort();
        while files(&served) > 0 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn what_a_killed_host_left_half_written_goes_at_the_start() {
    check(async {
        let folder = tempfile::tempdir().unwrap();
        let packages = folder.path().join("packages");
        std::fs::create_dir(&packages).unwrap();
        std::fs::write(packages.join("upload-x.part"), b"half").unwrap();
        std::fs::write(packages.join("kept"), b"whole").unwrap();
        let _served = node_in(folder, 1, "alpha", Arc::new(Known::default()));
        let left = std::fs::read_dir(packages).unwrap().map(|file| file.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["kept"]);
    });
}

#[test]
fn a_package_that_the_node_does_not_have_is_not_run() {
    check(async {
        let served = node(1, "alpha", Arc::new(Known::default()));
        let mut client = served.client(Some(Admitted::local())).await;
        let id = Bytes::copy_from_slice(&Package::id_of(b"abc").0);
        let request = proto::FindPackageRequest { caller: caller(), id: id.clone() };
        let found = client.find_package(request).await.unwrap().into_inner();
        assert_eq!(found.description, None);
        let driver = proto::run_request::Work::Driver(proto::Driver::default());
        let request = proto::RunRequest { caller: caller(), package: id, work: Some(driver) };
        let status = client.run(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert!(status.message().contains("upload it first"), "{status:?}");
    });
}
