//! A way between two nodes: a TCP proxy that can be cut and blocked.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// The way to one address.
pub(crate) struct Way {
    address: SocketAddr,
    cut: Arc<Notify>,
    blocked: watch::Sender<bool>,
}

impl Way {
    pub(crate) async fn to(target: SocketAddr) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(Notify::new());
        let (blocked, seen) = watch::channel(false);
        let cuts = cut.clone();
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let Ok(far) = TcpStream::connect(target).await else { continue };
                tokio::spawn(carry(near, far, cuts.clone(), seen.clone()));
            }
        });
        Way { address, cut, blocked }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection that is there.
    pub(crate) fn cut(&self) {
        self.cut.notify_waiters();
    }

    /// Lets nothing pass, and tells nobody.
    pub(crate) fn block(&self) {
        self.blocked.send_replace(true);
    }

    pub(crate) fn unblock(&self) {
        self.blocked.send_replace(false);
    }
}

async fn carry(near: TcpStream, far: TcpStream, cut: Arc<Notify>, blocked: watch::Receiver<bool>) {
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = cut.notified() => {}
        () = copy(near_read, far_write, blocked.clone()) => {}
        () = copy(far_read, near_write, blocked) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        if way.wait_for(|blocked| !blocked).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
