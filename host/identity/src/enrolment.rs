//! Who has a name: the record that binds it to a key.
//!
//! Without it anybody with a token for nodes could join as a node that is
//! there already, and be taken for it. A name belongs to the key that first
//! joined with it, until an operator forgets it.

use rustls_pki_types::UnixTime;

use crate::join::Refused;
use crate::record::{self, Sealed};
use crate::{
    Authority, Certificate, Change, KeyHash, PrivateKey, PublicKey, Revocation, Serial, Stored,
    Subject, TokenId, limits,
};

/// Somebody who was let into the cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Enrolment {
    /// Who.
    pub subject: Subject,
    /// The key of the newest certificate.
    pub key: KeyHash,
    /// The certificates that have not ended, with their last seconds; the
    /// newest is the last.
    pub live: Vec<(Serial, UnixTime)>,
    /// The token it joined with; none for what a host gives itself.
    pub token: Option<TokenId>,
    /// When it first joined.
    pub since: UnixTime,
    /// When it was revoked, if it was: then the name gets no certificate.
    pub revoked: Option<UnixTime>,
}

impl Enrolment {
    /// A certificate without a token: for the host that has the authority, and
    /// for what it gives to its own operator. With the same key it can be
    /// asked for again.
    ///
    /// # Errors
    /// [`Refused::NameTaken`], [`Refused::Revoked`], and what signing answers.
    pub fn grant(
        authority: &Authority,
        subject: Subject,
        key: &PrivateKey,
        current: Option<&Stored<Enrolment>>,
        now: UnixTime,
    ) -> Result<(Certificate, Change), Refused> {
        let public = key.public();
        check_owner(current, &subject, public.hash())?;
        certify(authority, subject, &public, current, None, now)
    }

    /// The change that puts somebody out of the cluster: all certificates are
    /// revoked, and the name gets no new one until it is forgotten.
    ///
    /// If it joined with a token that can be used again, revoke that as well:
    /// else it joins under another name.
    pub fn revoke(authority: &Authority, current: &Stored<Enrolment>, now: UnixTime) -> Change {
        let enrolment = current.value();
        let revoked = Enrolment { revoked: Some(now), live: vec![], ..enrolment.clone() };
        let change = Change::default()
            .compare(revoked.key(), Some(current))
            .put(revoked.key(), authority.seal(&revoked));
        enrolment.live.iter().fold(change, |change, &(serial, until)| {
            let subject = enrolment.subject.clone();
            let revocation = Revocation { serial, subject, until };
            change.put(revocation.key(), revocation.to_bytes())
        })
    }

    /// The change that frees a name, for another key: after its machine was
    /// wiped, say. Its certificates are revoked, if they were not yet.
    pub fn forget(authority: &Authority, current: &Stored<Enrolment>, now: UnixTime) -> Change {
        let mut change = Enrolment::revoke(authority, current, now);
        let key = current.value().key();
        change.writes.retain(|write| write.key != key);
        change.delete(key)
    }
}

impl Sealed for Enrolment {
    fn key(&self) -> String {
        key_of(&self.subject)
    }
}

/// The key of the record that has this subject's name.
pub(crate) fn key_of(subject: &Subject) -> String {
    match subject {
        Subject::Node { name } => record::node_key(name),
        Subject::Client { name, role: _ } => record::client_key(name),
    }
}

/// Refuses a name that is somebody else's.
pub(crate) fn check_owner(
    current: Option<&Stored<Enrolment>>,
    subject: &Subject,
    key: KeyHash,
) -> Result<(), Refused> {
    match current.map(Stored::value) {
        Some(enrolment) if enrolment.revoked.is_some() => Err(Refused::Revoked),
        Some(enrolment) if enrolment.subject != *subject || enrolment.key != key => {
            Err(Refused::NameTaken)
        }
        Some(_) | None => Ok(()),
    }
}

/// Signs a certificate for somebody who may have it, and writes it down.
pub(crate) fn certify(
    authority: &Authority,
    subject: Subject,
    key: &PublicKey,
    current: Option<&Stored<Enrolment>>,
    token: Option<TokenId>,
    now: UnixTime,
) -> Result<(Certificate, Change), Refused> {
    let before = current.map(Stored::value);
    let mut live = before.map(|enrolment| enrolment.live.clone()).unwrap_or_default();
    // Where a clock is slow, one that has just ended here still counts.
    let skew_s = limits::CLOCK_SKEW.as_secs();
    live.retain(|(_, until)| until.as_secs() + skew_s >= now.as_secs());
    if live.len() >= limits::CERTIFICATES_LIVE_MAX {
        return Err(Refused::TooManyCertificates);
    }
    let certificate = authority.sign(&subject, key, now)?;
    live.push((certificate.serial(), certificate.validity().until));
    let enrolment = Enrolment {
        subject,
        key: key.hash(),
        live,
        token: token.or_else(|| before.and_then(|enrolment| enrolment.token)),
        since: before.map_or(now, |enrolment| enrolment.since),
        revoked: None,
    };
    let key = enrolment.key();
    let change =
        Change::default().compare(key.clone(), current).put(key, authority.seal(&enrolment));
    Ok((certificate, change))
}
