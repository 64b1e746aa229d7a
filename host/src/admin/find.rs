//! Where the thing is that a request is about.

use std::sync::Arc;

use host_core::id::Label;
use host_core::spec::DEFAULT_NAMESPACE;
use host_core::{ActorId, JobId};
use host_proto::admin as proto;
use host_proto::admin::target::Of;
use host_refs::Handle;
use tokio::time::timeout;
use tonic::Status;

use super::{Inner, NodeSummary, answers, cluster, limits, wire};
use crate::actor::Actor;

/// In the metadata of a refusal: the address of the node that has what was
/// asked for. A node passes nothing on for a client that it could not do
/// itself, so the client goes there, with its own credential.
pub const ELSEWHERE: &str = "greenroom-elsewhere";

/// Where an actor is.
pub(super) enum Place {
    /// On this node.
    Here(Arc<Actor>),
    /// On this one, which said this of it.
    There(NodeSummary, Box<proto::GetActorAnswer>),
}

/// An actor that this node may call.
pub(super) struct Reached {
    pub(super) handle: Handle,
    /// How many arguments its methods take; none if there is no such class.
    methods: Vec<(String, usize)>,
}

impl Reached {
    fn here(actor: &Arc<Actor>) -> Reached {
        let class = actor.package.info.class(&actor.label.class);
        let methods = class.into_iter().flat_map(|class| &class.methods);
        let methods = methods.map(|method| (method.name.clone(), method.params.len()));
        Reached { handle: actor.handle(), methods: methods.collect() }
    }

    fn there(handle: Handle, answer: &proto::GetActorAnswer) -> Reached {
        let methods = answer.methods.iter();
        let methods = methods.map(|method| (method.name.clone(), method.params.len()));
        Reached { handle, methods: methods.collect() }
    }

    /// How many arguments a method takes, if it is known.
    pub(super) fn params_of(&self, method: &str) -> Option<usize> {
        self.methods.iter().find(|(name, _)| name == method).map(|(_, params)| *params)
    }

    /// Class and id.
    pub(super) fn label(&self) -> Label {
        let target = self.handle.target();
        Label { class: target.class().into(), id: target.id() }
    }
}

/// What a request may be about, checked.
#[derive(Clone)]
pub(super) enum Thing {
    Actor(ActorId),
    Named { name: String, namespace: String },
    Job(JobId),
    Object(host_core::ObjectId),
}

impl Thing {
    /// Reads what a request is about.
    pub(super) fn of(target: Option<proto::Target>) -> Result<Thing, Status> {
        let of = target.and_then(|target| target.of);
        match of.ok_or_else(|| Status::invalid_argument("the request is about nothing"))? {
            Of::Actor(id) => Ok(Thing::Actor(wire::actor_id_from(id))),
            Of::Job(id) => Ok(Thing::Job(wire::job_id_from(id))),
            Of::Object(id) => Ok(Thing::Object(wire::object_id_from(id))),
            Of::Named(proto::Name { name, namespace }) => {
                let namespace = match namespace.is_empty() {
                    true => DEFAULT_NAMESPACE.to_owned(),
                    false => namespace,
                };
                for (what, text) in [("name", &name), ("namespace", &namespace)] {
                    host_core::spec::check_name(what, text)
                        .map_err(|error| Status::invalid_argument(error.to_string()))?;
                }
                Ok(Thing::Named { name, namespace })
            }
        }
    }

    /// The same, as it is sent.
    pub(super) fn target(&self) -> proto::Target {
        let of = match self.clone() {
            Thing::Actor(id) => Of::Actor(wire::actor_id_to(id)),
            Thing::Job(id) => Of::Job(wire::job_id_to(id)),
            Thing::Object(id) => Of::Object(wire::object_id_to(id)),
            Thing::Named { name, namespace } => Of::Named(proto::Name { name, namespace }),
        };
        proto::Target { of: Some(of) }
    }

    /// What is said if it is nowhere.
    pub(super) fn missing(&self) -> String {
        match self {
            Thing::Actor(id) => format!("there is no actor {id}"),
            Thing::Named { name, namespace } => {
                format!("no actor is named {name:?} in namespace {namespace:?}")
            }
            Thing::Job(id) => format!("no job {id} is running"),
            Thing::Object(id) => format!("{id} is no actor"),
        }
    }
}

impl Inner {
    /// The actor, if it is on this node.
    pub(super) fn here(&self, thing: &Thing) -> Option<Arc<Actor>> {
        match thing {
            Thing::Actor(id) => self.node.actor(*id),
            Thing::Named { name, namespace } => self.node.actor_named(name, namespace),
            Thing::Job(_) | Thing::Object(_) => None,
        }
    }

    /// The actor, wherever it is.
    pub(super) async fn locate(&self, thing: &Thing, this_node: bool) -> Result<Place, Status> {
        if let Some(actor) = self.here(thing) {
            return Ok(Place::Here(actor));
        }
        if this_node || matches!(thing, Thing::Job(_) | Thing::Object(_)) {
            return Err(self.not_here(thing));
        }
        let ask = |mut client: cluster::Client| {
            let target = Some(thing.target());
            let request = proto::GetActorRequest { caller: answers::caller(), target };
            async move { client.get_actor(request).await }
        };
        let mut silent = Vec::new();
        for (node, part) in cluster::ask_all(&self.peers, ask).await {
            match part {
                Ok(answer) => return Ok(Place::There(node, Box::new(answer))),
                Err(status) if status.code() == tonic::Code::NotFound => {}
                Err(status) => silent.push(format!("{} ({})", node.name, status.message())),
            }
        }
        if silent.is_empty() {
            return Err(self.not_here(thing));
        }
        Err(Status::unavailable(format!(
            "{} on the nodes that answered; these did not: {}",
            thing.missing(),
            silent.join(", ")
        )))
    }

    /// The actor, if this node may call it: one that is here, or that its own
    /// guests could hold. Else where to ask.
    pub(super) async fn reach(&self, thing: &Thing, this_node: bool) -> Result<Reached, Status> {
        let (node, answer) = match self.locate(thing, this_node).await? {
            Place::Here(actor) => return Ok(Reached::here(&actor)),
            Place::There(node, answer) => (node, answer),
        };
        let id = answer.actor.as_ref().and_then(|actor| actor.id);
        let id = id.map(wire::actor_id_from).ok_or_else(|| elsewhere(&node))?;
        let held = timeout(limits::PEER_TIME, self.peers.actor(id)).await;
        match held.ok().flatten() {
            Some(handle) => Ok(Reached::there(handle, &answer)),
            None => Err(elsewhere(&node)),
        }
    }

    /// What is said if an actor is nowhere, with how it ended if that is known.
    fn not_here(&self, thing: &Thing) -> Status {
        let ended = match thing {
            Thing::Actor(id) => self.node.ended(*id),
            Thing::Named { .. } | Thing::Job(_) | Thing::Object(_) => None,
        };
        Status::not_found(ended.map_or_else(|| thing.missing(), |(_, death)| death))
    }
}

/// The refusal of what another node has to do.
pub(super) fn elsewhere(node: &NodeSummary) -> Status {
    let NodeSummary { id, name, address, .. } = node;
    let mut status = Status::failed_precondition(format!(
        "it is on node {name} ({id}): ask that one, with --cluster {address}"
    ));
    if let Ok(address) = address.parse() {
        status.metadata_mut().insert(ELSEWHERE, address);
    }
    status
}
