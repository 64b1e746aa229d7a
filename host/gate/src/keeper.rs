//! Keeping an identity in order: its certificate, and who was revoked.

use std::sync::Arc;
use std::time::Duration;

use host_control::{Change, ControlStore, Prefix};
use host_identity::{
    Error as IdentityError, Renewal, Revocation, Revocations, Serial, record, renewal,
};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::records::{Records, deadline};
use crate::{Error, Identity, Registrar, limits};

/// Renews the certificate of an identity in time, and has its handshakes and
/// connections look at the revocations that the control store knows.
///
/// While the store or the authority's host is away, what was known counts, and
/// both are tried again. Ends when it is dropped.
pub struct Keeper {
    known: watch::Receiver<bool>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// What a keeper works with.
#[derive(Clone)]
struct Keeping {
    identity: Identity,
    records: Records,
    /// On the host that has the authority.
    registrar: Option<Registrar>,
}

impl Keeper {
    /// Starts. On the host that has the authority, `registrar` is that; it
    /// then also forgets records that mean nothing any more.
    pub fn start(
        identity: Identity,
        store: Arc<dyn ControlStore>,
        registrar: Option<Registrar>,
    ) -> Keeper {
        let stop = CancellationToken::new();
        let (tell, known) = watch::channel(false);
        let tasks = TaskTracker::new();
        let keeping = Keeping { identity, records: Records { store }, registrar };
        tasks.spawn(stop.clone().run_until_cancelled_owned(keeping.clone().follow(tell)));
        tasks.spawn(stop.clone().run_until_cancelled_owned(keeping.clone().renew()));
        if let Some(registrar) = keeping.registrar {
            tasks.spawn(stop.clone().run_until_cancelled_owned(tidy(registrar)));
        }
        tasks.close();
        Keeper { known, tasks, _stop: stop.clone().drop_guard(), stop }
    }

    /// Waits until the revocations were read once. Before that, whoever was
    /// revoked could come in: open no gate.
    pub async fn ready(&self) {
        // It ends only with the keeper, which is borrowed here.
        let _ = self.known.clone().wait_for(|known| *known).await;
    }

    /// Stops, and waits until nothing of it runs.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Keeping {
    /// Follows the revocations.
    async fn follow(self, known: watch::Sender<bool>) {
        let mut backoff = Backoff::new();
        loop {
            let begun = tokio::time::Instant::now();
            let Err(error) = self.follow_once(&known).await;
            // One that held for a while starts the waits again.
            if begun.elapsed() > limits::RETRY_MAX {
                backoff = Backoff::new();
            }
            tracing::warn!(%error, "the revocations are not heard of; those known still count");
            backoff.wait().await;
        }
    }

    /// Reads them all, then hears of changes until that fails.
    async fn follow_once(
        &self,
        known: &watch::Sender<bool>,
    ) -> Result<std::convert::Infallible, Error> {
        let (revision, records) = self.records.list(record::REVOCATIONS).await?;
        let mut revocations = Revocations::new();
        for (key, value) in records {
            self.add(&mut revocations, &key, &value)?;
        }
        self.identity.revoke(revocations.clone());
        known.send_replace(true);
        let prefix = Prefix::new(record::REVOCATIONS)?;
        let mut watch = self.records.store.watch(&prefix, revision, deadline()).await?;
        loop {
            for change in watch.next().await?.changes {
                let key = String::from_utf8_lossy(change.key().bytes()).into_owned();
                match change {
                    Change::Put(record) => self.add(&mut revocations, &key, &record.value)?,
                    Change::Deleted(_) => {
                        if let Some(serial) = serial_of(&key) {
                            revocations.remove(serial);
                        }
                    }
                }
            }
            self.identity.revoke(revocations.clone());
        }
    }

    /// Adds what a record says.
    fn add(&self, revocations: &mut Revocations, key: &str, value: &[u8]) -> Result<(), Error> {
        let revocation = Revocation::from_bytes(value).ok();
        let Some(revocation) = revocation.filter(|revocation| revocation.key() == key) else {
            // It revokes nothing, and nobody who was revoked is let in by it.
            tracing::warn!(key, "the record of a revocation makes no sense");
            return Ok(());
        };
        let added = revocations.insert(revocation);
        if let Err(IdentityError::TooLarge { .. }) = added {
            tracing::error!("there are too many revocations to know; nobody is let in");
            self.identity.revoke_unknown();
        }
        Ok(added?)
    }

    /// Renews the certificate whenever it is time.
    async fn renew(self) {
        let mut backoff = Backoff::new();
        loop {
            let wait = match self.time_to_renew() {
                Ok(None) => match self.renew_once().await {
                    Ok(()) => {
                        backoff = Backoff::new();
                        continue;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the certificate was not renewed");
                        backoff.next()
                    }
                },
                Ok(Some(wait)) => wait,
                Err(error) => {
                    tracing::error!(%error, "the certificate cannot be renewed");
                    limits::SLEEP_MAX
                }
            };
            sleep(wait).await;
        }
    }

    /// How long the certificate is still good; none if it is time to renew.
    fn time_to_renew(&self) -> Result<Option<Duration>, Error> {
        let now = self.identity.now()?;
        let certificate = self.identity.endpoint().certificate();
        match renewal(certificate.validity(), now) {
            Renewal::At(at) => {
                let wait = at.as_secs().saturating_sub(now.as_secs());
                Ok(Some(Duration::from_secs(wait).min(limits::SLEEP_MAX)))
            }
            Renewal::Now => Ok(None),
            // The authority needs nobody to let it in.
            Renewal::TooLate if self.registrar.is_some() => Ok(None),
            Renewal::TooLate => Err(Error::failed(
                "renewing the certificate",
                "it has ended: stop this host, and join again with a token",
            )),
        }
    }

    async fn renew_once(&self) -> Result<(), Error> {
        match &self.registrar {
            Some(registrar) => {
                let (holding, key) = self.identity.holding().await?;
                let subject = holding.certificate().subject().clone();
                self.identity.replace(registrar.grant(subject, key).await?).await?;
            }
            None => {
                self.identity.renew_if_due().await?;
            }
        }
        let until_s = self.identity.endpoint().certificate().validity().until.as_secs();
        tracing::info!(until_s, "the certificate was renewed");
        Ok(())
    }
}

/// Forgets, now and then, what means nothing any more.
async fn tidy(registrar: Registrar) {
    loop {
        sleep(limits::TIDY_EVERY).await;
        if let Err(error) = registrar.tidy().await {
            tracing::warn!(%error, "old records about identities were not forgotten");
        }
    }
}

/// Which certificate a key is about.
fn serial_of(key: &str) -> Option<Serial> {
    let digits = key.strip_prefix(record::REVOCATIONS)?;
    let number = (digits.len() == 32).then(|| u128::from_str_radix(digits, 16).ok()).flatten()?;
    Serial::from_slice(&number.to_be_bytes())
}

/// The waits between attempts: each twice the one before, and some shorter
/// than others so that not all hosts come back at once.
struct Backoff {
    next: Duration,
}

impl Backoff {
    fn new() -> Backoff {
        Backoff { next: limits::RETRY_MIN }
    }

    fn next(&mut self) -> Duration {
        let wait = self.next.mul_f64(0.5 + 0.5 * fastrand::f64());
        self.next = (self.next * 2).min(limits::RETRY_MAX);
        wait
    }

    async fn wait(&mut self) {
        sleep(self.next()).await;
    }
}
