//! `host call`: one call of one actor.

use std::sync::Arc;
use std::time::Duration;

use host_core::Error;
use host_proto::admin as proto;
use host_proto::admin::call_answer::Outcome;

use super::calls::result_line;
use super::client::{self, Client, ClientOptions, answer_anywhere, caller, traced};
use super::console::Console;
use super::failure::Failure;
use super::invoke;
use super::target::Target;
use super::values::{self, Shown};
use super::{client::ANSWER_TIME, time};
use crate::admin::wire;

/// Call a method of an actor and print what it answers
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Call {
    #[command(flatten)]
    target: Target,
    /// The method
    method: String,
    /// The arguments, as a JSON array
    #[arg(value_name = "JSON", default_value = "[]")]
    args: String,
    /// How long the call may take; then it is cancelled
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time::parse)]
    timeout: Duration,
    #[command(flatten)]
    client: ClientOptions,
}

const EXAMPLES: &str = "\
Examples:
  host call hits increment
  host call a7@n1 add '[1, \"note\"]'

Bytes are {\"$bytes\": \"base64\"}.";

impl Call {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        let refuse = |why: String| Failure::usage(format!("the arguments {}: {why}", self.args));
        let given = invoke::list(&self.args).map_err(refuse)?;
        let mut args = Vec::new();
        given.iter().try_for_each(|json| values::append(json, &mut args)).map_err(refuse)?;
        let text = format!("{}.{}", self.target.text(), self.method);
        client::with_client(&self.client, console, async |client| {
            let request = proto::CallRequest {
                caller: caller(),
                target: Some(self.target.wire()),
                method: self.method.clone(),
                args: args.into(),
                arg_count: given.len() as u32,
                timeout_ms: self.timeout.as_millis().max(1) as u64,
            };
            let time = self.timeout + ANSWER_TIME;
            let ask =
                |mut client: Client, request| async move { client.call(traced(request)).await };
            let answer = answer_anywhere(&self.client, time, client, request, ask).await?;
            match answer.outcome {
                Some(Outcome::Result(value)) => {
                    let line = result_line(&text, &Shown::from(value), console.format);
                    let line = line
                        .map_err(|error| Failure::call(&text, Error::Invalid(error.to_string())))?;
                    console.write_out(&line);
                    Ok(())
                }
                Some(Outcome::Fault(fault)) => Err(Failure::call(&text, wire::fault_from(fault))),
                None => Err(Failure::set_up("the node answered neither a result nor an error")),
            }
        })
    }
}
