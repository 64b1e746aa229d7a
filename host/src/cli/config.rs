//! A file of options, in TOML.
//!
//! Its keys are the options' names, and what it says becomes their defaults. So
//! the command line and the environment win over it, and values are read and
//! refused as if they were typed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::Command;
use toml::{Table, Value};

use super::failure::Failure;
use super::text::nearest;

/// The command whose options a file can say.
const COMMAND: &str = "start";

/// Options that are for the command line: the file itself, and a secret.
const NOT_HERE: [&str; 2] = ["config", "token"];

/// Bytes of a file, at most.
const FILE_BYTES: u64 = 1 << 20;

/// The command line with what the file says as defaults.
pub(super) fn with_defaults(command: Command, file: &Path) -> Result<Command, Failure> {
    let refuse = |why: String| Failure::usage(format!("{}: {why}", file.display()));
    let mut text = String::new();
    File::open(file)
        .and_then(|open| open.take(FILE_BYTES).read_to_string(&mut text))
        .map_err(|error| refuse(error.to_string()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        refuse(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
    })?;
    defaults(command, table).map_err(refuse)
}

fn defaults(mut command: Command, table: Table) -> Result<Command, String> {
    for (key, value) in table {
        let start = command.find_subcommand(COMMAND).expect("there is such a command");
        let options = start.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg.get_id())));
        let options: Vec<_> = options.filter(|(long, _)| !NOT_HERE.contains(long)).collect();
        let found = options.iter().find(|(long, _)| *long == key);
        let Some((_, id)) = found else {
            let near = nearest(&key, options.iter().map(|(long, _)| *long));
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(format!("there is no option {key:?}{hint}"));
        };
        let id = (*id).clone();
        let values = texts(value).ok_or_else(|| format!("{key}: it is no value of an option"))?;
        command = command
            .mut_subcommand(COMMAND, |start| start.mut_arg(id, |arg| arg.default_values(values)));
    }
    Ok(command)
}

/// A value as it would be typed; a table is one `name=value` for each entry.
fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.into_iter().map(one).collect(),
        Value::Table(entries) => {
            let entry = |(name, value)| Some(format!("{name}={}", one(value)?));
            entries.into_iter().map(entry).collect()
        }
        value => Some(vec![one(value)?]),
    }
}

fn one(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}
