//! Dimensions of a decoder, and what its tensors are called.

use serde::Deserialize;

use crate::backend::{Heads, Pairing, Rope};
use crate::error::{Error, Result};
use crate::weights::{Meta, Weights};

/// The dimensions of a decoder.
#[derive(Clone, Debug)]
pub struct DecoderConfig {
    /// Tokens that it knows.
    pub vocabulary: usize,
    /// Tokens that it was made to read.
    pub context: usize,
    pub(super) width: usize,
    pub(super) inner: usize,
    pub(super) layers: usize,
    pub(super) heads: Heads,
    pub(super) rope: Rope,
    pub(super) epsilon: f32,
}

/// A `config.json`.
#[derive(Deserialize)]
struct Json {
    model_type: String,
    vocab_size: usize,
    max_position_embeddings: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: f32,
    hidden_act: String,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    /// Older files have it here, newer ones in the parameters.
    rope_theta: Option<f32>,
    rope_scaling: Option<serde_json::Value>,
    rope_parameters: Option<RopeParameters>,
}

#[derive(Deserialize)]
struct RopeParameters {
    rope_type: String,
    rope_theta: f32,
}

/// The base of the frequencies where a file names none.
const ROPE_BASE: f32 = 10_000.0;

impl DecoderConfig {
    /// Reads Hugging Face's `config.json`.
    ///
    /// # Errors
    /// If it is not one of a LLaMA that can be run here.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let json: Json = serde_json::from_slice(json)
            .map_err(|error| Error::malformed(format!("config.json is not LLaMA's: {error}")))?;
        let scaled = json.rope_parameters.as_ref().is_some_and(|rope| rope.rope_type != "default");
        let odd = [
            (json.model_type != "llama", "another architecture than llama"),
            (json.hidden_act != "silu", "another activation than silu"),
            (json.attention_bias || json.mlp_bias, "biases"),
            (scaled || json.rope_scaling.is_some(), "scaled rotary positions"),
        ];
        if let Some((_, what)) = odd.iter().find(|(is, _)| *is) {
            return Err(Error::unsupported(format!("config.json has {what}, which is not built")));
        }
        let queries = json.num_attention_heads;
        let heads = Heads {
            queries,
            keys: json.num_key_value_heads.unwrap_or(queries),
            size: json.head_dim.unwrap_or_else(|| json.hidden_size / queries.max(1)),
        };
        let base = json.rope_parameters.map(|rope| rope.rope_theta).or(json.rope_theta);
        let base = base.unwrap_or(ROPE_BASE);
        DecoderConfig {
            vocabulary: json.vocab_size,
            context: json.max_position_embeddings,
            width: json.hidden_size,
            inner: json.intermediate_size,
            layers: json.num_hidden_layers,
            heads,
            rope: Rope { head_size: heads.size, base, pairing: Pairing::Halves },
            epsilon: json.rms_norm_eps,
        }
        .checked()
    }

    /// Reads the metadata of a GGUF file.
    ///
    /// # Errors
    /// If it is not one of a LLaMA that can be run here.
    pub fn of(weights: &Weights) -> Result<Self> {
        let architecture = weights.meta("general.architecture").and_then(Meta::text);
        if architecture != Some("llama") {
            let name = architecture.unwrap_or("none");
            return Err(Error::unsupported(format!("architecture {name} is not llama")));
        }
        if weights
            .meta("llama.rope.scaling.type")
            .and_then(Meta::text)
            .is_some_and(|it| it != "none")
            || weights.has("rope_freqs.weight")
        {
            return Err(Error::unsupported("scaled rotary positions are not built"));
        }
        let value = |key: &str| weights.meta(&format!("llama.{key}"));
        let missing = |key: &str| Error::malformed(format!("gguf: llama.{key} is missing"));
        let size = |key: &str| value(key).and_then(Meta::size).ok_or_else(|| missing(key));
        let number = |key: &str| value(key).and_then(Meta::number).map(|number| number as f32);
        let (width, queries) = (size("embedding_length")?, size("attention.head_count")?);
        let keys = value("attention.head_count_kv").and_then(Meta::size).unwrap_or(queries);
        let head = value("attention.key_length").and_then(Meta::size);
        let heads = Heads { queries, keys, size: head.unwrap_or_else(|| width / queries.max(1)) };
        if value("rope.dimension_count").and_then(Meta::size).is_some_and(|it| it != heads.size) {
            return Err(Error::unsupported("heads that are turned only in part are not built"));
        }
        let tokens = weights.meta("tokenizer.ggml.tokens").and_then(Meta::list).map(<[_]>::len);
        let vocabulary = value("vocab_size").and_then(Meta::size).or(tokens);
        let base = number("rope.freq_base").unwrap_or(ROPE_BASE);
        DecoderConfig {
            vocabulary: vocabulary.ok_or_else(|| missing("vocab_size"))?,
            context: size("context_length")?,
            width,
            inner: size("feed_forward_length")?,
            layers: size("block_count")?,
            heads,
            rope: Rope { head_size: heads.size, base, pairing: Pairing::Neighbours },
            epsilon: number("attention.layer_norm_rms_epsilon")
                .ok_or_else(|| missing("attention.layer_norm_rms_epsilon"))?,
        }
        .checked()
    }

    /// Only heads can be impossible: other sizes are compared with tensors.
    fn checked(self) -> Result<Self> {
        let Heads { queries, keys, size } = self.heads;
        let fits = keys != 0 && queries.is_multiple_of(keys) && size != 0 && size.is_multiple_of(2);
        if !fits || queries == 0 || self.width == 0 {
            let what = format!("{queries} heads of {size} columns cannot share {keys} keys");
            return Err(Error::malformed(what));
        }
        Ok(self)
    }
}

/// What tensors are called.
pub(super) struct Names {
    pub(super) tokens: &'static str,
    pub(super) norm: &'static str,
    pub(super) out: &'static str,
    /// What the names in a layer begin with, before its number.
    layer: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) query: &'static str,
    pub(super) key: &'static str,
    pub(super) value: &'static str,
    pub(super) mixed: &'static str,
    pub(super) inner_norm: &'static str,
    pub(super) gate: &'static str,
    pub(super) up: &'static str,
    pub(super) down: &'static str,
}

const GGUF: Names = Names {
    tokens: "token_embd.weight",
    norm: "output_norm.weight",
    out: "output.weight",
    layer: "blk",
    attention_norm: "attn_norm",
    query: "attn_q",
    key: "attn_k",
    value: "attn_v",
    mixed: "attn_output",
    inner_norm: "ffn_norm",
    gate: "ffn_gate",
    up: "ffn_up",
    down: "ffn_down",
};

const HUGGING_FACE: Names = Names {
    tokens: "model.embed_tokens.weight",
    norm: "model.norm.weight",
    out: "lm_head.weight",
    layer: "model.layers",
    attention_norm: "input_layernorm",
    query: "self_attn.q_proj",
    key: "self_attn.k_proj",
    value: "self_attn.v_proj",
    mixed: "self_attn.o_proj",
    inner_norm: "post_attention_layernorm",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
};

impl Names {
    /// The names that this file uses.
    pub(super) fn of(weights: &Weights) -> &'static Names {
        if weights.has(GGUF.tokens) { &GGUF } else { &HUGGING_FACE }
    }

    pub(super) fn in_layer(&self, number: usize, part: &str) -> String {
        format!("{}.{number}.{part}.weight", self.layer)
    }
}
