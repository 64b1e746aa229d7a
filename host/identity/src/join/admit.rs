//! The side that lets in.

use host_proto::PROTOCOL_VERSION;
use rustls_pki_types::UnixTime;

use super::{Answer, Binding, Refused, RenewRequest, Request, proof};
use crate::token::Known;
use crate::{
    Authority, Certificate, Change, Enrolment, Kind, Name, PublicKey, Revocations, Stored, Subject,
    Token, enrolment,
};

/// The records that a request is about, as the control store has them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Records<'a> {
    /// That of the token in the request ([`token_key`]).
    ///
    /// [`token_key`]: crate::record::token_key
    pub token: Option<&'a Stored<Token>>,
    /// That of the name, at [`enrolment_key`] of token and name.
    pub enrolment: Option<&'a Stored<Enrolment>>,
}

/// Somebody is let in, once the change is written.
#[derive(Clone, Debug)]
pub struct Admission {
    /// What to answer then.
    pub answer: Answer,
    /// What was signed, for the log.
    pub certificate: Certificate,
    /// What to write first. If a comparison fails, read the records anew and
    /// decide anew: of two that use a token once, one is refused then.
    pub change: Change,
}

/// Where the record of a name is that wants to join with a token.
pub fn enrolment_key(token: &Token, name: &Name) -> String {
    enrolment::key_of(&subject(token.kind, name))
}

/// Decides whether a joiner gets a certificate.
///
/// `binding` is that of the connection which the request came over, and the
/// peer's attempts were counted before.
///
/// # Errors
/// Why not.
pub fn admit(
    authority: &Authority,
    request: &Request,
    binding: &Binding,
    records: Records<'_>,
    now: UnixTime,
) -> Result<Admission, Refused> {
    let Request { protocol, token: id, name, csr, proof: signature } = request;
    check_protocol(*protocol)?;
    let stored = records.token.filter(|token| token.value().id == *id).ok_or(Refused::Token)?;
    let token = stored.value();
    let ca = authority.certificate().hash();
    if !token.verify(&proof::text(ca, binding, *protocol, *id, name, csr), signature) {
        return Err(Refused::Token);
    }
    // From here on the other side is known to have the secret.
    let key = PublicKey::from_request(csr)?;
    let subject = subject(token.kind, name);
    let known = match records.enrolment.map(Stored::value) {
        Some(before) if before.key == key.hash() && before.token == Some(*id) => Known::ByThisToken,
        Some(_) | None => Known::No,
    };
    let redeemed = token.redeem(name, key.hash(), known, now)?;
    enrolment::check_owner(records.enrolment, &subject, key.hash())?;
    let (certificate, change) =
        enrolment::certify(authority, subject, &key, records.enrolment, Some(*id), now)?;
    let token_key = crate::record::token_key(*id);
    let change = Change::default()
        .compare(token_key.clone(), Some(stored))
        .put(token_key, authority.seal(&redeemed))
        .and(change);
    Ok(admission(authority, certificate, change))
}

/// Decides whether somebody who showed a certificate gets the next.
///
/// # Errors
/// Why not. [`Refused::Revoked`] also if the cluster does not know the
/// certificate any more.
pub fn renew(
    authority: &Authority,
    request: &RenewRequest,
    shown: Option<&Certificate>,
    enrolment: Option<&Stored<Enrolment>>,
    revocations: &Revocations,
    now: UnixTime,
) -> Result<Admission, Refused> {
    let RenewRequest { protocol, csr } = request;
    check_protocol(*protocol)?;
    let shown = shown.ok_or(Refused::NotAllowed)?;
    let stored = enrolment.ok_or(Refused::Revoked)?;
    let current = stored.value();
    let live = current.live.iter().any(|(serial, _)| *serial == shown.serial());
    let cut = revocations.cut(shown, now).is_some();
    if cut || !live || current.revoked.is_some() || current.subject != *shown.subject() {
        return Err(Refused::Revoked);
    }
    let key = PublicKey::from_request(csr)?;
    let subject = shown.subject().clone();
    let (certificate, change) =
        enrolment::certify(authority, subject, &key, Some(stored), None, now)?;
    Ok(admission(authority, certificate, change))
}

fn admission(authority: &Authority, certificate: Certificate, change: Change) -> Admission {
    let ca = authority.certificate().der().clone();
    let answer = Answer { certificate: certificate.der().clone(), ca };
    Admission { answer, certificate, change }
}

fn check_protocol(theirs: u32) -> Result<(), Refused> {
    let ours = PROTOCOL_VERSION;
    if theirs != ours {
        return Err(Refused::Protocol { ours, theirs });
    }
    Ok(())
}

fn subject(kind: Kind, name: &Name) -> Subject {
    match kind {
        Kind::Node => Subject::Node { name: name.clone() },
        Kind::Client(role) => Subject::Client { name: name.clone(), role },
    }
}
