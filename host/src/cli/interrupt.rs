//! Ctrl-C: the first ends the work, the second the process.

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::failure::{Exit, Failure};

/// Cancels the answer at the first SIGINT or SIGTERM, and exits at the second.
///
/// A thread with a runtime of its own, since all others may be busy with
/// guests, or blocked on a reader that does not read.
pub(super) fn watch() -> Result<CancellationToken, Failure> {
    let failed = |error: std::io::Error| Failure::set_up(format!("signals: {error}"));
    let interrupted = CancellationToken::new();
    let runtime = Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let token = interrupted.clone();
    let mut signals = {
        let _inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        (interrupt, terminate)
    };
    let wait = async move {
        for first in [true, false] {
            // Cancel-safe: a signal that is not received stays pending.
            tokio::select! {
                _ = signals.0.recv() => {}
                _ = signals.1.recv() => {}
            }
            if first {
                token.cancel();
            }
        }
        std::process::exit(Exit::Interrupted as i32);
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(wait))
        .map_err(failed)?;
    Ok(interrupted)
}

/// What ends the work before its time.
pub(super) struct Stop {
    /// Ctrl-C.
    pub(super) interrupted: CancellationToken,
    /// Nobody reads stdout any more.
    pub(super) unread: CancellationToken,
}

impl Stop {
    /// Does the work, unless something ends it first.
    pub(super) async fn or<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        // Dropping the work is how it is given up: nothing of it is kept.
        tokio::select! {
            done = work => done,
            () = self.interrupted.cancelled() => Err(Failure::interrupted("interrupted")),
            () = self.unread.cancelled() => {
                Err(Failure::interrupted("stdout is closed or full"))
            }
        }
    }
}
