//! Where servers may be: hosts, addresses, ports, sockets.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::parse_error;
use super::secret::Secret;
use super::settings::Settings;
use crate::connection::Environment;
use crate::error::ConnectionError;

const DEFAULT_PORT: u16 = 5432;

/// How one server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostKind {
    /// A directory of Unix sockets.
    Socket(PathBuf),
    /// A name or address that is resolved when connecting.
    Name(String),
    /// An address, not resolved; the name, if there is one, is only compared with the server's certificate.
    Address {
        /// `host`, beside `hostaddr`.
        name: Option<String>,
        /// `hostaddr`.
        ip: IpAddr,
    },
}

/// One of the servers that a connection string names: tried in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) kind: HostKind,
    pub(crate) port: u16,
    pub(crate) password: Option<Secret>,
}

impl Endpoint {
    /// How the server is reached.
    pub fn kind(&self) -> &HostKind {
        &self.kind
    }

    /// The TCP port, or the number in the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path of the Unix socket, if this is one.
    pub fn socket_path(&self) -> Option<PathBuf> {
        match &self.kind {
            HostKind::Socket(directory) => Some(directory.join(format!(".s.PGSQL.{}", self.port))),
            _ => None,
        }
    }

    /// The name that the server's certificate has to carry, as it was written.
    #[cfg(feature = "tls")]
    pub(crate) fn certificate_name(&self) -> Option<&str> {
        match &self.kind {
            HostKind::Name(name) => Some(name),
            HostKind::Address { name, .. } => name.as_deref(),
            HostKind::Socket(_) => None,
        }
    }

    /// What a line of the password file has to name. `localhost` stands for the default directory of sockets too.
    pub(crate) fn password_file_host(&self, default_directory: &Path) -> String {
        match &self.kind {
            HostKind::Socket(directory) if directory == default_directory => "localhost".into(),
            HostKind::Socket(directory) => directory.to_string_lossy().into_owned(),
            HostKind::Name(name) => name.clone(),
            HostKind::Address { name, ip } => name.clone().unwrap_or_else(|| ip.to_string()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            HostKind::Socket(directory) => write!(f, "{}:{}", directory.display(), self.port),
            HostKind::Name(name) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            HostKind::Name(name) | HostKind::Address { name: Some(name), .. } => write!(f, "{name}:{}", self.port),
            HostKind::Address { name: None, ip: IpAddr::V6(ip) } => write!(f, "[{ip}]:{}", self.port),
            HostKind::Address { name: None, ip } => write!(f, "{ip}:{}", self.port),
        }
    }
}

/// Combines `host`, `hostaddr` and `port`, which may be lists.
pub(crate) fn endpoints(settings: &Settings, env: &Environment) -> Result<Vec<Endpoint>, ConnectionError> {
    let hosts = list(settings.text("host"));
    let addresses = list(settings.text("hostaddr"));
    let ports = list(settings.text("port"));
    let count = hosts.len().max(addresses.len()).max(1);
    let differs = |len: usize| len != 0 && len != count;
    if differs(hosts.len()) || differs(addresses.len()) || (ports.len() > 1 && differs(ports.len())) {
        let problem = format!("there are {} names, {} addresses and {} ports", hosts.len(), addresses.len(), ports.len());
        return Err(parse_error("hosts", problem, "Give as many of each as there are hosts, or one port for all."));
    }
    (0..count)
        .map(|i| {
            let at = |list: &[String], i: usize| list.get(i).filter(|v| !v.is_empty()).cloned();
            let port = if ports.len() == 1 { at(&ports, 0) } else { at(&ports, i) };
            Ok(Endpoint { kind: kind(at(&hosts, i), at(&addresses, i), env)?, port: port_number(port)?, password: None })
        })
        .collect()
}

fn list(value: Option<String>) -> Vec<String> {
    value.map(|v| v.split(',').map(str::to_owned).collect()).unwrap_or_default()
}

fn kind(name: Option<String>, address: Option<String>, env: &Environment) -> Result<HostKind, ConnectionError> {
    let hint = "Percent-encode @ in a password as %40; abstract sockets are not supported.";
    match (name, address) {
        (Some(name), _) if name.contains('@') => Err(parse_error("host", "it contains an @".into(), hint)),
        (name, Some(address)) => match address.parse() {
            Ok(ip) => Ok(HostKind::Address { name, ip }),
            Err(_) => Err(parse_error("parameter hostaddr", "it is not an IP address".into(), "Names belong into host.")),
        },
        (Some(name), None) if name.starts_with('/') => Ok(HostKind::Socket(name.into())),
        (Some(name), None) => Ok(HostKind::Name(name)),
        (None, None) => Ok(HostKind::Socket(env.socket_directory().to_owned())),
    }
}

fn port_number(text: Option<String>) -> Result<u16, ConnectionError> {
    let Some(text) = text else { return Ok(DEFAULT_PORT) };
    // The text is not repeated: behind a colon that was not percent-encoded stands a password.
    let hint = "A port is a number from 1 to 65535. In a URL, percent-encode : and / in a password as %3A and %2F.";
    text.trim().parse().ok().filter(|port| *port != 0).ok_or_else(|| parse_error("port", "it is not a port number".into(), hint))
}
