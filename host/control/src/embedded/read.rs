//! Reading the file; blocks.

use std::ops::Bound;

use bytes::Bytes;
use redb::{Database, ReadableDatabase as _};

use super::tables::{self, RECORDS};
use crate::{Key, LeaseId, Page, Range, Reading, Record, Revision, limits};

/// A row of the table of records.
type Row<'a> = (u64, u64, u64, &'a [u8]);

pub(super) fn get(database: &Database, key: &Key) -> Result<Reading, redb::Error> {
    let read = database.begin_read()?;
    let revision = Revision::new(tables::number(&read, tables::REVISION_NUMBER)?);
    let row = read.open_table(RECORDS)?.get(key.bytes().as_ref())?;
    let record = row.map(|row| record(key.clone(), row.value()));
    Ok(Reading { revision, record })
}

pub(super) fn page(database: &Database, range: &Range) -> Result<Page, redb::Error> {
    let read = database.begin_read()?;
    let revision = Revision::new(tables::number(&read, tables::REVISION_NUMBER)?);
    let table = read.open_table(RECORDS)?;
    let prefix = range.prefix.bytes().as_ref();
    // Behind the last page, or at the first key there can be.
    let start = match &range.after {
        Some(after) if after.bytes().as_ref() >= prefix => Bound::Excluded(after.bytes().as_ref()),
        Some(_) | None => Bound::Included(prefix),
    };
    let mut page = Page { revision, records: Vec::new(), more: false };
    let mut bytes = 0;
    for row in table.range::<&[u8]>((start, Bound::Unbounded))? {
        let (key, row) = row?;
        if !key.value().starts_with(prefix) {
            break;
        }
        let size = key.value().len() + row.value().3.len();
        let full = page.records.len() == range.limit || bytes + size > limits::PAGE_BYTES_MAX;
        if full && !page.records.is_empty() {
            page.more = true;
            break;
        }
        bytes += size;
        page.records.push(record(stored_key(key.value())?, row.value()));
    }
    Ok(page)
}

/// A record from its row.
pub(super) fn record(key: Key, (created, modified, lease, value): Row<'_>) -> Record {
    Record {
        key,
        value: Bytes::copy_from_slice(value),
        created: Revision::new(created),
        modified: Revision::new(modified),
        lease: LeaseId::new(lease),
    }
}

/// A key from its bytes in a table.
pub(super) fn stored_key(bytes: &[u8]) -> Result<Key, redb::Error> {
    Key::new(Bytes::copy_from_slice(bytes))
        .map_err(|error| redb::Error::Corrupted(format!("a stored key: {error}")))
}
