//! How fast each control store is:
//! `cargo run --release -p host-control --example speed`.
//!
//! One line a measurement: operations per second and the time each took. The
//! data lies in a temporary folder (`TMPDIR`), so writes cost what its disk's
//! fsync costs; etcd is one member, and the remote store is served by this
//! process over loopback.

use std::error::Error;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_control::{
    ControlStore, Deadline, Embedded, Etcd, EtcdOptions, Key, Remote, Transaction, server,
};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};

/// For one measurement.
const TIME: Duration = Duration::from_secs(3);

/// Callers at one time.
const CALLERS: [usize; 3] = [1, 16, 128];

/// Bytes of a value: about a node's or a name's record.
const VALUE_BYTES: usize = 200;

/// Killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let embedded = Embedded::open(&folder.path().join("embedded"), None).await?;
    measure("embedded", Arc::new(embedded.clone())).await?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let service = server(Arc::new(embedded));
    tokio::spawn(
        Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)),
    );
    measure("remote", Arc::new(Remote::new(Endpoint::new(url)?.connect_lazy(), None))).await?;

    let (_etcd, endpoint) = start_etcd(folder.path())?;
    let options = EtcdOptions {
        endpoints: vec![endpoint],
        namespace: "speed".to_owned(),
        tls: None,
        user: None,
        cluster: None,
    };
    measure("etcd", Arc::new(Etcd::new(&options)?)).await
}

fn start_etcd(folder: &Path) -> Result<(Killed, String), Box<dyn Error>> {
    let program = host_toolchain::find_etcd(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let free = || TcpListener::bind("127.0.0.1:0")?.local_addr();
    let (client, peer) = (format!("http://{}", free()?), format!("http://{}", free()?));
    let child = Command::new(program)
        .arg("--data-dir")
        .arg(folder.join("etcd"))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok((Killed(child), client))
}

async fn measure(name: &str, store: Arc<dyn ControlStore>) -> Result<(), Box<dyn Error>> {
    // Also waits until it is there.
    store.cluster(Deadline::after(Duration::from_secs(30))).await?;
    for callers in CALLERS {
        report(name, "put", callers, store.clone(), put).await?;
    }
    for callers in CALLERS {
        report(name, "get", callers, store.clone(), get).await?;
    }
    for callers in CALLERS {
        report(name, "swap", callers, store.clone(), swap).await?;
    }
    Ok(())
}

/// Has so many callers do something for a time, each one after the other.
async fn report<F>(
    store_name: &str,
    what: &str,
    callers: usize,
    store: Arc<dyn ControlStore>,
    operation: impl Fn(Arc<dyn ControlStore>, usize) -> F + Copy + Send + 'static,
) -> Result<(), Box<dyn Error>>
where
    F: Future<Output = Result<(), host_control::Error>> + Send,
{
    let begin = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                while begin.elapsed() < TIME {
                    let start = Instant::now();
                    operation(store.clone(), caller).await?;
                    times.push(start.elapsed());
                }
                Ok::<_, host_control::Error>(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let per_second = times.len() as f64 / begin.elapsed().as_secs_f64();
    times.sort();
    let part = |of: f64| times[((times.len() - 1) as f64 * of) as usize].as_secs_f64() * 1e3;
    println!(
        "{store_name:9} {what:5} {callers:4} callers {per_second:9.0}/s   \
         median {:8.3} ms   99 % {:8.3} ms",
        part(0.5),
        part(0.99)
    );
    Ok(())
}

fn key(caller: usize) -> Result<Key, host_control::Error> {
    Key::new(format!("names/{caller}"))
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

/// Writes a record.
async fn put(store: Arc<dyn ControlStore>, caller: usize) -> Result<(), host_control::Error> {
    let transaction = Transaction::new().put(key(caller)?, vec![1; VALUE_BYTES]);
    store.transact(&transaction, soon()).await.map(drop)
}

/// Reads a record.
async fn get(store: Arc<dyn ControlStore>, caller: usize) -> Result<(), host_control::Error> {
    store.get(&key(caller)?, soon()).await.map(drop)
}

/// Reads a record and writes it if it is still the same.
async fn swap(store: Arc<dyn ControlStore>, caller: usize) -> Result<(), host_control::Error> {
    let key = key(caller)?;
    let Some(record) = store.get(&key, soon()).await?.record else { return Ok(()) };
    let transaction =
        Transaction::new().modified(key.clone(), record.modified).put(key, record.value);
    store.transact(&transaction, soon()).await.map(drop)
}
