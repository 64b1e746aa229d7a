//! Logits and greedy answers are those of `transformers`, with the same
//! dequantised weights (`reference/make.py`).

use std::collections::HashMap;
use std::path::Path;

use model::{Cpu, Generator, Sampler};

use crate::*;

const REFERENCE: &str = include_str!("../reference/reference.json");

/// How far a logit may be from the reference.
const LOGIT_TOLERANCE: f32 = 1e-2;

#[derive(Deserialize)]
struct Expected {
    prompt: String,
    /// Of the conversation with this prompt.
    tokens: Vec<u32>,
    /// Some of those after it, by their tokens.
    logits: HashMap<String, f32>,
    /// The tokens that greedy decoding continues with, beyond an end.
    greedy: Vec<u32>,
}

fn model_path() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let models = host_toolchain::find_models(workspace).unwrap_or_else(|why| panic!("{why}"));
    models.smollm2()
}

#[test]
fn logits_and_greedy_answers_are_those_of_the_reference() {
    let model = Generator::open(Cpu, &model_path()).unwrap();
    let reference: Vec<Expected> = serde_json::from_str(REFERENCE).unwrap();
    assert_eq!(reference.len(), 20);
    let mut furthest: f32 = 0.0;
    for expected in reference {
        let prompt = &expected.prompt;
        let tokens = model.prompt(&[Message::user(prompt)]).unwrap();
        assert_eq!(tokens, expected.tokens, "{prompt}");
        let room = tokens.len() + expected.greedy.len();
        let mut session = model.decoder().session(room).unwrap();
        let mut logits = model.decoder().read(&mut session, &tokens).unwrap();
        assert!(expected.logits.len() >= 200);
        for (token, wanted) in &expected.logits {
            let is = logits[token.parse::<usize>().unwrap()];
            furthest = furthest.max((is - wanted).abs());
            assert!((is - wanted).abs() < LOGIT_TOLERANCE, "{prompt}: {token}: {is}, not {wanted}");
        }
        let mut greedy = Sampler::new(Sampling::default()).unwrap();
        let mut continued = Vec::new();
        for _ in 0..expected.greedy.len() {
            let token = greedy.choose(&logits);
            continued.push(token);
            logits = model.decoder().read(&mut session, &[token]).unwrap();
        }
        assert_eq!(continued, expected.greedy, "{prompt}");
    }
    println!("no logit is further away than {furthest}");
}

#[test]
fn actor_answers_and_stops_at_the_end() {
    let writer = Writer::remote(model_path()).unwrap();
    let question = vec![Message::user("What is the capital of France?")];
    let reply = get(writer.answer(question, Sampling::default(), 50).remote().unwrap()).unwrap();
    assert_eq!(reply.text, "The capital of France is Paris.");
    assert_eq!(reply.written.0, 6, "tokens after the first");
}

#[test]
fn sampled_answers_are_repeated_by_their_seed() {
    let writer = Writer::remote(model_path()).unwrap();
    let question = vec![Message::user("Tell me a joke about computers.")];
    let sampling = |seed| Sampling { temperature: 1.0, top_k: 40, top_p: 0.95, seed };
    let answer =
        |seed| get(writer.answer(&question, sampling(seed), 12).remote().unwrap()).unwrap().text;
    assert_eq!(answer(1), answer(1));
    assert_ne!(answer(1), answer(2));
}
