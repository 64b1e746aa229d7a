//! What the tests share: guests as components, a node to run them in, and
//! calls with typed arguments and results.
//!
//! Start with [`check`]: it gives a test a [`World`] and bounds its time.

pub mod gpu;
pub mod guests;
mod lines;
pub mod process;
mod values;
pub mod victim;
mod world;

pub use lines::{Line, Lines};
pub use values::{Args, Later};
pub use world::{
    Actor, Object, Package, World, check, check_alone, check_apart, check_gpu, check_with,
    spawn_in, until,
};
