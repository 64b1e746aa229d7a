//! Every bound on what a guest may make the host hold or do through WASI,
//! each with its reason.

/// Entries in a guest's table of resources: files, streams, sockets,
/// pollables. One more traps the guest. Two belong to each timer it waits
/// for, so a thousand concurrent calls that each wait for a few fit.
pub(crate) const RESOURCES: usize = 8_192;

/// Files, folders, streams and sockets of one guest. Each may hold a file
/// descriptor or a buffer of 64 KiB, so a guest makes the host spend at most
/// 32 MiB on them.
pub(crate) const HANDLES: usize = 512;

/// Bytes of one write to a stream. No stream's `check-write` permits more;
/// wasmtime-wasi takes more all the same, and holds it until it is written.
pub(crate) const WRITE_BYTES: usize = 64 << 10;

/// Random bytes at once. A guest that wants more asks again.
pub(crate) const RANDOM_BYTES: u64 = 1 << 20;

/// Entries of a folder that are read ahead of the guest.
pub(crate) const FOLDER_ENTRIES: usize = 256;

/// Names a guest may be looking up at once.
pub(crate) const LOOKUPS: usize = 16;

/// Names all guests may be looking up at once: each takes a thread, which
/// file access needs as well, for as long as the name servers please.
pub(crate) const PROCESS_LOOKUPS: usize = 32;

/// Addresses of one name.
pub(crate) const NAME_ADDRESSES: usize = 64;

/// Addresses that a guest may connect to because it looked their names up;
/// past that, the first ones have to be looked up again.
pub(crate) const OPENED_ADDRESSES: usize = 1_024;
