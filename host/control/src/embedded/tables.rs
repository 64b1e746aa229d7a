//! The file's tables, and making and opening it.

use std::fs::{self, File};
use std::path::Path;

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase as _, TableDefinition,
    WriteTransaction,
};

use crate::{ClusterId, Error};

/// Key to created, modified, lease (0 for none) and value.
pub(super) const RECORDS: TableDefinition<'_, &[u8], (u64, u64, u64, &[u8])> =
    TableDefinition::new("records");

/// Lease to its time to live in seconds.
pub(super) const LEASES: TableDefinition<'_, u64, u64> = TableDefinition::new("leases");

/// The records of each lease.
pub(super) const ATTACHED: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("attached");

/// Revision to the [`Changes`](host_proto::control::Changes) it made.
pub(super) const HISTORY: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("history");

/// The numbers below.
pub(super) const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// The format of the file: [`FORMAT`].
const FORMAT_NUMBER: &str = "format";
/// The last revision.
pub(super) const REVISION_NUMBER: &str = "revision";
/// The last lease that was granted.
pub(super) const LEASE_NUMBER: &str = "lease";

/// The bytes of the cluster's id, under [`CLUSTER`].
const IDENTITY: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("identity");
const CLUSTER: &str = "cluster";

/// Raised when a file of the old form would be misread.
const FORMAT: u64 = 1;

/// The file in the data directory.
const NAME: &str = "control.redb";
/// Where it is made, to be renamed once it is whole.
const UNFINISHED: &str = "control.redb.new";

/// redb's cache: what a busy cluster's records take, not more of the host.
const CACHE_BYTES: usize = 32 << 20;

/// Opens the store in a folder, or makes one if there is none and none is
/// expected. Blocks.
pub(super) fn open(
    folder: &Path,
    expected: Option<ClusterId>,
) -> Result<(Database, ClusterId), Error> {
    let path = folder.join(NAME);
    if !path.exists() {
        if let Some(expected) = expected {
            return Err(Error::WrongCluster { expected, found: None });
        }
        make(folder).map_err(|why| cannot(&path, "made", &why))?;
    }
    let database = redb::Builder::new()
        .set_cache_size(CACHE_BYTES)
        .open(&path)
        .map_err(|error| open_error(&path, error))?;
    let found = identity(&database).map_err(|why| foreign(&path, &why))?;
    match expected {
        Some(expected) if expected != found => {
            Err(Error::WrongCluster { expected, found: Some(found) })
        }
        _ => Ok((database, found)),
    }
}

/// Makes a store, whole or not at all.
fn make(folder: &Path) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    fs::create_dir_all(folder).map_err(|error| text(&error))?;
    let unfinished = folder.join(UNFINISHED);
    // What a crash left.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(text(&error)),
        _ => {}
    }
    let cluster = crate::draw_cluster().map_err(|error| text(&error))?;
    let database = Database::create(&unfinished).map_err(|error| text(&error))?;
    fill(&database, cluster).map_err(|error| text(&error))?;
    drop(database);
    fs::rename(&unfinished, folder.join(NAME)).map_err(|error| text(&error))?;
    // So that the new name outlives a crash of the machine.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| text(&error))
}

fn fill(database: &Database, cluster: ClusterId) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        write.open_table(RECORDS)?;
        write.open_table(LEASES)?;
        write.open_table(ATTACHED)?;
        write.open_table(HISTORY)?;
        let mut numbers = write.open_table(NUMBERS)?;
        numbers.insert(FORMAT_NUMBER, FORMAT)?;
        numbers.insert(REVISION_NUMBER, 0)?;
        numbers.insert(LEASE_NUMBER, 0)?;
        write.open_table(IDENTITY)?.insert(CLUSTER, cluster.bytes().as_slice())?;
    }
    write.commit()?;
    Ok(())
}

/// The cluster's id, if the file has the form that is read here.
fn identity(database: &Database) -> Result<ClusterId, String> {
    let text = |error: redb::Error| error.to_string();
    let read = database.begin_read().map_err(|error| text(error.into()))?;
    let numbers = read.open_table(NUMBERS).map_err(|error| text(error.into()))?;
    let format = numbers.get(FORMAT_NUMBER).map_err(|error| text(error.into()))?;
    match format.map(|format| format.value()) {
        Some(FORMAT) => {}
        Some(other) => return Err(format!("format {other}; this host reads {FORMAT}")),
        None => return Err("it says no format".to_owned()),
    }
    let identity = read.open_table(IDENTITY).map_err(|error| text(error.into()))?;
    let bytes = identity.get(CLUSTER).map_err(|error| text(error.into()))?;
    let id = bytes.and_then(|bytes| ClusterId::from_slice(bytes.value()));
    id.ok_or_else(|| "it has no cluster id".to_owned())
}

/// A number of the file.
pub(super) fn number(read: &ReadTransaction, name: &str) -> Result<u64, redb::Error> {
    let number = read.open_table(NUMBERS)?.get(name)?.map(|number| number.value());
    number.ok_or_else(|| redb::Error::Corrupted(format!("the number {name} is missing")))
}

/// Sets a number of the file.
pub(super) fn set_number(
    write: &WriteTransaction,
    name: &str,
    number: u64,
) -> Result<(), redb::Error> {
    write.open_table(NUMBERS)?.insert(name, number)?;
    Ok(())
}

/// What a fault of the file is to a caller who was not told of a write.
pub(super) fn file_error(error: &redb::Error) -> Error {
    match error {
        redb::Error::Corrupted(why) => Error::corrupt(why.clone()),
        other => Error::Unavailable {
            why: format!("its file fails: {other}"),
            advice: "look after the disk of the data directory and restart the host".into(),
        },
    }
}

fn open_error(path: &Path, error: DatabaseError) -> Error {
    use redb::StorageError::{Corrupted, Io};
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            Error::Unavailable {
                why: format!("{} is in use by another process", path.display()),
                advice: "stop the other host, or give this one a data directory of its own".into(),
            }
        }
        DatabaseError::UpgradeRequired(version) => {
            foreign(path, &format!("redb's file format {version}"))
        }
        DatabaseError::Storage(Corrupted(why)) => foreign(path, &why),
        DatabaseError::Storage(Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            foreign(path, &error.to_string())
        }
        other => cannot(path, "opened", &other.to_string()),
    }
}

fn foreign(path: &Path, why: &str) -> Error {
    Error::corrupt(format!("{} is no control store of this version: {why}", path.display()))
}

fn cannot(path: &Path, what: &str, why: &str) -> Error {
    Error::Unavailable {
        why: format!("{} cannot be {what}: {why}", path.display()),
        advice: "look after the disk and the owner of the data directory".into(),
    }
}
