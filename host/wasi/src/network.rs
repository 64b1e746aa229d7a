//! `wasi:sockets`: outgoing TCP connections to what is granted, and nothing
//! else. Listening, accepting and UDP are always denied.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use parking_lot::Mutex;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket::Host;
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsView};

use crate::Data;
use crate::grants::{NetGrant, Target};
use crate::limits::OPENED_ADDRESSES;

/// Replaces the function that makes sockets, to count them.
pub(crate) fn add_to_linker(linker: &mut Linker<Data>) -> wasmtime::Result<()> {
    linker.instance("wasi:sockets/tcp-create-socket@0.2.12")?.func_wrap(
        "create-tcp-socket",
        |mut store, (family,): (IpAddressFamily,)| {
            let data: &mut Data = store.data_mut();
            if data.claim_handle().is_err() {
                return Ok((Err(ErrorCode::NewSocketLimit),));
            }
            match data.sockets().create_tcp_socket(family) {
                Ok(socket) => Ok((Ok(socket),)),
                Err(error) => Ok((Err(error.downcast()?),)),
            }
        },
    )
}

/// What one guest may connect to: what is granted by address, and what it was
/// told when it looked up a granted name.
///
/// The host itself answers those look-ups, so a guest cannot pass off an
/// address as a granted name's. The address is opened for the ports that go
/// with the name, for this guest alone.
pub(crate) struct Door {
    grants: Vec<NetGrant>,
    /// Opened by look-ups, the last one last. A mutex, because the check of
    /// an address runs apart from the store; it is held for a few compares.
    opened: Mutex<VecDeque<(IpAddr, Option<u16>)>>,
}

impl Door {
    pub(crate) fn new(grants: Vec<NetGrant>) -> Door {
        Door { grants, opened: Mutex::default() }
    }

    /// Whether a socket may be used so.
    pub(crate) fn permits(&self, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        match purpose {
            SocketAddrUse::TcpConnect => self.permits_connection(address),
            // The system binds a socket that connects, to a port it chooses.
            SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
            SocketAddrUse::TcpListen
            | SocketAddrUse::TcpAccept
            | SocketAddrUse::UdpBind
            | SocketAddrUse::UdpSend
            | SocketAddrUse::UdpReceive => false,
        }
    }

    fn permits_connection(&self, to: SocketAddr) -> bool {
        let address = to.ip().to_canonical();
        let opened_to = |(known, port): &(IpAddr, Option<u16>)| {
            *known == address && port.is_none_or(|port| port == to.port())
        };
        self.grants.iter().any(|grant| grant.permits(to))
            || self.opened.lock().iter().any(opened_to)
    }

    /// Whether the guest may look this name up.
    pub(crate) fn permits_name(&self, name: &str) -> bool {
        self.grants.iter().any(|grant| grant.permits_name(name))
    }

    /// Opens what `name` was found to be, and returns what may be told.
    ///
    /// Who runs a granted name's servers must not thereby choose among the
    /// host's own: a name never stands for loopback or link-local addresses
    /// (where clouds keep their credentials), except `localhost`, whose
    /// addresses do not come from a name server. Grant such an address by
    /// itself to allow it.
    pub(crate) fn open(&self, name: &str, found: Vec<IpAddr>) -> Vec<IpAddr> {
        let may_tell = |address: &IpAddr| {
            is_localhost(name)
                || is_elsewhere(*address)
                || self.grants.iter().any(|grant| grant.covers(*address))
        };
        let mut told: Vec<_> = found.into_iter().map(|a| a.to_canonical()).collect();
        told.retain(may_tell);
        let of_name = |grant: &&NetGrant| grant.target == Target::Name(name.into());
        let mut opened = self.opened.lock();
        for grant in self.grants.iter().filter(of_name) {
            for entry in told.iter().map(|address| (*address, grant.port)) {
                if !opened.contains(&entry) {
                    opened.push_back(entry);
                }
            }
        }
        let surplus = opened.len().saturating_sub(OPENED_ADDRESSES);
        opened.drain(..surplus);
        told
    }
}

