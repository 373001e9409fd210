//! The meaning of the parameters that are neither hosts nor passwords.

use std::path::PathBuf;
use std::time::Duration;

use super::parse_error;
use super::secret::Secret;
use super::settings::Settings;
use crate::connection::Environment;
use crate::error::ConnectionError;

/// How much encryption is wanted. Ordered: each one asks for at least what the one before does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

const SSL_MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

impl SslMode {
    pub(crate) fn as_str(self) -> &'static str {
        SSL_MODES.iter().find(|(_, mode)| *mode == self).expect("every mode is in the list").0
    }
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SslNegotiation {
    /// By an SSLRequest, which every server understands.
    Postgres,
    /// At once (servers from 17 on).
    Direct,
}

/// Versions of TLS that can be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    Tls12,
    Tls13,
}

/// Whether a client certificate is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CertificateMode {
    Disable,
    Allow,
    Require,
}

/// Where trusted certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// The operating system's.
    System,
    /// A file, which may be missing unless a certificate has to be verified.
    File(PathBuf),
    /// Nobody named a file and there is no home directory.
    None,
}

/// Everything about encryption that the connection string says. Files are read when connecting.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
pub(crate) struct TlsSettings {
    pub(crate) mode: SslMode,
    pub(crate) negotiation: SslNegotiation,
    pub(crate) roots: Roots,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) key_password: Option<Secret>,
    pub(crate) certificate_mode: CertificateMode,
    pub(crate) is_name_sent: bool,
    pub(crate) oldest: TlsVersion,
    pub(crate) newest: TlsVersion,
}

pub(crate) fn tls(settings: &Settings, env: &Environment) -> Result<TlsSettings, ConnectionError> {
    let in_home = |name: &str| env.home().map(|home| home.join(".postgresql").join(name));
    let file = |keyword, default| settings.text(keyword).map(PathBuf::from).or_else(|| in_home(default));
    let roots = match settings.text("sslrootcert") {
        Some(word) if word == "system" => Roots::System,
        _ => file("sslrootcert", "root.crt").map_or(Roots::None, Roots::File),
    };
    let default_mode = if roots == Roots::System { SslMode::VerifyFull } else { SslMode::Prefer };
    let mode = settings.choice("sslmode", SSL_MODES)?.unwrap_or(default_mode);
    if roots == Roots::System && mode != SslMode::VerifyFull {
        let problem = "a weak sslmode makes no sense with sslrootcert=system".into();
        return Err(parse_error("parameter sslmode", problem, "Use sslmode=verify-full."));
    }
    let negotiations = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
    let negotiation = settings.choice("sslnegotiation", &negotiations)?.unwrap_or(SslNegotiation::Postgres);
    if negotiation == SslNegotiation::Direct && mode < SslMode::Require {
        let problem = "a weak sslmode makes no sense with sslnegotiation=direct".into();
        return Err(parse_error("parameter sslmode", problem, "Use sslmode=require, verify-ca or verify-full."));
    }
    let (oldest, newest) = tls_versions(settings)?;
    let modes = [("disable", CertificateMode::Disable), ("allow", CertificateMode::Allow), ("require", CertificateMode::Require)];
    Ok(TlsSettings {
        mode,
        negotiation,
        roots,
        certificate: file("sslcert", "postgresql.crt"),
        key: file("sslkey", "postgresql.key"),
        key_password: settings.text("sslpassword").map(Secret::new),
        certificate_mode: settings.choice("sslcertmode", &modes)?.unwrap_or(CertificateMode::Allow),
        is_name_sent: settings.switch("sslsni", true),
        oldest,
        newest,
    })
}

fn tls_versions(settings: &Settings) -> Result<(TlsVersion, TlsVersion), ConnectionError> {
    let version = |keyword: &'static str, old, default| {
        let Some(text) = settings.text(keyword) else { return Ok(default) };
        match text.to_ascii_lowercase().as_str() {
            "tlsv1" | "tlsv1.1" => old,
            "tlsv1.2" => Ok(TlsVersion::Tls12),
            "tlsv1.3" => Ok(TlsVersion::Tls13),
            _ => {
                Err(parse_error(&format!("parameter {keyword}"), "there is no such version".into(), "Write TLSv1.2 or TLSv1.3."))
            }
        }
    };
    let too_old = || {
        let problem = "TLS before 1.2 is not supported".into();
        parse_error("parameter ssl_max_protocol_version", problem, "Write TLSv1.2 or TLSv1.3.")
    };
    let oldest = version("ssl_min_protocol_version", Ok(TlsVersion::Tls12), TlsVersion::Tls12)?;
    let newest = version("ssl_max_protocol_version", Err(too_old()), TlsVersion::Tls13)?;
    if oldest > newest {
        let problem = "the oldest version is newer than the newest".into();
        return Err(parse_error("parameter ssl_min_protocol_version", problem, "Swap ssl_min_ and ssl_max_protocol_version."));
    }
    Ok((oldest, newest))
}

/// Whether a login by SCRAM must be bound to the TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

pub(crate) fn channel_binding(settings: &Settings) -> Result<ChannelBinding, ConnectionError> {
    let choices =
        [("disable", ChannelBinding::Disable), ("prefer", ChannelBinding::Prefer), ("require", ChannelBinding::Require)];
    Ok(settings.choice("channel_binding", &choices)?.unwrap_or(ChannelBinding::Prefer))
}

