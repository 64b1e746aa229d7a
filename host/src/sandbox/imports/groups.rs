//! `groups`: placement groups.

use host_core::placement::group::GroupStrategy;
use host_core::resources::Resources;
use host_core::spec::group_id;
use host_core::{Error, limits};
use host_wasi::Data;
use wasmtime::component::LinkerInstance;

use super::{Asked, Ref, Store, lowered};
use crate::sandbox::contract::{WitBundle, WitGroupStrategy};
use crate::sandbox::state::Guest;

pub(super) fn add(groups: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    groups.func_wrap_async("create", |mut store: Store<'_>, params: CreateParams| {
        Box::new(async move {
            let created = create(Guest::of(store.data_mut()), params).await;
            lowered(created, |group| group)
        })
    })?;
    groups.func_wrap("ready", |mut store: Store<'_>, (group,): (String,)| {
        lowered(ready(Guest::of(store.data_mut()), &group), Ref::new_own)
    })?;
    groups.func_wrap("remove", |mut store: Store<'_>, (group,): (String,)| {
        lowered(remove(Guest::of(store.data_mut()), &group), |()| ())
    })
}

pub(in crate::sandbox) type CreateParams = (Vec<WitBundle>, WitGroupStrategy);

pub(in crate::sandbox) async fn create(
    guest: &mut Guest,
    (bundles, strategy): CreateParams,
) -> Asked<String> {
    guest.wake_unwoken();
    let bundles = match checked(bundles) {
        Ok(bundles) => bundles,
        Err(error) => return Ok(Err(error)),
    };
    let (services, caller) = (guest.services.clone(), guest.caller.clone());
    let created = services.create_group(&caller, bundles, GroupStrategy::from(strategy)).await;
    Ok(created.map(|group| group.to_string()))
}

pub(in crate::sandbox) fn ready(guest: &mut Guest, group: &str) -> Asked<u32> {
    let ready = group_id(group).and_then(|group| guest.services.group_ready(&guest.caller, group));
    Ok(ready.and_then(|object| guest.table.push_ref(object)))
}

pub(in crate::sandbox) fn remove(guest: &mut Guest, group: &str) -> Asked<()> {
    // What it was sent before comes first.
    guest.wake_unwoken();
    let group = group_id(group);
    Ok(group.map(|group| guest.services.remove_group(&guest.caller, group)))
}

fn checked(bundles: Vec<WitBundle>) -> Result<Vec<Resources>, Error> {
    if bundles.is_empty() || bundles.len() > limits::GROUP_BUNDLES {
        let (count, most) = (bundles.len(), limits::GROUP_BUNDLES);
        return Err(Error::Invalid(format!(
            "a placement group of {count} bundles; it must have 1 to {most}"
        )));
    }
    let resources = bundles.into_iter().zip(0..).map(|(bundle, at)| {
        bundle.resources().map_err(|error| Error::Invalid(format!("bundle {at}: {error}")))
    });
    resources.collect()
}
