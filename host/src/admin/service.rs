//! The contract: one operation after the other. Each says who may ask for it,
//! and leaves the rest to others.

use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use host_core::trace::Context;
use host_identity::{Admitted, Operation};
use host_proto::PROTOCOL_VERSION;
use host_proto::admin as proto;
use host_proto::admin::admin_server::Admin as Contract;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::find::{Place, Thing};
use super::{Admin, logs};

/// The events of a job.
type RunEvents = Pin<Box<dyn Stream<Item = Result<proto::RunEvent, Status>> + Send + 'static>>;

/// How far a drain is.
type DrainEvents = Pin<Box<dyn Stream<Item = Result<proto::DrainEvent, Status>> + Send + 'static>>;

/// W3C trace context, in the metadata of a request.
pub const TRACEPARENT: &str = "traceparent";

/// The answer or the refusal of an operation.
type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl Contract for Admin {
    async fn status(&self, request: Request<proto::StatusRequest>) -> Answer<proto::StatusAnswer> {
        let (request, _) = admit(request, Operation::ReadStatus)?;
        let this_node = checked(request.caller)?;
        Ok(Response::new(self.0.status(this_node).await))
    }

    async fn list(&self, request: Request<proto::ListRequest>) -> Answer<proto::ListAnswer> {
        let (request, _) = admit(request, Operation::ReadStatus)?;
        let this_node = checked(request.caller)?;
        self.0.list(request, this_node).await.map(Response::new)
    }

    async fn get_actor(
        &self,
        request: Request<proto::GetActorRequest>,
    ) -> Answer<proto::GetActorAnswer> {
        let (request, _) = admit(request, Operation::ReadStatus)?;
        let this_node = checked(request.caller)?;
        Ok(Response::new(match self.0.locate(&Thing::of(request.target)?, this_node).await? {
            Place::Here(actor) => self.0.actor_in_full(&actor),
            Place::There(_, answer) => *answer,
        }))
    }

    async fn explain(
        &self,
        request: Request<proto::ExplainRequest>,
    ) -> Answer<proto::ExplainAnswer> {
        let (request, _) = admit(request, Operation::ReadStatus)?;
        let this_node = checked(request.caller)?;
        let thing = Thing::of(request.target)?;
        let lines = self.0.explain(&thing, this_node).await?;
        Ok(Response::new(proto::ExplainAnswer { lines }))
    }

    type LogsStream = logs::Answers;

    async fn logs(&self, request: Request<proto::LogsRequest>) -> Answer<Self::LogsStream> {
        let (request, _) = admit(request, Operation::ReadLogs)?;
        let this_node = checked(request.caller)?;
        self.0.logs(request, this_node).await.map(Response::new)
    }

    async fn call(&self, request: Request<proto::CallRequest>) -> Answer<proto::CallAnswer> {
        let trace = traceparent(&request);
        let (request, _) = admit(request, Operation::CallActor)?;
        let this_node = checked(request.caller)?;
        let outcome = Some(self.0.call(request, trace, this_node).await?);
        Ok(Response::new(proto::CallAnswer { outcome }))
    }

    async fn kill(&self, request: Request<proto::KillRequest>) -> Answer<proto::KillAnswer> {
        let (request, admitted) = admit(request, Operation::KillActor)?;
        let this_node = checked(request.caller)?;
        let what = self.0.kill(&Thing::of(request.target)?, this_node).await?;
        tracing::info!(%what, by = %admitted.peer(), "killed");
        Ok(Response::new(proto::KillAnswer { what }))
    }

    async fn find_package(
        &self,
        request: Request<proto::FindPackageRequest>,
    ) -> Answer<proto::PackageAnswer> {
        let (request, _) = admit(request, Operation::UploadPackage)?;
        checked(request.caller)?;
        self.0.find_package(&request.id).await.map(Response::new)
    }

    async fn upload_package(
        &self,
        request: Request<Streaming<proto::UploadPart>>,
    ) -> Answer<proto::PackageAnswer> {
        let (parts, _) = admit(request, Operation::UploadPackage)?;
        self.0.upload_package(parts).await.map(Response::new)
    }

    type RunStream = RunEvents;

    async fn run(&self, request: Request<proto::RunRequest>) -> Answer<Self::RunStream> {
        let trace = traceparent(&request);
        let (request, admitted) = admit(request, Operation::RunJob)?;
        checked(request.caller)?;
        let events = self.0.run(request, trace, admitted.peer().to_string()).await?;
        let events = stream::unfold(events, |mut events| async move {
            events.recv().await.map(|event| (event, events))
        });
        Ok(Response::new(Box::pin(events)))
    }

    async fn stop(&self, request: Request<proto::StopRequest>) -> Answer<proto::StopAnswer> {
        let (request, admitted) = admit(request, Operation::StopNode)?;
        checked(request.caller)?;
        tracing::info!(by = %admitted.peer(), "this node is stopped");
        self.0.operator.stop();
        Ok(Response::new(proto::StopAnswer { name: self.0.about.name.clone() }))
    }

    type DrainStream = DrainEvents;

    async fn drain(&self, request: Request<proto::DrainRequest>) -> Answer<Self::DrainStream> {
        let (request, admitted) = admit(request, Operation::DrainNode)?;
        checked(request.caller)?;
        let deadline = Duration::from_millis(request.deadline_ms);
        tracing::info!(node = request.node, by = %admitted.peer(), "a node is drained");
        let events = self.0.drain(&request.node, deadline).await?;
        let events = stream::unfold(events, |mut events| async move {
            events.recv().await.map(|event| (event, events))
        });
        Ok(Response::new(Box::pin(events)))
    }

    async fn create_token(
        &self,
        request: Request<proto::CreateTokenRequest>,
    ) -> Answer<proto::CreateTokenAnswer> {
        let (request, admitted) = admit(request, Operation::ManageTokens)?;
        checked(request.caller)?;
        tracing::info!(by = %admitted.peer(), "a token is made");
        self.0.create_token(request).await.map(Response::new)
    }

    async fn list_tokens(
        &self,
        request: Request<proto::ListTokensRequest>,
    ) -> Answer<proto::ListTokensAnswer> {
        let (request, _) = admit(request, Operation::ManageTokens)?;
        checked(request.caller)?;
        self.0.list_tokens().await.map(Response::new)
    }

    async fn revoke_token(
        &self,
        request: Request<proto::RevokeTokenRequest>,
    ) -> Answer<proto::RevokeTokenAnswer> {
        let (request, admitted) = admit(request, Operation::ManageTokens)?;
        checked(request.caller)?;
        tracing::info!(by = %admitted.peer(), "a token is revoked");
        self.0.revoke_token(&request.id).await.map(Response::new)
    }

    async fn list_identities(
        &self,
        request: Request<proto::ListIdentitiesRequest>,
    ) -> Answer<proto::ListIdentitiesAnswer> {
        let (request, _) = admit(request, Operation::ManageIdentities)?;
        checked(request.caller)?;
        self.0.list_identities().await.map(Response::new)
    }

    async fn revoke_identity(
        &self,
        request: Request<proto::RevokeIdentityRequest>,
    ) -> Answer<proto::RevokeIdentityAnswer> {
        let (request, admitted) = admit(request, Operation::ManageIdentities)?;
        checked(request.caller)?;
        tracing::info!(who = request.subject, by = %admitted.peer(), "somebody is put out");
        self.0.revoke_identity(&request.subject).await?;
        Ok(Response::new(proto::RevokeIdentityAnswer {}))
    }

    async fn forget_identity(
        &self,
        request: Request<proto::ForgetIdentityRequest>,
    ) -> Answer<proto::ForgetIdentityAnswer> {
        let (request, admitted) = admit(request, Operation::ManageIdentities)?;
        checked(request.caller)?;
        tracing::info!(who = request.subject, by = %admitted.peer(), "a name is freed");
        self.0.forget_identity(&request.subject).await?;
        Ok(Response::new(proto::ForgetIdentityAnswer {}))
    }
}

/// What the client does the request under, if it says so. What makes no sense
/// is as good as nothing, as the standard asks.
fn traceparent<T>(request: &Request<T>) -> Option<Context> {
    request.metadata().get(TRACEPARENT)?.to_str().ok()?.parse().ok()
}

/// Checks that whoever asks may do it; the request, and who it is.
fn admit<T>(request: Request<T>, operation: Operation) -> Result<(T, Admitted), Status> {
    let (_, mut extensions, message) = request.into_parts();
    let admitted = extensions
        .remove::<Admitted>()
        .ok_or_else(|| Status::unauthenticated("nobody has said who is asking"))?;
    admitted.check(operation).map_err(|denied| Status::permission_denied(denied.to_string()))?;
    Ok((message, admitted))
}

/// Checks what is in every request; whether only this node is to answer.
pub(super) fn checked(caller: Option<proto::Caller>) -> Result<bool, Status> {
    let proto::Caller { protocol, this_node } = caller.unwrap_or_default();
    if protocol != PROTOCOL_VERSION {
        return Err(Status::failed_precondition(format!(
            "the caller speaks protocol version {protocol} and this host {PROTOCOL_VERSION}: \
             upgrade the older of the two"
        )));
    }
    Ok(this_node)
}