/// Whether a name is this machine by definition (RFC 6761).
pub(crate) fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether an address may belong to another machine, out of reach of the
/// local link.
fn is_elsewhere(address: IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(local || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(grants: &[&str]) -> Door {
        Door::new(grants.iter().map(|grant| grant.parse().unwrap()).collect())
    }

    fn connects(door: &Door, to: &str) -> bool {
        door.permits(to.parse().unwrap(), SocketAddrUse::TcpConnect)
    }

    fn open(door: &Door, name: &str, found: &[&str]) -> Vec<String> {
        let found = found.iter().map(|address| address.parse().unwrap()).collect();
        door.open(name, found).into_iter().map(|address| address.to_string()).collect()
    }

    #[test]
    fn nothing_is_permitted_unless_granted() {
        assert!(!connects(&door(&[]), "192.0.2.1:443"));
        assert!(!door(&[]).permits_name("example.org"));
        assert!(!door(&["192.0.2.1"]).permits_name("example.org"));
    }

    #[test]
    fn connecting_is_all_that_can_be_granted() {
        let door = door(&["*"]);
        let to = "192.0.2.1:443".parse().unwrap();
        let others = [
            SocketAddrUse::TcpListen,
            SocketAddrUse::TcpAccept,
            SocketAddrUse::UdpBind,
            SocketAddrUse::UdpSend,
            SocketAddrUse::UdpReceive,
            SocketAddrUse::TcpBind,
        ];
        assert!(door.permits(to, SocketAddrUse::TcpConnect));
        for other in others {
            assert!(!door.permits(to, other), "{other:?}");
        }
        assert!(door.permits("0.0.0.0:0".parse().unwrap(), SocketAddrUse::TcpBind));
        assert!(!door.permits("0.0.0.0:0".parse().unwrap(), SocketAddrUse::TcpListen));
    }

    #[test]
    fn a_name_opens_what_it_was_found_to_be_for_its_ports() {
        let door = door(&["example.org:443", "example.org:80", "other.org"]);
        assert!(!connects(&door, "192.0.2.1:443"), "not looked up yet");
        assert_eq!(open(&door, "example.org", &["192.0.2.1", "2001:db8::1"]).len(), 2);
        assert!(connects(&door, "192.0.2.1:443"));
        assert!(connects(&door, "[2001:db8::1]:80"));
        assert!(!connects(&door, "192.0.2.1:22"));
        assert!(!connects(&door, "192.0.2.2:443"));
        open(&door, "other.org", &["192.0.2.2"]);
        assert!(connects(&door, "192.0.2.2:22"));
    }

    #[test]
    fn a_name_server_cannot_point_into_the_host() {
        let inside =
            ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:127.0.0.1"];
        let door = door(&["example.org"]);
        assert_eq!(open(&door, "example.org", &inside), [""; 0]);
        assert!(!connects(&door, "127.0.0.1:80"));
        assert_eq!(
            open(&door, "example.org", &["10.0.0.1"]),
            ["10.0.0.1"],
            "an intranet is elsewhere"
        );
    }

    #[test]
    fn an_address_granted_by_itself_may_have_any_name() {
        let door = door(&["example.org:80", "127.0.0.0/8:80"]);
        assert_eq!(open(&door, "example.org", &["127.0.0.1"]), ["127.0.0.1"]);
    }

    #[test]
    fn localhost_is_what_it_says() {
        let door = door(&["localhost:80"]);
        assert_eq!(open(&door, "localhost", &["127.0.0.1"]), ["127.0.0.1"]);
        assert!(connects(&door, "127.0.0.1:80"));
        assert!(!connects(&door, "127.0.0.1:81"));
    }

    #[test]
    fn what_look_ups_opened_is_bounded() {
        let door = door(&["example.org"]);
        for n in 0..=u16::try_from(OPENED_ADDRESSES).unwrap() {
            let [high, low] = n.to_be_bytes();
            open(&door, "example.org", &[&format!("192.0.{high}.{low}")]);
        }
        assert_eq!(door.opened.lock().len(), OPENED_ADDRESSES);
        assert!(!connects(&door, "192.0.0.0:1"));
        assert!(connects(&door, "192.0.4.0:1"));
    }
}
