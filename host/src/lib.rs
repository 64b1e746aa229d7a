//! Skeleton.
pub mod log;
pub mod store;
