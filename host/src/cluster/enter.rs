//! Into a cluster: founding, joining, coming back.

use std::path::Path;
use std::sync::Arc;

use host_control::{ControlStore, Embedded, Etcd, EtcdOptions, Remote};
use host_core::ClusterId;
use host_gate::{Dialler, Identity, Joining, Membership, Registrar, system_clock};
use host_identity::{Expect, JoinToken};

use super::{Config, Error};

/// A host that knows who it is, and reaches the control store.
pub(super) struct Entered {
    pub(super) identity: Identity,
    /// On the host that has the authority.
    pub(super) registrar: Option<Registrar>,
    pub(super) store: Arc<dyn ControlStore>,
    /// Whether others reach the store through this host.
    pub(super) gives_store: bool,
    /// Whether the cluster was founded just now.
    pub(super) is_new: bool,
}

pub(super) async fn enter(config: &Config) -> Result<Entered, Error> {
    make_folder(&config.data_dir)?;
    let known = Membership::load(&config.data_dir).map_err(Error::Gate)?;
    match (known, &config.join) {
        (Some(Membership { cluster, authority: Some(_) }), _) => come_back(config, cluster).await,
        (None, Some((address, token))) => join(config, address, token).await,
        (known, _) => found(config, known.map(|membership| membership.cluster)).await,
    }
}

/// The first node of the cluster, now or again.
async fn found(config: &Config, known: Option<ClusterId>) -> Result<Entered, Error> {
    let (store, gives_store): (Arc<dyn ControlStore>, bool) = match &config.etcd {
        Some(options) => {
            let options = EtcdOptions { cluster: known, ..options.clone() };
            (Arc::new(Etcd::new(&options).map_err(Error::Store)?), false)
        }
        None => {
            let folder = config.data_dir.join("control");
            make_folder(&folder)?;
            let store = Embedded::open(&folder, known).await.map_err(Error::Store)?;
            (Arc::new(store), true)
        }
    };
    let found =
        Identity::found(&config.data_dir, config.name.clone(), store.clone(), system_clock());
    let (identity, registrar) = found.await.map_err(Error::Gate)?;
    let is_new = known.is_none();
    Ok(Entered { identity, registrar: Some(registrar), store, gives_store, is_new })
}

async fn join(config: &Config, address: &str, token: &JoinToken) -> Result<Entered, Error> {
    let (address, token) = (address.to_owned(), token.clone());
    let joining = Joining { address, token, name: config.name.clone() };
    let joined = Identity::join(&config.data_dir, joining, system_clock());
    let identity = joined.await.map_err(Error::Gate)?;
    member(config, identity)
}

/// A member that starts again. A token that is given is used only if the
/// certificate has ended.
async fn come_back(config: &Config, cluster: ClusterId) -> Result<Entered, Error> {
    let loaded = Identity::load(&config.data_dir, system_clock());
    match (loaded, &config.join) {
        (Ok(Some(identity)), _) => member(config, identity),
        (Ok(None) | Err(host_gate::Error::Expired { .. }), Some((address, token))) => {
            join(config, address, token).await
        }
        (Ok(None), None) => found(config, Some(cluster)).await,
        (Err(error), _) => Err(Error::Gate(error)),
    }
}

fn member(config: &Config, identity: Identity) -> Result<Entered, Error> {
    let store: Arc<dyn ControlStore> = match &config.etcd {
        Some(options) => {
            let options = EtcdOptions { cluster: Some(identity.cluster()), ..options.clone() };
            Arc::new(Etcd::new(&options).map_err(Error::Store)?)
        }
        None => {
            let authority = identity.authority().unwrap_or_default();
            let dialler = Dialler::new(identity.clone());
            let channel = dialler.channel(&authority, Expect::AnyNode).map_err(Error::Gate)?;
            Arc::new(Remote::new(channel, Some(identity.cluster())))
        }
    };
    Ok(Entered { identity, registrar: None, store, gives_store: false, is_new: false })
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder)
        .map_err(|source| Error::File { path: folder.to_owned(), source })
}
