//! What can go wrong with a model.

/// A result whose error is this crate's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{0}")]
    Malformed(String),
    /// The model needs something that is not built here.
    #[error("{0}")]
    Unsupported(String),
    /// A tensor is not in the file.
    #[error("the model has no tensor {0}")]
    Missing(String),
    /// A tensor has another shape than the model's configuration says.
    #[error("tensor {name} is {is:?}, not {wanted:?} as the configuration says")]
    Shape {
        /// The tensor.
        name: String,
        /// Rows and columns that it has.
        is: Vec<usize>,
        /// Rows and columns that it should have.
        wanted: Vec<usize>,
    },
    /// The text is longer than the model or the session can take.
    #[error("{tokens} tokens do not fit: at most {most} do")]
    TooLong {
        /// Tokens, with those already there.
        tokens: usize,
        /// The most.
        most: usize,
    },
    /// The GPU cannot do what it was asked to.
    #[error("the gpu: {0}")]
    Gpu(String),
}

impl Error {
    pub(crate) fn malformed(what: impl std::fmt::Display) -> Self {
        Error::Malformed(what.to_string())
    }

    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Error::Unsupported(what.to_string())
    }
}
