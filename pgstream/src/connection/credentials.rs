//! Passwords that are asked for at every login, for those that expire.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::config::{ConnectionConfig, Endpoint, HostKind};

/// Who is about to log in, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginRequest {
    /// The host's name, its address if it has no name, or the directory of its socket.
    pub host: String,
    /// The TCP port, or the number in the socket's name.
    pub port: u16,
    /// The role.
    pub user: String,
    /// The database.
    pub database: String,
}

impl LoginRequest {
    pub(super) fn new(config: &ConnectionConfig, endpoint: &Endpoint) -> Self {
        let host = match &endpoint.kind {
            HostKind::Socket(directory) => directory.to_string_lossy().into_owned(),
            HostKind::Name(name) => name.clone(),
            HostKind::Address { name, ip } => name.clone().unwrap_or_else(|| ip.to_string()),
        };
        Self { host, port: endpoint.port, user: config.user.clone(), database: config.database.clone() }
    }
}

/// Gives passwords when they are needed. A run connects many times, and again after each loss of a connection: a token that is
/// good for a quarter of an hour would not do for a copy that takes two.
///
/// ```
/// use pgstream::connection::{CredentialProvider, LoginRequest};
///
/// struct Tokens;
///
/// #[pgstream::async_trait]
/// impl CredentialProvider for Tokens {
///     async fn password(&self, login: &LoginRequest) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(format!("a new token for {} at {}:{}", login.user, login.host, login.port))
///     }
/// }
/// ```
#[async_trait]
pub trait CredentialProvider: Send + Sync {
    /// The password for one login, asked for immediately before it, by several tasks at a time. It counts towards
    /// `connect_timeout`, is never shown, and is forgotten after the login.
    ///
    /// # Errors
    /// What keeps it from being given. It is tried again for a few seconds, and matters only if the server asks for a password. Its words
    /// become part of the error and are shown: they must hold no secret.
    async fn password(&self, login: &LoginRequest) -> Result<String, Box<dyn Error + Send + Sync>>;
}

/// A provider within a config.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) provider: Arc<dyn CredentialProvider>,
    /// It is asked only where no password is known.
    pub(super) is_last_resort: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}
