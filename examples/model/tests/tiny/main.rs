//! Whole models with small random weights compute what `transformers` does
//! (`reference/make.py`).

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[cfg(feature = "gpu")]
mod gpu;

use std::path::{Path, PathBuf};

use model::{Backend, Cpu, Decoder, DecoderConfig, Encoder, EncoderConfig, Weights};
use serde::Deserialize;

/// What the reference's own rounding may make of the numbers.
const TOLERANCE: f32 = 2e-5;

#[derive(Deserialize)]
struct Expected {
    encoder: Vec<Sentence>,
    decoder: Logits,
    gguf: Logits,
}

#[derive(Deserialize)]
struct Sentence {
    tokens: Vec<u32>,
    vector: Vec<f32>,
}

#[derive(Deserialize)]
struct Logits {
    tokens: Vec<u32>,
    /// After each token.
    logits: Vec<Vec<f32>>,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reference").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(file(name)).unwrap()
}

fn expected() -> Expected {
    serde_json::from_slice(&bytes("expected.json")).unwrap()
}

fn assert_close(is: &[f32], wanted: &[f32]) {
    assert_eq!(is.len(), wanted.len());
    let furthest = is.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < TOLERANCE, "a number is {furthest} away");
}

/// Sentences of different lengths, each alone and all together.
fn encoder<B: Backend>(backend: B) {
    let config = EncoderConfig::parse(&bytes("encoder.json")).unwrap();
    let weights = Weights::read(&file("encoder.safetensors")).unwrap();
    let encoder = Encoder::new(backend, config, &weights).unwrap();
    let expected = expected().encoder;
    let sentences: Vec<_> = expected.iter().map(|sentence| &*sentence.tokens).collect();
    for (vector, sentence) in encoder.embed(&sentences).unwrap().iter().zip(&expected) {
        assert_close(vector, &sentence.vector);
        let [alone] = &encoder.embed(&[&sentence.tokens]).unwrap()[..] else { panic!("one") };
        assert_close(alone, &sentence.vector);
    }
}

/// A text, in one piece and token by token.
fn decoder<B: Backend>(backend: B, config: DecoderConfig, weights: &Weights, expected: &Logits) {
    let decoder = Decoder::new(backend, config, weights).unwrap();
    let mut session = decoder.session(expected.tokens.len()).unwrap();
    for (token, logits) in expected.tokens.iter().zip(&expected.logits) {
        assert_close(&decoder.read(&mut session, &[*token]).unwrap(), logits);
    }
    assert_eq!(session.room(), 0);
    assert!(decoder.read(&mut session, &[1]).is_err(), "there is no room");

    let mut session = decoder.session(expected.tokens.len()).unwrap();
    let (start, end) = expected.tokens.split_at(3);
    assert_close(&decoder.read(&mut session, start).unwrap(), &expected.logits[2]);
    let last = expected.logits.last().unwrap();
    assert_close(&decoder.read(&mut session, end).unwrap(), last);
}

fn hugging_face<B: Backend>(backend: B) {
    let weights = Weights::read(&file("decoder.safetensors")).unwrap();
    let config = DecoderConfig::parse(&bytes("decoder.json")).unwrap();
    decoder(backend, config, &weights, &expected().decoder);
}

fn gguf<B: Backend>(backend: B) {
    let weights = Weights::read(&file("decoder.gguf")).unwrap();
    decoder(backend, DecoderConfig::of(&weights).unwrap(), &weights, &expected().gguf);
}

#[test]
fn encoder_makes_the_reference_vectors() {
    encoder(Cpu);
}

#[test]
fn decoder_of_bf16_safetensors_makes_the_reference_logits() {
    hugging_face(Cpu);
}

#[test]
fn decoder_of_quantised_gguf_makes_the_reference_logits() {
    gguf(Cpu);
}

#[test]
fn what_the_model_does_not_know_is_an_error() {
    let weights = Weights::read(&file("decoder.gguf")).unwrap();
    let decoder = Decoder::new(Cpu, DecoderConfig::of(&weights).unwrap(), &weights).unwrap();
    let mut session = decoder.session(4).unwrap();
    let error = decoder.read(&mut session, &[50]).unwrap_err();
    assert_eq!(error.to_string(), "the model has no token 50");
    assert!(decoder.read(&mut session, &[]).is_err());
    assert!(session.is_empty());
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_named() {
    let config = DecoderConfig::parse(&bytes("decoder.json")).unwrap();
    let encoder = Weights::read(&file("encoder.safetensors")).unwrap();
    let error = Decoder::new(Cpu, config, &encoder).unwrap_err();
    assert_eq!(error.to_string(), "the model has no tensor model.embed_tokens.weight");
    let json = String::from_utf8(bytes("decoder.json")).unwrap();
    let config = DecoderConfig::parse(
        json.replace("\"intermediate_size\": 64", "\"intermediate_size\": 65").as_bytes(),
    );
    let weights = Weights::read(&file("decoder.safetensors")).unwrap();
    let error = Decoder::new(Cpu, config.unwrap(), &weights).unwrap_err();
    let wanted = "tensor model.layers.0.mlp.gate_proj.weight is [64, 32], not [65, 32] as the \
                  configuration says";
    assert_eq!(error.to_string(), wanted);
}
