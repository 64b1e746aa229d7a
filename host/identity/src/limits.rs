//! The bounds of everything, with their reasons.

use std::time::Duration;

/// How long a cluster's authority lives. All certificates end with it and it
/// cannot be renewed, so it has to outlive the cluster.
pub const CA_LIFETIME: Duration = Duration::from_secs(10 * 365 * DAY_S);

/// How long a node's certificate lives. Short, so that one that was stolen and
/// not noticed ends; long enough for an authority that is away for a week.
pub const NODE_LIFETIME: Duration = Duration::from_secs(30 * DAY_S);

/// How long a client's certificate lives. Clients are not always there to
/// renew, as nodes are: a person who comes back every other month still can.
pub const CLIENT_LIFETIME: Duration = Duration::from_secs(90 * DAY_S);

/// How much earlier than it was signed a certificate begins, for machines
/// whose clocks are slow by so much.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// How long a token lives unless said otherwise: for the next machine.
pub const TOKEN_LIFETIME_DEFAULT: Duration = Duration::from_secs(DAY_S);

/// The longest life of a token: what is needed longer is made anew, and
/// whoever had the old one is looked at again.
pub const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(366 * DAY_S);

/// Characters of a name: what DNS takes for a label, since node names often
/// are host names.
pub const NAME_CHARS_MAX: usize = 63;

/// Bytes of a token's text; ours have 150. More is not looked at.
pub const TOKEN_TEXT_BYTES_MAX: usize = 1 << 10;

/// Bytes of the note that an operator puts on a token.
pub const NOTE_BYTES_MAX: usize = 256;

/// Bytes of a record: a token with the longest note takes 600.
pub const RECORD_BYTES_MAX: usize = 4 << 10;

/// Bytes of a certificate or a request for one; ours have about 600.
pub const CERTIFICATE_BYTES_MAX: usize = 4 << 10;

/// Bytes of a message of the join exchange: two certificates and the rest.
pub const MESSAGE_BYTES_MAX: usize = 3 * CERTIFICATE_BYTES_MAX;

/// Certificates that somebody may have at one time. A node renews after 20 of
/// 30 days and so has two; the rest is for those that lose them.
pub const CERTIFICATES_LIVE_MAX: usize = 16;

/// Revoked certificates that have not yet ended. In memory they take about
/// 200 bytes each, and a cluster that has more has a stolen authority.
pub const REVOCATIONS_MAX: usize = 65_536;

/// Peers whose bad attempts are counted, about 64 bytes each.
pub const ATTEMPT_PEERS_MAX: usize = 4_096;

/// Bad attempts that a peer may make at once; a person who mistypes.
pub const ATTEMPTS_BURST: u32 = 10;

/// How long it takes until a peer has one more attempt. No secret could be
/// guessed at any rate: this is to bound the work and the log.
pub const ATTEMPT_EVERY: Duration = Duration::from_secs(6);

/// Bytes of a file with a secret; the largest has a key and a certificate.
pub const SECRET_FILE_BYTES_MAX: usize = 16 << 10;

const DAY_S: u64 = 24 * 60 * 60;
