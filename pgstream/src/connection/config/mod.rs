//! What is needed to reach a database: a connection string, understood as libpq understands it.
//!
//! Words: a *keyword* is a parameter's name; *settings* are texts by keyword from all sources; a *config* is the meaning.
//! Names of profiles are not resolved here.

mod endpoint;
mod keyword;
mod password_file;
mod secret;
mod service_file;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod values;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use endpoint::{Endpoint, HostKind};
pub(crate) use secret::Secret;
// Without TLS nobody asks what it should be like.
#[cfg_attr(not(feature = "tls"), allow(unused_imports))]
pub(crate) use values::{
    AuthRules, CertificateMode, ChannelBinding, Roots, SessionKind, SocketOptions, SslMode, SslNegotiation, TargetSession,
    TlsSettings, TlsVersion,
};

use self::settings::Settings;
use super::Environment;
use super::credentials::{CredentialProvider, Credentials};
use crate::error::ConnectionError;

/// How long `open` keeps trying while a server starts, restarts or has no free connection.
const RETRY_FOR: Duration = Duration::from_secs(10);

/// How long one address may take when the string does not say. libpq waits for ever, which looks like a hang at night.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection string, understood. Knows where the servers are, who logs in, and how it is encrypted.
///
/// `Debug` and `Display` never show a password.
#[derive(Clone)]
pub struct ConnectionConfig {
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) options: Option<Secret>,
    pub(crate) application_name: String,
    pub(crate) tls: TlsSettings,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) auth_rules: Option<AuthRules>,
    pub(crate) require_peer: Option<String>,
    pub(crate) target: TargetSession,
    pub(crate) is_load_balanced: bool,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) socket: SocketOptions,
    pub(crate) retry_for: Duration,
    pub(super) credentials: Option<Credentials>,
    warnings: Vec<String>,
    is_pooled: bool,
}

impl ConnectionConfig {
    /// Understands a `postgres://` URL or a `keyword=value` string. The empty string takes all from `env` and the defaults.
    ///
    /// Order of precedence: the string, the service file, the environment, libpq's defaults. Reads the service and password files
    /// that these name; certificates are read when connecting.
    ///
    /// # Errors
    /// [`ConnectionError::Parse`], which never repeats a value that could be a password.
    ///
    /// Source: PostgreSQL manual, "Database Connection Control Functions".
    pub fn parse(text: &str, env: &Environment) -> Result<Self, ConnectionError> {
        let mut settings = Settings::collect(text, env)?;
        values::refuse_what_cannot_be(&mut settings)?;
        let user = match settings.text("user").or_else(|| env.os_user().map(str::to_owned)) {
            Some(user) => user,
            None => return Err(parse_error("string", "it names no user".into(), "Add a user, or set PGUSER.")),
        };
        let database = settings.text("dbname").unwrap_or_else(|| user.clone());
        let application_name = settings.text("application_name").or_else(|| settings.text("fallback_application_name"));
        let mut config = Self {
            endpoints: endpoint::endpoints(&settings, env)?,
            options: settings.text("options").map(Secret::new),
            application_name: application_name.unwrap_or_else(|| "pgstream".into()),
            tls: values::tls(&settings, env)?,
            channel_binding: values::channel_binding(&settings)?,
            auth_rules: values::auth_rules(&settings)?,
            require_peer: settings.text("requirepeer"),
            target: values::target(&settings)?,
            is_load_balanced: values::is_load_balanced(&settings)?,
            connect_timeout: values::connect_timeout(&settings, CONNECT_TIMEOUT)?,
            socket: values::socket(&settings)?,
            retry_for: RETRY_FOR,
            credentials: None,
            is_pooled: settings.is_pooled,
            warnings: Vec::new(),
            user,
            database,
        };
        config.find_passwords(&mut settings, env);
        config.warnings = settings.warnings;
        Ok(config)
    }

    fn find_passwords(&mut self, settings: &mut Settings, env: &Environment) {
        if let Some(password) = settings.text("password") {
            return self.set_password(&password);
        }
        let file = settings.text("passfile").map(PathBuf::from).or_else(|| env.home().map(|home| home.join(".pgpass")));
        let Some(lines) = file.and_then(|path| password_file::read(&path, &mut settings.warnings)) else { return };
        for endpoint in &mut self.endpoints {
            let host = endpoint.password_file_host(env.socket_directory());
            let wanted = password_file::Wanted { host: &host, port: endpoint.port, database: &self.database, user: &self.user };
            endpoint.password = password_file::find(&lines, &wanted);
        }
    }

