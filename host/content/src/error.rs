//! Why something was not pulled.

use host_core::NodeId;

use crate::What;

/// Why something was not pulled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// None of the nodes has it; or there were none to ask.
    #[error("{what} is on none of the {asked} nodes asked for it")]
    NotThere {
        /// What.
        what: What,
        /// How many nodes.
        asked: usize,
    },
    /// Nodes that may have it were not reached, or broke off. Trying later may
    /// help.
    #[error("{what} could not be read from {node}: {why}")]
    Unreached {
        /// What.
        what: What,
        /// The last of the nodes.
        node: NodeId,
        /// What is known of the reason.
        why: String,
    },
    /// What came is not it, from any node that sent something.
    #[error("{what} came wrong from {node}: {why}")]
    Corrupt {
        /// What.
        what: What,
        /// The last of the nodes.
        node: NodeId,
        /// What is wrong.
        why: String,
    },
    /// It is larger than things of its kind are.
    #[error("{what} is said to have {size} bytes, more than {limit}")]
    TooLarge {
        /// What.
        what: What,
        /// Its size, as the caller gave it.
        size: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The sink did not take it.
    #[error("{what} could not be kept: {why}")]
    Sink {
        /// What.
        what: What,
        /// What the sink said.
        why: String,
    },
}
