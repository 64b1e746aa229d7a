//! `host worker`: what a node starts for an actor with a process of its own.

use host_gpu::Wanted;

use super::failure::Failure;
use super::runtime;

/// Be the process of one actor, for the node at standard input
#[derive(clap::Args, Debug)]
#[command(hide = true)]
pub(super) struct Worker {
    /// Use drivers that compute on the processor too
    #[arg(long)]
    software_gpu: bool,
    /// Use no GPU: its actor has none
    #[arg(long, conflicts_with = "software_gpu")]
    no_gpu: bool,
}

impl Worker {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        let wanted = (!self.no_gpu).then(|| Wanted::with_software(self.software_gpu));
        let served = runtime()?.block_on(crate::worker::run(wanted));
        served.map_err(|error| {
            Failure::set_up(format!("{error}; a node starts this process, not a person"))
        })
    }
}
