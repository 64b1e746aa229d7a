//! Tokens and identities, for an operator.

use host_identity::record::{self, Sealed};
use host_identity::{
    Change, Enrolment, JoinToken, Order, Revocation, Revocations, Stored, Subject, Token, TokenId,
};

use super::{Registrar, enrolment_key};
use crate::identity::now;
use crate::records::Written;
use crate::{Error, limits};

/// Writes of one transaction when records are forgotten.
const FORGOTTEN_AT_ONCE: usize = 100;

impl Registrar {
    /// Makes a token. Its text is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Identity`] for a lifetime or a note past its bound;
    /// [`Error::Store`], [`Error::Overtaken`].
    pub async fn create_token(&self, order: Order) -> Result<(JoinToken, Token), Error> {
        let (text, token, change) = Token::issue(&self.authority, order, now(&self.clock)?)?;
        match self.records.write(&change).await? {
            Written::Done => Ok((text, token)),
            Written::Overtaken => Err(Error::Overtaken { what: "making a token" }),
        }
    }

    /// All tokens that were not forgotten: a while after they ended they are.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::TooMany`].
    pub async fn tokens(&self) -> Result<Vec<Token>, Error> {
        let tokens = self.sealed::<Token>(record::TOKENS).await?;
        Ok(tokens.into_iter().map(|token| token.value().clone()).collect())
    }

    /// Revokes a token. Whoever joined with it stays.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Overtaken`].
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), Error> {
        let now = now(&self.clock)?;
        let revoke = |token: &Stored<Token>| Token::revoke(&self.authority, token, now);
        self.change(&record::token_key(id), &format!("token {id}"), revoke).await
    }

    /// All nodes and clients that were let in and not forgotten.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::TooMany`].
    pub async fn identities(&self) -> Result<Vec<Enrolment>, Error> {
        let mut all = self.sealed::<Enrolment>(record::NODES).await?;
        all.extend(self.sealed(record::CLIENTS).await?);
        Ok(all.into_iter().map(|enrolment| enrolment.value().clone()).collect())
    }

    /// Puts somebody out of the cluster: its certificates are revoked, its
    /// connections are cut, and its name gets no new certificate.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Overtaken`].
    pub async fn revoke_identity(&self, subject: &Subject) -> Result<(), Error> {
        let now = now(&self.clock)?;
        let revoke = |current: &Stored<Enrolment>| Enrolment::revoke(&self.authority, current, now);
        self.change(&enrolment_key(subject), &subject.to_string(), revoke).await
    }

    /// Frees a name for another key; what it had is revoked.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Overtaken`].
    pub async fn forget_identity(&self, subject: &Subject) -> Result<(), Error> {
        let now = now(&self.clock)?;
        let forget = |current: &Stored<Enrolment>| Enrolment::forget(&self.authority, current, now);
        self.change(&enrolment_key(subject), &subject.to_string(), forget).await
    }

    /// Forgets tokens and revocations that mean nothing any more.
    pub(crate) async fn tidy(&self) -> Result<(), Error> {
        let now = now(&self.clock)?;
        for token in self.sealed::<Token>(record::TOKENS).await? {
            if let Some(change) = Token::prune(&token, now) {
                // Whoever was faster did it as well, or gave it a reason to stay.
                self.records.write(&change).await?;
            }
        }
        let mut revocations = Revocations::new();
        for (_, value) in self.records.list(record::REVOCATIONS).await?.1 {
            if let Ok(revocation) = Revocation::from_bytes(&value) {
                revocations.insert(revocation)?;
            }
        }
        while let Some(change) = revocations.prune(now, FORGOTTEN_AT_ONCE) {
            self.records.write(&change).await?;
        }
        Ok(())
    }

    /// Changes the record of something that is there.
    async fn change<T: Sealed>(
        &self,
        key: &str,
        what: &str,
        decide: impl Fn(&Stored<T>) -> Change,
    ) -> Result<(), Error> {
        for _ in 0..limits::DECISIONS_MAX {
            let current = self.open_or_fail(key).await?;
            let current = current.ok_or_else(|| Error::NotFound { what: what.to_owned() })?;
            if self.records.write(&decide(&current)).await? == Written::Done {
                return Ok(());
            }
        }
        Err(Error::Overtaken { what: "revoking" })
    }

    /// All records under a prefix that this authority sealed.
    async fn sealed<T: Sealed>(&self, prefix: &'static str) -> Result<Vec<Stored<T>>, Error> {
        let mut all = Vec::new();
        for (key, bytes) in self.records.list(prefix).await?.1 {
            match self.authority.open(&key, bytes) {
                Ok(record) => all.push(record),
                // It counts for nothing; an operator should know of it.
                Err(error) => tracing::warn!(%error, "a record is not the authority's"),
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use host_control::Embedded;
    use host_identity::{Kind, PrivateKey, Uses};
    use rustls::time_provider::TimeProvider;
    use rustls_pki_types::UnixTime;

    use super::*;
    use crate::Identity;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[derive(Debug)]
    struct Clock(AtomicU64);

    impl TimeProvider for Clock {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed))))
        }
    }

    #[tokio::test]
    async fn what_means_nothing_any_more_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Embedded::open(folder.path(), None).await.unwrap());
        let clock = Arc::new(Clock(AtomicU64::new(1_800_000_000)));
        let (home, name) = (folder.path().join("alpha"), "alpha".parse().unwrap());
        let founded = Identity::found(&home, name, store, clock.clone()).await;
        let (_, registrar) = founded.unwrap();
        for lifetime in [DAY, 60 * DAY] {
            let (kind, uses, note) = (Kind::Node, Uses::Many, String::new());
            let order = Order { kind, uses, name: None, lifetime, note };
            registrar.create_token(order).await.unwrap();
        }
        let subject = Subject::Node { name: "beta".parse().unwrap() };
        registrar.grant(subject.clone(), PrivateKey::draw().unwrap()).await.unwrap();
        registrar.revoke_identity(&subject).await.unwrap();
        let revoked = async || registrar.records.list(record::REVOCATIONS).await.unwrap().1.len();
        registrar.tidy().await.unwrap();
        assert_eq!((registrar.tokens().await.unwrap().len(), revoked().await), (2, 1));
        clock.0.fetch_add(31 * DAY.as_secs(), Ordering::Relaxed);
        registrar.tidy().await.unwrap();
        assert_eq!((registrar.tokens().await.unwrap().len(), revoked().await), (1, 0));
    }
}
