//! The vectors are those that `transformers` computes (`reference/make.py`).

use std::path::Path;

use crate::*;

const SENTENCES: &str = include_str!("../reference/sentences.txt");

/// For each sentence a scale and as many signed bytes as a vector has numbers.
/// What 8 bits lose is a cosine distance of at most 0.0001.
const VECTORS: &[u8] = include_bytes!("../reference/reference.i8");

/// How far a vector may point away from the reference.
const DISTANCE_MAX: f32 = 1e-3;

/// Sentences in one call.
const TOGETHER: usize = 16;

fn cosine_distance(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    1.0 - product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

#[test]
fn vectors_are_those_of_the_reference() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let models = host_toolchain::find_models(workspace).unwrap_or_else(|why| panic!("{why}"));
    let embed = Embed::remote(models.minilm()).unwrap();
    let sentences: Vec<_> = SENTENCES.lines().map(str::to_owned).collect();
    assert!(sentences.len() >= 200);
    let mut references = VECTORS.chunks_exact(4 + 384);
    assert_eq!(references.len(), sentences.len());
    for texts in sentences.chunks(TOGETHER) {
        let vectors = get(embed.embed(texts.to_vec()).remote().unwrap()).unwrap();
        assert_eq!(vectors.len(), texts.len());
        for ((text, vector), reference) in texts.iter().zip(vectors).zip(&mut references) {
            // The scale does not change where a vector points.
            let wanted: Vec<_> =
                reference[4..].iter().map(|x| f32::from(x.cast_signed())).collect();
            let distance = cosine_distance(&vector, &wanted);
            assert!(distance < DISTANCE_MAX, "{distance} away: {text}");
        }
    }
}
