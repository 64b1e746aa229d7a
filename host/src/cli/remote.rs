//! `host run --cluster`: a package that runs on a node of a cluster.
//!
//! The package goes there by its hash, and only if it is not there already.
//! The job lasts as long as this process: Ctrl-C ends it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use host_core::Error;
use host_core::package::PackageInfo;
use host_proto::admin as proto;
use host_proto::admin::run_event::Event;
use host_proto::admin::upload_part::Part;
use host_wasi::{Output, Stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::calls::result_line;
use super::client::{self, Client, ClientOptions, answer, answer_within, caller, refused, traced};
use super::console::{Console, Format};
use super::failure::Failure;
use super::logs;
use super::package::Source;
use super::run::{Wanted, Work};
use super::values::Shown;
use crate::admin::{limits, wire};
use crate::sandbox::Package;

/// Bytes of a package in one message.
const PART_BYTES: usize = 256 << 10;

/// Uploading at 1 MB/s, and compiling.
const UPLOAD_TIME: Duration = Duration::from_secs(30 * 60);

/// Uploads and runs a package; prints what it prints.
pub(super) fn run(
    options: &ClientOptions,
    source: &Source,
    bytes: Vec<u8>,
    wanted: Wanted<'_>,
    console: &Arc<Console>,
) -> Result<(), Failure> {
    client::with_client(options, console, async |mut client| {
        let bytes = Bytes::from(bytes);
        let id = wire::package_id_to(Package::id_of(&bytes));
        let info = described(&mut client, source, &id, bytes, console).await?;
        let (work, calls) = planned(wanted.plan(&info, source)?);
        let request = proto::RunRequest { caller: caller(), package: id, work: Some(work) };
        let mut events = answer(client.run(traced(request))).await?;
        let mut calls = calls.into_iter();
        loop {
            // However long the job is quiet: a node that has gone is noticed by
            // the connection.
            let event = events.message().await.map_err(|status| refused(&status))?;
            let Some(event) = event.and_then(|event| event.event) else {
                return Err(Failure::set_up("the node went away before the job had ended"));
            };
            match event {
                Event::Job(_) => {}
                Event::Output(output) => printed(console, &output),
                Event::Logs(lines) => logs::show(console, &lines),
                Event::Result(value) => {
                    let call = calls.next().unwrap_or_default();
                    let line = result_line(&call, &Shown::from(value), console.format);
                    let line = line
                        .map_err(|error| Failure::call(&call, Error::Invalid(error.to_string())))?;
                    console.write_out(&line);
                }
                Event::End(proto::End { fault: None }) => return Ok(()),
                Event::End(proto::End { fault: Some(fault) }) => {
                    let what = calls.next().unwrap_or_else(|| source.name().to_owned());
                    return Err(Failure::call(&what, wire::fault_from(fault)));
                }
            }
        }
    })
}

/// What the package says of itself, once the node has it.
async fn described(
    client: &mut Client,
    source: &Source,
    id: &Bytes,
    bytes: Bytes,
    console: &Console,
) -> Result<PackageInfo, Failure> {
    let request = proto::FindPackageRequest { caller: caller(), id: id.clone() };
    // It may have to be compiled again, after a start of the node.
    let asking = client.find_package(request);
    let found = answer_within(limits::LOAD_TIME, asking).await?;
    let description = match found.description {
        Some(description) => Some(description),
        None => upload(client, source, id.clone(), bytes, console).await?.description,
    };
    let description = description
        .ok_or_else(|| Failure::set_up("the node took the package and does not describe it"))?;
    Ok(wire::description_from(description))
}

async fn upload(
    client: &mut Client,
    source: &Source,
    id: Bytes,
    bytes: Bytes,
    console: &Console,
) -> Result<proto::PackageAnswer, Failure> {
    let progress = progress(source, bytes.len() as u64, console);
    let size = bytes.len() as u64;
    let begin = proto::UploadBegin { caller: caller(), id, size };
    let begin = proto::UploadPart { part: Some(Part::Begin(begin)) };
    let sent = progress.clone();
    let name = source.name().to_owned();
    let parts = stream::unfold((Some(begin), bytes), move |(begin, mut rest)| {
        let part = begin.or_else(|| {
            if rest.is_empty() {
                sent.set_message(format!("compiling {name} …"));
                return None;
            }
            let part = rest.split_to(rest.len().min(PART_BYTES));
            sent.inc(part.len() as u64);
            Some(proto::UploadPart { part: Some(Part::Data(part)) })
        });
        std::future::ready(part.map(|part| (part, (None, rest))))
    });
    let taken = answer_within(UPLOAD_TIME, client.upload_package(parts)).await;
    progress.finish_and_clear();
    taken
}

/// A bar for people who sit there.
fn progress(source: &Source, bytes: u64, console: &Console) -> ProgressBar {
    if console.format != Format::Text || !console.wants_progress() {
        return ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {bytes} of {total_bytes}");
    let style = style.expect("the template is right").progress_chars("=> ");
    ProgressBar::new(bytes).with_style(style).with_message(format!("uploading {} …", source.name()))
}

/// The work as it is sent, and what the calls are called.
fn planned(work: Work) -> (proto::run_request::Work, Vec<String>) {
    match work {
        Work::Driver(args) => {
            (proto::run_request::Work::Driver(proto::Driver { args }), Vec::new())
        }
        Work::Calls(calls) => {
            let texts = calls.iter().map(|call| call.text.clone()).collect();
            let call = |call: super::calls::Call| proto::Invocation {
                class: call.class,
                construct: call.construct.map(|args| args.values.bytes),
                method: call.method,
                args: call.args.values.bytes,
            };
            let calls = calls.into_iter().map(call).collect();
            (proto::run_request::Work::Invocations(proto::Invocations { calls }), texts)
        }
    }
}

fn printed(console: &Console, output: &proto::Output) {
    let stream = match output.stream() {
        proto::Stream::Stderr => Stream::Stderr,
        proto::Stream::Unknown | proto::Stream::Stdout => Stream::Stdout,
    };
    console.write(stream, &output.bytes);
}
