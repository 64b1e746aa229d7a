//! The node's side of what a guest in a worker asks for.

use std::sync::Arc;
use std::time::Duration;

use host_core::Error;
use host_wasi::{Output, Stream};
use tokio::sync::Mutex;
use wasmtime::component::Resource;

use super::wire::{Ask, Reply, Say};
use crate::sandbox::contract::{RefTag, WitError};
use crate::sandbox::imports::objects::{Begun, Waiting, lower_all};
use crate::sandbox::imports::{self, actors, context, groups, objects};
use crate::sandbox::state::Guest;

/// Answers a question. An error means that the worker broke the contract.
///
/// Whoever waits in the name of one call only does not hold the guest
/// meanwhile; everything else stops the guest, as it does in the node's own
/// process.
pub(super) async fn answer(guest: Arc<Mutex<Guest>>, ask: Ask) -> wasmtime::Result<Reply> {
    let ask = match ask {
        Ask::GetIn { call, objects, timeout } => {
            let begun = Begun::of(&mut *guest.lock().await, call, &refs(objects), timeout)?;
            let found = begun.all().await;
            let table = &mut guest.lock().await.table;
            return Ok(Reply::Values(told(lower_all(table, found))));
        }
        Ask::WaitIn { call, objects, count, timeout } => {
            let begun = Begun::of(&mut *guest.lock().await, call, &refs(objects), timeout)?;
            return Ok(Reply::Indices(told(begun.some(count).await)));
        }
        Ask::SleepIn { call, duration } => {
            let waiting = Waiting::of_call(&mut *guest.lock().await, call, None);
            let slept = tokio::time::sleep(Duration::from_nanos(duration));
            return Ok(Reply::Done(told(waiting.bounded(slept).await.map(drop))));
        }
        ask => ask,
    };
    answer_stopped(&mut *guest.lock().await, ask).await
}

async fn answer_stopped(guest: &mut Guest, ask: Ask) -> wasmtime::Result<Reply> {
    let reply = match ask {
        Ask::Spawn { class, args, options, exists } => {
            Reply::Index(told(actors::spawn(guest, (class, args, *options, exists)).await?))
        }
        Ask::Lookup { name, namespace } => {
            Reply::Index(told(actors::lookup(guest, name, namespace).await?))
        }
        Ask::Submit { handle, method, args, options } => {
            let method = actors::method_index(guest, handle, &method)?;
            Reply::Index(told(actors::submit(guest, handle, method, args, options)?))
        }
        Ask::Tell { handle, method, args } => {
            let method = actors::method_index(guest, handle, &method)?;
            Reply::Done(told(actors::tell(guest, handle, method, args)?))
        }
        Ask::Cancel { object } => {
            actors::cancel(guest, object)?;
            Reply::Done(Ok(()))
        }
        Ask::Kill { handle, after } => {
            actors::kill(guest, handle, after)?;
            Reply::Done(Ok(()))
        }
        Ask::CreateGroup { bundles, strategy } => {
            Reply::NewText(told(groups::create(guest, (bundles, strategy)).await?))
        }
        Ask::GroupReady { group } => Reply::Index(told(groups::ready(guest, &group)?)),
        Ask::RemoveGroup { group } => Reply::Done(told(groups::remove(guest, &group)?)),
        Ask::Put { value } => Reply::Index(told(objects::put(guest, value).await?)),
        Ask::Get { objects, timeout } => {
            Reply::Values(told(objects::get(guest, &refs(objects), timeout).await?))
        }
        Ask::Take { object, timeout } => {
            let taken = objects::take(guest, object, timeout).await?;
            Reply::Value(taken.map_err(|error| WitError::from(&*error)))
        }
        Ask::Wait { objects, count, timeout } => {
            let found = objects::wait(guest, &refs(objects), count, timeout).await?;
            Reply::Indices(told(found))
        }
        Ask::CloneRef(index) => Reply::New(imports::clone_ref(guest, index)?),
        Ask::CloneHandle(index) => Reply::New(imports::clone_handle(guest, index)?),
        Ask::RefId(index) => Reply::Text(guest.table.object(index)?.id().to_string()),
        Ask::HandleId(index) => Reply::Text(guest.table.handle(index)?.target().id().to_string()),
        Ask::HandleClass(index) => {
            Reply::Text(guest.table.handle(index)?.target().class().to_string())
        }
        Ask::Current => Reply::Identity(context::identity(guest)),
        Ask::Me => Reply::MayBe(context::me(guest)?),
        Ask::IsCancelled { call } => Reply::Flag(guest.slot_of(call).is_cancelled()),
        Ask::MaxLevel => Reply::Level(context::max_level(guest)),
        Ask::GetIn { .. } | Ask::WaitIn { .. } | Ask::SleepIn { .. } => {
            unreachable!("these do not stop the guest")
        }
    };
    // The guest computes on in another process: nothing here will tell the
    // node when it does so for long.
    guest.wake_unwoken();
    Ok(reply)
}

/// Hears something that needs no answer.
pub(super) fn hear(guest: &mut Guest, output: &dyn Output, said: Say) -> wasmtime::Result<()> {
    match said {
        Say::DropRef(index) => imports::drop_ref(guest, index)?,
        Say::DropHandle(index) => imports::drop_handle(guest, index)?,
        Say::Exit => guest.services.exit(&guest.caller),
        Say::Log { level, target, message } => context::log(guest, level, &target, message),
        Say::Print { is_stderr, bytes } => {
            output.write(if is_stderr { Stream::Stderr } else { Stream::Stdout }, &bytes);
        }
    }
    Ok(())
}

fn refs(indices: Vec<u32>) -> Vec<Resource<RefTag>> {
    indices.into_iter().map(Resource::new_own).collect()
}

fn told<T>(found: Result<T, Error>) -> Result<T, WitError> {
    found.map_err(|error| WitError::from(&error))
}
