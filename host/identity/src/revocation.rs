//! Certificates that count no longer.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls_pki_types::UnixTime;

use crate::{Certificate, Change, Error, Serial, Subject, error, limits};

/// A certificate that counts no longer: a record of the control store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// Which certificate.
    pub serial: Serial,
    /// Whose it was, for people.
    pub subject: Subject,
    /// When it would have ended; the record can go then.
    pub until: UnixTime,
}

/// The certificates that count no longer, as this host knows them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Revocations {
    revoked: HashMap<Serial, Revocation>,
}

/// Why a connection has to be cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// The certificate it was opened with was revoked.
    Revoked,
    /// The certificate it was opened with has ended. Whoever renewed connects
    /// anew before that.
    Expired,
}

/// The revocations that all handshakes of this process look at. Clones are the
/// same.
///
/// The one lock is for a pointer: it is held to copy or to replace that, never
/// for longer, and never across an await.
#[derive(Clone, Default)]
pub struct RevocationsHandle {
    current: Arc<RwLock<Arc<Revocations>>>,
}

impl Revocations {
    /// None.
    pub fn new() -> Revocations {
        Revocations::default()
    }

    /// Adds one, as a record of the control store said.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past [`REVOCATIONS_MAX`](limits::REVOCATIONS_MAX).
    /// A host that cannot know who is revoked should let nobody in.
    pub fn insert(&mut self, revocation: Revocation) -> Result<(), Error> {
        let count = self.revoked.len() + usize::from(!self.has(revocation.serial));
        error::bounded("the number of revocations", count, limits::REVOCATIONS_MAX)?;
        self.revoked.insert(revocation.serial, revocation);
        Ok(())
    }

    /// Takes one out, as the control store no longer has it.
    pub fn remove(&mut self, serial: Serial) {
        self.revoked.remove(&serial);
    }

    /// Whether a certificate was revoked.
    pub fn has(&self, serial: Serial) -> bool {
        self.revoked.contains_key(&serial)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// Why a connection that was opened with a certificate has to be cut; none
    /// if it may live on.
    pub fn cut(&self, certificate: &Certificate, now: UnixTime) -> Option<Cut> {
        if self.has(certificate.serial()) {
            Some(Cut::Revoked)
        } else if now > certificate.validity().until {
            Some(Cut::Expired)
        } else {
            None
        }
    }

    /// Of all connections those that have to be cut. To be asked whenever the
    /// revocations change, and every few minutes for those that expire.
    pub fn cut_of<'a, Id>(
        &self,
        live: impl IntoIterator<Item = (Id, &'a Certificate)>,
        now: UnixTime,
    ) -> Vec<(Id, Cut)> {
        live.into_iter()
            .filter_map(|(id, certificate)| Some((id, self.cut(certificate, now)?)))
            .collect()
    }

    /// Forgets those whose certificates have ended, at most as many as fit
    /// into a transaction; the change takes their records out of the control
    /// store. To be done again until there is none.
    pub fn prune(&mut self, now: UnixTime, most: usize) -> Option<Change> {
        // A clock that is slow by the skew would still take the certificate.
        let skew_s = limits::CLOCK_SKEW.as_secs();
        let over = |revocation: &&Revocation| revocation.until.as_secs() + skew_s < now.as_secs();
        let over: Vec<_> = self.revoked.values().filter(over).take(most).cloned().collect();
        let change = over.iter().fold(Change::default(), |change, revocation| {
            self.revoked.remove(&revocation.serial);
            change.delete(revocation.key())
        });
        (!over.is_empty()).then_some(change)
    }
}

impl RevocationsHandle {
    /// Those that count now.
    pub fn current(&self) -> Arc<Revocations> {
        self.current.read().clone()
    }

    /// From now on these count. Cut the connections that must not live on:
    /// [`Revocations::cut_of`].
    pub fn replace(&self, revocations: Revocations) {
        *self.current.write() = Arc::new(revocations);
    }
}

impl fmt::Debug for RevocationsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationsHandle({} revoked)", self.current().len())
    }
}
