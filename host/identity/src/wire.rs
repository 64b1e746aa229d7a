//! Between the types here and their forms in records and on the wire.
//!
//! Nothing that comes in is believed: what breaks a rule is an error, never a
//! value, and nothing longer than its bound is looked at.

mod join;
mod records;

use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::UnixTime;

use crate::Error;

/// A time as seconds; 0 stands for never.
fn seconds(time: Option<UnixTime>) -> u64 {
    time.map_or(0, |time| time.as_secs())
}

fn maybe_time(seconds: u64) -> Option<UnixTime> {
    (seconds != 0).then(|| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

fn time(what: &'static str, seconds: u64) -> Result<UnixTime, Error> {
    /// The year 9999, the last of X.509; beyond it, sums of times could wrap.
    const LAST_S: u64 = 253_402_300_799;
    let time = maybe_time(seconds).filter(|time| time.as_secs() <= LAST_S);
    time.ok_or_else(|| Error::malformed(what, "a time is missing or makes no sense"))
}

/// Exactly so many bytes.
fn array<const N: usize>(what: &'static str, bytes: &Bytes) -> Result<[u8; N], Error> {
    bytes[..].try_into().map_err(|_| Error::malformed(what, format!("a part has not {N} bytes")))
}

/// None for no bytes, else exactly so many.
fn maybe_array<const N: usize>(
    what: &'static str,
    bytes: &Bytes,
) -> Result<Option<[u8; N]>, Error> {
    if bytes.is_empty() { Ok(None) } else { array(what, bytes).map(Some) }
}
