//! A store under test, and what can befall it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use host_control::{
    ClusterId, ControlStore, Deadline, Embedded, Error, Etcd, EtcdOptions, Key, Outcome, Prefix,
    Range, Record, Remote, Revision, Transaction, Watch, limits, server,
};
use host_proto::etcd::CompactionRequest;
use host_proto::etcd::kv_client::KvClient;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};

use crate::proxy::Proxy;
use test_builds::etcd::EtcdProcess;

/// Which store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Embedded,
    Remote,
    Etcd,
}

/// A store, reached through [`store`](Fixture::store) as a host would.
pub(crate) struct Fixture {
    kind: Kind,
    folder: TempDir,
    backend: Option<Backend>,
    /// On the way to a store that is not in this process.
    proxy: Option<Proxy>,
    store: Arc<dyn ControlStore>,
}

/// What runs; gone while the store is down.
enum Backend {
    Embedded(Embedded),
    Remote(Served),
    Etcd(EtcdProcess),
}

/// An embedded store served over gRPC.
pub(crate) struct Served {
    pub(crate) store: Embedded,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Long enough for a busy machine; no test waits for it unless it fails.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

pub(crate) fn key(name: impl Into<String>) -> Key {
    Key::new(name.into()).unwrap()
}

pub(crate) fn prefix(name: &str) -> Prefix {
    Prefix::new(name.to_owned()).unwrap()
}

impl Fixture {
    pub(crate) async fn start(kind: Kind) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::start(kind, &folder).await;
        let proxy = match backend.address() {
            Some(address) => Some(Proxy::to(address).await),
            None => None,
        };
        let store = client(&backend, proxy.as_ref().map(Proxy::address), None);
        Fixture { kind, folder, backend: Some(backend), proxy, store }
    }

    /// The store, the way a host reaches it.
    pub(crate) fn store(&self) -> Arc<dyn ControlStore> {
        self.store.clone()
    }

    /// The store without what may be cut; another client of it.
    pub(crate) fn direct(&self) -> Arc<dyn ControlStore> {
        self.direct_expecting(None)
    }

    pub(crate) fn direct_expecting(&self, cluster: Option<ClusterId>) -> Arc<dyn ControlStore> {
        let backend = self.backend.as_ref().expect("it runs");
        client(backend, backend.address(), cluster)
    }

    /// Whether there is a connection that can be cut.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Takes the store down: closes it, or kills etcd (-9).
    pub(crate) async fn stop(&mut self) {
        match self.backend.take().expect("it runs") {
            Backend::Embedded(store) => store.close().await,
            Backend::Remote(served) => served.stop().await,
            Backend::Etcd(process) => drop(process),
        }
    }

    /// Brings it back with its data. Clients over a network are the old ones.
    pub(crate) async fn resume(&mut self) {
        let backend = Backend::start(self.kind, &self.folder).await;
        match (&self.proxy, backend.address()) {
            (Some(proxy), Some(address)) => {
                proxy.move_to(address);
                // A server in this process leaves its connections open.
                proxy.cut();
                proxy.mend();
            }
            _ => self.store = client(&backend, None, None),
        }
        self.backend = Some(backend);
    }

    /// Takes the store's data away and starts it with nothing.
    pub(crate) async fn wipe(&mut self) {
        self.stop().await;
        for entry in std::fs::read_dir(self.folder.path()).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => std::fs::remove_dir_all(path).unwrap(),
                path => std::fs::remove_file(path).unwrap(),
            }
        }
        if self.kind != Kind::Embedded {
            self.resume().await;
        }
    }

    /// Opening the embedded store again, for the cluster it was of.
    pub(crate) async fn reopen(&self, expected: Option<ClusterId>) -> Result<(), Error> {
        let store = Embedded::open(self.folder.path(), expected).await?;
        store.close().await;
        Ok(())
    }

    /// Makes the store forget how it came to its state.
    pub(crate) async fn compact(&self) {
        match self.backend.as_ref().expect("it runs") {
            Backend::Etcd(process) => {
                let revision = self.store.get(&key("x"), soon()).await.unwrap().revision;
                let channel = Endpoint::new(process.endpoint()).unwrap().connect_lazy();
                let revision = revision.number() as i64;
                let request = CompactionRequest { revision, physical: true };
                KvClient::new(channel).compact(request).await.unwrap();
            }
            Backend::Embedded(_) | Backend::Remote(_) => {
                // By as many bytes as it keeps.
                let value = vec![7; limits::VALUE_BYTES_MAX];
                for _ in 0..=limits::HISTORY_BYTES_MAX / limits::VALUE_BYTES_MAX {
                    put(&*self.store, "filler", value.clone()).await;
                }
            }
        }
    }
}

