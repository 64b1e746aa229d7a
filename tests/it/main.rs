//! What one host promises, seen from outside: guest programs run in a node,
//! and the tests are their callers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bounds;
mod cancel;
mod concurrency;
mod cycles;
mod driver;
mod ends;
mod errors;
mod examples;
mod gpu;
mod gpu_hostile;
mod grants;
mod groups;
mod guard;
mod hostile;
mod isolation;
mod logs;
mod names;
mod placing;
mod refs;
mod state;
mod waits;
