//! `context` and `logging`: who is running, and what it has to say.

use host_core::Level;
use host_wasi::Data;
use wasmtime::component::{LinkerInstance, Resource, WasmStr};

use super::{HandleIndex, Store};
use crate::sandbox::contract::{WitIdentity, WitLevel, cut};
use crate::sandbox::state::Guest;
use host_refs::Handle;

/// The target of a Rust guest's panic hook: its last words.
const PANIC: &str = "greenroom::panic";

pub(super) fn add(context: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    context.func_wrap("current", |mut store: Store<'_>, (): ()| {
        let identity = &Guest::of(store.data_mut()).caller.identity;
        let class =
            if identity.is_driver { String::new() } else { identity.label.class.to_string() };
        Ok((WitIdentity {
            actor: identity.label.id.to_string(),
            class,
            job: identity.job.to_string(),
            node: identity.node.to_string(),
            namespace: identity.namespace.clone(),
            name: identity.name.clone(),
            incarnation: identity.incarnation,
        },))
    })?;
    context.func_wrap(
        "me",
        |mut store: Store<'_>, (): ()| -> wasmtime::Result<(Option<HandleIndex>,)> {
            let guest = Guest::of(store.data_mut());
            if guest.caller.identity.is_driver {
                return Ok((None,));
            }
            let Some(me) = guest.caller.me.upgrade() else { return Ok((None,)) };
            let index = guest.table.push_handle(Handle::new(me))?;
            Ok((Some(Resource::new_own(index)),))
        },
    )?;
    context.func_wrap("is-cancelled", |mut store: Store<'_>, (call,): (u64,)| {
        Ok((Guest::of(store.data_mut()).slot_of(call).is_cancelled(),))
    })?;
    context.func_wrap("exit", |mut store: Store<'_>, (): ()| {
        let guest = Guest::of(store.data_mut());
        guest.services.exit(&guest.caller);
        Ok(())
    })
}

pub(super) fn add_logging(logging: &mut LinkerInstance<'_, Data>) -> wasmtime::Result<()> {
    logging.func_wrap("max-level", |mut store: Store<'_>, (): ()| {
        let level = Guest::of(store.data_mut()).services.max_level();
        Ok((match level {
            Level::Error => WitLevel::Error,
            Level::Warn => WitLevel::Warn,
            Level::Info => WitLevel::Info,
            Level::Debug => WitLevel::Debug,
            Level::Trace => WitLevel::Trace,
        },))
    })?;
    logging.func_wrap(
        "log",
        |mut store: Store<'_>, (level, target, message): (WitLevel, WasmStr, WasmStr)| {
            let target = target.to_str(&store)?.into_owned();
            let message = cut(message.to_str(&store)?.into_owned());
            let guest = Guest::of(store.data_mut());
            if target == PANIC {
                guest.panic = Some(message);
                return Ok(());
            }
            let level = match level {
                WitLevel::Error => Level::Error,
                WitLevel::Warn => Level::Warn,
                WitLevel::Info => Level::Info,
                WitLevel::Debug => Level::Debug,
                WitLevel::Trace => Level::Trace,
            };
            if level <= guest.services.max_level() {
                guest.services.log(&guest.caller, level, &target, &message);
            }
            Ok(())
        },
    )
}
