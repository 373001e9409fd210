//! What can go wrong, said so that a tired operator knows what failed, where, and what to do next.
//!
//! Every area has an enum of its own; [`Error`] wraps them. An error has a stable [`code`](Error::code), a
//! [`hint`](Error::hint) with the next step, and says by [`retry`](Error::retry) whether the same call may work later.
//! No error holds a password or the value of a cell in what it prints.

mod archive;
mod backup;
mod catalog;
mod code;
mod connection;
mod data;
mod guard;
mod import;
mod preflight;
mod script;
mod server;
mod storage;

pub use archive::ArchiveError;
pub use backup::BackupError;
pub use catalog::CatalogError;
pub use code::ErrorCode;
pub use connection::ConnectionError;
pub use data::DataError;
pub use guard::{GuardError, GuardRule};
pub use import::ImportError;
pub(crate) use preflight::NAME_THE_SERVER;
pub use preflight::{PreflightError, PreflightProblem};
pub use script::ScriptError;
pub use server::ServerError;
pub use storage::StorageError;

/// A result whose error is pgstream's own.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether the same call may work later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The cause passes by itself: try again, with a pause.
    Now,
    /// Somebody has to change something first.
    AfterOperator,
    /// It will fail the same way each time.
    Never,
}

impl Retry {
    /// The word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::AfterOperator => "after_operator",
            Self::Never => "never",
        }
    }

    /// Decides by SQLSTATE. Source: PostgreSQL manual, appendix "PostgreSQL Error Codes".
    pub fn from_sqlstate(sqlstate: &str) -> Self {
        match sqlstate {
            // Serialization failures, deadlocks, lost or refused connections, a server that starts or stops.
            "40001" | "40P01" | "57P01" | "57P02" | "57P03" | "57P05" | "55P03" | "53300" => Self::Now,
            s if s.starts_with("08") => Self::Now,
            // Out of resources; wrong password; missing rights or roles; objects in use.
            s if s.starts_with("53") || s.starts_with("28") || s.starts_with("58") => Self::AfterOperator,
            "42501" | "55006" | "57014" => Self::AfterOperator,
            _ => Self::Never,
        }
    }
}

/// Everything that can end a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// See [`ConnectionError`].
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// See [`CatalogError`].
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// See [`DataError`].
    #[error(transparent)]
    Data(#[from] DataError),
    /// See [`ImportError`].
    #[error(transparent)]
    Import(#[from] ImportError),
    /// See [`PreflightError`].
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    /// The run was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// See [`ArchiveError`].
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// See [`GuardError`].
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// See [`BackupError`].
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// See [`ScriptError`].
    #[error(transparent)]
    Script(#[from] ScriptError),
}

impl Error {
    /// The stable word for this kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Connection(e) => e.code(),
            Self::Catalog(e) => e.code(),
            Self::Data(e) => e.code(),
            Self::Import(e) => e.code(),
            Self::Preflight(e) => e.code(),
            Self::Cancelled => ErrorCode::Cancelled,
            Self::Storage(e) => e.code(),
            Self::Archive(e) => e.code(),
            Self::Guard(e) => e.code(),
            Self::Backup(e) => e.code(),
            Self::Script(e) => e.code(),
        }
    }

    /// The next step, as a full sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Connection(e) => e.hint(),
            Self::Catalog(e) => e.hint(),
            Self::Data(e) => e.hint(),
            Self::Import(e) => e.hint(),
            Self::Preflight(e) => e.hint(),
            Self::Cancelled => "Run the same command again when you want it.".into(),
            Self::Storage(e) => e.hint(),
            Self::Archive(e) => e.hint(),
            Self::Guard(e) => e.hint(),
            Self::Backup(e) => e.hint(),
            Self::Script(e) => e.hint(),
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connection(e) => e.retry(),
            Self::Catalog(e) => e.retry(),
            Self::Data(e) => e.retry(),
            Self::Import(e) => e.retry(),
            Self::Preflight(e) => e.retry(),
            Self::Cancelled => Retry::AfterOperator,
            Self::Storage(e) => e.retry(),
            Self::Archive(e) => e.retry(),
            Self::Guard(e) => e.retry(),
            Self::Backup(e) => e.retry(),
            Self::Script(e) => e.retry(),
        }
    }
}
