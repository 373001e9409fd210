//! What a run ended with.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode};
use crate::progress::{Phase, Run};

/// What a run proved about what arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proven {
    /// Nothing was compared.
    None,
    /// The rows that the source's COPY counted, those that arrived here, those that the target's COPY counted and `count(*)` on the
    /// target agree, for every table.
    Rows,
    /// As `rows`, and the content hash of every table, read again from the target, is that of the source.
    Content,
}

/// How much is compared after writing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Rows are counted on both sides.
    #[default]
    Rows,
    /// Rows are counted, and every table is read again from the target and compared by hash.
    Checksum,
    /// Nothing is compared; the run is not proven.
    None,
}

/// What is in the target, and what is to become of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// The target holds no objects of users; if the run fails it holds none again.
    #[default]
    Empty,
    /// Whatever the target holds stays. A sync adds rows to tables that are there, and takes them out again if it fails; an import
    /// does what the script says, or nothing.
    Append,
    /// What the source also has is dropped and loaded anew, in one transaction: readers see the old or the new, and after a
    /// failure the old is there as it was. Syncs only.
    Replace,
}

/// What a run left in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetState {
    /// Nothing was written.
    Untouched,
    /// What was written was taken back.
    Restored,
    /// Something was written and is still there.
    Changed,
    /// The target holds what the source held.
    Replaced,
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untouched => "untouched",
            Self::Restored => "restored",
            Self::Changed => "changed",
            Self::Replaced => "replaced",
        })
    }
}

/// How the source's snapshot was held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SnapshotKind {
    /// By two connections, and any number of others read in it: one that breaks is replaced.
    #[default]
    #[serde(rename = "exported")]
    Exported,
    /// By the only connection, over which everything was read: had it broken, the run would have been over.
    #[serde(rename = "single connection")]
    SingleConnection,
}

/// One end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndReport {
    /// `user@host:port/database`, without the password; or a file's name.
    pub name: String,
    /// The server's version, as it tells it.
    pub server_version: Option<String>,
    /// The database's name.
    pub database: Option<String>,
    /// The cluster's system identifier, where it may be read.
    pub system_identifier: Option<String>,
}

impl EndReport {
    /// An end of which only the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), server_version: None, database: None, system_identifier: None }
    }
}

/// What happened to one table's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableReport {
    /// The schema, unquoted.
    pub schema: String,
    /// The table, unquoted.
    pub name: String,
    /// Rows moved.
    pub rows: u64,
    /// Bytes of COPY text, line feeds included.
    pub bytes: u64,
    /// What the hash is over: `text-v1`, lines of COPY text; `binary-v1`, tuples of COPY binary.
    pub domain: String,
    /// The content hash, 32 hexadecimal digits.
    pub hash: String,
    /// What was compared after it was written.
    pub proven: Proven,
}

impl TableReport {
    /// A table of which nothing was compared yet.
    pub fn new(name: &crate::name::QualifiedName, rows: u64, bytes: u64, domain: &str, hash: String) -> Self {
        Self {
            schema: name.schema.clone(),
            name: name.name.clone(),
            rows,
            bytes,
            domain: domain.to_owned(),
            hash,
            proven: Proven::None,
        }
    }
}

/// A run that failed: why, in which phase, and what is left in the target.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// What the run was doing when the first error came.
    pub phase: Phase,
    /// What the target holds now.
    pub target: TargetState,
    /// What was warned of before.
    pub warnings: Vec<String>,
}

impl Failure {
    /// A failure in the phase that `run` is in.
    pub fn new(error: impl Into<Error>, target: TargetState, run: &Run) -> Self {
        Self { error: error.into(), phase: run.phase(), target, warnings: run.warnings() }
    }

    /// The error's code.
    pub fn code(&self) -> ErrorCode {
        self.error.code()
    }

    /// The report of a failed run, as JSON.
    pub fn to_report(&self) -> FailureReport {
        FailureReport {
            error: ErrorReport::from(&self.error),
            phase: self.phase,
            target: self.target,
            warnings: self.warnings.clone(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

/// A failed run's report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FailureReport {
    /// Why.
    pub error: ErrorReport,
    /// The phase that failed.
    pub phase: Phase,
    /// What the target holds now.
    pub target: TargetState,
    /// What was warned of before.
    pub warnings: Vec<String>,
}

/// An error, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorReport {
    /// The stable code.
    pub code: String,
    /// What failed, and where.
    pub message: String,
    /// What made it fail, outermost first.
    pub causes: Vec<String>,
    /// The next step.
    pub hint: String,
    /// `now`, `after_operator` or `never`.
    pub retry: String,
}

impl From<&Error> for ErrorReport {
    fn from(error: &Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(error);
        while let Some(source) = cause {
            causes.push(source.to_string());
            cause = source.source();
        }
        Self {
            code: error.code().to_string(),
            message: error.to_string(),
            causes,
            hint: error.hint(),
            retry: error.retry().as_str().to_owned(),
        }
    }
}
