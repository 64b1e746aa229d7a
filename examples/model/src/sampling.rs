//! Choosing what comes next.

use crate::error::{Error, Result};

/// How the next token is chosen.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Sampling {
    /// 0: always the likeliest. Less than 1 prefers likely tokens, more than
    /// 1 evens them out.
    pub temperature: f32,
    /// Only this many of the likeliest can come; 0: all.
    pub top_k: usize,
    /// Only the likeliest can come that together have this share; 1: all.
    pub top_p: f32,
    /// The same seed makes the same choices.
    pub seed: u64,
}

impl Default for Sampling {
    /// Greedy.
    fn default() -> Self {
        Sampling { temperature: 0.0, top_k: 0, top_p: 1.0, seed: 0 }
    }
}

/// Chooses tokens.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    state: u64,
}

impl Sampler {
    /// One that chooses so.
    ///
    /// # Errors
    /// If no token could ever be chosen.
    pub fn new(sampling: Sampling) -> Result<Self> {
        let Sampling { temperature, top_p, seed, .. } = sampling;
        let makes_sense = temperature.is_finite() && temperature >= 0.0 && top_p > 0.0;
        if !makes_sense {
            let what = format!("temperature {temperature} with top_p {top_p} chooses no token");
            return Err(Error::malformed(what));
        }
        Ok(Sampler { sampling, state: seed })
    }

    /// The next token, by the logits of each.
    pub fn choose(&mut self, logits: &[f32]) -> u32 {
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let by_logit = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]);
        if self.sampling.temperature == 0.0 {
            // Of equals the first, as others do.
            let mut best = 0;
            for (token, logit) in (0..).zip(logits) {
                if *logit > logits[best as usize] {
                    best = token;
                }
            }
            return best;
        }
        if self.sampling.top_k > 0 && self.sampling.top_k < order.len() {
            order.select_nth_unstable_by(self.sampling.top_k - 1, by_logit);
            order.truncate(self.sampling.top_k);
        }
        order.sort_unstable_by(by_logit);
        let most = order.first().map_or(0.0, |token| logits[*token as usize]);
        let weight = |token: &u32| {
            f64::from((logits[*token as usize] - most) / self.sampling.temperature).exp()
        };
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let total: f64 = weights.iter().sum();
        let mut share = 0.0;
        let within = weights.iter().take_while(|weight| {
            let before = share;
            share += **weight / total;
            before < f64::from(self.sampling.top_p)
        });
        let kept = within.count().max(1);
        let mut point = self.random() * weights[..kept].iter().sum::<f64>();
        let chosen = weights[..kept].iter().position(|weight| {
            point -= weight;
            point < 0.0
        });
        order[chosen.unwrap_or(kept - 1)]
    }

    /// A number from 0 up to 1: splitmix64, so that a seed means the same
    /// everywhere.
    fn random(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(sampling: Sampling, logits: &[f32]) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling).unwrap();
        (0..2000).map(|_| sampler.choose(logits)).collect()
    }

    #[test]
    fn greedy_takes_the_first_of_the_likeliest() {
        assert_eq!(choices(Sampling::default(), &[0.0, 3.0, 3.0])[..2], [1, 1]);
    }

    #[test]
    fn tokens_come_as_often_as_they_are_likely() {
        let sampling = Sampling { temperature: 1.0, seed: 7, ..Sampling::default() };
        let chosen = choices(sampling, &[0.0, 3.0_f32.ln()]);
        let ones = chosen.iter().filter(|token| **token == 1).count();
        assert!((1400..1600).contains(&ones), "{ones} of 2000");
    }

    #[test]
    fn unlikely_tokens_never_come() {
        let logits = [1.0, 0.0, 2.0, -1.0];
        let top_k = Sampling { temperature: 2.0, top_k: 2, ..Sampling::default() };
        assert!(choices(top_k, &logits).iter().all(|token| [0, 2].contains(token)));
        let top_p = Sampling { temperature: 1.0, top_p: 0.5, ..Sampling::default() };
        assert!(choices(top_p, &logits).iter().all(|token| *token == 2));
    }

    #[test]
    fn a_seed_repeats_its_choices() {
        let sampling = Sampling { temperature: 1.5, seed: 3, ..Sampling::default() };
        let logits = [0.1, 0.2, 0.3];
        assert_eq!(choices(sampling.clone(), &logits), choices(sampling, &logits));
    }

    #[test]
    fn nonsense_is_refused() {
        for temperature in [f32::NAN, -1.0, f32::INFINITY] {
            assert!(Sampler::new(Sampling { temperature, ..Sampling::default() }).is_err());
        }
        assert!(Sampler::new(Sampling { top_p: 0.0, ..Sampling::default() }).is_err());
    }
}
