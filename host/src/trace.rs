//! Spans of calls, for whoever collects them over OTLP.
//!
//! Off unless [`start`] was called: then a call costs one relaxed load. On, each
//! call that its trace's beginner keeps is a span on the node where it runs;
//! [`Context`] goes along from the call to those that it makes. What is
//! sent waits in a bounded queue of the OpenTelemetry SDK, and what does not
//! fit is dropped: nothing ever waits for a collector.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use host_core::trace::Context;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context as Around, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

/// How long what is left has to be sent when the process ends.
const FLUSH_TIME: Duration = Duration::from_secs(2);

/// Whether spans are made. Beside the tracer, since it is looked at in every
/// call.
static ON: AtomicBool = AtomicBool::new(false);

static TRACING: OnceLock<Tracing> = OnceLock::new();

struct Tracing {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Where spans go, and which.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The collector, such as `http://127.0.0.1:4317`.
    pub collector: String,
    /// What this process is called, unless `OTEL_SERVICE_NAME` says otherwise.
    pub service: String,
    /// The share of the traces that begin here and are kept, from 0 to 1;
    /// none: as `OTEL_TRACES_SAMPLER` says, else all. Others' traces are kept
    /// or not as they say.
    pub share: Option<f64>,
}

/// Spans cannot be sent there.
#[derive(Debug, thiserror::Error)]
#[error("spans cannot be sent to {collector}: {why}")]
pub struct Failed {
    collector: String,
    why: String,
}

/// Sends what is left when it is dropped.
pub struct Flush(());

/// A span that is not over. Dropped, it is over and well.
pub struct Span(opentelemetry_sdk::trace::Span);

/// What a span is about.
pub struct About<'a> {
    /// `Class.method`, or `driver`.
    pub name: &'a str,
    /// Class and id of the actor.
    pub actor: &'a dyn std::fmt::Display,
    /// The node.
    pub node: host_core::NodeId,
}

/// From now on spans are made and sent. Once in a process, within a runtime.
///
/// # Errors
/// If the collector's address makes no sense, or spans are sent already.
pub fn start(config: &Config) -> Result<Flush, Failed> {
    let failed = |why: String| Failed { collector: config.collector.clone(), why };
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(&config.collector);
    let exporter = exporter.build().map_err(|error| failed(error.to_string()))?;
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(config.service.clone());
    }
    let mut provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build());
    if let Some(share) = config.share {
        let begun_here = Sampler::TraceIdRatioBased(share);
        provider = provider.with_sampler(Sampler::ParentBased(Box::new(begun_here)));
    }
    let provider = provider.build();
    let tracer = provider.tracer("greenroom");
    TRACING
        .set(Tracing { provider, tracer })
        .map_err(|_| failed("they are sent somewhere already".into()))?;
    ON.store(true, Ordering::Relaxed);
    Ok(Flush(()))
}

/// Whether spans are made.
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Begins a span; none if spans are not made.
pub fn begin(parent: Option<Context>, about: &About<'_>) -> Option<Span> {
    let tracing = TRACING.get().filter(|_| is_on())?;
    let builder = tracing
        .tracer
        .span_builder(about.name.to_owned())
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("greenroom.actor", about.actor.to_string()),
            KeyValue::new("greenroom.node", about.node.to_string()),
        ]);
    let around = match parent {
        Some(parent) => Around::new().with_remote_span_context(remote(parent)),
        None => Around::new(),
    };
    Some(Span(tracing.tracer.build_with_context(builder, &around)))
}

fn remote(context: Context) -> SpanContext {
    let flags = if context.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (TraceId::from_bytes(context.trace), SpanId::from_bytes(context.span));
    SpanContext::new(trace, span, flags, true, TraceState::NONE)
}

impl Span {
    /// What calls made within the span go under.
    pub fn context(&self) -> Context {
        let context = self.0.span_context();
        Context {
            trace: context.trace_id().to_bytes(),
            span: context.span_id().to_bytes(),
            sampled: context.is_sampled(),
        }
    }

    /// Notes that it went wrong: the kind of the error. Nothing of what it
    /// says, which is the guest's.
    pub fn failed(&mut self, kind: &'static str) {
        self.0.set_status(Status::error(kind));
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        ON.store(false, Ordering::Relaxed);
        let Some(tracing) = TRACING.get() else { return };
        if let Err(error) = tracing.provider.shutdown_with_timeout(FLUSH_TIME) {
            tracing::warn!(%error, "the last spans may not have been sent");
        }
    }
}
