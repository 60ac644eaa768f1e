//! Which addresses may be reached.
//!
//! **The problem.** A name that an operator wrote today can resolve tomorrow to the metadata service of a cloud, or to a
//! machine behind the firewall. So it is the *resolved* address that is checked, each time that a connection is made.
//!
//! ```
//! use ecology_runtime::net::address::{Forbidden, Network};
//! let network = Network { private: false };
//! assert_eq!(network.check("169.254.169.254".parse().unwrap(), false), Err(Forbidden::LinkLocal));
//! assert_eq!(network.check("10.0.0.7".parse().unwrap(), false), Err(Forbidden::Private));
//! assert!(network.check("127.0.0.1".parse().unwrap(), true).is_ok());
//! assert_eq!(network.check("127.0.0.1".parse().unwrap(), false), Err(Forbidden::Loopback));
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the operator allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Whether private networks (RFC 1918, RFC 6598, RFC 4193) may be reached.
    pub private: bool,
}

/// Why an address may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// Link-local: where clouds keep their metadata services. Never allowed.
    LinkLocal,
    /// The metadata service of a cloud, at an address of its own. Never allowed.
    Metadata,
    /// Unspecified, multicast, broadcast or reserved. Never allowed.
    NoHost,
    /// This machine, reached through a name that does not say so.
    Loopback,
    /// A private network that was not opted into.
    Private,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Forbidden::LinkLocal => {
                "a link-local address, where clouds keep their metadata; it is never called"
            }
            Forbidden::Metadata => "a cloud's metadata service; it is never called",
            Forbidden::NoHost => "not the address of one machine; it is never called",
            Forbidden::Loopback => {
                "this machine, and the base URL does not say so; write 127.0.0.1 or localhost in it"
            }
            Forbidden::Private => {
                "in a private network; set `private_networks = true` under [policy.network] if it is meant"
            }
        })
    }
}

impl Network {
    /// Whether `address` may be reached. `named_loopback` says that the operator wrote a loopback address, or `localhost`.
    pub fn check(self, address: IpAddr, named_loopback: bool) -> Result<(), Forbidden> {
        let forbidden = match embedded(address) {
            IpAddr::V4(v4) => forbidden_v4(v4),
            IpAddr::V6(v6) => forbidden_v6(v6),
        };
        match forbidden {
            Some(Forbidden::Loopback) if named_loopback => Ok(()),
            Some(Forbidden::Private) if self.private => Ok(()),
            Some(forbidden) => Err(forbidden),
            None => Ok(()),
        }
    }
}

/// Whether a host of a base URL says by itself that it is this machine.
pub fn names_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| embedded(ip).is_loopback())
}

/// The IPv4 address inside an IPv6 one: what is reached in truth. Mapped, compatible (RFC 4291), translated (RFC 2765), through
/// the well-known prefix of NAT64 (RFC 6052), or by 6to4 (RFC 3056).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    match v6.segments() {
        // `::` and `::1` have a meaning of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x2002, high, low, ..] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Ipv4Addr::new(a, b, c, d).into()
        }
        _ => address,
    }
}

fn forbidden_v4(v4: Ipv4Addr) -> Option<Forbidden> {
    let [a, b, c, d] = v4.octets();
    match (a, b) {
        (127, _) => Some(Forbidden::Loopback),
        (169, 254) => Some(Forbidden::LinkLocal),
        // Alibaba's metadata lives inside the range of RFC 6598, Oracle's old one and Azure's at addresses of the internet.
        (100, 100) if (c, d) == (100, 200) => Some(Forbidden::Metadata),
        (192, 0) if (c, d) == (0, 192) => Some(Forbidden::Metadata),
        (168, 63) if (c, d) == (129, 16) => Some(Forbidden::Metadata),
        (0, _) | (224..=255, _) => Some(Forbidden::NoHost),
        (100, 64..=127) => Some(Forbidden::Private),
        _ if v4.is_private() => Some(Forbidden::Private),
        _ => None,
    }
}

