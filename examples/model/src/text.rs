//! Text to tokens and back, and conversations to text.

use serde::{Deserialize, Serialize};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, Tokenizer, TruncationParams};

use crate::error::{Error, Result};
use crate::weights::{Meta, Weights};

/// The token type of GGUF for those with a meaning beside their text.
const CONTROL: i64 = 3;

/// The tokens of a model.
#[derive(Debug)]
pub struct Vocabulary {
    tokenizer: Tokenizer,
}

impl Vocabulary {
    /// Reads a `tokenizer.json`. Texts are cut after `tokens_max`.
    ///
    /// # Errors
    /// If it is not one.
    pub fn parse(json: &[u8], tokens_max: Option<usize>) -> Result<Self> {
        let mut tokenizer = Tokenizer::from_bytes(json)
            .map_err(|error| Error::malformed(format!("tokenizer.json: {error}")))?;
        tokenizer.with_padding(None);
        let cut =
            tokens_max.map(|max_length| TruncationParams { max_length, ..Default::default() });
        tokenizer.with_truncation(cut).map_err(Error::malformed)?;
        Ok(Vocabulary { tokenizer })
    }

    /// The vocabulary in a GGUF file.
    ///
    /// # Errors
    /// If there is none, or one of a kind that is not built.
    pub fn of(weights: &Weights) -> Result<Self> {
        let meta = |key: &str| weights.meta(&format!("tokenizer.ggml.{key}"));
        let (model, split) = (meta("model").and_then(Meta::text), meta("pre").and_then(Meta::text));
        if model != Some("gpt2") {
            let name = model.unwrap_or("none");
            return Err(Error::unsupported(format!(
                "tokenizer {name:?} is not gpt2, a byte-level BPE"
            )));
        }
        let list = |key: &str| {
            let list = meta(key).and_then(Meta::list);
            list.ok_or_else(|| Error::malformed(format!("gguf: tokenizer.ggml.{key} is missing")))
        };
        let tokens = list("tokens")?.iter().filter_map(Meta::text);
        let vocabulary: Vocab = tokens.clone().map(str::to_owned).zip(0..).collect();
        let merges = list("merges")?.iter().filter_map(Meta::text);
        let pair = |merge: &str| merge.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
        let merges = merges.filter_map(pair).collect();
        let bpe = BPE::builder().vocab_and_merges(vocabulary, merges).build();
        let mut tokenizer = Tokenizer::new(bpe.map_err(Error::malformed)?);
        tokenizer.with_pre_tokenizer(Some(splitter(split)?));
        tokenizer.with_decoder(Some(ByteLevel::default()));
        let kinds = list("token_type")?.iter();
        let control = tokens.zip(kinds).filter(|(_, kind)| **kind == Meta::Int(CONTROL));
        let control = control.map(|(token, _)| AddedToken::from(token, true));
        tokenizer.add_special_tokens(control).map_err(Error::malformed)?;
        Ok(Vocabulary { tokenizer })
    }

    /// The tokens of a text, with those that the model wants around it.
    ///
    /// # Errors
    /// If it cannot be taken apart.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        self.encode(text, true)
    }

    /// The tokens of a text in which nothing is missing, such as a
    /// conversation.
    ///
    /// # Errors
    /// If it cannot be taken apart.
    pub fn tokens_only(&self, text: &str) -> Result<Vec<u32>> {
        self.encode(text, false)
    }

    fn encode(&self, text: &str, around: bool) -> Result<Vec<u32>> {
        let encoded = self.tokenizer.encode_fast(text, around).map_err(Error::malformed)?;
        Ok(encoded.get_ids().to_vec())
    }

    /// The text of some tokens, without those that are no text.
    ///
    /// # Errors
    /// If they do not make a text.
    pub fn text(&self, tokens: &[u32]) -> Result<String> {
        self.tokenizer.decode(tokens, true).map_err(Error::malformed)
    }
}

/// What divides a text into words, by the name that GGUF gives it.
fn splitter(name: Option<&str>) -> Result<PreTokenizerWrapper> {
    let words = ByteLevel::new(false, true, true);
    match name {
        None | Some("gpt-2") => Ok(words.into()),
        Some("smollm") => Ok(Sequence::new(vec![Digits::new(true).into(), words.into()]).into()),
        Some(other) => Err(Error::unsupported(format!(
            "tokenizer.ggml.pre {other:?} is not built, only gpt-2 and smollm; with a \
             tokenizer.json and safetensors any is"
        ))),
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it: `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl Message {
    /// What a user says.
    pub fn user(content: impl Into<String>) -> Self {
        Message { role: "user".to_owned(), content: content.into() }
    }
}

/// Writes conversations as the model was trained to read them.
#[derive(Debug)]
pub struct Chat {
    templates: minijinja::Environment<'static>,
}

/// The name of the only template.
const TEMPLATE: &str = "chat";

/// What a template may do before it is ended: it is a program that comes with
/// the weights.
const FUEL: u64 = 1_000_000;

impl Chat {
    /// Takes a template, which is Jinja's.
    ///
    /// # Errors
    /// If it is not one.
    pub fn new(template: String) -> Result<Self> {
        let mut templates = minijinja::Environment::new();
        templates.set_fuel(Some(FUEL));
        templates.add_template_owned(TEMPLATE, template).map_err(not_a_template)?;
        Ok(Chat { templates })
    }

    /// The text of a conversation, up to where the assistant speaks.
    ///
    /// # Errors
    /// If the template cannot write it.
    pub fn text(&self, messages: &[Message]) -> Result<String> {
        let template = self.templates.get_template(TEMPLATE).map_err(not_a_template)?;
        let values = minijinja::context! { messages, add_generation_prompt => true };
        template.render(values).map_err(not_a_template)
    }
}

fn not_a_template(error: minijinja::Error) -> Error {
    Error::malformed(format!("the chat template: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_written_by_its_template() {
        let template = "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\
                        {% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
        let text = Chat::new(template.to_owned()).unwrap().text(&[Message::user("Hi")]);
        assert_eq!(text.unwrap(), "<user>Hi<assistant>");
    }

    #[test]
    fn an_endless_template_ends() {
        let template =
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
        let text = Chat::new(template.to_owned()).unwrap().text(&[]);
        assert!(text.unwrap_err().to_string().starts_with("the chat template: "));
    }
}
