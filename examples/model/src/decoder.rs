//! Decoders: LLaMA, which says what comes next.

mod config;
mod layer;

pub use config::DecoderConfig;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::weights::Weights;

use config::Names;
use layer::{Cache, Layer};

/// Tokens that are computed together: enough that each row of the weights is
/// decoded for many, few enough that they stay in the processor's cache.
const TOGETHER: usize = 64;

/// A decoder.
#[derive(Debug)]
pub struct Decoder<B: Backend> {
    backend: B,
    config: DecoderConfig,
    tokens: B::Matrix,
    layers: Vec<Layer<B>>,
    norm: B::Tensor,
    /// None: that of the tokens serves for both.
    out: Option<B::Matrix>,
}

/// A text that a decoder has read, and can continue.
#[derive(Debug)]
pub struct Session<B: Backend> {
    caches: Vec<Cache<B>>,
    length: usize,
    most: usize,
}

impl<B: Backend> Session<B> {
    /// Tokens that it has.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Tokens for which there is still room.
    pub fn room(&self) -> usize {
        self.most - self.length
    }
}

impl<B: Backend> Decoder<B> {
    /// Takes the weights in.
    ///
    /// # Errors
    /// If they are not as the configuration says, or do not fit.
    pub fn new(backend: B, config: DecoderConfig, weights: &Weights) -> Result<Self> {
        let (width, vocabulary) = (config.width, config.vocabulary);
        let names = Names::of(weights);
        let matrix = |name: &str| backend.matrix(weights.matrix(name, vocabulary, width)?);
        let tokens = matrix(names.tokens)?;
        let out = weights.has(names.out).then(|| matrix(names.out)).transpose()?;
        let norm = backend.tensor(width, &weights.vector(names.norm, width)?)?;
        let layers =
            (0..config.layers).map(|number| Layer::new(&backend, &config, weights, number));
        let layers = layers.collect::<Result<_>>()?;
        Ok(Decoder { tokens, layers, norm, out, config, backend })
    }

    /// Its dimensions.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// An empty text with room for so many tokens, but no more than the model
    /// was made for. The room is taken at once.
    ///
    /// # Errors
    /// If there is no room.
    pub fn session(&self, tokens_max: usize) -> Result<Session<B>> {
        let most = tokens_max.min(self.config.context);
        let cache = || Cache::new(&self.backend, &self.config, most);
        let caches = self.layers.iter().map(|_| cache()).collect::<Result<_>>()?;
        Ok(Session { caches, length: 0, most })
    }

    /// Reads more of a text; answers the logits after its last token, one for
    /// each that can come next.
    ///
    /// # Errors
    /// If there are no tokens or too many, or the model does not know one, or
    /// the backend fails. The session is then as before, unless it is the
    /// backend.
    pub fn read(&self, session: &mut Session<B>, tokens: &[u32]) -> Result<Vec<f32>> {
        if tokens.is_empty() || tokens.len() > session.room() {
            let tokens = session.length + tokens.len();
            return Err(Error::TooLong { tokens, most: session.most });
        }
        let known = |token: &u32| (*token as usize) < self.config.vocabulary;
        if let Some(token) = tokens.iter().find(|token| !known(token)) {
            return Err(Error::malformed(format!("the model has no token {token}")));
        }
        let mut last = None;
        for part in tokens.chunks(TOGETHER) {
            last = Some(self.states(session, part)?);
            session.length += part.len();
        }
        let state = last.expect("there is a token, so there is a part");
        let b = &self.backend;
        let state = b.rms_norm(&state, &self.norm, self.config.epsilon);
        b.read(&b.linear(&state, self.out.as_ref().unwrap_or(&self.tokens), None))
    }

    /// What the last layer says of the last of these tokens.
    fn states(&self, session: &mut Session<B>, tokens: &[u32]) -> Result<B::Tensor> {
        let b = &self.backend;
        let mut x = b.gather(&self.tokens, tokens)?;
        for (layer, cache) in self.layers.iter().zip(&mut session.caches) {
            x = layer.run(b, &self.config, x, cache, session.length, tokens.len())?;
        }
        Ok(b.rows(&x, tokens.len() - 1..tokens.len()))
    }
}
