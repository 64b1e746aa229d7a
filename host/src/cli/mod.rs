//! The command line: what people type, and what they get to see.
//!
//! One file per command: `run`, `build`, `new`, `inspect`, `completions`; `start`,
//! which runs a node that stays, and its clients: `status`, `health`, `list`, `get`, `why`
//! (explain), `logs`, `call`, `kill`, `stop` (and drain), `token`, `identity`, `login`, and
//! `remote` (run on a node); `worker` is what a node starts. `client` is their way to a node. The others are what commands share: `options` and `gpus` (what a node is started with),
//! `invoke`, `calls` and `values` (from text to calls and from results to
//! text), `console` (all output), `failure` (all errors, and exit codes).
//! Nothing here knows the engine; a command asks [`node`](crate::node).

mod build;
mod call;
mod calls;
mod client;
mod completions;
mod config;
mod console;
mod control;
mod diagnostics;
mod explain;
mod failure;
mod get;
mod gpus;
mod health;
mod identity;
mod inspect;
mod interrupt;
mod invoke;
mod kill;
mod list;
mod login;
mod logs;
mod new;
mod options;
mod package;
mod places;
mod project;
mod remote;
mod run;
mod start;
mod status;
mod stop;
mod table;
mod target;
mod text;
mod time;
mod token;
mod values;
mod why;
mod worker;

use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use console::{Console, Format};
use diagnostics::LogLevel;
use failure::{Exit, Failure};

/// Run WebAssembly actors, each in a sandbox of its own
#[derive(Parser, Debug)]
#[command(name = "host", bin_name = "host", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

const AFTER_HELP: &str = "\
Examples:
  host new hello && host run hello
  host run counter.wasm --invoke 'Counter.increment()'
  host inspect counter.wasm
  host start & host run --cluster 127.0.0.1:7420 counter.wasm

Exit codes:
    0  all went well
    1  the driver or an invoked method failed
    2  the command line makes no sense
    3  the package cannot be built or loaded
    4  something is missing: a compiler, resources, room for actors
  130  interrupted (Ctrl-C; a second one exits at once)";

/// What every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// For whom the output is
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        env = "GREENROOM_FORMAT",
        default_value = "text"
    )]
    format: Format,
    /// Log lines of this importance and above, of actors and of the host
    /// [default: info for actors, RUST_LOG or warn for the host]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "LEVEL",
        env = "GREENROOM_LOG_LEVEL",
        hide_possible_values = true
    )]
    log_level: Option<LogLevel>,
    /// Say more: whole backtraces, and what goes on
    #[arg(
        long,
        short,
        global = true,
        env = "GREENROOM_VERBOSE",
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    verbose: bool,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(run::Run),
    Build(build::Build),
    New(new::New),
    Inspect(inspect::Inspect),
    Start(start::Start),
    Stop(stop::Stop),
    Drain(stop::Drain),
    Status(status::Status),
    Health(health::Health),
    List(list::List),
    Get(get::Get),
    Explain(why::Explain),
    Logs(logs::Logs),
    Call(call::Call),
    Kill(kill::Kill),
    Token(token::Token),
    Identity(identity::Identity),
    Login(login::Login),
    Completions(completions::Completions),
    Worker(worker::Worker),
}

/// Reads the process's command line and does what it says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let console = Arc::new(Console::new(cli.global.format, cli.global.verbose));
    let cli = match with_file(cli) {
        Ok(Ok(cli)) => cli,
        Ok(Err(error)) => return refuse(&error),
        Err(failure) => {
            failure.report(&console);
            return ExitCode::from(failure.exit() as u8);
        }
    };
    let done = diagnostics::start(cli.global.log_level).and_then(|()| {
        raise_file_limit();
        dispatch(cli, &console)
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(&console);
            ExitCode::from(failure.exit() as u8)
        }
    }
}

/// Reads the command line once more with what a file of options says, if it
/// names one.
fn with_file(cli: Cli) -> Result<Result<Cli, clap::Error>, Failure> {
    let Command::Start(start) = &cli.command else { return Ok(Ok(cli)) };
    let Some(file) = start.config() else { return Ok(Ok(cli)) };
    let command = config::with_defaults(Cli::command(), file)?;
    let matches = command.try_get_matches();
    Ok(matches.and_then(|matches| Cli::from_arg_matches(&matches)))
}

/// Allows as many open files and sockets as the operator's hard limit does: the
/// soft one, often 1,024, is for programs that use `select`.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if let Err(error) = raised {
        tracing::debug!(%error, ?current, ?maximum, "the limit of open files stays as it is");
    }
}

fn dispatch(cli: Cli, console: &Arc<Console>) -> Result<(), Failure> {
    match cli.command {
        Command::Run(run) => run.run(&cli.global, console),
        Command::Build(build) => build.run(console),
        Command::New(new) => new.run(console),
        Command::Inspect(inspect) => inspect.run(console),
        Command::Start(start) => start.run(&cli.global, console),
        Command::Stop(stop) => stop.run(console),
        Command::Drain(drain) => drain.run(console),
        Command::Status(status) => status.run(console),
        Command::Health(health) => health.run(console),
        Command::List(list) => list.run(console),
        Command::Get(get) => get.run(console),
        Command::Explain(explain) => explain.run(console),
        Command::Logs(logs) => logs.run(console),
        Command::Call(call) => call.run(console),
        Command::Kill(kill) => kill.run(console),
        Command::Token(token) => token.run(console),
        Command::Identity(identity) => identity.run(console),
        Command::Login(login) => login.run(console),
        Command::Worker(worker) => worker.run(),
        Command::Completions(completions) => {
            completions.run(console);
            Ok(())
        }
    }
}

/// The runtime that guests run on.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    crate::node::runtime()
        .map_err(|error| Failure::set_up(format!("the runtime cannot be started: {error}")))
}

/// Prints help or version, or what is wrong in one line.
fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that has gone wanted no more help.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(Exit::Usage as u8)
        }
        _ => {
            eprintln!("{}", in_one_line(&error.render().to_string()));
            ExitCode::from(Exit::Usage as u8)
        }
    }
}

/// Clap's error, without its usage block: the fault, the tips, and where to
/// read on.
fn in_one_line(rendered: &str) -> String {
    let mut line = String::new();
    let mut command = "host".to_string();
    for part in rendered.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if let Some(usage) = part.strip_prefix("Usage: ") {
            let words = usage.split(' ').take_while(|word| word.starts_with(char::is_lowercase));
            command = words.collect::<Vec<_>>().join(" ");
            break;
        }
        if part.starts_with("For more information") {
            break;
        }
        let part = part.strip_prefix("tip: ").unwrap_or(part);
        if !line.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(part);
    }
    format!("{line}; see `{command} --help`")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn refused(line: &str) -> String {
        let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
        in_one_line(&error.render().to_string())
    }

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_command_line_is_refused_in_one_line() {
        assert_eq!(
            refused("host run x.wasm --envv A"),
            "error: unexpected argument '--envv' found; a similar argument exists: '--env'; \
             to pass '--envv' as a value, use '-- --envv'; see `host run --help`"
        );
        assert_eq!(
            refused("host run"),
            "error: the following required arguments were not provided: <FILE|PATH>; \
             see `host run --help`"
        );
        assert!(refused("host rum x").contains("'run'"));
        assert!(refused("host run x --dir a:r0").contains("PATH[:ro][=GUESTPATH]"));
        assert!(refused("host run x --memory 1G").contains("use B, KB"));
    }
}
