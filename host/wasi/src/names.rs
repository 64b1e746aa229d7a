//! `wasi:sockets/ip-name-lookup`, for granted names only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::vec;

use tokio::sync::Semaphore;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, Network};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, poll_noop, spawn, spawn_blocking};
use wasmtime_wasi::{WasiView, async_trait};

use crate::Data;
use crate::grants::normal_name;
use crate::limits::{LOOKUPS, NAME_ADDRESSES, PROCESS_LOOKUPS};
use crate::network::{Door, is_localhost};

/// Look-ups that hold a thread. One goes on after its guest has died, so the
/// count is kept where the thread is.
static RUNNING: Semaphore = Semaphore::const_new(PROCESS_LOOKUPS);

/// Replaces the interface: wasmtime-wasi's looks up any name or none, and as
/// many at once as a guest likes.
pub(crate) fn add_to_linker(linker: &mut Linker<Data>) -> wasmtime::Result<()> {
    let mut names = linker.instance("wasi:sockets/ip-name-lookup@0.2.12")?;
    names.resource(
        "resolve-address-stream",
        ResourceType::host::<Lookup>(),
        |mut store, rep| {
            store.data_mut().ctx().table.delete(Resource::<Lookup>::new_own(rep))?;
            Ok(())
        },
    )?;
    names.func_wrap(
        "resolve-addresses",
        |mut store: StoreContextMut<'_, Data>, (network, name): (Resource<Network>, String)| {
            let data = store.data_mut();
            data.ctx().table.get(&network)?;
            Ok((match look_up(data, &name) {
                Ok(lookup) => Ok(data.ctx().table.push(lookup)?),
                Err(code) => Err(code),
            },))
        },
    )?;
    names.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store: StoreContextMut<'_, Data>, (lookup,): (Resource<Lookup>,)| {
            let lookup = store.data_mut().ctx().table.get_mut(&lookup)?;
            Ok((lookup.next().map(|address| address.map(IpAddress::from)),))
        },
    )?;
    names.func_wrap(
        "[method]resolve-address-stream.subscribe",
        |mut store: StoreContextMut<'_, Data>, (lookup,): (Resource<Lookup>,)| {
            let pollable: Resource<DynPollable> = subscribe(store.data_mut().ctx().table, lookup)?;
            Ok((pollable,))
        },
    )
}

/// A name being looked up.
enum Lookup {
    Running(AbortOnDropJoinHandle<Result<Vec<IpAddr>, ErrorCode>>),
    Done(Result<vec::IntoIter<IpAddr>, ErrorCode>),
}

impl Lookup {
    fn done(result: Result<Vec<IpAddr>, ErrorCode>) -> Lookup {
        Lookup::Done(result.map(Vec::into_iter))
    }

    /// The next address, none after the last, `would-block` before the first.
    fn next(&mut self) -> Result<Option<IpAddr>, ErrorCode> {
        if let Lookup::Running(task) = self {
            let result = poll_noop(Pin::new(task)).ok_or(ErrorCode::WouldBlock)?;
            *self = Lookup::done(result);
        }
        match self {
            Lookup::Done(Ok(addresses)) => Ok(addresses.next()),
            Lookup::Done(Err(code)) => Err(*code),
            Lookup::Running(_) => Err(ErrorCode::WouldBlock),
        }
    }
}

#[async_trait]
impl Pollable for Lookup {
    async fn ready(&mut self) {
        if let Lookup::Running(task) = self {
            *self = Lookup::done(task.await);
        }
    }
}

/// Starts to look `name` up, if that is granted. An address stands for itself.
fn look_up(data: &mut Data, name: &str) -> Result<Lookup, ErrorCode> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(Lookup::done(Ok(vec![address.to_canonical()])));
    }
    let name = normal_name(name).ok_or(ErrorCode::InvalidArgument)?;
    let door = data.door();
    if !door.permits_name(&name) {
        return Err(ErrorCode::AccessDenied);
    }
    if is_localhost(&name) {
        let loopback = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(Lookup::done(Ok(door.open(&name, loopback))));
    }
    let lookups = data.ctx().table.iter_mut().filter(|entry| entry.is::<Lookup>()).count();
    if lookups >= LOOKUPS {
        return Err(ErrorCode::TemporaryResolverFailure);
    }
    Ok(Lookup::Running(spawn(resolve(door, name))))
}

/// Asks the system, and opens the door to what it found.
async fn resolve(door: Arc<Door>, name: String) -> Result<Vec<IpAddr>, ErrorCode> {
    let permit = RUNNING.acquire().await.expect("the semaphore is never closed");
    let asked = name.clone();
    let found = spawn_blocking(move || {
        let _permit = permit;
        let found = (asked.as_str(), 0).to_socket_addrs()?;
        Ok::<_, std::io::Error>(found.map(|to| to.ip()).take(NAME_ADDRESSES).collect())
    });
    let found: Vec<IpAddr> = found.await.map_err(|_| ErrorCode::NameUnresolvable)?;
    Ok(door.open(&name, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::test::data;

    fn addresses(mut lookup: Lookup) -> Vec<String> {
        let addresses = std::iter::from_fn(|| lookup.next().unwrap());
        addresses.map(|address| address.to_string()).collect()
    }

    #[test]
    fn an_address_needs_no_grant_to_stand_for_itself() {
        let mut data = data(&[]);
        for name in ["192.0.2.1", "::1", "[::1]"] {
            let shown = name.trim_matches(['[', ']']);
            assert_eq!(addresses(look_up(&mut data, name).unwrap()), [shown]);
        }
    }

    #[test]
    fn names_that_are_not_granted_are_denied_without_asking_anyone() {
        let mut data = data(&["--net", "example.org"]);
        let code = |name: &str, data: &mut Data| look_up(data, name).map(drop).unwrap_err();
        assert_eq!(code("example.com", &mut data), ErrorCode::AccessDenied);
        assert_eq!(code("sub.example.org", &mut data), ErrorCode::AccessDenied);
        assert_eq!(code("localhost", &mut data), ErrorCode::AccessDenied);
        assert_eq!(code("not a name", &mut data), ErrorCode::InvalidArgument);
        assert_eq!(code("", &mut data), ErrorCode::InvalidArgument);
    }

    #[test]
    fn localhost_is_the_loopback_and_asks_nobody() {
        let mut data = data(&["--net", "localhost:80"]);
        assert_eq!(addresses(look_up(&mut data, "LocalHost.").unwrap()), ["127.0.0.1", "::1"]);
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_an_error() {
        // `.invalid` is reserved for this.
        let mut data = data(&["--net", "nobody.invalid"]);
        let mut lookup = look_up(&mut data, "nobody.invalid").unwrap();
        lookup.ready().await;
        assert_eq!(lookup.next(), Err(ErrorCode::NameUnresolvable));
    }

    #[tokio::test]
    async fn a_guest_looks_up_so_many_at_once() {
        let mut data = data(&["--net", "nobody.invalid"]);
        for _ in 0..LOOKUPS {
            let lookup = look_up(&mut data, "nobody.invalid").unwrap();
            data.ctx().table.push(lookup).unwrap();
        }
        let code = look_up(&mut data, "nobody.invalid").map(drop).unwrap_err();
        assert_eq!(code, ErrorCode::TemporaryResolverFailure);
    }
}
