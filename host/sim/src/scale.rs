//! How a cluster grows, counted.

/// Prints it.
pub fn print() {}
