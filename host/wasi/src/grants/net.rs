//! `--net HOST[:PORT]`, `--net CIDR[:PORT]` and `--net *[:PORT]`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Error;

/// Somewhere a guest may open TCP connections to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NetGrant {
    /// Where.
    pub target: Target,
    /// The one port, or any.
    pub port: Option<u16>,
}

/// The hosts of a [`NetGrant`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Target {
    /// Every address there is, the host's own loopback included.
    Any,
    /// The addresses that start with the first `prefix` bits of `address`.
    Network {
        /// Its bits past the prefix are zero.
        address: IpAddr,
        /// All bits for a single address.
        prefix: u8,
    },
    /// The addresses that a name resolves to, when the guest looks it up.
    /// Lower case, without a final dot.
    Name(String),
}

impl FromStr for NetGrant {
    type Err = Error;

    fn from_str(given: &str) -> Result<NetGrant, Error> {
        let refuse = |reason: String| Error::Net { given: given.into(), reason };
        let (host, port) = split_port(given).map_err(refuse)?;
        let port = match port {
            None => None,
            Some(port) => match port.parse() {
                Ok(port) if port != 0 => Some(port),
                _ => return Err(refuse(format!("{port:?} is not a port from 1 to 65535"))),
            },
        };
        let target = host.parse::<Target>().map_err(refuse)?;
        Ok(NetGrant { target, port })
    }
}