/// `require_auth`: the ways of logging in that are accepted, or, if `is_negated`, those that are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthRules {
    pub(crate) methods: Vec<String>,
    pub(crate) is_negated: bool,
}

impl AuthRules {
    /// Whether the server may ask for this.
    pub(crate) fn allow(&self, method: &str) -> bool {
        self.methods.iter().any(|m| m == method) != self.is_negated
    }
}

const AUTH_METHODS: &[&str] = &["password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"];

pub(crate) fn auth_rules(settings: &Settings) -> Result<Option<AuthRules>, ConnectionError> {
    let Some(text) = settings.text("require_auth") else { return Ok(None) };
    let error = |problem: &str| {
        let hint = format!("Write a list of {}; or each of them with ! before it.", AUTH_METHODS.join(", "));
        parse_error("parameter require_auth", problem.to_owned(), &hint)
    };
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_negated = words[0].starts_with('!');
    if words.iter().any(|w| w.starts_with('!') != is_negated) {
        return Err(error("it mixes methods with and without !"));
    }
    let methods: Vec<String> = words.iter().map(|w| w.trim_start_matches('!').to_owned()).collect();
    if methods.iter().any(|m| !AUTH_METHODS.contains(&m.as_str())) {
        return Err(error("it names an unknown method"));
    }
    Ok(Some(AuthRules { methods, is_negated }))
}

/// What a session must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionKind {
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
}

/// `target_session_attrs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetSession {
    Any,
    Only(SessionKind),
    /// One of that kind if there is one, else any.
    Prefer(SessionKind),
}

pub(crate) fn target(settings: &Settings) -> Result<TargetSession, ConnectionError> {
    let choices = [
        ("any", TargetSession::Any),
        ("read-write", TargetSession::Only(SessionKind::ReadWrite)),
        ("read-only", TargetSession::Only(SessionKind::ReadOnly)),
        ("primary", TargetSession::Only(SessionKind::Primary)),
        ("standby", TargetSession::Only(SessionKind::Standby)),
        ("prefer-standby", TargetSession::Prefer(SessionKind::Standby)),
    ];
    Ok(settings.choice("target_session_attrs", &choices)?.unwrap_or(TargetSession::Any))
}

pub(crate) fn is_load_balanced(settings: &Settings) -> Result<bool, ConnectionError> {
    Ok(settings.choice("load_balance_hosts", &[("disable", false), ("random", true)])?.unwrap_or(false))
}

/// The time that one address may take: none or less than one second means no limit.
pub(crate) fn connect_timeout(settings: &Settings, default: Duration) -> Result<Option<Duration>, ConnectionError> {
    Ok(match settings.number("connect_timeout")? {
        None => Some(default),
        Some(seconds) => u64::try_from(seconds).ok().filter(|s| *s > 0).map(Duration::from_secs),
    })
}

/// What is set on a TCP socket. `None` leaves the operating system's value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SocketOptions {
    pub(crate) keepalives: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) count: Option<u32>,
    pub(crate) user_timeout: Option<Duration>,
}

pub(crate) fn socket(settings: &Settings) -> Result<SocketOptions, ConnectionError> {
    let positive = |name| Ok(settings.number(name)?.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0));
    let seconds = |name| Ok(positive(name)?.map(|n| Duration::from_secs(n.into())));
    Ok(SocketOptions {
        keepalives: settings.number("keepalives")?.is_none_or(|n| n != 0),
        idle: seconds("keepalives_idle")?,
        interval: seconds("keepalives_interval")?,
        count: positive("keepalives_count")?,
        user_timeout: positive("tcp_user_timeout")?.map(|ms| Duration::from_millis(ms.into())),
    })
}

/// Parameters whose value asks for something that we do not do.
pub(crate) fn refuse_what_cannot_be(settings: &mut Settings) -> Result<(), ConnectionError> {
    let refuse = |name: &str, problem: &str, hint: &str| Err(parse_error(&format!("parameter {name}"), problem.into(), hint));
    let gss = [("disable", false), ("prefer", false), ("require", true)];
    if settings.choice("gssencmode", &gss)?.unwrap_or(false) {
        return refuse("gssencmode", "encryption by GSSAPI is not supported", "Use TLS: sslmode=verify-full.");
    }
    if settings.text("gssdelegation").is_some_and(|v| v == "1") {
        return refuse("gssdelegation", "GSSAPI is not supported", "Remove the parameter.");
    }
    if settings.text("replication").is_some_and(|v| !matches!(v.as_str(), "false" | "off" | "no" | "0")) {
        return refuse("replication", "replication connections are not used", "Remove the parameter.");
    }
    if settings.text("min_protocol_version").is_some_and(|v| v != "3.0") {
        return refuse("min_protocol_version", "only protocol version 3.0 is spoken", "Remove the parameter.");
    }
    let versions = [("", ()), ("3.0", ()), ("3.2", ()), ("latest", ())];
    settings.choice("max_protocol_version", &versions)?;
    if settings.text("client_encoding").is_some_and(|v| !is_utf8(&v)) {
        settings.warnings.push("client_encoding has no effect: text always travels as UTF8".into());
    }
    Ok(())
}

fn is_utf8(encoding: &str) -> bool {
    let letters: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect();
    matches!(letters.to_ascii_lowercase().as_str(), "utf8" | "unicode" | "auto")
}
