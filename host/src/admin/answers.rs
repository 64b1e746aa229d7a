//! What a node knows of itself, and of all nodes together.

use std::time::Duration;

use host_core::placement::group::GroupView;
use host_core::resources::{Amount, Resources};
use host_core::spec::Tries;
use host_core::{ActorId, JobId};
use host_proto::admin as proto;
use tonic::Status;

use super::jobs::Entry;
use super::{Inner, NodeSummary, cluster, limits, wire};
use crate::actor::{Actor, State};
use crate::node::{GpuHolder, GpuView};
use crate::sandbox::Package;

impl Inner {
    /// This node.
    pub(super) async fn own_status(&self) -> proto::Node {
        let health = self.health().await;
        let (total, free) = self.node.resources();
        let state = match self.operator.is_draining() {
            true => proto::NodeState::Draining,
            false => proto::NodeState::Alive,
        };
        proto::Node {
            id: self.about.id.0,
            name: self.about.name.clone(),
            address: self.about.address.clone(),
            state: state.into(),
            why: String::new(),
            version: env!("CARGO_PKG_VERSION").into(),
            uptime_ms: milliseconds(self.node.uptime()),
            actors: self.node.actor_count() as u64,
            packages: self.node.package_count() as u64,
            jobs: self.jobs.count() as u64,
            object_bytes: self.node.object_bytes(),
            object_bytes_max: self.node.object_bytes_max(),
            resources: resources(&total, &free),
            health: Some(health.wire()),
        }
    }

    /// This node and, unless only it is asked, all others.
    pub(super) async fn status(&self, this_node: bool) -> proto::StatusAnswer {
        let mut nodes = Vec::new();
        if this_node {
            nodes.push(self.own_status().await);
        } else {
            let ask = |mut client: cluster::Client| async move {
                client.status(proto::StatusRequest { caller: caller() }).await
            };
            let asking = cluster::ask_all(&self.peers, ask);
            let (own, parts) = tokio::join!(self.own_status(), asking);
            nodes.push(own);
            for (summary, part) in parts {
                nodes.push(match part.map(|answer| answer.nodes.into_iter().next()) {
                    Ok(Some(node)) => proto::Node { id: summary.id.0, ..node },
                    Ok(None) => silent(&summary, "it said nothing"),
                    Err(status) => silent(&summary, status.message()),
                });
            }
            nodes.sort_unstable_by_key(|node| node.id);
        }
        let cluster = self.cluster.map(|id| id.to_string()).unwrap_or_default();
        proto::StatusAnswer { cluster, nodes, answered_by: self.about.id.0 }
    }

    /// A page of a list of this node.
    pub(super) fn own_list(
        &self,
        request: &proto::ListRequest,
    ) -> Result<proto::ListAnswer, Status> {
        let mut answer = proto::ListAnswer::default();
        let (after, limit) = (request.after, page_items(request.limit));
        match request.kind() {
            proto::Kind::Actors => {
                let page = self.node.actors_after(after.map(wire::actor_id_from), limit);
                answer.actors = page.items.iter().map(|actor| self.actor(actor)).collect();
                answer.more = page.more;
            }
            proto::Kind::Objects => {
                let (items, totals) = self.node.largest_objects(limit);
                let object = |(id, bytes)| {
                    let id = Some(wire::object_id_to(id));
                    proto::Object { id, node: self.about.id.0, bytes }
                };
                answer.objects = items.into_iter().map(object).collect();
                answer.object_totals = Some(wire::object_totals_to(totals));
            }
            proto::Kind::Packages => {
                let packages = self.node.packages();
                answer.packages = packages.iter().map(|package| self.package(package)).collect();
            }
            proto::Kind::Jobs => {
                let (jobs, more) = self.jobs.after(after.map(wire::job_id_from), limit);
                answer.jobs = jobs.into_iter().map(|(id, entry)| self.job(id, entry)).collect();
                answer.more = more;
            }
            proto::Kind::Gpus => {
                let gpus = self.node.gpus().into_iter().enumerate();
                answer.gpus = gpus.map(|(index, gpu)| self.gpu(index, gpu)).collect();
            }
            proto::Kind::Groups => {
                let page = self.node.groups_after(after.map(wire::group_id_from), limit, group);
                answer.groups = page.items;
                answer.more = page.more;
            }
            proto::Kind::Unknown => {
                return Err(Status::invalid_argument("this host knows no list of this kind"));
            }
        }
        Ok(answer)
    }

