//! What an export ended with.

use serde::{Deserialize, Serialize};

use crate::archive::{Compression, Format, Manifest};
use crate::report::{EndReport, Proven, SnapshotKind, TableReport, TargetState};

/// A successful export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// What was read.
    pub from: EndReport,
    /// The output: a file's name, `standard output`, or `a stream`.
    pub to: String,
    /// The output's format.
    pub format: Format,
    /// The output's compression.
    pub compression: Compression,
    /// Bytes of COPY text of all tables.
    pub bytes: u64,
    /// The size of the output in bytes, compressed if it is.
    pub stored_bytes: u64,
    /// How the source's snapshot was held.
    #[serde(default)]
    pub snapshot: SnapshotKind,
    /// `rows`: for every table, the server's COPY counted as many rows as were written.
    pub proven: Proven,
    /// Always `replaced`: the output is complete.
    pub target: TargetState,
    /// Every table whose rows are in the output, in its order.
    pub tables: Vec<TableReport>,
    /// Rows of all tables.
    pub rows: u64,
    /// How many values of sequences are in the output.
    pub sequences: u64,
    /// How many large objects are in the output.
    pub large_objects: u64,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// What was warned of, in order.
    pub warnings: Vec<String>,
    /// The manifest as it was written.
    pub manifest: Manifest,
}
