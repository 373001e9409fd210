//! The three sections of an archive.

use serde::{Deserialize, Serialize};

/// When an object is made: before the rows, with them, or after them.
///
/// Source: PostgreSQL manual, `pg_dump --section`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// Everything that rows need: schemas, types, functions, tables.
    PreData,
    /// Rows, large objects and the values of sequences.
    Data,
    /// What is made faster, or only correctly, once the rows are there: indexes, constraints, triggers, rules.
    PostData,
}