    /// A page of a list of this node and, unless only it is asked, all others.
    pub(super) async fn list(
        &self,
        request: proto::ListRequest,
        this_node: bool,
    ) -> Result<proto::ListAnswer, Status> {
        let mut answer = self.own_list(&request)?;
        if this_node {
            return Ok(answer);
        }
        let limit = page_items(request.limit);
        let ask = |mut client: cluster::Client| {
            let request = proto::ListRequest { caller: caller(), ..request };
            async move { client.list(request).await }
        };
        let (parts, unanswered) = cluster::split(cluster::ask_all(&self.peers, ask).await);
        for part in parts {
            answer.actors.extend(part.actors);
            answer.objects.extend(part.objects);
            answer.packages.extend(part.packages);
            answer.jobs.extend(part.jobs);
            answer.gpus.extend(part.gpus);
            answer.groups.extend(part.groups);
            answer.more |= part.more;
            if let (Some(all), Some(part)) = (&mut answer.object_totals, part.object_totals) {
                wire::add_object_totals(all, &part);
            }
        }
        // Each node gave the first of its own, so the first of all are among
        // these; what is cut off comes with the next page.
        answer.more |= first_of(&mut answer.actors, limit, |actor| actor.id);
        answer.objects.sort_by_key(|object| std::cmp::Reverse(object.bytes));
        answer.objects.truncate(limit);
        answer.more |= first_of(&mut answer.jobs, limit, |job| job.id);
        answer.more |= first_of(&mut answer.groups, limit, |group| group.id);
        answer.packages.sort_unstable_by(|a, b| (&a.id, a.node).cmp(&(&b.id, b.node)));
        answer.gpus.sort_unstable_by_key(|gpu| (gpu.node, gpu.index));
        answer.unanswered = unanswered;
        Ok(answer)
    }

    /// A GPU in a list.
    fn gpu(&self, index: usize, GpuView { gpu, holders }: GpuView) -> proto::Gpu {
        let holder = |(holder, share): (GpuHolder, Amount)| {
            let share = share.as_f64();
            match holder {
                GpuHolder::Actor(label) => proto::GpuHolder {
                    actor: Some(wire::actor_id_to(label.id)),
                    class: label.class.to_string(),
                    share,
                    bundle: String::new(),
                },
                GpuHolder::Bundle(group, bundle) => {
                    let bundle = format!("{group}.{bundle}");
                    proto::GpuHolder { share, bundle, ..proto::GpuHolder::default() }
                }
            }
        };
        proto::Gpu {
            node: self.about.id.0,
            index: u32::try_from(index).unwrap_or(u32::MAX),
            name: gpu.name,
            kind: gpu.kind,
            backend: gpu.backend,
            driver: gpu.driver,
            bus: gpu.bus.unwrap_or_default(),
            memory_bytes: gpu.memory,
            holders: holders.into_iter().map(holder).collect(),
        }
    }

    /// An actor in a list.
    pub(super) fn actor(&self, actor: &Actor) -> proto::Actor {
        let snapshot = actor.snapshot();
        let (state, why) = match snapshot.state {
            State::Pending(why) => (proto::ActorState::Pending, why),
            State::Starting => (proto::ActorState::Starting, String::new()),
            State::Idle => (proto::ActorState::Idle, String::new()),
            State::Running => (proto::ActorState::Running, String::new()),
            State::Dead(why) => (proto::ActorState::Dead, why),
        };
        proto::Actor {
            id: Some(wire::actor_id_to(snapshot.label.id)),
            class: snapshot.label.class.to_string(),
            node: self.about.id.0,
            state: state.into(),
            why,
            name: actor.spec.name.clone().unwrap_or_default(),
            namespace: actor.spec.namespace.clone(),
            job: Some(wire::job_id_to(actor.job)),
            waiting: snapshot.waiting as u64,
            done: snapshot.done,
            restarts: snapshot.restarts,
            handles: snapshot.handles as u64,
        }
    }

