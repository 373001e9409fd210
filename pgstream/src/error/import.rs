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
    /// A statement of a script failed.
    #[error("line {line} of the script failed: {statement}{}", CopyPosition(.source))]
    Script {
        /// Where it begins, counted from 1.
        line: u64,
        /// Its beginning, without values.
        statement: String,
        /// What the server said.
        source: ConnectionError,
    },
    /// A script holds a statement that an import does not run.
    #[error("line {line} of the script is not imported: {statement}: {problem}")]
    ScriptRefused {
        /// Where it begins, counted from 1.
        line: u64,
        /// Its beginning, without values.
        statement: String,
        /// Why not.
        problem: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A script ends where it may end, and yet not all of it is there.
    #[error("the script is not complete: {problem}")]
    ScriptIncomplete {
        /// What is missing.
        problem: String,
    },
    /// A file was read twice and was not the same.
    #[error("the script was changed while it was imported")]
    ScriptChanged,
    /// Everything was written, and could not be committed.
    #[error("could not commit what was written")]
    Commit(#[source] ConnectionError),
    /// A statement of the operator's own failed, of `--before-sql` or `--after-sql`.
    #[error("could not run {what}")]
    Run {
        /// The line and the file.
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
    /// What is to be replaced is in use, and was longer than we wait.
    #[error("could not lock what is to be replaced in {target} within {seconds} seconds: {blockers}")]
    Locked {
        /// The target.
        target: String,
        /// Who holds locks on it.
        blockers: String,
        /// How long we waited.
        seconds: u64,
    },
    /// Something in the target keeps what is there from being replaced.
    #[error("cannot replace what is in {target}: {examples} ({count} in all)")]
    InTheWay {
        /// The target.
        target: String,
        /// How many things.
        count: usize,
        /// Some of them.
        examples: String,
    },
    /// The target was changed again and again while it was to be replaced.
    #[error("could not replace what is there, since it was changed meanwhile: {what}")]
    Unsteady {
        /// What was seen last.
        what: String,
    },
    /// The server forgot what it had confirmed.
    #[error("the target lost what it had confirmed: {problem}")]
    Forgotten {
        /// What is missing.
        problem: String,
    },
}

/// `, COPY t, line 3, column a` where the server tells it.
struct CopyPosition<'a>(&'a ConnectionError);

impl std::fmt::Display for CopyPosition<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.copy_position() {
            Some(position) => write!(f, " ({position})"),
            None => Ok(()),
        }
    }
}

impl ImportError {
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Connection(e) => e.code(),
            Self::Script { .. }
            | Self::Commit(_)
            | Self::Apply { .. }
            | Self::Run { .. }
            | Self::CleanUp { .. }
            | Self::NotOurs { .. }
            | Self::Forgotten { .. } => ErrorCode::ApplyFailed,
            Self::ScriptRefused { .. } => ErrorCode::ScriptRefused,
            Self::ScriptIncomplete { .. } => ErrorCode::ScriptIncomplete,
            Self::ScriptChanged => ErrorCode::InputChanged,
            Self::Data(e) => e.code(),
            Self::NotEmpty { .. } | Self::HoldsRows { .. } => ErrorCode::TargetNotEmpty,
            Self::Busy { .. } | Self::TakenOver { .. } => ErrorCode::TargetBusy,
            Self::Unconfirmed { source, .. } => source.code(),
            Self::Locked { .. } => ErrorCode::LockTimeout,
            Self::InTheWay { .. } => ErrorCode::PreflightFailed,
            Self::Unsteady { .. } => ErrorCode::CatalogUnstable,
            Self::Mismatch { .. } => ErrorCode::VerificationFailed,
            Self::OtherDatabase { .. } => ErrorCode::GuardRefused,
        }
    }

    pub(super) fn hint(&self) -> String {
        match self {
            Self::Connection(e) => e.hint(),
            Self::Apply { source, .. } | Self::Script { source, .. } | Self::Commit(source) => source.hint(),
            Self::Run { .. } => "Correct the statement. Everything was taken back.".into(),
            Self::ScriptRefused { hint, .. } => (*hint).into(),
            Self::ScriptIncomplete { .. } => {
                "The script was cut or changed. Compare its size and hash with the original, and get it again.".into()
            }
            Self::ScriptChanged => "Somebody writes to the file. Run the same command again when it is finished.".into(),
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
            Self::Unconfirmed { transaction, .. } => format!(
                "Ask the target what became of it: SELECT pg_xact_status('{transaction}'). If it was committed, the run had come to its \
                 end: compare with pgstream verify. If not, run the same command again."
            ),
            Self::Locked { .. } => {
                "Wait for these sessions to end their transactions, or give more time with --lock-timeout.".into()
            }
            Self::InTheWay { .. } => "Move or drop what is named, or let what depends on replaced objects go: --cascade.".into(),
            Self::Unsteady { .. } => "Run again when nobody makes or drops anything in the target.".into(),
            Self::OtherDatabase { .. } => "Name the server's own address, not one that is shared by several servers.".into(),
            Self::Forgotten { .. } => "The target's server was restarted. Run the same command again.".into(),
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connection(e)
            | Self::Apply { source: e, .. }
            | Self::Run { source: e, .. }
            | Self::Script { source: e, .. }
            | Self::Commit(e) => e.retry(),
            Self::Data(e) => e.retry(),
            Self::Busy { .. } | Self::Forgotten { .. } => Retry::Now,
            Self::Unsteady { .. } => Retry::Now,
            Self::NotEmpty { .. }
            | Self::TakenOver { .. }
            | Self::Unconfirmed { .. }
            | Self::Locked { .. }
            | Self::InTheWay { .. }
            | Self::HoldsRows { .. }
            | Self::CleanUp { .. }
            | Self::NotOurs { .. }
            | Self::ScriptChanged
            | Self::OtherDatabase { .. } => Retry::AfterOperator,
            Self::Mismatch { .. } | Self::ScriptRefused { .. } | Self::ScriptIncomplete { .. } => Retry::Never,
        }
    }
}