fn forbidden_v6(v6: Ipv6Addr) -> Option<Forbidden> {
    let [first, second, third, ..] = v6.segments();
    if v6.is_loopback() {
        Some(Forbidden::Loopback)
    } else if v6.is_unspecified() || v6.is_multicast() {
        Some(Forbidden::NoHost)
    } else if (first, second) == (0xfd00, 0xec2) || v6 == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254) {
        // Those of Amazon (and of what runs in its clusters), and Google's.
        Some(Forbidden::Metadata)
    } else if first & 0xffc0 == 0xfe80 {
        Some(Forbidden::LinkLocal)
    } else if first & 0xfe00 == 0xfc00
        || first & 0xffc0 == 0xfec0
        || (first, second, third) == (0x64, 0xff9b, 1)
    {
        // RFC 4193; site-local, which came before it; and NAT64 of a network's own (RFC 8215).
        Some(Forbidden::Private)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_address_has_one_verdict() {
        use Forbidden::{LinkLocal, Loopback, Metadata, NoHost, Private};
        let table: &[(&str, Option<Forbidden>)] = &[
            ("8.8.8.8", None),
            ("100.63.255.255", None),
            ("100.128.0.1", None),
            ("172.15.0.1", None),
            ("172.32.0.1", None),
            ("2606:4700::1111", None),
            ("127.0.0.1", Some(Loopback)),
            ("127.200.3.4", Some(Loopback)),
            ("::1", Some(Loopback)),
            ("::ffff:127.0.0.1", Some(Loopback)),
            ("10.1.2.3", Some(Private)),
            ("172.16.0.1", Some(Private)),
            ("172.31.255.255", Some(Private)),
            ("192.168.0.1", Some(Private)),
            ("100.64.0.1", Some(Private)),
            ("fec0::1", Some(Private)),
            ("2002:a00:1::", Some(Private)),
            ("2002:808:808::1", None),
            ("64:ff9b:1::a00:1", Some(Private)),
            ("::10.0.0.1", Some(Private)),
            ("::ffff:0:10.0.0.1", Some(Private)),
            ("::127.0.0.1", Some(Loopback)),
            ("2002:a9fe:a9fe::", Some(LinkLocal)),
            ("fd00:ec2::23", Some(Metadata)),
            ("fd20:ce::254", Some(Metadata)),
            ("192.0.0.192", Some(Metadata)),
            ("168.63.129.16", Some(Metadata)),
            ("::ffff:168.63.129.16", Some(Metadata)),
            ("fd12::1", Some(Private)),
            ("::ffff:10.0.0.1", Some(Private)),
            ("64:ff9b::a00:1", Some(Private)),
            ("169.254.169.254", Some(LinkLocal)),
            ("::ffff:169.254.169.254", Some(LinkLocal)),
            ("64:ff9b::a9fe:a9fe", Some(LinkLocal)),
            ("fe80::1", Some(LinkLocal)),
            ("fd00:ec2::254", Some(Metadata)),
            ("100.100.100.200", Some(Metadata)),
            ("0.0.0.0", Some(NoHost)),
            ("255.255.255.255", Some(NoHost)),
            ("224.0.0.1", Some(NoHost)),
            ("::", Some(NoHost)),
            ("ff02::1", Some(NoHost)),
        ];
        for (address, verdict) in table {
            let ip: IpAddr = address.parse().unwrap();
            assert_eq!(Network { private: false }.check(ip, false).err(), *verdict, "{address}");
            // What may be opted into is let through then, and nothing else.
            let opted = Network { private: true }.check(ip, true).err();
            assert_eq!(opted, verdict.filter(|why| !matches!(why, Loopback | Private)), "{address}");
        }
    }

    #[test]
    fn only_what_says_so_names_this_machine() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "::1"] {
            assert!(names_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "example.com", "10.0.0.1", "127.0.0.1.nip.io", ""] {
            assert!(!names_loopback(host), "{host}");
        }
    }
}
