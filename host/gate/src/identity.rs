//! Who this process is in a cluster.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_control::ControlStore;
use host_core::ClusterId;
use host_identity::{
    Certificate, Cut, Endpoint, Holding, Name, PrivateKey, Renewal, Revocations, RevocationsHandle,
    Subject, renewal,
};
use parking_lot::Mutex;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls_pki_types::UnixTime;
use tokio::sync::watch;

use crate::joining::{self, Joining};
use crate::member::make_folder;
use crate::{Dialler, Error, Membership, Registrar, founding};

/// The file of the certificate, with its key and the authority's certificate.
pub(crate) const HOLDING: &str = "identity.pem";

/// The file of the key alone, which is there before the first certificate is.
pub(crate) const KEY: &str = "identity.key";

/// Says what time of day it is.
pub type Clock = Arc<dyn TimeProvider>;

/// The clock of the system.
pub fn system_clock() -> Clock {
    Arc::new(DefaultTimeProvider)
}

/// A member of a cluster: a node, or a client. Clones are the same one.
///
/// It lives in a folder: its key, its certificate, and of which cluster it is
/// ([`Membership`]). [`Keeper`](crate::Keeper) keeps it in order.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    cluster: ClusterId,
    endpoint: Endpoint,
    clock: Clock,
    /// Where the authority is. Locked to copy or to replace it.
    authority: Mutex<Option<String>>,
    /// Told whenever the revocations were replaced.
    revocations: watch::Sender<Heard>,
}

/// What this process knows of the revocations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Heard {
    /// As many as fit; those of the endpoint count.
    All,
    /// More than fit: nobody can be let in, since anybody could be revoked.
    TooMany,
}

impl Identity {
    /// Founds the cluster of a control store, or comes back as its founder:
    /// makes the authority if there is none, and gets this node a certificate
    /// unless it has one.
    ///
    /// # Errors
    /// [`Error::FoundedElsewhere`] if the store knows another authority;
    /// [`Error::AnotherName`], [`Error::AnotherCluster`] if the folder belongs
    /// to somebody else; [`Error::Refused`] if the name is another key's;
    /// [`Error::Identity`] for files that are not right; [`Error::Store`].
    pub async fn found(
        folder: &Path,
        name: Name,
        store: Arc<dyn ControlStore>,
        clock: Clock,
    ) -> Result<(Identity, Registrar), Error> {
        let (holding, registrar) = founding::found(folder, name, store, &clock).await?;
        let membership = Membership { cluster: holding.ca().cluster(), authority: None };
        Ok((Identity::settle(folder, holding, membership, clock).await?, registrar))
    }

    /// Joins a cluster with a token, as a node or as a client: the token says
    /// which. Also to come back when the certificate has ended.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Refused`] and [`Error::Answer`] say what
    /// to do; [`Error::AnotherCluster`] if the folder belongs to a member of
    /// another, and [`Error::Founder`] if to its founder; [`Error::Identity`] and [`Error::File`] for its files.
    pub async fn join(folder: &Path, joining: Joining, clock: Clock) -> Result<Identity, Error> {
        let (folder, from, ca) = (folder.to_owned(), folder.to_owned(), joining.token.ca());
        let key = on_disk(move || {
            make_folder(&from)?;
            if let Some(Membership { cluster, authority }) = Membership::load(&from)? {
                if authority.is_none() {
                    return Err(Error::Founder { folder: from });
                }
                let holding = Holding::load(&from, HOLDING, cluster)?;
                if holding.is_none_or(|holding| holding.ca().hash() != ca) {
                    return Err(Error::AnotherCluster { folder: from, cluster });
                }
            }
            Ok(PrivateKey::load_or_draw(&from, KEY)?)
        })
        .await?;
        let (holding, authority) = joining::join(joining, key, &clock).await?;
        let membership = Membership { cluster: holding.ca().cluster(), authority: Some(authority) };
        Identity::settle(&folder, holding, membership, clock).await
    }

