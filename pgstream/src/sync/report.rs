//! What a sync ended with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::import::Dropped;
use crate::progress::Run;
use crate::report::{EndReport, Mode, Proven, SnapshotKind, TableReport, TargetState};

use super::Done;

/// A sync that came to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SyncReport {
    /// Where it was read.
    pub from: EndReport,
    /// Where it was written.
    pub to: EndReport,
    /// What the target holds now.
    pub target: TargetState,
    /// What was allowed to be in the target before.
    pub mode: Mode,
    /// What was dropped to make room, in order.
    pub dropped: Vec<Dropped>,
    /// How the source's snapshot was held.
    #[serde(default)]
    pub snapshot: SnapshotKind,
    /// What was proven, for every table.
    pub proven: Proven,
    /// Rows moved.
    pub rows: u64,
    /// Bytes moved, as they travelled: COPY text or binary.
    pub bytes: u64,
    /// Sequences set.
    pub sequences: u64,
    /// Large objects copied.
    pub large_objects: u64,
    /// Every table.
    pub tables: Vec<TableReport>,
    /// Seconds from start to end.
    pub seconds: f64,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl SyncReport {
    pub(crate) fn new(done: Done, elapsed: Duration, run: &Run, mode: Mode) -> Self {
        let Done { applied, from, to, snapshot } = done;
        Self {
            from,
            to,
            snapshot,
            // Where rows were added to others the target is no copy.
            target: if mode == Mode::Append { TargetState::Changed } else { TargetState::Replaced },
            mode,
            dropped: applied.dropped,
            proven: applied.proven,
            rows: applied.tables.iter().map(|t| t.rows).sum(),
            bytes: applied.tables.iter().map(|t| t.bytes).sum(),
            sequences: applied.sequences,
            large_objects: applied.large_objects,
            tables: applied.tables,
            seconds: elapsed.as_secs_f64(),
            warnings: run.warnings(),
        }
    }
}
