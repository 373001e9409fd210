//! Whether a server is on this machine, or was listed by the operator.
//!
//! A name proves nothing by itself: all addresses that it resolves to must be loopback. What answers at a loopback address may still
//! be a tunnel to somewhere else; that is for the identity to find out.

use std::net::IpAddr;

use crate::connection::{ConnectionConfig, Endpoint, HostKind};
use crate::error::{ConnectionError, GuardError};

const VARIABLE: &str = "PGSTREAM_ALLOWED_TARGETS";

/// Hosts that may be written to though they are not on this machine: `host` or `host:port`, separated by commas or blanks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedTargets(Vec<AllowedTarget>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct AllowedTarget {
    /// In lower case, without the dot at the end; or an address in its shortest spelling.
    host: String,
    port: Option<u16>,
}

impl AllowedTargets {
    /// Understands the list. IPv6 addresses with a port are written `[::1]:5432`. There are no wildcards.
    ///
    /// # Errors
    /// [`GuardError::Profile`] for an entry that is neither.
    pub fn parse(text: &str) -> Result<Self, GuardError> {
        let words = text.split([',', ' ', '\t', '\n', ';']).filter(|word| !word.is_empty());
        words.map(allowed_target).collect::<Option<_>>().map(Self).ok_or_else(|| GuardError::Profile {
            variable: VARIABLE.into(),
            problem: "an entry is not a host or host:port (wildcards, networks and URLs are not understood)".into(),
        })
    }

    /// Whether the operator listed the place that this endpoint connects to.
    ///
    /// With `hostaddr`, only the address counts: the host's name is then just a claim.
    pub fn allows(&self, endpoint: &Endpoint) -> bool {
        let host = match endpoint.kind() {
            HostKind::Name(name) => canonical(name),
            HostKind::Address { ip, .. } => ip.to_canonical().to_string(),
            _ => return false,
        };
        self.0.iter().any(|entry| entry.host == host && entry.port.is_none_or(|port| port == endpoint.port()))
    }

    /// Whether every server of a config is listed although a hosting service answers there. On this machine that is a tunnel, so
    /// the port has to be listed too: `localhost` alone was hardly meant to open every tunnel.
    pub(crate) fn allow_hosted(&self, config: &ConnectionConfig) -> bool {
        let with_port = Self(self.0.iter().filter(|entry| entry.port.is_some()).cloned().collect());
        config.endpoints().iter().all(|e| if is_here_by_name(e) { with_port.allows(e) } else { self.allows(e) })
    }

    /// Whether every server of a config is listed.
    #[cfg(test)]
    fn allow_all(&self, config: &ConnectionConfig) -> bool {
        config.endpoints().iter().all(|endpoint| self.allows(endpoint))
    }
}

fn allowed_target(word: &str) -> Option<AllowedTarget> {
    if word.contains(['*', '/', '@', '%', '?', '=']) {
        return None;
    }
    if word.parse::<IpAddr>().is_ok() {
        return Some(AllowedTarget { host: canonical(word), port: None });
    }
    if let Some(rest) = word.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?.parse().ok()?) };
        host.parse::<IpAddr>().ok()?;
        return Some(AllowedTarget { host: canonical(host), port });
    }
    let (host, port) = match word.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|p| *p != 0)?)),
        None => (word, None),
    };
    (!host.is_empty()).then(|| AllowedTarget { host: canonical(host), port })
}

/// One spelling for each host.
pub(crate) fn canonical(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().to_string(),
        Err(_) => host.trim_end_matches('.').to_ascii_lowercase(),
    }
}

/// Whether an address never leaves this machine.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Whether the spelling alone says that a server is on this machine. Nothing is resolved.
pub(crate) fn is_here_by_name(endpoint: &Endpoint) -> bool {
    match endpoint.kind() {
        HostKind::Socket(_) => true,
        HostKind::Address { ip, .. } => is_loopback(*ip),
        HostKind::Name(name) => {
            let name = canonical(name);
            name == "localhost" || name.parse().is_ok_and(is_loopback)
        }
    }
}

/// An endpoint and what its name resolves to; empty for a socket.
pub(crate) type Resolved = (Endpoint, Vec<IpAddr>);

/// Resolves the names of all servers that are not listed.
///
/// # Errors
/// [`ConnectionError::Unreachable`] for a name that cannot be resolved.
pub(crate) async fn resolve(config: &ConnectionConfig, allowed: &AllowedTargets) -> Result<Vec<Resolved>, ConnectionError> {
    let mut resolved = Vec::new();
    for endpoint in config.endpoints().iter().filter(|e| !allowed.allows(e)) {
        let addresses = match endpoint.kind() {
            HostKind::Socket(_) => Vec::new(),
            HostKind::Address { ip, .. } => vec![*ip],
            HostKind::Name(name) => look_up(name, endpoint).await?,
        };
        resolved.push((endpoint.clone(), addresses));
    }
    Ok(resolved)
}

async fn look_up(name: &str, endpoint: &Endpoint) -> Result<Vec<IpAddr>, ConnectionError> {
    let unresolved = |problem: String| ConnectionError::Unreachable {
        server: endpoint.to_string(),
        attempts: format!("the name could not be resolved ({problem})"),
    };
    let found: Vec<IpAddr> = match tokio::net::lookup_host((name, endpoint.port())).await {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(e) => return Err(unresolved(e.to_string())),
    };
    if found.is_empty() { Err(unresolved("it has no address".into())) } else { Ok(found) }
}