    /// Comes back as who the folder says; none if it says nobody. Reads a few
    /// small files.
    ///
    /// # Errors
    /// [`Error::Expired`] if the certificate ended; [`Error::Identity`] and
    /// [`Error::File`] for files that are not right.
    pub fn load(folder: &Path, clock: Clock) -> Result<Option<Identity>, Error> {
        let Some(membership) = Membership::load(folder)? else { return Ok(None) };
        let Some(holding) = Holding::load(folder, HOLDING, membership.cluster)? else {
            return Ok(None);
        };
        if renewal(holding.certificate().validity(), now(&clock)?) == Renewal::TooLate {
            let subject = holding.certificate().subject().clone();
            return Err(Error::Expired { subject, folder: folder.to_owned() });
        }
        Identity::new(folder, &holding, membership, clock).map(Some)
    }

    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        self.0.cluster
    }

    /// Whom the certificate is for.
    pub fn subject(&self) -> Subject {
        self.0.endpoint.certificate().subject().clone()
    }

    /// Its name.
    pub fn name(&self) -> Name {
        self.subject().name().clone()
    }

    /// Its TLS.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// The address of the host that has the authority; none if this is it.
    pub fn authority(&self) -> Option<String> {
        self.0.authority.lock().clone()
    }

    /// Somebody learned that the authority's host has another address now.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written down.
    pub async fn move_authority(&self, address: String) -> Result<(), Error> {
        *self.0.authority.lock() = Some(address.clone());
        let membership = Membership { cluster: self.0.cluster, authority: Some(address) };
        let folder = self.0.folder.clone();
        on_disk(move || membership.save(&folder)).await
    }

    /// Renews the certificate, if it is time to: for clients, which have no
    /// [`Keeper`](crate::Keeper). Whether it was.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Refused`], [`Error::Answer`]; also if this
    /// is the host that has the authority.
    pub async fn renew_if_due(&self) -> Result<bool, Error> {
        let validity = self.0.endpoint.certificate().validity();
        if renewal(validity, self.now()?) != Renewal::Now {
            return Ok(false);
        }
        let dialler = Dialler::new(self.clone());
        self.replace(joining::renew(self, &dialler).await?).await?;
        Ok(true)
    }

    /// What its clock says.
    pub(crate) fn now(&self) -> Result<UnixTime, Error> {
        now(&self.0.clock)
    }

    /// The certificate that it has on disk, and its key once more.
    pub(crate) async fn holding(&self) -> Result<(Holding, PrivateKey), Error> {
        let (folder, cluster) = (self.0.folder.clone(), self.0.cluster);
        on_disk(move || {
            let gone = || Error::file(&folder.join(HOLDING), "it is gone", "restart this host");
            let holding = Holding::load(&folder, HOLDING, cluster)?.ok_or_else(gone)?;
            Ok((holding, PrivateKey::load_or_draw(&folder, KEY)?))
        })
        .await
    }

    /// Shows another certificate from now on, and after a restart. One that
    /// cannot be saved is shown all the same.
    pub(crate) async fn replace(&self, holding: Holding) -> Result<(), Error> {
        let (folder, endpoint) = (self.0.folder.clone(), self.0.endpoint.clone());
        on_disk(move || {
            let saved = holding.save(&folder, HOLDING);
            endpoint.replace(&holding)?;
            Ok(saved?)
        })
        .await
    }

    /// From now on these certificates count no longer.
    pub(crate) fn revoke(&self, revocations: Revocations) {
        self.0.endpoint.revocations().replace(revocations);
        self.0.revocations.send_replace(Heard::All);
    }

    /// There are more revocations than fit.
    pub(crate) fn revoke_unknown(&self) {
        self.0.revocations.send_replace(Heard::TooMany);
    }

    /// Why a certificate counts no longer; none if it does.
    pub(crate) fn why_not(&self, certificate: &Certificate) -> Option<Cut> {
        if *self.0.revocations.borrow() == Heard::TooMany {
            return Some(Cut::Revoked);
        }
        let now = self.now().ok()?;
        self.0.endpoint.revocations().current().cut(certificate, now)
    }

    /// Waits until a certificate counts no longer. Revocations are heard of at
    /// once, and the end of its time within `every`.
    pub(crate) async fn until_cut(self, certificate: Certificate, every: Duration) -> Cut {
        let mut news = self.0.revocations.subscribe();
        loop {
            if let Some(cut) = self.why_not(&certificate) {
                return cut;
            }
            // The sender is ours and outlives this.
            let _ = tokio::time::timeout(every, news.changed()).await;
        }
    }

    /// Saves what was got, so that it is there after a restart.
    async fn settle(
        folder: &Path,
        holding: Holding,
        membership: Membership,
        clock: Clock,
    ) -> Result<Identity, Error> {
        let folder = folder.to_owned();
        on_disk(move || {
            holding.save(&folder, HOLDING)?;
            membership.save(&folder)?;
            Identity::new(&folder, &holding, membership, clock)
        })
        .await
    }

    fn new(
        folder: &Path,
        holding: &Holding,
        membership: Membership,
        clock: Clock,
    ) -> Result<Identity, Error> {
        let endpoint = Endpoint::new(holding, RevocationsHandle::default(), clock.clone())?;
        Ok(Identity(Arc::new(Inner {
            folder: folder.to_owned(),
            cluster: membership.cluster,
            endpoint,
            clock,
            authority: Mutex::new(membership.authority),
            revocations: watch::Sender::new(Heard::All),
        })))
    }
}

/// What a clock says.
pub(crate) fn now(clock: &Clock) -> Result<UnixTime, Error> {
    clock.current_time().ok_or_else(|| Error::failed("reading the clock", "it says none"))
}

/// Reads and writes files where that may take its time.
pub(crate) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::failed("working on files", error)))
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} of cluster {})", self.subject(), self.0.cluster)
    }
}
