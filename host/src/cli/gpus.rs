//! The GPUs of a node, as options.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use host_core::placement::GPUS;
use host_core::resources::Amount;
use host_gpu::Wanted;

use super::failure::Failure;
use crate::node::Config;
use crate::worker::{self, Workers};

/// What GPUs the node has.
#[derive(clap::Args, Debug, Default)]
pub(super) struct GpuOptions {
    /// GPUs that actors can reserve [default: the machine's]
    #[arg(long, value_name = "N", env = "GREENROOM_GPUS")]
    gpus: Option<usize>,
    /// Count Vulkan drivers that compute on the processor as GPUs too
    #[arg(long, env = "GREENROOM_SOFTWARE_GPU", value_parser = FalseyValueParser::new())]
    software_gpu: bool,
}

impl GpuOptions {
    /// Whether they say something about GPUs.
    pub(super) fn are_given(&self) -> bool {
        self.gpus.is_some() || self.software_gpu
    }

    /// Finds the GPUs of this machine and adds them to what the node has. What
    /// opens their drivers is a process of its own.
    pub(super) async fn find(&self, config: &mut Config) -> Result<(), Failure> {
        let listed = config.resources.get(GPUS);
        let asked = self.gpus.or_else(|| {
            (listed != Amount::ZERO).then(|| usize::try_from(listed.floor()).unwrap_or(usize::MAX))
        });
        let wanted = Wanted::with_software(self.software_gpu);
        if asked == Some(0) {
            config.resources.set(GPUS, Amount::ZERO);
            return without(config).await;
        }
        let gpus = Some(worker::Gpus { wanted, most: asked });
        let workers = match Workers::start(worker::Config { program: program()?, gpus }).await {
            Ok(workers) => workers,
            Err(error) if asked.is_some() => return Err(Failure::set_up(error)),
            Err(error) => {
                tracing::warn!(error, "the machine's GPUs are not used");
                return without(config).await;
            }
        };
        let found = workers.gpus().len();
        if let Some(asked) = asked.filter(|asked| *asked > found) {
            let software = if self.software_gpu { "" } else { " (--software-gpu counts others)" };
            return Err(Failure::set_up(format!(
                "{asked} GPUs are asked for, and this machine has {found} that Vulkan knows\
                 {software}"
            )));
        }
        config.resources.set(GPUS, Amount::whole(found as u64).unwrap_or_default());
        config.workers = Some(workers);
        Ok(())
    }
}

/// Processes for actors that ask for one, without looking for GPUs.
pub(super) async fn without(config: &mut Config) -> Result<(), Failure> {
    let workers = worker::Config { program: program()?, gpus: None };
    config.workers = Some(Workers::start(workers).await.map_err(Failure::set_up)?);
    Ok(())
}

fn program() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::set_up(format!("this program's file: {error}")))
}
