//! What can go wrong while a live database is written.

use super::{ConnectionError, DataError, ErrorCode, Retry};

/// A live database could not be written.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The connection to the target failed outside of a statement of the archive.
    #[error("could not prepare the target")]
    Connection(#[from] ConnectionError),
    /// A statement of the archive failed.
    #[error("could not create {what}")]
    Apply {
        /// The entry, as `TABLE public.film`.
        what: String,
        /// What the server said.
        source: ConnectionError,
    },
    /// Rows did not get there.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The target holds objects.
    #[error("the target {target} is not empty: it holds {count} objects, {examples} among them")]
    NotEmpty {
        /// The target.
        target: String,
        /// How many.
        count: u64,
        /// Some of them.
        examples: String,
    },
    /// A table that was there, and had no rows when that was checked, has some now.
    #[error("{relation} holds rows already")]
    HoldsRows {
        /// The table.
        relation: String,
    },
    /// Somebody else writes to the target.
    #[error("another run is writing to {target}{by}")]
    Busy {
        /// The target.
        target: String,
        /// ` (pid …)` or empty.
        by: String,
    },
    /// What a broken run left behind cannot be taken back.
    #[error("could not take back {what}, which a run that broke off had made")]
    CleanUp {
        /// The object.
        what: String,
        /// What the server said.
        source: ConnectionError,
    },
    /// What a broken run left behind is not what it made, or not ours to take back.
    #[error("could not take back {what}: {problem}")]
    NotOurs {
        /// The object, or the marker.
        what: String,
        /// What is not as it was left.
        problem: String,
    },
    /// The rows in the target are not those that were read.
    #[error("verification failed: {relation} has {found} in the target and {expected} in the source")]
    Mismatch {
        /// The table.
        relation: String,
        /// What was read.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The session reached another server or database than the one that was admitted.
    #[error("a writing connection reached another database than the one that was checked: {problem}")]
    OtherDatabase {
        /// What differs.
        problem: String,
    },
    /// The marker of this run is gone.
    #[error("the run was given up: its marker is gone from {target}, where another run has taken back what this one had made")]
    TakenOver {
        /// The target.
        target: String,
    },
    /// The answer to the last COMMIT was lost, and nobody could be asked what became of it.
    #[error("the answer to the last transaction ({transaction}) was lost: whether it was committed is not known")]
    Unconfirmed {
        /// Its number, for `pg_xact_status`.
        transaction: u64,
        /// How it was lost.
        source: ConnectionError,
    },
    /// The server forgot what it had confirmed.
    #[error("the target lost what it had confirmed: {problem}")]
    Forgotten {
        /// What is missing.
        problem: String,
    },
}

impl ImportError {
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Connection(e) => e.code(),
            Self::Apply { .. } | Self::CleanUp { .. } | Self::NotOurs { .. } | Self::Forgotten { .. } => ErrorCode::ApplyFailed,
            Self::Data(e) => e.code(),
            Self::NotEmpty { .. } | Self::HoldsRows { .. } => ErrorCode::TargetNotEmpty,
            Self::Busy { .. } | Self::TakenOver { .. } => ErrorCode::TargetBusy,
            Self::Unconfirmed { source, .. } => source.code(),
            Self::Mismatch { .. } => ErrorCode::VerificationFailed,
            Self::OtherDatabase { .. } => ErrorCode::GuardRefused,
        }
    }

    pub(super) fn hint(&self) -> String {
        match self {
            Self::Connection(e) => e.hint(),
            Self::Apply { source, .. } => source.hint(),
            Self::Data(e) => e.hint(),
            Self::NotEmpty { .. } => "Name an empty database, or make one with CREATE DATABASE … TEMPLATE template0.".into(),
            Self::HoldsRows { .. } => "Somebody writes to the target. Empty the table, or leave it out.".into(),
            Self::Busy { .. } => "Wait for it to end, or cancel it.".into(),
            Self::NotOurs { .. } => {
                "Look at what is in the target. When nothing of the broken run is left, drop the schema pgstream_loading.".into()
            }
            Self::CleanUp { source, .. } if source.sqlstate() == Some("55P03") => {
                "Another session holds a lock on it. When that session has ended its transaction, run the same command again."
                    .into()
            }
            Self::CleanUp { source, .. } => {
                let next = "Something that is not of that run depends on it. Drop or move it, then run the same command again.";
                match source.dependents() {
                    Some(dependents) => format!("{next} {}", dependents.replace('\n', "; ")),
                    None => next.into(),
                }
            }
            Self::Mismatch { .. } => {
                "The target is not a copy of the source. Run again; if it happens again, please report it.".into()
            }
            Self::TakenOver { .. } => {
                "The sessions of this run were ended while it stood still, and another run went on. The target is that run's."
                    .into()
            }
            Self::Unconfirmed { .. } => {
                "If the target has no schema pgstream_loading, the run had come to its end: compare with pgstream verify. If it \
                 has, run the same command again."
                    .into()
            }
            Self::OtherDatabase { .. } => "Name the server's own address, not one that is shared by several servers.".into(),
            Self::Forgotten { .. } => "The target's server was restarted. Run the same command again.".into(),
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connection(e) | Self::Apply { source: e, .. } => e.retry(),
            Self::Data(e) => e.retry(),
            Self::Busy { .. } | Self::Forgotten { .. } => Retry::Now,
            Self::NotEmpty { .. }
            | Self::TakenOver { .. }
            | Self::Unconfirmed { .. }
            | Self::HoldsRows { .. }
            | Self::CleanUp { .. }
            | Self::NotOurs { .. }
            | Self::OtherDatabase { .. } => Retry::AfterOperator,
            Self::Mismatch { .. } => Retry::Never,
        }
    }
}
