//! The async actors that the benches call.

use greenroom::prelude::*;

/// Answers with what it is given.
#[derive(Default)]
struct AsyncEcho;

#[actor]
impl AsyncEcho {
    fn new() -> Self {
        AsyncEcho
    }

    async fn echo(&self, data: Bytes) -> Bytes {
        data
    }
}
