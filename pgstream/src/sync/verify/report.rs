//! What a comparison found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::ContentHash;
use crate::name::QualifiedName;
use crate::report::EndReport;

/// What a comparison of the data of two databases found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// One side.
    pub a: EndReport,
    /// The other side.
    pub b: EndReport,
    /// Whether no difference was found.
    pub is_same: bool,
    /// Every difference, by kind and name.
    pub differences: Vec<Difference>,
    /// What differs and is no fault: materialized views that were not refreshed on one side.
    pub stale: Vec<String>,
    /// How many tables were compared, partitions counted with their root.
    pub tables: u64,
    /// How many rows side A has in them.
    pub rows: u64,
    /// How many sequences were compared.
    pub sequences: u64,
    /// How many large objects were compared.
    pub large_objects: u64,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// What was warned of, in order.
    pub warnings: Vec<String>,
}

/// What a table, or a large object, holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Content {
    /// Rows; 1 for a large object.
    pub rows: u64,
    /// Bytes of COPY text without line feeds; bytes of a large object.
    pub bytes: u64,
    /// 32 hexadecimal digits.
    pub hash: String,
}

impl From<ContentHash> for Content {
    fn from(content: ContentHash) -> Self {
        Self { rows: content.rows(), bytes: content.bytes(), hash: content.to_string() }
    }
}

/// Where a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SequenceState {
    /// `last_value`.
    pub last_value: i64,
    /// `is_called`.
    pub is_called: bool,
}

/// One difference between side A and side B. Names are as SQL writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Difference {
    /// The rows of a table.
    Rows {
        /// The table; of partitions the root.
        table: String,
        /// What A has.
        a: Content,
        /// What B has.
        b: Content,
    },
    /// The values of generated columns, while the other columns are equal.
    GeneratedColumns {
        /// The table.
        table: String,
        /// What A has.
        a: Content,
        /// What B has.
        b: Content,
    },
    /// The columns of a table; its rows were not compared.
    Columns {
        /// The table.
        table: String,
        /// Columns that A alone has.
        only_a: Vec<String>,
        /// Columns that B alone has.
        only_b: Vec<String>,
    },
    /// A table or materialized view that A alone has.
    Missing {
        /// The relation.
        table: String,
    },
    /// A table or materialized view that B alone has.
    Extra {
        /// The relation.
        table: String,
    },
    /// A sequence: another value, or there on one side only.
    Sequence {
        /// The sequence.
        sequence: String,
        /// Where it stands in A.
        a: Option<SequenceState>,
        /// Where it stands in B.
        b: Option<SequenceState>,
    },
    /// A large object: other bytes, or there on one side only.
    LargeObject {
        /// Its oid.
        oid: u32,
        /// What A has.
        a: Option<Content>,
        /// What B has.
        b: Option<Content>,
    },
}

impl Difference {
    pub(super) fn columns(table: &QualifiedName, a: &[String], b: &[String]) -> Self {
        let only = |these: &[String], those: &[String]| these.iter().filter(|c| !those.contains(c)).cloned().collect();
        Self::Columns { table: table.to_string(), only_a: only(a, b), only_b: only(b, a) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows { table, a, b } if a.rows != b.rows => write!(f, "{table} has {} rows in A and {} in B", a.rows, b.rows),
            Self::Rows { table, a, .. } => write!(f, "{table} has {} rows in both, with other contents", a.rows),
            Self::GeneratedColumns { table, .. } => write!(f, "{table} has other values in generated columns"),
            Self::Columns { table, only_a, only_b } => {
                write!(f, "{table} has other columns: only in A [{}], only in B [{}]", only_a.join(", "), only_b.join(", "))
            }
            Self::Missing { table } => write!(f, "{table} is missing in B"),
            Self::Extra { table } => write!(f, "{table} is missing in A"),
            Self::Sequence { sequence, a: Some(a), b: Some(b) } => {
                write!(f, "sequence {sequence} stands at {} in A and at {} in B", a.last_value, b.last_value)
            }
            Self::Sequence { sequence, a, .. } => write!(f, "sequence {sequence} is missing in {}", missing_in(a.is_some())),
            Self::LargeObject { oid, a: Some(_), b: Some(_) } => write!(f, "large object {oid} has other bytes"),
            Self::LargeObject { oid, a, .. } => write!(f, "large object {oid} is missing in {}", missing_in(a.is_some())),
        }
    }
}

fn missing_in(is_in_a: bool) -> &'static str {
    if is_in_a { "B" } else { "A" }
}
