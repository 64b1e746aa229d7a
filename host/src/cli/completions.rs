//! `host completions`: what a shell needs to complete our command lines.

use std::sync::Arc;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::console::Console;

/// Print completions for a shell
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  host completions bash > ~/.local/share/bash-completion/completions/host
  host completions fish > ~/.config/fish/completions/host.fish";

impl Completions {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "host", &mut script);
        console.write_out(&script);
    }
}