    /// An actor in full.
    pub(super) fn actor_in_full(&self, actor: &Actor) -> proto::GetActorAnswer {
        let spec = &actor.spec;
        let amount = |(name, amount): (&str, host_core::resources::Amount)| proto::Amount {
            name: name.into(),
            amount: amount.as_f64(),
        };
        let class = actor.package.info.class(&actor.label.class).filter(|_| !actor.is_driver());
        proto::GetActorAnswer {
            actor: Some(self.actor(actor)),
            package: wire::package_id_to(actor.package.code.id),
            resources: spec.resources.iter().map(amount).collect(),
            memory_bytes_max: spec.memory_bytes_max,
            max_restarts: tries(spec.max_restarts),
            max_retries: tries(spec.max_retries),
            max_concurrency: spec.max_concurrency,
            max_pending_calls: spec.max_pending_calls,
            detached: spec.detached,
            isolation: spec.isolation.to_string(),
            strategy: spec.strategy.to_string(),
            labels: spec.labels.iter().map(ToString::to_string).collect(),
            methods: class
                .into_iter()
                .flat_map(|class| &class.methods)
                .map(wire::method_to)
                .collect(),
        }
    }

    fn package(&self, package: &Package) -> proto::Package {
        let classes = package.info.classes.iter().take(limits::LISTED_CLASSES);
        proto::Package {
            id: wire::package_id_to(package.code.id),
            node: self.about.id.0,
            sdk: package.info.sdk.clone(),
            classes: classes.map(|class| class.name.clone()).collect(),
            driver: package.info.driver.is_some(),
        }
    }

    fn job(&self, id: JobId, entry: Entry) -> proto::Job {
        let Entry { owner, what, package, since, .. } = entry;
        proto::Job {
            id: Some(wire::job_id_to(id)),
            node: self.about.id.0,
            owner,
            what,
            package: wire::package_id_to(package),
            age_ms: milliseconds(since.elapsed()),
            actors: self.node.actors_of(id) as u64,
        }
    }
}

/// Who asks another node: this version, for that node's part only.
pub(super) fn caller() -> Option<proto::Caller> {
    Some(proto::Caller { protocol: host_proto::PROTOCOL_VERSION, this_node: true })
}

fn silent(node: &NodeSummary, why: &str) -> proto::Node {
    proto::Node {
        id: node.id.0,
        name: node.name.clone(),
        address: node.address.clone(),
        state: proto::NodeState::Silent.into(),
        why: why.to_owned(),
        ..proto::Node::default()
    }
}

fn page_items(asked: u32) -> usize {
    match asked as usize {
        0 => limits::PAGE_ITEMS,
        asked => asked.min(limits::PAGE_ITEMS),
    }
}

/// Sorts by id and keeps the first; whether others were cut off.
fn first_of<T>(items: &mut Vec<T>, limit: usize, id: impl Fn(&T) -> Option<proto::Id>) -> bool {
    items.sort_unstable_by_key(|item| {
        let id = id(item).unwrap_or_default();
        ActorId { node: host_core::NodeId(id.node), seq: id.seq }
    });
    let cut = items.len() > limit;
    items.truncate(limit);
    cut
}

fn tries(tries: Tries) -> Option<u32> {
    match tries {
        Tries::AtMost(count) => Some(count),
        Tries::Unbounded => None,
    }
}

fn resources(total: &Resources, free: &Resources) -> Vec<proto::Resource> {
    let resource = |(name, amount): (&str, host_core::resources::Amount)| proto::Resource {
        name: name.into(),
        total: amount.as_f64(),
        free: free.get(name).as_f64(),
    };
    total.iter().map(resource).collect()
}

fn milliseconds(time: Duration) -> u64 {
    time.as_millis() as u64
}

/// A placement group in a list.
fn group(view: &GroupView<'_>) -> proto::Group {
    let state = match (&view.nodes, view.waits) {
        (Some(_), _) => proto::GroupState::Ready,
        (None, "") => proto::GroupState::Reserving,
        (None, _) => proto::GroupState::Waiting,
    };
    let node = |at: usize| view.nodes.as_ref().and_then(|nodes| nodes.get(at)).map_or(0, |n| n.0);
    let bundles = view.wish.bundles.iter().enumerate();
    let bundle = |(at, resources): (usize, &Resources)| proto::Bundle {
        resources: resources.to_string(),
        node: node(at),
    };
    proto::Group {
        id: Some(wire::group_id_to(view.wish.id)),
        job: Some(wire::job_id_to(view.wish.job)),
        strategy: view.wish.strategy.to_string(),
        state: state.into(),
        why: view.waits.to_owned(),
        bundles: bundles.map(bundle).collect(),
    }
}