/// The first server that is neither here nor listed, and its first address that is not loopback. Listed ones were left out before.
pub(crate) fn first_remote(resolved: &[Resolved]) -> Option<(&Endpoint, Option<IpAddr>)> {
    resolved.iter().find_map(|(endpoint, addresses)| {
        if matches!(endpoint.kind(), HostKind::Socket(_)) {
            return None;
        }
        let far = addresses.iter().copied().find(|ip| !is_loopback(*ip));
        (far.is_some() || addresses.is_empty()).then_some((endpoint, far))
    })
}

/// Whether two configs name one server and one database by their spelling: any of the one's servers is any of the other's.
pub(crate) fn is_same_by_name(a: &ConnectionConfig, b: &ConnectionConfig) -> bool {
    let shares_server = a.endpoints().iter().any(|x| b.endpoints().iter().any(|y| is_same_server(x, y)));
    shares_server && a.database() == b.database()
}

fn is_same_server(a: &Endpoint, b: &Endpoint) -> bool {
    let place = |endpoint: &Endpoint| match endpoint.kind() {
        HostKind::Socket(directory) => directory.to_string_lossy().into_owned(),
        HostKind::Address { ip, .. } => canonical(&ip.to_string()),
        HostKind::Name(name) => canonical(name),
    };
    let same_place = place(a) == place(b) || (is_tcp(a) && is_tcp(b) && is_here_by_name(a) && is_here_by_name(b));
    a.port() == b.port() && same_place
}

fn is_tcp(endpoint: &Endpoint) -> bool {
    !matches!(endpoint.kind(), HostKind::Socket(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Environment;

    fn config(text: &str) -> ConnectionConfig {
        ConnectionConfig::parse(text, &Environment::empty().with_os_user("me")).expect(text)
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let cases = [
            ("db.example", "host=DB.example.", true),
            ("db.example:6432", "host=db.example port=6432", true),
            ("db.example:6432", "host=db.example port=5432", false),
            ("example", "host=db.example", false),
            ("a b,db.example", "host=db.example", true),
            ("10.0.0.7", "host=10.0.0.7", true),
            ("10.0.0.7", "host=::ffff:10.0.0.7", true),
            ("[fd00::1]:5432", "host=fd00::1", true),
            // The name is only for the certificate; what is connected to is the address.
            ("db.example", "host=db.example hostaddr=10.0.0.9", false),
            ("10.0.0.9", "host=db.example hostaddr=10.0.0.9", true),
            ("db.example", "host=db.example,other.example", false),
            ("db.example", "host=/tmp", false),
        ];
        for (list, text, expected) in cases {
            let allowed = AllowedTargets::parse(list).expect(list);
            assert_eq!(allowed.allow_all(&config(text)), expected, "{list} {text}");
        }
    }

    #[test]
    fn a_tunnel_to_a_hosting_service_is_listed_with_its_port() {
        let cases = [
            ("localhost", "host=localhost", false),
            ("localhost:5432", "host=localhost", true),
            ("localhost:5433", "host=localhost", false),
            ("db.example", "host=db.example", true),
            ("localhost:5432", "host=/tmp", false),
        ];
        for (list, text, expected) in cases {
            let allowed = AllowedTargets::parse(list).expect(list);
            assert_eq!(allowed.allow_hosted(&config(text)), expected, "{list} {text}");
        }
    }

    #[test]
    fn wildcards_and_networks_are_errors_and_not_silently_without_effect() {
        for list in ["*", "*.example", "10.0.0.0/8", "postgres://h/d", "h:0", "h:x", "[h]:1", "[::1", ":5"] {
            assert!(AllowedTargets::parse(list).is_err(), "{list}");
        }
    }

    #[tokio::test]
    async fn every_address_of_every_server_must_be_here() {
        let cases = [
            ("host=127.0.0.1", true),
            ("host=127.8.8.8", true),
            ("host=::1", true),
            ("host=::ffff:127.0.0.1", true),
            ("host=/run/postgresql", true),
            ("host=0.0.0.0", false),
            ("host=10.0.0.1", false),
            ("host=localhost hostaddr=10.0.0.1", false),
            ("host=127.0.0.1,10.0.0.1", false),
            ("host=/tmp,10.0.0.1", false),
        ];
        for (text, expected) in cases {
            let resolved = resolve(&config(text), &AllowedTargets::default()).await.expect(text);
            assert_eq!(first_remote(&resolved).is_none(), expected, "{text}");
        }
    }

    #[test]
    fn one_server_has_many_spellings() {
        let cases = [
            ("host=h dbname=d", "host=H. dbname=d user=other", true),
            ("host=localhost dbname=d", "host=127.0.0.1 dbname=d", true),
            ("host=localhost dbname=d", "host=127.0.0.1 dbname=e", false),
            ("host=localhost port=1 dbname=d", "host=127.0.0.1 port=2 dbname=d", false),
            ("host=a,b dbname=d", "host=b dbname=d", true),
            ("host=/tmp dbname=d", "host=/tmp dbname=d", true),
            ("host=/tmp dbname=d", "host=localhost dbname=d", false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(is_same_by_name(&config(a), &config(b)), expected, "{a} / {b}");
        }
    }
}
