//! Where a guest's standard output and error go.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::limits::WRITE_BYTES;

/// One of a guest's two output streams.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Takes what a guest prints, as it prints it.
pub trait Output: Send + Sync {
    /// Takes `bytes` that the guest wrote, at most 64 KiB. They need not end
    /// with a line or a character. Called on the guest's thread, so it must
    /// not block, and it must bound what it keeps.
    fn write(&self, stream: Stream, bytes: &[u8]);

    /// Whether it takes more now. A guest that asks before it writes, as the
    /// standard libraries do, waits while it does not.
    fn has_room(&self) -> bool {
        true
    }

    /// Ends once it takes more.
    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// A guest's standard output or error: ready if what takes it is, holds nothing
/// itself.
#[derive(Clone)]
pub(crate) struct Writer {
    output: Arc<dyn Output>,
    stream: Stream,
}

impl Writer {
    pub(crate) fn new(output: Arc<dyn Output>, stream: Stream) -> Writer {
        Writer { output, stream }
    }
}

impl IsTerminal for Writer {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Writer {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        if !self.output.has_room() {
            self.output.room().await;
        }
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE_BYTES {
            return Err(StreamError::trap("wrote more than check-write permits"));
        }
        self.output.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.output.has_room() { WRITE_BYTES } else { 0 })
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = &bytes[..bytes.len().min(WRITE_BYTES)];
        self.output.write(self.stream, taken);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
pub(crate) mod test {
    use super::*;

    /// Drops everything.
    pub(crate) struct Silent;

    impl Output for Silent {
        fn write(&self, _: Stream, _: &[u8]) {}
    }

    /// A guest's standard output.
    pub(crate) fn writer(output: Arc<dyn Output>) -> Writer {
        Writer::new(output, Stream::Stdout)
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Default)]
    struct Remembered(Mutex<Vec<u8>>);

    impl Output for Remembered {
        fn write(&self, stream: Stream, bytes: &[u8]) {
            assert_eq!(stream, Stream::Stdout);
            self.0.lock().extend(bytes);
        }
    }

    #[tokio::test]
    async fn bytes_arrive_as_they_are_written() {
        let output = Arc::new(Remembered::default());
        let stdout = test::writer(output.clone());
        stdout.p2_stream().write(Bytes::from_static(b"one ")).unwrap();
        let mut again = stdout.p2_stream();
        again.blocking_write_and_flush(Bytes::from_static(b"two")).await.unwrap();
        assert_eq!(*output.0.lock(), b"one two");
    }

    /// Takes a write, and another once it was told to.
    #[derive(Default)]
    struct Full {
        written: Mutex<bool>,
        emptied: tokio::sync::Notify,
    }

    impl Output for Full {
        fn write(&self, _: Stream, _: &[u8]) {
            *self.written.lock() = true;
        }

        fn has_room(&self) -> bool {
            !*self.written.lock()
        }

        fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            Box::pin(async {
                self.emptied.notified().await;
                *self.written.lock() = false;
            })
        }
    }

    #[tokio::test]
    async fn a_write_waits_for_room() {
        let output = Arc::new(Full::default());
        let mut stdout = test::writer(output.clone()).p2_stream();
        stdout.write(Bytes::from_static(b"one")).unwrap();
        assert_eq!(stdout.check_write().unwrap(), 0);
        let mut second = stdout.ready();
        assert!(
            second.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending()
        );
        output.emptied.notify_one();
        second.as_mut().await;
        drop(second);
        assert_eq!(stdout.check_write().unwrap(), WRITE_BYTES);
    }

    #[test]
    fn more_than_permitted_is_a_trap_and_nothing_arrives() {
        let output = Arc::new(Remembered::default());
        let mut stdout = test::writer(output.clone()).p2_stream();
        assert_eq!(stdout.check_write().unwrap(), WRITE_BYTES);
        let result = stdout.write(vec![0; WRITE_BYTES + 1].into());
        assert!(matches!(result, Err(StreamError::Trap(_))));
        assert!(output.0.lock().is_empty());
    }
}
