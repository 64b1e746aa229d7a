//! Why something was not done.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use host_core::ClusterId;
use host_identity::join::Refused;
use host_identity::{Name, Subject};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection to a host.
    #[error("{address} cannot be reached: {why}; {advice}")]
    Connect {
        /// Its address.
        address: String,
        /// What is wrong.
        why: String,
        /// What a person can do.
        advice: &'static str,
    },
    /// A text is no address.
    #[error("{address:?} is no address: {why}")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The cluster gives no certificate.
    #[error("{by} gives no certificate: {refused}")]
    Refused {
        /// Who says so: an address, or this host.
        by: String,
        /// Why not.
        refused: Refused,
    },
    /// A host did not answer as it should.
    #[error("{address} did not let us in: {why}; is it a host of this version?")]
    Answer {
        /// Its address.
        address: String,
        /// What it said.
        why: String,
    },
    /// Our certificate has ended.
    #[error("the certificate of {subject} in {} has expired: join again with a token", folder.display())]
    Expired {
        /// Whose it is.
        subject: Subject,
        /// Where.
        folder: PathBuf,
    },
    /// The folder belongs to a member of another cluster.
    #[error(
        "{} belongs to cluster {cluster}, which the token is not of: choose another folder",
        folder.display()
    )]
    AnotherCluster {
        /// The folder.
        folder: PathBuf,
        /// Its cluster.
        cluster: ClusterId,
    },
    /// The folder belongs to a member of another name.
    #[error("{} belongs to {name}: start with this name, or choose another folder", folder.display())]
    AnotherName {
        /// The folder.
        folder: PathBuf,
        /// Its name.
        name: Name,
    },
    /// The folder belongs to the founder of a cluster, which needs nobody to
    /// let it in.
    #[error("{} has the authority of a cluster: start without joining one", folder.display())]
    Founder {
        /// The folder.
        folder: PathBuf,
    },
    /// The cluster was founded by another host.
    #[error(
        "cluster {cluster} was founded by another host, which has its authority: make a token \
         there (host token create), and join with it"
    )]
    FoundedElsewhere {
        /// The cluster.
        cluster: ClusterId,
    },
    /// There is nothing of this name.
    #[error("there is no {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// Others wrote the same records first, again and again.
    #[error("{what} was not done, since others changed the same records: try again")]
    Overtaken {
        /// What was to be done.
        what: &'static str,
    },
    /// There are more records than are read into memory.
    #[error("there are more than {most} records under {prefix}")]
    TooMany {
        /// What their keys begin with.
        prefix: &'static str,
        /// How many are read.
        most: usize,
    },
    /// A file cannot be used.
    #[error("{} cannot be used: {why}; {advice}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
        /// What a person can do.
        advice: Cow<'static, str>,
    },
    /// The system failed at something that should not fail.
    #[error("{what} failed: {why}")]
    Failed {
        /// What was done.
        what: &'static str,
        /// What was said.
        why: String,
    },
    /// About certificates, tokens, and the files that have them.
    #[error(transparent)]
    Identity(#[from] host_identity::Error),
    /// The control store did not do what it was asked.
    #[error(transparent)]
    Store(#[from] host_control::Error),
}

impl Error {
    pub(crate) fn failed(what: &'static str, why: impl ToString) -> Error {
        Error::Failed { what, why: why.to_string() }
    }

    pub(crate) fn file(path: &Path, why: impl ToString, advice: &'static str) -> Error {
        Error::File { path: path.to_owned(), why: why.to_string(), advice: advice.into() }
    }

    /// This host's own authority does not want to.
    pub(crate) fn refused_here(refused: Refused) -> Error {
        Error::Refused { by: "this host".to_owned(), refused }
    }
}

/// What an error says, with all its causes, for those whose texts leave them
/// out.
pub(crate) fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |error| (*error).source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
