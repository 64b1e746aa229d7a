//! What one host promises, seen from outside: guest programs run in a node,
//! and the tests are their callers.

mod cancel;
mod concurrency;
mod cycles;
mod ends;
mod guard;
mod names;
mod refs;
mod state;
mod waits;
