//! A decoder with its tokens: conversations in, answers out.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::backend::Backend;
use crate::decoder::{Decoder, DecoderConfig};
use crate::error::{Error, Result};
use crate::sampling::{Sampler, Sampling};
use crate::text::{Chat, Message, Vocabulary};
use crate::weights::{Meta, Weights};

/// Answers conversations.
#[derive(Debug)]
pub struct Generator<B: Backend> {
    decoder: Decoder<B>,
    vocabulary: Vocabulary,
    chat: Chat,
    /// Tokens that end an answer.
    ends: Vec<u32>,
}

/// An answer, and how long it took.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its tokens, without the one that ended it.
    pub tokens: Vec<u32>,
    /// Reading the conversation, up to the first token.
    pub reading: Duration,
    /// All after that.
    pub writing: Duration,
}

/// The end of an answer, in `config.json`.
#[derive(Deserialize)]
struct Ends {
    eos_token_id: OneOrMore,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(u32),
    More(Vec<u32>),
}

/// The template of conversations, in `tokenizer_config.json`.
#[derive(Deserialize)]
struct Template {
    chat_template: String,
}

impl<B: Backend> Generator<B> {
    /// Reads a model: a GGUF file, or a folder as Hugging Face keeps it.
    ///
    /// # Errors
    /// If something is missing there, or is not what it should be.
    pub fn open(backend: B, path: &Path) -> Result<Self> {
        if path.is_dir() {
            Self::open_folder(backend, path)
        } else {
            Self::open_gguf(backend, path)
        }
    }

    fn open_gguf(backend: B, path: &Path) -> Result<Self> {
        let weights = Weights::read(path)?;
        let config = DecoderConfig::of(&weights)?;
        let vocabulary = Vocabulary::of(&weights)?;
        let missing = |what| Error::malformed(format!("gguf: tokenizer.{what} is missing"));
        let template = weights.meta("tokenizer.chat_template").and_then(Meta::text);
        let chat = Chat::new(template.ok_or_else(|| missing("chat_template"))?.to_owned())?;
        let end = weights.meta("tokenizer.ggml.eos_token_id").and_then(Meta::size);
        let end = end.and_then(|end| u32::try_from(end).ok());
        let ends = vec![end.ok_or_else(|| missing("ggml.eos_token_id"))?];
        Ok(Generator { decoder: Decoder::new(backend, config, &weights)?, vocabulary, chat, ends })
    }

    fn open_folder(backend: B, folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path)
                .map_err(|reason| Error::File { path: path.display().to_string(), reason })
        };
        let config = read("config.json")?;
        let wrong = |name: &str, error| Error::malformed(format!("{name}: {error}"));
        let ends: Ends =
            serde_json::from_slice(&config).map_err(|error| wrong("config.json", error))?;
        let ends = match ends.eos_token_id {
            OneOrMore::One(end) => vec![end],
            OneOrMore::More(ends) => ends,
        };
        let template: Template = serde_json::from_slice(&read("tokenizer_config.json")?)
            .map_err(|error| wrong("tokenizer_config.json", error))?;
        let vocabulary = Vocabulary::parse(&read("tokenizer.json")?, None)?;
        let weights = Weights::read(folder)?;
        let decoder = Decoder::new(backend, DecoderConfig::parse(&config)?, &weights)?;
        Ok(Generator { decoder, vocabulary, chat: Chat::new(template.chat_template)?, ends })
    }

    /// The decoder.
    pub fn decoder(&self) -> &Decoder<B> {
        &self.decoder
    }

    /// The tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The tokens of a conversation, up to where the assistant speaks.
    ///
    /// # Errors
    /// If it cannot be written or taken apart.
    pub fn prompt(&self, messages: &[Message]) -> Result<Vec<u32>> {
        self.vocabulary.tokens_only(&self.chat.text(messages)?)
    }

    /// Continues a prompt until it ends, or there are `tokens_max` more.
    ///
    /// # Errors
    /// If the prompt is too long, or the sampling makes no sense, or the
    /// backend fails.
    pub fn answer(&self, prompt: &[u32], sampling: Sampling, tokens_max: usize) -> Result<Answer> {
        let mut sampler = Sampler::new(sampling)?;
        let mut session = self.decoder.session(prompt.len().saturating_add(tokens_max))?;
        let started = Instant::now();
        let mut logits = self.decoder.read(&mut session, prompt)?;
        let reading = started.elapsed();
        let mut tokens = Vec::new();
        while tokens.len() < tokens_max {
            let token = sampler.choose(&logits);
            if self.ends.contains(&token) {
                break;
            }
            tokens.push(token);
            if session.room() == 0 || tokens.len() == tokens_max {
                break;
            }
            logits = self.decoder.read(&mut session, &[token])?;
        }
        Ok(Answer { tokens, reading, writing: started.elapsed() - reading })
    }
}
