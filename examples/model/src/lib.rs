//! Transformer models in plain Rust and WGSL: what the examples `embed`, `llm`
//! and `serve` share.
//!
//! An [`Embedder`] makes vectors of sentences (BERT), a [`Generator`] answers
//! conversations (LLaMA). Their models, [`Encoder`] and [`Decoder`], are written once, over a [`Backend`]: [`Cpu`] computes in
//! this program, `gpu::Gpu` (with the feature `gpu`) with kernels on one. Weights come from
//! [`Weights`], which reads GGUF and safetensors files and leaves numbers as
//! they are stored; a backend decodes them when it needs them.
//!
//! Nothing here knows actors. The same code runs in a component and natively,
//! where it is tested, and nothing here is `unsafe`: files are not trusted, and
//! a bad one is an [`Error`].

mod backend;
mod cpu;
mod decoder;
mod embedder;
mod encoder;
mod error;
mod generator;
#[cfg(feature = "gpu")]
pub mod gpu;
mod lanes;
mod sampling;
mod text;
mod weights;

pub use backend::{Backend, Heads, Keys, Pairing, Rope};
pub use cpu::Cpu;
pub use decoder::{Decoder, DecoderConfig, Session};
pub use embedder::Embedder;
pub use encoder::{Encoder, EncoderConfig};
pub use error::{Error, Result};
pub use generator::{Answer, Generator};
pub use sampling::{Sampler, Sampling};
pub use text::{Chat, Message, Vocabulary};
pub use weights::{Kind, Meta, Stored, Weights};
