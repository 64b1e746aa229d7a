//! The object store's parts: what it may hold in memory, and what it keeps on
//! disk when that is not enough.

pub mod budget;
pub mod spill;
