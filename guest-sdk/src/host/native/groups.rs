//! Placement groups of the fake host, which has one node with room for all: a
//! group is ready at once, and its bundles bound what one actor asks for.

use std::collections::BTreeMap;

use super::RawRef;
use crate::class::Class;
use crate::error::{Cause, Error, Result};
use crate::fake::{Content, State, Stored, Who, here};
use crate::group::{Bundle, GroupStrategy};
use crate::options::ActorOptions;

/// As on a real host.
const BUNDLES_MAX: usize = 256;

/// MessagePack's nil: what `()` is encoded as.
const NIL: u8 = 0xc0;

pub(crate) fn create_group(bundles: &[Bundle], strategy: GroupStrategy) -> Result<String> {
    let count = bundles.len();
    if count == 0 || count > BUNDLES_MAX {
        return Err(Error::Invalid(format!(
            "a placement group of {count} bundles; it must have 1 to {BUNDLES_MAX}"
        )));
    }
    if strategy == GroupStrategy::StrictSpread && count > 1 {
        return Err(Error::Unplaceable(format!(
            "no room for {count} bundles (strict-spread): 1 of {count} bundles find a node of \
             their own"
        )));
    }
    let bundles: Vec<BTreeMap<String, f64>> = bundles.iter().map(holds).collect();
    for (at, bundle) in bundles.iter().enumerate() {
        if bundle.values().any(|amount| !amount.is_finite() || *amount < 0.0) {
            return Err(Error::Invalid(format!("bundle {at}: not an amount")));
        }
        if bundle.values().all(|amount| *amount == 0.0) {
            return Err(Error::Invalid(format!("bundle {at}: a bundle that holds nothing")));
        }
    }
    let (world, _) = here();
    let mut state = world.lock();
    let id = format!("g{}@n0", state.next_id());
    state.groups.insert(id.clone(), bundles);
    Ok(id)
}

pub(crate) fn group_ready(group: &str) -> Result<RawRef> {
    let (world, _) = here();
    let mut state = world.lock();
    let nil = Stored { bytes: vec![NIL], ..Stored::default() };
    let content = match state.groups.contains_key(group) {
        true => Content::Ready(nil),
        false => Content::Failed(not_there(group)),
    };
    let id = state.add_object(content, None);
    drop(state);
    Ok(RawRef { world, id })
}

pub(crate) fn remove_group(group: &str) -> Result<()> {
    let (world, _) = here();
    let mut state = world.lock();
    state.groups.remove(group);
    let inside = |state: &State, who: &Who| {
        let place = state.actor(*who).and_then(|actor| actor.options.group.as_ref());
        place.is_some_and(|(its, _)| its == group)
    };
    let actors: Vec<Who> =
        (1..=state.actors.len()).map(Who).filter(|who| inside(&state, who)).collect();
    for who in actors {
        let why = "has ended: the placement group that it was in has ended";
        state.end(who, Cause::GroupRemoved, why);
    }
    Ok(())
}

/// Refuses what a real host refuses.
pub(super) fn check(
    state: &State,
    class: &Class,
    options: &ActorOptions,
    group: &str,
    bundle: Option<u32>,
) -> Result<()> {
    if options.strategy.is_some() || !options.labels.is_empty() || options.detached == Some(true) {
        return Err(Error::Invalid(format!(
            "{}: an actor in a placement group has no strategy and no labels, and is not detached",
            class.name
        )));
    }
    let Some(bundles) = state.groups.get(group) else { return Err(not_there(group)) };
    let asked = holds(&Bundle::of(options));
    let fits = |bundle: &BTreeMap<String, f64>| {
        asked.iter().all(|(name, amount)| *amount <= bundle.get(name).copied().unwrap_or(0.0))
    };
    match bundle {
        Some(at) if at as usize >= bundles.len() => {
            let count = bundles.len();
            Err(Error::Invalid(format!(
                "placement group {group} has {count} bundles, from 0: there is no bundle {at}"
            )))
        }
        Some(at) if !fits(&bundles[at as usize]) => Err(Error::Unplaceable(format!(
            "in placement group {group}: bundle {at} cannot hold {}",
            class.name
        ))),
        None if !bundles.iter().any(fits) => Err(Error::Unplaceable(format!(
            "in placement group {group}: no bundle can hold {}",
            class.name
        ))),
        Some(_) | None => Ok(()),
    }
}

fn holds(bundle: &Bundle) -> BTreeMap<String, f64> {
    let memory = bundle.memory.map(|bytes| bytes as f64);
    let named = [("cpus", bundle.cpus), ("gpus", bundle.gpus), ("memory", memory)];
    let named = named.into_iter().filter_map(|(name, amount)| Some((name.to_owned(), amount?)));
    named.chain(bundle.resources.iter().cloned()).collect()
}

fn not_there(group: &str) -> Error {
    Error::Invalid(format!("placement group {group} is not there any more"))
}
