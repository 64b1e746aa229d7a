//! What clients have done on a node: calls, kills, packages and jobs.

use std::sync::Arc;
use std::time::Duration;

use host_core::Error;
use host_core::trace::Context;
use host_proto::admin as proto;
use host_proto::admin::call_answer::Outcome;
use host_proto::admin::run_request::Work as Wanted;
use host_proto::admin::upload_part::Part;
use host_refs::{Args, ObjectRef};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::find::{self, Thing};
use super::jobs::{self, Work};
use super::{Inner, limits, service, wire};
use crate::sandbox::Package;

/// What a package that is not there is answered with.
const NO_PACKAGE: &str = "a package is named by the 32 bytes of its SHA-256";

impl Inner {
    /// Calls an actor and waits for the outcome.
    pub(super) async fn call(
        &self,
        request: proto::CallRequest,
        trace: Option<Context>,
        this_node: bool,
    ) -> Result<Outcome, Status> {
        let proto::CallRequest { caller: _, target, method, args, arg_count, timeout_ms } = request;
        let actor = self.reach(&Thing::of(target)?, this_node).await?;
        let fault = |error: &Error| Ok(Outcome::Fault(wire::fault_to(error)));
        let wanted = actor.params_of(&method);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != arg_count as usize) {
            let plural = if wanted == 1 { "" } else { "s" };
            let what = format!("{}.{method}", actor.label().class);
            return fault(&Error::Invalid(format!(
                "{what} takes {wanted} argument{plural}, not {arg_count}"
            )));
        }
        let object = match self.calls.call_under(trace, &actor.handle, &method, Args::plain(args)) {
            Ok(object) => object,
            Err(error) => return fault(&error),
        };
        let time = match Duration::from_millis(timeout_ms) {
            Duration::ZERO => limits::CALL_TIME,
            time => time.min(limits::CALL_TIME),
        };
        let wanted = Wants(object.clone());
        let outcome = match timeout(time, object.outcome()).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let why = Error::TimedOut(format!("the call was not done after {time:?}"));
                cancel(&object, why.clone());
                Err(Arc::new(why))
            }
        };
        drop(wanted);
        Ok(wire::outcome_to(outcome))
    }

    /// Ends an actor or a job; what it was.
    pub(super) async fn kill(&self, thing: &Thing, this_node: bool) -> Result<String, Status> {
        match thing {
            Thing::Job(id) if self.jobs.stop(*id) => Ok(format!("job {id}")),
            Thing::Job(id) => {
                let nodes = self.peers.nodes();
                let there = nodes.iter().find(|node| node.id == id.node && !this_node);
                Err(there.map_or_else(|| Status::not_found(thing.missing()), find::elsewhere))
            }
            Thing::Actor(_) | Thing::Named { .. } | Thing::Object(_) => {
                let actor = self.reach(thing, this_node).await?;
                actor.handle.target().kill(false);
                Ok(actor.label().to_string())
            }
        }
    }

    /// What a package says of itself, if the node has it.
    pub(super) async fn find_package(&self, id: &[u8]) -> Result<proto::PackageAnswer, Status> {
        let id = wire::package_id_from(id).ok_or_else(|| Status::invalid_argument(NO_PACKAGE))?;
        let package = self.packages.find(id).await?;
        Ok(proto::PackageAnswer {
            description: package.map(|package| wire::description_to(&package.info)),
        })
    }

    /// Takes a package from a client.
    pub(super) async fn upload_package(
        &self,
        mut parts: Streaming<proto::UploadPart>,
    ) -> Result<proto::PackageAnswer, Status> {
        let Some(Part::Begin(begin)) = next_part(&mut parts).await? else {
            return Err(Status::invalid_argument("an upload begins with its beginning"));
        };
        service::checked(begin.caller)?;
        let id = wire::package_id_from(&begin.id);
        let id = id.ok_or_else(|| Status::invalid_argument(NO_PACKAGE))?;
        let mut upload = self.packages.begin(id, begin.size)?;
        while let Some(part) = next_part(&mut parts).await? {
            let Part::Data(bytes) = part else {
                return Err(Status::invalid_argument("an upload has one beginning"));
            };
            upload.write(&bytes).await?;
        }
        let package = upload.finish().await?;
        Ok(proto::PackageAnswer { description: Some(wire::description_to(&package.info)) })
    }

    /// Begins a job; its events.
    pub(super) async fn run(
        &self,
        request: proto::RunRequest,
        trace: Option<Context>,
        owner: String,
    ) -> Result<mpsc::Receiver<Result<proto::RunEvent, Status>>, Status> {
        let id = wire::package_id_from(&request.package);
        let id = id.ok_or_else(|| Status::invalid_argument(NO_PACKAGE))?;
        let package = self.packages.find(id).await?.ok_or_else(|| {
            Status::not_found(format!("this node has no package {id}; upload it first"))
        })?;
        if self.operator.is_draining() {
            return Err(Status::unavailable(format!(
                "node {} is being drained and begins no jobs: run it on another \
                 (`host list nodes` shows all)",
                self.about.name
            )));
        }
        let work = work(request.work, &package)?;
        let wanted = jobs::Wanted { owner, trace, package, work };
        jobs::begin(&self.jobs, &self.node, &self.lines, wanted)
    }
}

/// What a job is to do, if that makes sense.
fn work(wanted: Option<Wanted>, package: &Package) -> Result<Work, Status> {
    match wanted {
        Some(Wanted::Driver(driver)) if package.info.driver.is_some() => {
            Ok(Work::Driver(driver.args))
        }
        Some(Wanted::Driver(_)) => Err(Status::invalid_argument("the package has no driver")),
        Some(Wanted::Invocations(all)) if all.calls.len() <= limits::INVOCATIONS => {
            Ok(Work::Calls(all.calls))
        }
        Some(Wanted::Invocations(all)) => Err(Status::invalid_argument(format!(
            "{} calls in one job; it may have {}",
            all.calls.len(),
            limits::INVOCATIONS
        ))),
        None => Err(Status::invalid_argument("the job has nothing to do")),
    }
}

async fn next_part(parts: &mut Streaming<proto::UploadPart>) -> Result<Option<Part>, Status> {
    let late = |_| {
        let silence = limits::UPLOAD_SILENCE;
        Status::deadline_exceeded(format!("the upload was silent for {silence:?}"))
    };
    let next = timeout(limits::UPLOAD_SILENCE, parts.message()).await.map_err(late)??;
    // A part of a newer client's that is not known cannot be left out.
    let unknown = || Status::invalid_argument("a part of an upload that this host does not know");
    next.map(|part| part.part.ok_or_else(unknown)).transpose()
}

/// A call that nobody waits for any more is cancelled.
struct Wants(ObjectRef);

impl Drop for Wants {
    fn drop(&mut self) {
        if !self.0.is_settled() {
            cancel(&self.0, Error::Cancelled("its client went away".into()));
        }
    }
}

fn cancel(object: &ObjectRef, why: Error) {
    if let Some(producer) = object.producer() {
        producer.cancel(object, why);
    }
}
