//! What an actor is made of, on the wire.

use std::collections::HashMap;

use host_core::placement::{Selector, Strategy};
use host_core::resources::{Amount, Resources};
use host_core::spec::{ActorSpec, InGroup, Isolation, Tries};
use host_core::{PackageId, limits};
use host_proto::node as proto;
use host_proto::node::spec::Strategy as Placed;

use super::{Read, WireId};
use crate::ports::Birth;

/// The longest name of anything in a spec.
const NAME_BYTES_MAX: usize = 1 << 10;

/// A birth for the wire.
pub(crate) fn birth(birth: &Birth) -> proto::Birth {
    proto::Birth {
        package: birth.package.0.to_vec().into(),
        class: birth.class.to_string(),
        job: Some(birth.job.id()),
        spec: Some(spec(&birth.spec)),
        sequential: birth.sequential,
        args: None,
    }
}

/// A birth from the wire.
pub(crate) fn read_birth(birth: proto::Birth) -> Read<Birth> {
    let package: [u8; 32] =
        (&*birth.package).try_into().map_err(|_| "a package's id of another length")?;
    Ok(Birth {
        package: PackageId(package),
        class: short(birth.class)?.into(),
        job: WireId::read(birth.job)?,
        sequential: birth.sequential,
        spec: read_spec(birth.spec.ok_or("an actor without options")?)?,
    })
}

/// Resources for the wire.
pub(crate) fn amounts(resources: &Resources) -> HashMap<String, u64> {
    resources.iter().map(|(name, amount)| (name.to_owned(), amount.ten_thousandths())).collect()
}

/// Resources from the wire.
pub(crate) fn read_amounts(amounts: &HashMap<String, u64>) -> Read<Resources> {
    if amounts.len() > limits::RESERVED_RESOURCES {
        return Err(format!("{} resources", amounts.len()));
    }
    let known =
        amounts.iter().map(|(name, units)| (name.as_str(), Amount::from_ten_thousandths(*units)));
    Ok(known.collect())
}

fn spec(spec: &ActorSpec) -> proto::Spec {
    let strategy = match &spec.strategy {
        Strategy::Pack => None,
        Strategy::Spread => Some(Placed::Spread(true)),
        Strategy::Only(node) => Some(Placed::Only(node.to_string())),
        Strategy::Rather(node) => Some(Placed::Rather(node.to_string())),
    };
    proto::Spec {
        strategy,
        labels: spec.labels.iter().map(Selector::to_string).collect(),
        resources: amounts(&spec.resources),
        memory_bytes_max: spec.memory_bytes_max,
        max_restarts: tries(spec.max_restarts),
        max_retries: tries(spec.max_retries),
        max_concurrency: spec.max_concurrency,
        max_pending_calls: spec.max_pending_calls,
        name: spec.name.clone(),
        namespace: spec.namespace.clone(),
        detached: spec.detached,
        own_process: spec.isolation == Isolation::Process,
        group: spec.group.map(|place| proto::InGroup {
            group: Some(place.group.id()),
            bundle: place.bundle.unwrap_or_default(),
        }),
    }
}

fn read_spec(spec: proto::Spec) -> Read<ActorSpec> {
    if spec.max_concurrency == 0 || spec.max_pending_calls == 0 {
        return Err("an actor that takes no calls".into());
    }
    let strategy = match spec.strategy {
        None => Strategy::Pack,
        Some(Placed::Spread(_)) => Strategy::Spread,
        Some(Placed::Only(node)) => Strategy::Only(short(node)?.into()),
        Some(Placed::Rather(node)) => Strategy::Rather(short(node)?.into()),
    };
    Ok(ActorSpec {
        strategy,
        labels: read_selectors(&spec.labels)?,
        resources: read_amounts(&spec.resources)?,
        memory_bytes_max: spec.memory_bytes_max,
        max_restarts: read_tries(spec.max_restarts),
        max_retries: read_tries(spec.max_retries),
        max_concurrency: spec.max_concurrency.min(limits::ASYNC_CONCURRENCY_MAX),
        max_pending_calls: spec.max_pending_calls,
        name: spec.name.map(short).transpose()?,
        namespace: short(spec.namespace)?,
        detached: spec.detached,
        isolation: if spec.own_process { Isolation::Process } else { Isolation::Shared },
        group: spec.group.map(read_place).transpose()?,
    })
}

fn read_place(place: proto::InGroup) -> Read<InGroup> {
    Ok(InGroup { group: WireId::read(place.group)?, bundle: Some(place.bundle) })
}

/// Tries for the wire: none is without bound.
pub(crate) fn tries(tries: Tries) -> Option<u32> {
    match tries {
        Tries::AtMost(most) => Some(most),
        Tries::Unbounded => None,
    }
}

/// Tries from the wire.
pub(crate) fn read_tries(tries: Option<u32>) -> Tries {
    tries.map_or(Tries::Unbounded, Tries::AtMost)
}

fn read_selectors(texts: &[String]) -> Read<Vec<Selector>> {
    if texts.len() > limits::SELECTORS {
        return Err(format!("{} conditions on labels", texts.len()));
    }
    let mut selectors = Vec::new();
    for text in texts {
        let read = Selector::parse_all(text).map_err(|error| error.to_string())?;
        selectors.extend(read);
    }
    Ok(selectors)
}

fn short(name: String) -> Read<String> {
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("a name of {} bytes", name.len()));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use host_core::{GroupId, JobId, NodeId};

    use super::*;

    #[test]
    fn a_birth_comes_back_as_it_was() {
        let known = Birth {
            package: PackageId([7; 32]),
            class: "Counter".into(),
            job: JobId { node: NodeId(1), seq: 2 },
            sequential: true,
            spec: ActorSpec {
                strategy: Strategy::Only("beta".into()),
                labels: Selector::parse_all("zone in (a, b), !slow, disk=ssd").unwrap(),
                resources: [("cpus", Amount::from_f64(0.5).unwrap())].into_iter().collect(),
                memory_bytes_max: 1 << 20,
                max_restarts: Tries::Unbounded,
                max_retries: Tries::AtMost(3),
                max_concurrency: 1,
                max_pending_calls: 10,
                name: Some("hits".into()),
                namespace: "default".into(),
                detached: true,
                isolation: Isolation::Process,
                group: Some(InGroup {
                    group: GroupId { node: NodeId(2), seq: 9 },
                    bundle: Some(3),
                }),
            },
        };
        assert_eq!(read_birth(birth(&known)), Ok(known.clone()));
        let mut wrong = birth(&known);
        wrong.package = bytes::Bytes::from_static(b"short");
        assert!(read_birth(wrong).is_err());
        let mut wrong = birth(&known);
        wrong.spec.as_mut().unwrap().labels = vec!["zone like a".into()];
        assert!(read_birth(wrong).is_err());
        let mut wrong = birth(&known);
        wrong.class = "x".repeat(NAME_BYTES_MAX + 1);
        assert!(read_birth(wrong).is_err());
    }
}
