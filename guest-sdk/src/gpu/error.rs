//! What can go wrong with a GPU.

use std::fmt;

/// What can go wrong with a GPU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// The actor was granted no GPU.
    NotGranted,
    /// The actor's GPU memory is used up.
    OutOfMemory(String),
    /// A kernel does not compile, or something does not fit it.
    Invalid(String),
    /// The GPU or its driver failed.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotGranted => f.write_str(
                "this actor was granted no gpu: ask for one with #[actor(gpus = 1)] or \
                 .options().gpus(1.0)",
            ),
            Error::OutOfMemory(message) | Error::Invalid(message) | Error::Failed(message) => {
                f.write_str(message)
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<wgpu::Error> for Error {
    fn from(error: wgpu::Error) -> Error {
        match error {
            wgpu::Error::OutOfMemory { source } => Error::OutOfMemory(source.to_string()),
            wgpu::Error::Validation { description, .. } => Error::Invalid(description),
            wgpu::Error::Internal { description, .. } => Error::Failed(description),
        }
    }
}
