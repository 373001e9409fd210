//! Why one attempt to reach one address failed, before it is known whether another one helps.

use std::io;

use super::tls;
use crate::error::{ConnectionError, ServerError};

/// One attempt's end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody answered, or the line broke.
    Unreachable(io::Error),
    /// No time left.
    TimedOut,
    /// The name could not be resolved.
    Unresolved(String),
    /// TLS is wanted and not to be had: `true` if the handshake failed, `false` if the server has none.
    Tls(String, bool),
    /// The server said no.
    Refused(Box<ServerError>),
    /// We said no: the kind of login that the server wants is not possible or not allowed.
    Login(String),
    /// Whoever gives passwords gave none.
    NotGiven(String),
    /// The other end does not speak the protocol.
    Protocol(String),
    /// The session is not what `target_session_attrs` asks for.
    WrongSession(&'static str),
}

impl Failure {
    /// Whether a login failed because the server asked for a password and there was none.
    pub(crate) fn is_password_missing(e: &tokio_postgres::Error) -> bool {
        std::error::Error::source(e).is_some_and(|source| source.to_string().contains("password missing"))
    }

    /// What tokio-postgres says about a failed login.
    pub(crate) fn from_login(e: &tokio_postgres::Error) -> Self {
        if let Some(db) = e.as_db_error() {
            return Self::Refused(Box::new(db.into()));
        }
        if let Some(io) = std::error::Error::source(e).and_then(|s| s.downcast_ref::<io::Error>()) {
            return match io.kind() {
                _ if tls::is_tls_error(io) => Self::Tls(io.to_string(), true),
                io::ErrorKind::PermissionDenied => Self::Login(io.to_string()),
                io::ErrorKind::InvalidData => Self::Protocol(io.to_string()),
                kind => Self::Unreachable(io::Error::new(kind, io.to_string())),
            };
        }
        if e.is_closed() {
            return Self::Unreachable(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed the connection during login",
            ));
        }
        Self::Login(match std::error::Error::source(e) {
            Some(_) if Self::is_password_missing(e) => "the server asks for a password and none is given".into(),
            Some(source) => source.to_string(),
            None => e.to_string(),
        })
    }

    /// Whether libpq would go on to the next address.
    pub(crate) fn tries_next(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut | Self::Unresolved(_) | Self::WrongSession(_) => true,
            Self::Refused(e) => e.is("57P03"),
            _ => false,
        }
    }

    /// Whether the same attempt may work a little later.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut | Self::NotGiven(_) => true,
            Self::Refused(e) if e.is_refused_parameter() => false,
            Self::Refused(e) => {
                matches!(e.sqlstate.as_str(), "57P01" | "57P02" | "57P03" | "53300") || e.sqlstate.starts_with("08")
            }
            _ => false,
        }
    }

    /// One line for the list of what was tried.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Unreachable(e) => e.to_string(),
            Self::TimedOut => "no answer in time".into(),
            Self::Unresolved(problem) | Self::Tls(problem, _) | Self::Login(problem) => problem.clone(),
            Self::NotGiven(problem) | Self::Protocol(problem) => problem.clone(),
            Self::Refused(e) => e.to_string(),
            Self::WrongSession(problem) => (*problem).into(),
        }
    }

    /// The error that a caller sees.
    pub(crate) fn error(self, server: &str) -> ConnectionError {
        let server = server.to_owned();
        match self {
            Self::Tls(problem, _) => ConnectionError::Tls { server, problem },
            Self::Protocol(problem) => ConnectionError::Protocol { server, problem },
            Self::Refused(source) if source.sqlstate.starts_with("28") => ConnectionError::Authentication { server, source },
            Self::Refused(source) => ConnectionError::Refused { server, source },
            Self::Login(message) | Self::NotGiven(message) => {
                let source =
                    ServerError { severity: "FATAL".into(), sqlstate: "28000".into(), message, ..ServerError::default() };
                ConnectionError::Authentication { server, source: Box::new(source) }
            }
            other => ConnectionError::Unreachable { server, attempts: other.describe() },
        }
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Self::Unreachable(e)
    }
}