impl Backend {
    async fn start(kind: Kind, folder: &TempDir) -> Backend {
        match kind {
            Kind::Embedded => Backend::Embedded(Embedded::open(folder.path(), None).await.unwrap()),
            Kind::Remote => {
                let store = Embedded::open(folder.path(), None).await.unwrap();
                Backend::Remote(Served::start(store).await)
            }
            Kind::Etcd => Backend::Etcd(EtcdProcess::start(&folder.path().join("etcd"))),
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        match self {
            Backend::Embedded(_) => None,
            Backend::Remote(served) => Some(served.address),
            Backend::Etcd(process) => Some(process.address()),
        }
    }
}

/// A client of what runs, at an address.
fn client(
    backend: &Backend,
    address: Option<SocketAddr>,
    cluster: Option<ClusterId>,
) -> Arc<dyn ControlStore> {
    match backend {
        Backend::Embedded(store) => Arc::new(store.clone()),
        Backend::Remote(_) => {
            let url = format!("http://{}", address.expect("it is served"));
            Arc::new(Remote::new(Endpoint::new(url).unwrap().connect_lazy(), cluster))
        }
        Backend::Etcd(_) => {
            let endpoint = address.expect("it listens").to_string();
            Arc::new(Etcd::new(&etcd_options(vec![endpoint], cluster)).unwrap())
        }
    }
}

pub(crate) fn etcd_options(endpoints: Vec<String>, cluster: Option<ClusterId>) -> EtcdOptions {
    EtcdOptions { endpoints, namespace: "greenroom/test".into(), tls: None, user: None, cluster }
}

impl Served {
    pub(crate) async fn start(store: Embedded) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let service = server(Arc::new(store.clone()));
        let task = tokio::spawn(async move {
            let serving = Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpIncoming::from(listener));
            // Dropped with its connections, as a process that dies.
            tokio::select! {
                result = serving => result.unwrap(),
                _ = stopped => {}
            }
        });
        Served { store, address, stop, task }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap();
        self.store.close().await;
    }
}

/// Writes a record without condition.
pub(crate) async fn put(
    store: &dyn ControlStore,
    name: &str,
    value: impl Into<bytes::Bytes>,
) -> Outcome {
    let transaction = Transaction::new().put(key(name), value);
    store.transact(&transaction, soon()).await.unwrap()
}

/// A record, which is there.
pub(crate) async fn get(store: &dyn ControlStore, name: &str) -> Option<Record> {
    store.get(&key(name), soon()).await.unwrap().record
}

/// All records under a prefix, and the revision to watch behind.
pub(crate) async fn all(
    store: &dyn ControlStore,
    name: &str,
    limit: usize,
) -> (Revision, Vec<Record>) {
    let mut range = Range { limit, ..Range::of(prefix(name)) };
    let mut records: Vec<Record> = Vec::new();
    let mut first = None;
    loop {
        let page = store.range(&range, soon()).await.unwrap();
        assert!(page.records.len() <= limit);
        first.get_or_insert(page.revision);
        records.extend(page.records);
        if !page.more {
            return (first.expect("one was read"), records);
        }
        range.after = Some(records.last().expect("a page with more behind it").key.clone());
    }
}

/// A watch from now on.
pub(crate) async fn watch(store: &dyn ControlStore, name: &str) -> Watch {
    let revision = store.get(&key("any"), soon()).await.unwrap().revision;
    store.watch(&prefix(name), revision, soon()).await.unwrap()
}

/// The next change of a watch, which comes soon.
pub(crate) async fn next(watch: &mut Watch) -> host_control::Changes {
    let next = tokio::time::timeout_at(soon().instant(), watch.next()).await;
    next.expect("a change comes soon").expect("the watch goes on")
}
