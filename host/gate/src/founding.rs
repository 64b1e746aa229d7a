//! The first node of a cluster, which makes its authority.

use std::path::Path;
use std::sync::Arc;

use host_control::{ControlStore, Key, Transaction};
use host_core::ClusterId;
use host_identity::{Authority, Holding, Name, PrivateKey, Renewal, Subject, record, renewal};
use rustls_pki_types::UnixTime;

use crate::identity::{HOLDING, KEY, now, on_disk};
use crate::member::make_folder;
use crate::records::{Records, deadline};
use crate::{Clock, Error, Membership, Registrar};

/// Makes the authority of the store's cluster, or finds it in the folder; also
/// this node's own certificate.
pub(crate) async fn found(
    folder: &Path,
    name: Name,
    store: Arc<dyn ControlStore>,
    clock: &Clock,
) -> Result<(Holding, Registrar), Error> {
    let cluster = store.cluster(deadline()).await?;
    let records = Records { store: store.clone() };
    let known = records.get(record::CA_KEY).await?;
    let is_known = known.is_some();
    let (home, now) = (folder.to_owned(), now(clock)?);
    let authority = on_disk(move || authority(&home, cluster, known.as_deref(), now)).await?;
    if !is_known {
        announce(&records, cluster, &authority).await?;
    }
    let registrar = Registrar::new(authority, store, clock.clone());
    let holding = own_holding(folder, cluster, name, &registrar, now).await?;
    Ok((holding, registrar))
}

/// The authority in a folder; a new one, if nobody knows of any.
fn authority(
    folder: &Path,
    cluster: ClusterId,
    known: Option<&[u8]>,
    now: UnixTime,
) -> Result<Authority, Error> {
    make_folder(folder)?;
    check_member(folder, cluster)?;
    match (Authority::load(folder, cluster, now)?, known) {
        (Some(ours), None) => Ok(ours),
        (Some(ours), Some(known)) if ours.certificate().der()[..] == *known => Ok(ours),
        (_, Some(_)) => Err(Error::FoundedElsewhere { cluster }),
        (None, None) => {
            let authority = Authority::create(cluster, now)?;
            // Before anybody knows of it: its key is nowhere else.
            authority.save(folder)?;
            Ok(authority)
        }
    }
}

/// Refuses the folder of another cluster's member.
fn check_member(folder: &Path, cluster: ClusterId) -> Result<(), Error> {
    match Membership::load(folder)? {
        Some(other) if other.cluster != cluster => {
            Err(Error::AnotherCluster { folder: folder.to_owned(), cluster: other.cluster })
        }
        Some(_) | None => Ok(()),
    }
}

/// Writes the authority's certificate into the control store.
async fn announce(
    records: &Records,
    cluster: ClusterId,
    authority: &Authority,
) -> Result<(), Error> {
    let key = Key::new(record::CA_KEY)?;
    let der = authority.certificate().der().to_vec();
    let transaction = Transaction::new().absent(key.clone()).put(key, der.clone());
    let outcome = records.store.transact(&transaction, deadline()).await;
    if outcome.is_ok_and(|outcome| outcome.succeeded) {
        return Ok(());
    }
    // Somebody was faster, or it is not known whether it was done.
    match records.get(record::CA_KEY).await? {
        Some(known) if known == der => Ok(()),
        Some(_) => Err(Error::FoundedElsewhere { cluster }),
        None => Err(Error::Overtaken { what: "founding the cluster" }),
    }
}

/// The founder's own certificate: the one it has, or a new one.
async fn own_holding(
    folder: &Path,
    cluster: ClusterId,
    name: Name,
    registrar: &Registrar,
    now: UnixTime,
) -> Result<Holding, Error> {
    let (folder, wanted) = (folder.to_owned(), name.clone());
    let (holding, key) = on_disk(move || {
        let holding = Holding::load(&folder, HOLDING, cluster)?;
        match &holding {
            Some(holding) if *holding.certificate().subject().name() != wanted => {
                let name = holding.certificate().subject().name().clone();
                Err(Error::AnotherName { folder, name })
            }
            _ => Ok((holding, PrivateKey::load_or_draw(&folder, KEY)?)),
        }
    })
    .await?;
    let lives = |holding: &Holding| {
        matches!(renewal(holding.certificate().validity(), now), Renewal::At(_))
    };
    match holding.filter(lives) {
        Some(holding) => Ok(holding),
        None => registrar.grant(Subject::Node { name }, key).await,
    }
}
