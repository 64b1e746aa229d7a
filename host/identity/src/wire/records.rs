//! Records of the control store.

use bytes::Bytes;
use host_proto::identity as proto;
use prost::Message;

use super::{array, maybe_array, maybe_time, seconds, time};
use crate::record::private::Form;
use crate::{
    Enrolment, Error, KeyHash, Kind, Revocation, Role, Serial, Subject, Token, TokenId, Uses,
    error, limits,
};

impl Form for Token {
    fn to_bytes(&self) -> Vec<u8> {
        let Token { id, kind, uses, name, note, created, expires, revoked, used, last, verifier } =
            self;
        let kind = match kind {
            Kind::Node => proto::token::Kind::Node(true),
            Kind::Client(role) => proto::token::Kind::Client(role_to(*role).into()),
        };
        let token = proto::Token {
            id: Bytes::copy_from_slice(id.bytes()),
            kind: Some(kind),
            many: *uses == Uses::Many,
            name: name.as_ref().map(ToString::to_string).unwrap_or_default(),
            note: note.clone(),
            created_s: created.as_secs(),
            expires_s: expires.as_secs(),
            revoked_s: seconds(*revoked),
            used: *used,
            last: last.map(|hash| Bytes::copy_from_slice(hash.bytes())).unwrap_or_default(),
            verifier: Bytes::copy_from_slice(verifier),
        };
        token.encode_to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Token, Error> {
        const WHAT: &str = "the record of a token";
        let token: proto::Token = decode(WHAT, bytes)?;
        let proto::Token {
            id,
            kind,
            many,
            name,
            note,
            created_s,
            expires_s,
            revoked_s,
            used,
            last,
            verifier,
        } = token;
        error::bounded("the bytes of a note", note.len(), limits::NOTE_BYTES_MAX)?;
        let kind = match kind {
            Some(proto::token::Kind::Node(true)) => Kind::Node,
            Some(proto::token::Kind::Client(role)) => Kind::Client(role_from(WHAT, role)?),
            Some(proto::token::Kind::Node(false)) | None => {
                return Err(Error::malformed(WHAT, "it has no kind"));
            }
        };
        Ok(Token {
            id: TokenId::from_bytes(array(WHAT, &id)?),
            kind,
            uses: if many { Uses::Many } else { Uses::Once },
            name: if name.is_empty() { None } else { Some(name.parse()?) },
            note,
            created: time(WHAT, created_s)?,
            expires: time(WHAT, expires_s)?,
            revoked: maybe_time(revoked_s),
            used,
            last: maybe_array(WHAT, &last)?.map(KeyHash::from_bytes),
            verifier: array(WHAT, &verifier)?,
        })
    }
}

impl Form for Enrolment {
    fn to_bytes(&self) -> Vec<u8> {
        let Enrolment { subject, key, live, token, since, revoked } = self;
        let live = live.iter().map(|(serial, until)| proto::Live {
            serial: Bytes::copy_from_slice(serial.bytes()),
            until_s: until.as_secs(),
        });
        let enrolment = proto::Enrolment {
            subject: Some(subject_to(subject)),
            key: Bytes::copy_from_slice(key.bytes()),
            live: live.collect(),
            token: token.map(|id| Bytes::copy_from_slice(id.bytes())).unwrap_or_default(),
            since_s: since.as_secs(),
            revoked_s: seconds(*revoked),
        };
        enrolment.encode_to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Enrolment, Error> {
        const WHAT: &str = "the record of an enrolment";
        let enrolment: proto::Enrolment = decode(WHAT, bytes)?;
        let proto::Enrolment { subject, key, live, token, since_s, revoked_s } = enrolment;
        let most = limits::CERTIFICATES_LIVE_MAX;
        error::bounded("the number of certificates", live.len(), most)?;
        let live = live.iter().map(|live| {
            let proto::Live { serial, until_s } = live;
            Ok((serial_from(WHAT, serial)?, time(WHAT, *until_s)?))
        });
        Ok(Enrolment {
            subject: subject_from(WHAT, subject)?,
            key: KeyHash::from_bytes(array(WHAT, &key)?),
            live: live.collect::<Result<_, Error>>()?,
            token: maybe_array(WHAT, &token)?.map(TokenId::from_bytes),
            since: time(WHAT, since_s)?,
            revoked: maybe_time(revoked_s),
        })
    }
}

impl Revocation {
    /// The value of its record.
    pub fn to_bytes(&self) -> Bytes {
        let Revocation { serial, subject, until } = self;
        let revocation = proto::Revocation {
            serial: Bytes::copy_from_slice(serial.bytes()),
            subject: Some(subject_to(subject)),
            until_s: until.as_secs(),
        };
        revocation.encode_to_vec().into()
    }

    /// From the value of its record.
    ///
    /// # Errors
    /// [`Error::Malformed`] and [`Error::TooLarge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Revocation, Error> {
        const WHAT: &str = "the record of a revocation";
        let revocation: proto::Revocation = decode(WHAT, bytes)?;
        let proto::Revocation { serial, subject, until_s } = revocation;
        Ok(Revocation {
            serial: serial_from(WHAT, &serial)?,
            subject: subject_from(WHAT, subject)?,
            until: time(WHAT, until_s)?,
        })
    }
}

fn decode<M: Message + Default>(what: &'static str, bytes: &[u8]) -> Result<M, Error> {
    error::bounded("the bytes of a record", bytes.len(), limits::RECORD_BYTES_MAX)?;
    M::decode(bytes).map_err(|_| Error::malformed(what, "it does not decode"))
}

fn serial_from(what: &'static str, bytes: &Bytes) -> Result<Serial, Error> {
    Serial::from_slice(bytes).ok_or_else(|| Error::malformed(what, "a serial is not ours"))
}

fn subject_to(subject: &Subject) -> proto::Subject {
    let (name, kind) = match subject {
        Subject::Node { name } => (name, proto::subject::Kind::Node(true)),
        Subject::Client { name, role } => {
            (name, proto::subject::Kind::Client(role_to(*role).into()))
        }
    };
    proto::Subject { name: name.to_string(), kind: Some(kind) }
}

fn subject_from(what: &'static str, subject: Option<proto::Subject>) -> Result<Subject, Error> {
    let missing = || Error::malformed(what, "it is nobody's");
    let proto::Subject { name, kind } = subject.ok_or_else(missing)?;
    let name = name.parse()?;
    match kind {
        Some(proto::subject::Kind::Node(true)) => Ok(Subject::Node { name }),
        Some(proto::subject::Kind::Client(role)) => {
            Ok(Subject::Client { name, role: role_from(what, role)? })
        }
        Some(proto::subject::Kind::Node(false)) | None => Err(missing()),
    }
}

fn role_to(role: Role) -> proto::Role {
    match role {
        Role::Read => proto::Role::Read,
        Role::Run => proto::Role::Run,
        Role::Admin => proto::Role::Admin,
    }
}

fn role_from(what: &'static str, role: i32) -> Result<Role, Error> {
    match proto::Role::try_from(role) {
        Ok(proto::Role::Read) => Ok(Role::Read),
        Ok(proto::Role::Run) => Ok(Role::Run),
        Ok(proto::Role::Admin) => Ok(Role::Admin),
        Ok(proto::Role::Unspecified) | Err(_) => {
            Err(Error::malformed(what, "it has no role that this version knows"))
        }
    }
}
