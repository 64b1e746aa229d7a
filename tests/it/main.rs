//! What one host promises, seen from outside: guest programs run in a node,
//! and the tests are their callers.

mod guard;
mod state;
