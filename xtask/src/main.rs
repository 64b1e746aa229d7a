//! The commands of the README, run as `cargo xtask COMMAND`.
//!
//! Each command is a file of its own with a `run` function; what they share is
//! in `project`. Nothing here knows the host: it is built and run as a
//! user would.

mod bench;
mod ci;
mod demo;
mod guests;
#[cfg(test)]
mod layers;
mod project;
mod setup;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Sets Greenroom up, and builds, runs and tests it.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
enum Command {
    /// Obtain a compiler for guests (wasm32-wasip2), and what the tests need.
    Setup(setup::Options),
    /// Obtain the models that examples run (180 MB, from the Python index).
    Models,
    /// Build every example and every test guest to a component.
    Guests,
    /// Set up, build, and run the counter example.
    Demo,
    /// Set up, build the guests, and run all the tests.
    Test,
    /// Measure calls, spawns and objects beside yardsticks, optimised.
    Bench(bench::Options),
    /// Check form, lints, documentation, licences; then run all the tests.
    Ci,
}

fn main() -> ExitCode {
    match dispatch(&Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &Command) -> Result<()> {
    match command {
        Command::Setup(options) => setup::run(options),
        Command::Models => setup::models(),
        Command::Guests => guests::run(),
        Command::Demo => demo::run(),
        Command::Test => test::run(),
        Command::Bench(options) => bench::run(options),
        Command::Ci => ci::run(),
    }
}
