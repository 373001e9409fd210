//! What an import would do, and what it ended with.

use serde::{Deserialize, Serialize};

use crate::import::Dropped;
use crate::import::preflight::Finding;
use crate::report::{EndReport, Proven, TableReport, TargetState};

/// An import that came to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// What was read: its name.
    pub from: EndReport,
    /// Where it was written.
    pub to: EndReport,
    /// What the target holds now.
    pub target: TargetState,
    /// What was proven, for every table; `none` also if there was no table to prove.
    pub proven: Proven,
    /// Why something is not proven. Empty if all is, or if there were no rows.
    pub unproven: Vec<String>,
    /// Who says to have written the script.
    pub program: Option<String>,
    /// Whether all was one transaction.
    pub is_one_transaction: bool,
    /// Rows that the target took.
    pub rows: u64,
    /// Bytes of `COPY` text among them.
    pub bytes: u64,
    /// Bytes of the script, uncompressed.
    pub script_bytes: u64,
    /// Statements that were run.
    pub statements: u64,
    /// Statements that were left out; the log names each.
    pub skipped: u64,
    /// Sequences set.
    pub sequences: u64,
    /// Large objects made.
    pub large_objects: u64,
    /// What was dropped to make room, in order.
    pub dropped: Vec<Dropped>,
    /// Every table that was filled.
    pub tables: Vec<TableReport>,
    /// Seconds from start to end.
    pub seconds: f64,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl ImportReport {
    /// Whether everything is proven that there was to prove.
    pub fn is_proven(&self) -> bool {
        self.unproven.is_empty()
    }
}

/// One table that a script fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScriptTable {
    /// As the script names it.
    pub name: String,
    /// Rows of `COPY`, which are its lines.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// `INSERT` statements.
    pub inserts: u64,
}

/// What an import would do.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ImportPlan {
    /// What would be read: its name.
    pub from: EndReport,
    /// Where it would be written.
    pub to: EndReport,
    /// Whether nothing was found that would make the run fail.
    pub is_ready: bool,
    /// Everything that was found, errors first.
    pub findings: Vec<Finding>,
    /// Who says to have written the script.
    pub program: Option<String>,
    /// Whether it has our own manifest.
    pub has_manifest: bool,
    /// Whether all would be one transaction.
    pub is_one_transaction: bool,
    /// Bytes of the script, uncompressed.
    pub script_bytes: u64,
    /// Statements in it.
    pub statements: u64,
    /// What would be dropped first, in order.
    pub drops: Vec<Dropped>,
    /// The tables that it fills.
    pub tables: Vec<ScriptTable>,
    /// Roles that it names and does not make.
    pub roles: Vec<String>,
    /// Extensions that it makes.
    pub extensions: Vec<String>,
    /// What was warned of on the way.
    pub warnings: Vec<String>,
}