    fn set_password(&mut self, password: &str) {
        for endpoint in &mut self.endpoints {
            endpoint.password = Some(Secret::new(password));
        }
    }

    /// The role that logs in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database that is connected to.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Every server that may be connected to, in the order in which they are tried. Never empty.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// What was accepted but deserves a word: parameters of other programs, a password file that others can read.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the string says that a pooler is in between (`pgbouncer=true`).
    pub fn is_pooled_hint(&self) -> bool {
        self.is_pooled
    }

    /// `application_name`, as the server will show it.
    pub fn application_name(&self) -> &str {
        &self.application_name
    }

    /// The same servers and user, another database. Passwords stay what they were.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { database: name.to_owned(), ..self.clone() }
    }

    /// The same with another `application_name`.
    #[must_use]
    pub fn with_application_name(&self, name: &str) -> Self {
        Self { application_name: name.to_owned(), ..self.clone() }
    }

    /// The same with this password for every server.
    #[must_use]
    pub fn with_password(&self, password: &str) -> Self {
        let mut config = self.clone();
        config.set_password(password);
        config
    }

    /// The same, with passwords that are asked for at every login. They go before any that the string or a file gave.
    #[must_use]
    pub fn with_credentials(&self, provider: Arc<dyn CredentialProvider>) -> Self {
        Self { credentials: Some(Credentials { provider, is_last_resort: false }), ..self.clone() }
    }

    /// The same, with passwords that are asked for at every login to a server for which the string, the environment or a password file
    /// gave none.
    #[must_use]
    pub fn with_credentials_as_last_resort(&self, provider: Arc<dyn CredentialProvider>) -> Self {
        Self { credentials: Some(Credentials { provider, is_last_resort: true }), ..self.clone() }
    }

    /// The same, trying again for at most this long while a server is starting or full. Zero tries once.
    #[must_use]
    pub fn with_retry_for(&self, total: Duration) -> Self {
        Self { retry_for: total, ..self.clone() }
    }

    /// A `keyword=value` string that names the same database, without any password.
    pub fn to_conninfo_redacted(&self) -> String {
        let hosts = self.endpoints.iter().map(|e| match &e.kind {
            HostKind::Socket(directory) => directory.to_string_lossy().into_owned(),
            HostKind::Name(name) => name.clone(),
            HostKind::Address { name, ip } => name.clone().unwrap_or_else(|| ip.to_string()),
        });
        let ports: Vec<String> = self.endpoints.iter().map(|e| e.port.to_string()).collect();
        let pairs = [
            ("host", hosts.collect::<Vec<_>>().join(",")),
            ("port", ports.join(",")),
            ("user", self.user.clone()),
            ("dbname", self.database.clone()),
            ("sslmode", self.tls.mode.as_str().to_owned()),
        ];
        let quoted = |v: &str| v.replace('\\', "\\\\").replace('\'', "\\'");
        pairs.iter().map(|(k, v)| format!("{k}='{}'", quoted(v))).collect::<Vec<_>>().join(" ")
    }

    /// `user@host:port/database` for one of the servers.
    pub(crate) fn describe(&self, endpoint: &Endpoint) -> String {
        format!("{}@{endpoint}/{}", self.user, self.database)
    }
}

/// `user@host:port/database`, several hosts separated by commas.
impl fmt::Display for ConnectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.endpoints.iter().map(Endpoint::to_string).collect();
        write!(f, "{}@{}/{}", self.user, hosts.join(","), self.database)
    }
}

impl fmt::Debug for ConnectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionConfig")
            .field("server", &self.to_string())
            .field("tls", &self.tls)
            .field("target", &self.target)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// What is wrong with the text that names a database.
pub(crate) fn parse_error(what: &str, problem: String, hint: &str) -> ConnectionError {
    ConnectionError::Parse { what: what.to_owned(), problem, hint: hint.to_owned() }
}
