//! A language model: an actor that reads weights from a folder it was granted,
//! and answers conversations.

mod device;
#[cfg(test)]
mod reference;

use std::path::PathBuf;
use std::time::Instant;

use device::Model;
use greenroom::prelude::*;
use model::{Message, Sampling};

/// Tokens that the driver lets an answer have.
const TOKENS_MAX: usize = 128;

/// Answers conversations with the model in a file or folder.
struct Writer {
    model: Model,
}

/// What a [`Writer`] says.
#[derive(Serialize, Deserialize)]
struct Reply {
    text: String,
    /// Tokens that were read, and seconds that took.
    read: (usize, f64),
    /// Tokens that were written after the first, and seconds that took.
    written: (usize, f64),
}

/// 98 MB of weights, the vocabulary, and what the model remembers of a text:
/// 46 KB for each token.
#[cfg_attr(feature = "gpu", actor(memory = "768MiB", gpus = 1))]
#[cfg_attr(not(feature = "gpu"), actor(memory = "768MiB"))]
impl Writer {
    /// Reads the model: a GGUF file, or a folder as Hugging Face keeps it.
    fn new(path: PathBuf) -> Result<Self, model::Error> {
        Ok(Writer { model: device::open(&path)? })
    }

    /// Answers a conversation with at most so many tokens.
    fn answer(
        &self,
        messages: Vec<Message>,
        sampling: Sampling,
        tokens_max: usize,
    ) -> Result<Reply, model::Error> {
        let prompt = self.model.prompt(&messages)?;
        let answer = self.model.answer(&prompt, sampling, tokens_max)?;
        let after_the_first = answer.tokens.len().saturating_sub(1);
        Ok(Reply {
            text: self.model.vocabulary().text(&answer.tokens)?,
            read: (prompt.len(), answer.reading.as_secs_f64()),
            written: (after_the_first, answer.writing.as_secs_f64()),
        })
    }
}

/// Answers one question; with a temperature after it, not always the same.
#[driver]
fn main(args: Vec<String>) -> Result<()> {
    let (path, question, temperature) = match &args[..] {
        [path, question] => (path, question, 0.0),
        [path, question, temperature] => {
            (path, question, temperature.parse().map_err(Error::failed)?)
        }
        _ => return Err("give the model, a question, and perhaps a temperature".into()),
    };
    let started = Instant::now();
    let writer = Writer::remote(PathBuf::from(path))?;
    let sampling = Sampling { temperature, top_p: 0.9, seed: seed(), ..Sampling::default() };
    let reply = writer.answer(vec![Message::user(question)], sampling, TOKENS_MAX).remote()?;
    let reply = get(reply)?;
    println!("{}", reply.text);
    for (what, (tokens, seconds)) in [("read", reply.read), ("written", reply.written)] {
        let rate = tokens as f64 / seconds.max(f64::MIN_POSITIVE);
        println!("{what}: {tokens} tokens in {seconds:.2} s, {rate:.1} tokens/s");
    }
    println!("all, with loading: {:.2} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Another one each time.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}
