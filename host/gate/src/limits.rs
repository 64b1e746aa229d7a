//! The bounds of everything, with their reasons.

use std::time::Duration;

/// How long a peer has from connecting to the end of the handshake: a few
/// round trips around the world, on a machine that is busy.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// Connections at one time. A cluster of a thousand nodes has two for each
/// pair; the rest is for clients. One takes about 30 KB while it is quiet.
pub const CONNECTIONS_MAX: usize = 4_096;

/// Connections of one member at one time: a node has a few, a person's shell
/// scripts have some more. So nobody takes them all, nor all memory: with the
/// windows below, one member can make a host keep 1 GiB at most.
pub const CONNECTIONS_PER_MEMBER: usize = 64;

/// Connections at one time of whom nobody knows who they are: handshakes that
/// go on, joiners, and whoever has not yet shown the local token.
pub const STRANGERS_MAX: usize = 512;

/// The same from one address (of IPv6, one /64): a rack behind one address
/// that starts at once still fits.
pub const STRANGERS_PER_ADDRESS: usize = 128;

/// How long somebody may stay who does not say who it is. Joining takes one
/// request, which the control store may keep waiting for a while.
pub const STRANGER_TIME: Duration = Duration::from_secs(30);

/// How long the last requests of a connection that is to end have, when it is
/// not the whole gate that closes.
pub const LEAVE_TIME: Duration = Duration::from_secs(1);

/// How long a connection stays that nothing is asked over. Clients connect
/// anew without anybody noticing.
pub const IDLE_TIME: Duration = Duration::from_secs(10 * 60);

/// How often it is looked whether the certificate of a connection ended.
/// Revocations are heard of at once.
pub const CHECK_EVERY: Duration = Duration::from_secs(30);

/// Requests at one time over one connection of a member.
pub const STREAMS_MAX: u32 = 1_024;

/// The same of somebody who wants to join, which is one request.
pub const STRANGER_STREAMS_MAX: u32 = 4;

/// Bytes of a request's headers; gRPC's take a few hundred.
pub const HEADER_BYTES_MAX: u32 = 16 << 10;

/// Bytes under way in one stream between nodes: 10 Gbit/s with 3 ms there and
/// back.
pub const STREAM_WINDOW_BYTES: u32 = 4 << 20;

/// Bytes under way in one connection between nodes: four such streams.
pub const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// Bytes under way in one stream from a client, which uploads a package now
/// and then. There are more clients than nodes, and less is known of them.
pub const CLIENT_STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// Bytes under way in one connection from a client.
pub const CLIENT_WINDOW_BYTES: u32 = 4 << 20;

/// Bytes under way from somebody who wants to join.
pub const STRANGER_WINDOW_BYTES: u32 = 64 << 10;

/// Bytes of a frame of HTTP/2: fewer and larger for bulk data, and small
/// enough that what is urgent need not wait long behind one.
pub const FRAME_BYTES_MAX: u32 = 64 << 10;

/// Bytes that wait to be written in one stream.
pub const SEND_BYTES_MAX: usize = 1 << 20;

/// Streams that a peer opened and reset while nobody looked; more end the
/// connection, since it is an attack ("rapid reset", CVE-2023-44487).
pub const RESET_STREAMS_MAX: usize = 64;

/// After so long without a word the other side is asked for a sign of life.
pub const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(10);

/// How long it has for that sign.
pub const KEEP_ALIVE_TIME: Duration = Duration::from_secs(5);

/// The pause when the system has no more files or memory for a connection.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long making a connection may take, all in all.
pub const DIAL_TIME: Duration = Duration::from_secs(5);

/// How long joining or renewing may take once connected.
pub const JOIN_TIME: Duration = Duration::from_secs(20);

/// How long the control store has for one operation.
pub const STORE_TIME: Duration = Duration::from_secs(5);

/// How often something is decided anew because somebody else wrote first.
/// Each time another one got ahead, so many at once are needed to fail.
pub const DECISIONS_MAX: usize = 8;

/// Records of one kind that are read into memory: with the largest records,
/// 400 MB, and with those that are usual, a tenth of it.
pub const RECORDS_MAX: usize = 100_000;

/// Characters of an address: the longest name of DNS, and a port.
pub const ADDRESS_CHARS_MAX: usize = 253 + 6;

/// Bytes of the file that says of which cluster we are.
pub const MEMBER_FILE_BYTES_MAX: u64 = 4 << 10;

/// The longest sleep of a task that waits for a time of day: clocks are set,
/// and machines sleep.
pub const SLEEP_MAX: Duration = Duration::from_secs(60 * 60);

/// The shortest wait before a task tries again what failed.
pub const RETRY_MIN: Duration = Duration::from_millis(250);

/// The longest. Ten days are left when renewing begins.
pub const RETRY_MAX: Duration = Duration::from_secs(60);

/// How often records are forgotten that mean nothing any more.
pub const TIDY_EVERY: Duration = Duration::from_secs(60 * 60);

/// Of one address, the same refusal is logged once in so long.
pub const LOG_EVERY: Duration = Duration::from_secs(60);

/// Refusals that are remembered so that they are not logged again, about 100
/// bytes each.
pub const LOGGED_MAX: usize = 4_096;

/// Refusals logged at once, whoever they are of, and then each second.
pub const LOG_BURST: u32 = 50;

/// See [`LOG_BURST`].
pub const LOG_PER_S: u32 = 1;
