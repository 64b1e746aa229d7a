//! A connection that a test can cut or freeze.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    /// They are passed on.
    Open,
    /// They are closed, old and new.
    Cut,
    /// Bytes are taken no more, and nothing is closed.
    Frozen,
}

/// Passes connections on to a server that may move.
pub(crate) struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    mode: watch::Sender<Mode>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(target));
        let (mode, modes) = watch::channel(Mode::Open);
        let task = tokio::spawn(accept(listener, target.clone(), modes));
        Proxy { address, target, mode, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server is there now.
    pub(crate) fn move_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }

    /// Closes all connections, and new ones at once.
    pub(crate) fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Lets nothing through, and says nothing.
    pub(crate) fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    /// All is well again, for new connections; frozen ones are closed.
    pub(crate) fn mend(&self) {
        self.mode.send_replace(Mode::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.mode.send_replace(Mode::Cut);
    }
}

async fn accept(
    listener: TcpListener,
    target: Arc<Mutex<SocketAddr>>,
    modes: watch::Receiver<Mode>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let target = *target.lock().unwrap();
        tokio::spawn(pass(stream, target, modes.clone()));
    }
}

async fn pass(mut stream: TcpStream, target: SocketAddr, mut modes: watch::Receiver<Mode>) {
    if *modes.borrow_and_update() == Mode::Open {
        let Ok(mut server) = TcpStream::connect(target).await else { return };
        // Both sides are dropped, and so closed, unless it froze meanwhile.
        tokio::select! {
            _ = copy_bidirectional(&mut stream, &mut server) => return,
            _ = modes.changed() => {}
        }
        if *modes.borrow_and_update() == Mode::Frozen {
            // Held open, and nothing is read.
            let _ = modes.changed().await;
        }
    } else if *modes.borrow() == Mode::Frozen {
        let _ = modes.changed().await;
    }
}
