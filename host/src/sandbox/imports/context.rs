//! `context` and `logging`: who is running, and what it has to say.

use host_core::Level;
use host_wasi::Data;
use wasmtime::component::{LinkerInstance, WasmStr};

use super::{HandleIndex, Store};
use crate::sandbox::contract::{WitIdentity, WitLevel, cut};
use crate::sandbox::state::Guest;
use host_refs::Handle;

/// The target of a Rust guest's panic hook: its last words.
pub(in crate::sandbox) const PANIC: &str = "greenroom::panic";

pub(super) fn add(context: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    context.func_wrap("current", |mut store: Store<'_>, (): ()| {
        Ok((identity(Guest::of(store.data_mut())),))
    })?;
    context.func_wrap("me", |mut store: Store<'_>, (): ()| {
        let me = me(Guest::of(store.data_mut()))?;
        Ok((me.map(HandleIndex::new_own),))
    })?;
    context.func_wrap("is-cancelled", |mut store: Store<'_>, (call,): (u64,)| {
        Ok((Guest::of(store.data_mut()).slot_of(call).is_cancelled(),))
    })?;
    context.func_wrap("exit", |mut store: Store<'_>, (): ()| {
        let guest = Guest::of(store.data_mut());
        guest.services.exit(&guest.caller);
        Ok(())
    })
}

pub(in crate::sandbox) fn identity(guest: &Guest) -> WitIdentity {
    let identity = &guest.caller.identity;
    let class = if identity.is_driver { String::new() } else { identity.label.class.to_string() };
    WitIdentity {
        actor: identity.label.id.to_string(),
        class,
        job: identity.job.to_string(),
        node: identity.node.to_string(),
        node_name: identity.node_name.to_string(),
        node_labels: identity
            .node_labels
            .0
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        namespace: identity.namespace.clone(),
        name: identity.name.clone(),
        incarnation: identity.incarnation,
    }
}

pub(in crate::sandbox) fn me(guest: &mut Guest) -> wasmtime::Result<Option<u32>> {
    if guest.caller.identity.is_driver {
        return Ok(None);
    }
    let Some(me) = guest.caller.me.upgrade() else { return Ok(None) };
    Ok(Some(guest.table.push_handle(Handle::new(me))?))
}

pub(super) fn add_logging(logging: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    logging.func_wrap("max-level", |mut store: Store<'_>, (): ()| {
        Ok((max_level(Guest::of(store.data_mut())),))
    })?;
    logging.func_wrap(
        "log",
        |mut store: Store<'_>, (level, target, message): (WitLevel, WasmStr, WasmStr)| {
            let target = target.to_str(&store)?.into_owned();
            let message = message.to_str(&store)?.into_owned();
            log(Guest::of(store.data_mut()), level, &target, message);
            Ok(())
        },
    )
}

pub(in crate::sandbox) fn max_level(guest: &Guest) -> WitLevel {
    match guest.services.max_level() {
        Level::Error => WitLevel::Error,
        Level::Warn => WitLevel::Warn,
        Level::Info => WitLevel::Info,
        Level::Debug => WitLevel::Debug,
        Level::Trace => WitLevel::Trace,
    }
}

pub(in crate::sandbox) fn log(guest: &mut Guest, level: WitLevel, target: &str, message: String) {
    let message = cut(message);
    if target == PANIC {
        guest.panic = Some(message);
        return;
    }
    let level = match level {
        WitLevel::Error => Level::Error,
        WitLevel::Warn => Level::Warn,
        WitLevel::Info => Level::Info,
        WitLevel::Debug => Level::Debug,
        WitLevel::Trace => Level::Trace,
    };
    if level <= guest.services.max_level() {
        guest.services.log(&guest.caller, level, target, &message);
    }
}
