//! What can go wrong between us and a server.

use super::{ErrorCode, Retry, ServerError};

/// A connection could not be made, or an open one failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The text that names a database cannot be understood. It is not repeated here: it may hold a password.
    #[error("cannot understand the connection {what}: {problem}")]
    Parse {
        /// Which part: a parameter's name, `URL`, `service file` and the like.
        what: String,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        hint: String,
    },
    /// No address answered. `attempts` has one line per address that was tried.
    #[error("could not connect to {server}: {attempts}")]
    Unreachable {
        /// `host:port` or the socket's path.
        server: String,
        /// What each address said.
        attempts: String,
    },
    /// The server refused the user.
    #[error("could not log in to {server}")]
    Authentication {
        /// `user@host:port/database`.
        server: String,
        /// What the server, or our side of the exchange, said.
        source: Box<ServerError>,
    },
    /// The server knows the user and does not give a session: no such database, no free connection, shutting down.
    #[error("could not open a session on {server}")]
    Refused {
        /// `user@host:port/database`.
        server: String,
        /// What the server said.
        source: Box<ServerError>,
    },
    /// The encrypted connection could not be made.
    #[error("could not make an encrypted connection to {server}: {problem}")]
    Tls {
        /// `host:port`.
        server: String,
        /// What failed.
        problem: String,
    },
    /// An open connection broke.
    #[error("the connection to {server} was lost: {problem}")]
    Lost {
        /// `user@host:port/database`.
        server: String,
        /// What the operating system said.
        problem: String,
    },
    /// The server sent what the protocol does not allow here.
    #[error("{server} answered out of protocol: {problem}")]
    Protocol {
        /// `user@host:port/database`.
        server: String,
        /// What was expected and what came.
        problem: String,
    },
    /// A statement failed on the server.
    #[error("{server} refused a statement")]
    Server {
        /// `user@host:port/database`.
        server: String,
        /// The server's own words.
        source: Box<ServerError>,
    },
    /// The server is not one that pgstream works with.
    #[error("{server} is {product}, which is not supported")]
    Unsupported {
        /// `user@host:port/database`.
        server: String,
        /// Product and version.
        product: String,
    },
}

impl ConnectionError {
    /// The error that the server reported, if it was the server that ended this.
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Authentication { source, .. } | Self::Refused { source, .. } | Self::Server { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The SQLSTATE, if the server reported one.
    pub fn sqlstate(&self) -> Option<&str> {
        self.server_error().map(|e| e.sqlstate.as_str())
    }

    /// Where in the rows of a COPY the server was.
    pub(super) fn copy_position(&self) -> Option<&str> {
        self.server_error().and_then(|e| e.copy_position())
    }

    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Parse { .. } => ErrorCode::ConnectionString,
            Self::Unreachable { .. } => ErrorCode::ConnectionUnreachable,
            Self::Authentication { .. } => ErrorCode::ConnectionAuthentication,
            Self::Refused { .. } => ErrorCode::ConnectionRefused,
            Self::Tls { .. } => ErrorCode::ConnectionTls,
            Self::Lost { .. } => ErrorCode::ConnectionLost,
            Self::Protocol { .. } => ErrorCode::ConnectionProtocol,
            Self::Server { .. } => ErrorCode::ServerError,
            Self::Unsupported { .. } => ErrorCode::ServerUnsupported,
        }
    }

    pub(super) fn hint(&self) -> String {
        match self {
            Self::Parse { hint, .. } => hint.clone(),
            Self::Unreachable { .. } => "Check the host and port, and that the server is running and reachable from here.".into(),
            Self::Authentication { .. } => {
                "Check the user and the password (URL, PGPASSWORD or ~/.pgpass) and the server's pg_hba.conf.".into()
            }
            Self::Refused { source, .. } if source.is_refused_parameter() => {
                "A pooler takes but a few parameters: leave options out of the connection string and PGOPTIONS out of the \
                 environment, or name the server's own address."
                    .into()
            }
            Self::Refused { source, .. } => match source.sqlstate.as_str() {
                "3D000" => "Check the name of the database, or create it first.".into(),
                "53300" => "Wait until other sessions end, use fewer jobs, or raise max_connections.".into(),
                _ => "Try again later; the server's log has more.".into(),
            },
            Self::Tls { .. } => "Check sslmode, sslrootcert and the host name in the server's certificate.".into(),
            Self::Lost { .. } => "Run the same command again. If it happens again, look into the server's log.".into(),
            Self::Protocol { .. } => "Check that the address is a PostgreSQL server and not something in front of it.".into(),
            Self::Server { source, .. } => match source.hint.clone() {
                Some(hint) => hint,
                None if source.is("42501") => {
                    "Grant the role what it lacks, or name another role in the connection string.".into()
                }
                None => "The server's log has the statement.".into(),
            },
            Self::Unsupported { .. } => "pgstream works with PostgreSQL 13 to 18.".into(),
        }
    }

    /// What the server says depends on an object that it would not drop: names of objects, never values.
    pub(super) fn dependents(&self) -> Option<&str> {
        match self {
            Self::Server { source, .. } if source.is("2BP01") => source.detail.as_deref(),
            _ => None,
        }
    }

    /// When the same call may work. Decided by SQLSTATE where there is one.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { .. } | Self::Lost { .. } => Retry::Now,
            Self::Refused { source, .. } if source.is_refused_parameter() => Retry::AfterOperator,
            Self::Server { source, .. } | Self::Refused { source, .. } | Self::Authentication { source, .. } => {
                Retry::from_sqlstate(&source.sqlstate)
            }
            Self::Parse { .. } | Self::Protocol { .. } | Self::Unsupported { .. } => Retry::Never,
            Self::Tls { .. } => Retry::AfterOperator,
        }
    }
}
