//! Where actors go, and how a node is taken out of use.

mod drain;
mod groups;
mod strategies;
mod waiting;