/// Splits the port off. An IPv6 address needs brackets to have one.
fn split_port(given: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = given.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("the bracket is never closed")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(format!("{after:?} after the bracket is not a port")),
        };
    }
    match given.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((given, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((given, None)),
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(host: &str) -> Result<Target, String> {
        if host == "*" {
            return Ok(Target::Any);
        }
        if let Some((address, prefix)) = host.split_once('/') {
            return network(host, address, prefix);
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            let address = address.to_canonical();
            return Ok(Target::Network { address, prefix: bits(address) });
        }
        let name = normal_name(host).ok_or_else(|| match host {
            "" => "the host is empty".to_owned(),
            host if host.contains('*') => format!("{host:?} is not a name; * stands alone"),
            host => format!("{host:?} is neither a host name nor an address"),
        })?;
        Ok(Target::Name(name))
    }
}

/// Reads a CIDR. Bits past the prefix are an error, since they are mostly a
/// slip that grants more than was meant.
fn network(given: &str, address: &str, prefix: &str) -> Result<Target, String> {
    let address: IpAddr =
        address.parse().map_err(|_| format!("{address:?} is not an IP address"))?;
    let prefix: u8 = prefix
        .parse()
        .ok()
        .filter(|prefix| *prefix <= bits(address))
        .ok_or_else(|| format!("{prefix:?} is not a prefix from 0 to {}", bits(address)))?;
    let masked = mask(address, prefix);
    if masked != address {
        return Err(format!("{given} has bits past its prefix; did you mean {masked}/{prefix}?"));
    }
    Ok(Target::Network { address, prefix })
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// `address` with all bits past `prefix` cleared.
fn mask(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// A host name in lower case without its final dot, if it is one. Unicode
/// names are looked up in their ASCII form (`xn--…`), so that is what a grant
/// gives.
pub(crate) fn normal_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits makes it an address, by the URL standard.
    let numeric = name.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    (name.len() <= 253 && !numeric && name.split('.').all(label)).then_some(name)
}

impl NetGrant {
    /// Whether it covers this address, no matter what name led there.
    pub fn permits(&self, to: SocketAddr) -> bool {
        self.covers(to.ip()) && self.port.is_none_or(|port| port == to.port())
    }

    /// Whether it covers this address at some port.
    pub(crate) fn covers(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match &self.target {
            Target::Any => true,
            Target::Network { address: network, prefix } => {
                bits(*network) == bits(address) && mask(address, *prefix) == *network
            }
            Target::Name(_) => false,
        }
    }

    /// Whether it lets a guest look `name` up; `name` is normal.
    pub fn permits_name(&self, name: &str) -> bool {
        match &self.target {
            Target::Any => true,
            Target::Network { .. } => false,
            Target::Name(granted) => granted == name,
        }
    }
}

impl fmt::Display for NetGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.target, self.port) {
            (Target::Any, _) => f.write_str("*")?,
            (Target::Name(name), _) => f.write_str(name)?,
            (Target::Network { address: a @ IpAddr::V6(_), prefix }, Some(_)) => {
                write!(f, "[{a}/{prefix}]")?;
            }
            (Target::Network { address, prefix }, _) => write!(f, "{address}/{prefix}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, shown: &str) {
        let grant = given.parse::<NetGrant>().unwrap();
        assert_eq!(grant.to_string(), shown, "{given}");
        assert_eq!(shown.parse(), Ok(grant), "{shown} reads back");
    }

    #[test]
    fn hosts_networks_and_ports_are_told_apart() {
        check("*", "*");
        check("*:443", "*:443");
        check("Example.ORG.", "example.org");
        check("example.org:443", "example.org:443");
        check("localhost:80", "localhost:80");
        check("10.0.0.0/8:5432", "10.0.0.0/8:5432");
        check("192.0.2.7", "192.0.2.7/32");
        check("::1", "::1/128");
        check("[::1]:443", "[::1/128]:443");
        check("2001:db8::/32", "2001:db8::/32");
        check("[2001:db8::/32]:443", "[2001:db8::/32]:443");
        check("0.0.0.0/0", "0.0.0.0/0");
        check("::ffff:192.0.2.7", "192.0.2.7/32");
    }

    #[test]
    fn a_refused_place_says_what_is_wrong_and_shows_the_form() {
        let refused = [
            ("", "the host is empty"),
            (":443", "the host is empty"),
            ("example.org:", "\"\" is not a port"),
            ("example.org:0", "is not a port"),
            ("example.org:65536", "is not a port"),
            ("example.org:http", "is not a port"),
            ("https://example.org", "\"//example.org\" is not a port"),
            ("*.example.org", "* stands alone"),
            ("10.0.0.1/8", "did you mean 10.0.0.0/8?"),
            ("10.0.0.0/33", "is not a prefix from 0 to 32"),
            ("[::1", "never closed"),
            ("[::1]443", "is not a port"),
            ("example/8", "is not an IP address"),
            ("300.1.1.1", "neither a host name nor an address"),
            ("-x.org", "neither a host name nor an address"),
            ("exa mple.org", "neither a host name nor an address"),
        ];
        for (given, reason) in refused {
            let message = given.parse::<NetGrant>().unwrap_err().to_string();
            assert!(message.contains(reason), "{given}: {message}");
            assert!(message.contains("HOST[:PORT]"), "{given}: {message}");
        }
    }

    fn permits(grant: &str, to: &str) -> bool {
        grant.parse::<NetGrant>().unwrap().permits(to.parse().unwrap())
    }

    #[test]
    fn a_network_covers_its_addresses_and_no_other() {
        assert!(permits("10.0.0.0/8", "10.255.1.2:1"));
        assert!(!permits("10.0.0.0/8", "11.0.0.0:1"));
        assert!(permits("10.0.0.0/8", "[::ffff:10.1.1.1]:1"), "an IPv4 address in IPv6 clothes");
        assert!(!permits("10.0.0.0/8:443", "10.0.0.1:80"));
        assert!(permits("10.0.0.0/8:443", "10.0.0.1:443"));
        assert!(permits("2001:db8::/32", "[2001:db8::1]:1"));
        assert!(!permits("2001:db8::/32", "[2001:db9::1]:1"));
        assert!(!permits("::/0", "10.0.0.1:1"));
        assert!(permits("*", "127.0.0.1:1"));
        assert!(!permits("*:443", "127.0.0.1:1"));
    }

    #[test]
    fn a_name_alone_covers_no_address() {
        assert!(!permits("example.org", "192.0.2.1:443"));
    }
}
