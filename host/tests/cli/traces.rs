//! Spans of calls over two nodes, as a collector gets them.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, async_trait};

use crate::harness::outcome;
use crate::node::Node;

/// The client's own span.
const CLIENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// For spans to come: they are sent every five seconds.
const COME_MAX: Duration = Duration::from_secs(60);

/// A collector: tells each span, and which service it is of.
struct Collector(UnboundedSender<(String, Span)>);

#[async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for part in request.into_inner().resource_spans {
            let resource = part.resource.unwrap_or_default();
            let service = resource.attributes.iter().find(|it| it.key == "service.name");
            let service = format!("{:?}", service.and_then(|it| it.value.clone()));
            for span in part.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                // The test may have what it wants already.
                let _ = self.0.send((service.clone(), span));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// The spans of a trace, once there are so many.
async fn spans(
    coming: &mut UnboundedReceiver<(String, Span)>,
    trace: &[u8],
    count: usize,
) -> Vec<(String, Span)> {
    let mut spans = Vec::new();
    while spans.len() < count {
        let next = tokio::time::timeout(COME_MAX, coming.recv()).await;
        let (service, span) = next.expect("spans come in time").expect("the collector lives");
        if span.trace_id == trace {
            spans.push((service, span));
        }
    }
    spans
}

#[test]
fn a_chain_of_calls_over_two_nodes_is_one_trace_under_the_clients_span() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (told, mut coming) = unbounded_channel();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(TraceServiceServer::new(Collector(told)));
    runtime.spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let traced = ["--otlp", &collector];
    let alpha = Node::start(&[&traced[..], &["--resources", "here=1"]].concat());
    let text = |key: &str| alpha.ready[key].as_str().unwrap().to_owned();
    let (address, token) = (text("address"), text("token"));
    let join = ["--name", "beta", "--join", &address, "--token", &token];
    let _beta = Node::start(&[&traced[..], &join, &["--resources", "there=1"]].concat());

    let mut chain = alpha.probe(&["--", "chain"]);
    let ran = outcome(chain.env("TRACEPARENT", CLIENT));
    assert_eq!(ran.ok(), "42\ntrue\n");
    let trace = [
        0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47,
        0x36,
    ];
    let spans = runtime.block_on(spans(&mut coming, &trace, 5));

    let mut by_name: HashMap<&str, Vec<&(String, Span)>> = HashMap::new();
    for span in &spans {
        by_name.entry(&span.1.name).or_default().push(span);
    }
    let [(_, driver)] = by_name["driver"][..] else { panic!("{spans:?}") };
    let client = [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7];
    assert_eq!(driver.parent_span_id, client);
    assert_eq!((by_name["Near.pass"].len(), by_name["Far.answer"].len()), (2, 2));
    for (service, near) in &by_name["Near.pass"] {
        assert!(service.contains("greenroom"), "{service}");
        assert_eq!(near.parent_span_id, driver.span_id);
        let below: Vec<_> =
            by_name["Far.answer"].iter().filter(|it| it.1.parent_span_id == near.span_id).collect();
        let [(_, far)] = below[..] else { panic!("{spans:?}") };
        let node = |span: &Span| {
            let node = span.attributes.iter().find(|it| it.key == "greenroom.node");
            format!("{:?}", node.and_then(|it| it.value.clone()))
        };
        assert_ne!(node(near), node(far), "they ran on one node");
        let failed = |span: &Span| {
            span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
        };
        assert_eq!(failed(near), failed(far));
    }
    let failed = by_name["Far.answer"].iter();
    let failed = failed.filter(|it| it.1.status.as_ref().is_some_and(|it| it.message == "failed"));
    assert_eq!(failed.count(), 1, "{spans:?}");
}

#[test]
fn without_a_collector_nothing_is_sent_and_a_wrong_one_is_refused() {
    let refused = crate::harness::host(["start", "--otlp", "not a place"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("not a place"), "{refused:#?}");
}
