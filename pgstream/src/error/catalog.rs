//! What can go wrong while a database is being described.

use super::{ConnectionError, ErrorCode, Retry};

/// The contents of a database could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The connection failed, or the server refused a catalog query.
    #[error("could not read the catalog")]
    Connection(#[from] ConnectionError),
    /// A row of a catalog query is not what we expect.
    #[error("cannot read column {column} of the catalog query {query}: {problem}")]
    Decode {
        /// The query's file.
        query: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The database holds what pgstream does not carry yet.
    #[error("cannot carry {count} objects of this database: {examples}")]
    Unsupported {
        /// How many there are.
        count: usize,
        /// Each kind with some names.
        examples: String,
    },
    /// Tables were changed again and again between being listed and being locked.
    #[error("could not lock the tables: {relation} was changed meanwhile, {attempts} times in a row")]
    Unstable {
        /// One of them.
        relation: String,
        /// How often the list was read.
        attempts: u32,
    },
    /// A lock could not be had in time.
    #[error("could not lock {relations} in time: {blockers}")]
    LockTimeout {
        /// The relations that were asked for.
        relations: String,
        /// Who holds the conflicting lock.
        blockers: String,
    },
    /// The role may not read what was chosen, and so may not lock it.
    #[error("cannot read {count} of the chosen tables: {examples}")]
    Unreadable {
        /// How many.
        count: usize,
        /// Some of them.
        examples: String,
        /// Who may not, quoted.
        role: String,
    },
    /// Both connections that held the snapshot are gone.
    #[error("the snapshot was lost: both connections that held it ended")]
    SnapshotLost {
        /// What ended the last one.
        source: ConnectionError,
    },
    /// The only connection that held the snapshot is gone.
    #[error("the snapshot was lost: the only connection that held it ended")]
    ConnectionLost {
        /// What ended it.
        source: ConnectionError,
    },
    /// A snapshot of another session's cannot be read, or not all of it.
    #[error("cannot read in the snapshot {snapshot}: {problem}")]
    GivenSnapshot {
        /// Its name.
        snapshot: String,
        /// Why.
        problem: String,
    },
    /// A standby has no serializable transactions.
    #[error("cannot wait for a serializable snapshot on a standby")]
    NotSerializable,
    /// A database without an encoding has definitions in bytes that are no UTF-8.
    #[error("cannot carry {count} definitions of this database, whose bytes are not UTF-8: {examples}")]
    NotUtf8 {
        /// How many there are.
        count: usize,
        /// Some of them.
        examples: String,
    },
    /// The database is one that a run is loading, or was loading when it broke off.
    #[error("{database} is not whole: a run that loads it has not finished")]
    Unfinished {
        /// The database.
        database: String,
    },
    /// The snapshot became older than was allowed.
    #[error("the snapshot became older than {seconds} seconds")]
    SnapshotTooOld {
        /// The limit.
        seconds: u64,
    },
    /// Another session waited too long for a lock of ours.
    #[error("gave way to {waiting}, which had waited {seconds} seconds for a lock of this run")]
    Yielded {
        /// Who waited.
        waiting: String,
        /// How long.
        seconds: u64,
    },
    /// An option that names objects names none.
    #[error("no matching {what} were found for {pattern}")]
    FilterMatchesNothing {
        /// `tables`, `schemas` …
        what: &'static str,
        /// The pattern as given.
        pattern: String,
    },
    /// A pattern cannot be understood.
    #[error("cannot understand the pattern {pattern}: {problem}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Objects that no lock protects were changed while they were read.
    #[error("{count} objects were changed while they were read, among them {examples}")]
    Changed {
        /// How many.
        count: usize,
        /// Some of them.
        examples: String,
    },
    /// The run was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
}

impl CatalogError {
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Connection(e) => e.code(),
            Self::Decode { .. } => ErrorCode::CatalogDecode,
            Self::Unsupported { .. } => ErrorCode::CatalogUnsupportedObject,
            Self::Unstable { .. } | Self::Changed { .. } => ErrorCode::CatalogUnstable,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::LockTimeout { .. } => ErrorCode::LockTimeout,
            Self::Unreadable { .. } => ErrorCode::PreflightFailed,
            Self::SnapshotLost { .. } | Self::ConnectionLost { .. } => ErrorCode::SnapshotLost,
            Self::NotSerializable | Self::GivenSnapshot { .. } => ErrorCode::PreflightFailed,
            Self::NotUtf8 { .. } => ErrorCode::CatalogEncoding,
            Self::Unfinished { .. } => ErrorCode::SourceUnfinished,
            Self::SnapshotTooOld { .. } => ErrorCode::SnapshotTooOld,
            Self::Yielded { .. } => ErrorCode::YieldedToDdl,
            Self::FilterMatchesNothing { .. } => ErrorCode::FilterMatchesNothing,
            Self::Pattern { .. } => ErrorCode::OptionInvalid,
        }
    }

    pub(super) fn hint(&self) -> String {
        match self {
            Self::Connection(e) => e.hint(),
            Self::Decode { .. } => {
                "This is a defect of pgstream, or a server that it does not know. Please report it with the server's version."
                    .into()
            }
            Self::Unsupported { .. } => {
                "Leave them out with --skip-unsupported, which names each in the report, or filter them away.".into()
            }
            Self::Unstable { .. } => "Run again when no tables are being created, dropped or rewritten.".into(),
            Self::Changed { .. } => "Run again when nobody changes definitions, or without --strict.".into(),
            Self::Cancelled => "Run the same command again when you want it.".into(),
            Self::LockTimeout { .. } => "Wait for the blocking session to end, or give more time with --lock-timeout.".into(),
            Self::Unreadable { role, .. } => format!(
                "Grant SELECT on them and USAGE on their schemas (14 and newer: GRANT pg_read_all_data TO {role};), or leave them \
                 out with --exclude-table or --exclude-schema."
            ),
            Self::SnapshotLost { .. } => "Run the same command again. The server's log says why it ended the connections.".into(),
            Self::ConnectionLost { .. } => {
                "Run the same command again; over a single connection nothing can go on where it was. Through a pooler, look at its \
                 time limits, or name the server's own address."
                    .into()
            }
            Self::GivenSnapshot { .. } => {
                "Export one in this database with pg_export_snapshot(), and keep that transaction open until the run has ended.".into()
            }
            Self::NotSerializable => "Leave --serializable-deferrable out, or read from the primary.".into(),
            Self::NotUtf8 { .. } => {
                "Rename these objects, or write their comments and definitions anew in UTF-8 or ASCII. Rows may hold any bytes.".into()
            }
            Self::Unfinished { .. } => {
                "Wait for that run to end, or run it again: it takes back what the broken one had made. Then read it.".into()
            }
            Self::SnapshotTooOld { .. } => "Allow more with --max-snapshot-age, or move less at a time with a filter.".into(),
            Self::Yielded { .. } => "Run the same command again when the other session is done.".into(),
            Self::FilterMatchesNothing { .. } => {
                "Check the spelling; patterns follow psql's rules, and names in upper case need double quotes.".into()
            }
            Self::Pattern { .. } => {
                "Patterns follow psql's rules: * and ? are wildcards, double quotes keep a name as it is.".into()
            }
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connection(e) => e.retry(),
            Self::Unstable { .. } | Self::Changed { .. } | Self::LockTimeout { .. } | Self::SnapshotLost { .. } => Retry::Now,
            Self::ConnectionLost { source } => source.retry(),
            Self::Decode { .. } | Self::FilterMatchesNothing { .. } | Self::Pattern { .. } => Retry::Never,
            Self::Unsupported { .. }
            | Self::Unreadable { .. }
            | Self::NotSerializable
            | Self::GivenSnapshot { .. }
            | Self::NotUtf8 { .. }
            | Self::Unfinished { .. }
            | Self::Cancelled
            | Self::SnapshotTooOld { .. }
            | Self::Yielded { .. } => Retry::AfterOperator,
        }
    }
}
