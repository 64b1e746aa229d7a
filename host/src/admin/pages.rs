//! What a host shows to plain HTTP: metrics and health, for programs that speak
//! no gRPC. Who asks is known as for every other request.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use host_identity::{Admitted, Operation};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Extensions, StatusCode};

use super::Admin;

/// The text of metrics, as prometheus-client writes it.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the answer of a refusal says.
type Refused = (StatusCode, String);

impl Admin {
    /// The pages, for whoever listens: `/metrics`, `/health` (the process
    /// lives), `/ready` and `/health?canary` (the node can do work). As with
    /// [`Admin::server`], each request has to say who sent it.
    pub fn pages(&self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .route("/health", get(health))
            .route("/ready", get(ready))
            .with_state(self.clone())
    }
}

async fn metrics(State(admin): State<Admin>, extensions: Extensions) -> Result<Response, Refused> {
    admit(&extensions, Operation::ReadMetrics)?;
    // One at a time: each looks at every actor.
    let _turn = admin.0.scrapes.lock().await;
    let inner = admin.0.clone();
    let text = tokio::task::spawn_blocking(move || inner.metrics()).await;
    let text = text.ok().and_then(Result::ok);
    let failed =
        || (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n".into());
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text.ok_or_else(failed)?).into_response())
}

async fn health(
    State(admin): State<Admin>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
) -> Result<Response, Refused> {
    let wants = |part: &str| part == "canary" || part.starts_with("canary=");
    if query.is_some_and(|query| query.split('&').any(wants)) {
        return ready(State(admin), extensions).await;
    }
    admit(&extensions, Operation::ReadHealth)?;
    Ok(json(StatusCode::OK, "{\"alive\":true}\n".into()))
}

async fn ready(State(admin): State<Admin>, extensions: Extensions) -> Result<Response, Refused> {
    admit(&extensions, Operation::ReadHealth)?;
    let health = admin.0.health().await;
    let status = match health.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok(json(status, format!("{}\n", health.json())))
}

fn json(status: StatusCode, body: String) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (status, headers, body).into_response()
}

/// Checks that whoever asks may see it.
fn admit(extensions: &Extensions, operation: Operation) -> Result<(), Refused> {
    let admitted = extensions.get::<Admitted>();
    let unknown = || (StatusCode::UNAUTHORIZED, "nobody has said who is asking\n".to_owned());
    let denied = admitted.ok_or_else(unknown)?.check(operation);
    denied.map_err(|denied| (StatusCode::FORBIDDEN, format!("{denied}\n")))
}
