//! The table of contents of an archive.

use crate::catalog::{ObjectId, Section, Step};
use crate::name::QualifiedName;

/// The number of an entry, from 1 on, in the order of the table of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DumpId(pub u32);

/// When an entry is applied, beyond its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pass {
    /// In the order of the table of contents.
    Main,
    /// Privileges: after all data, since they may take the loading role's own rights away.
    Privileges,
    /// What needs the privileges, or must not see our own DDL: refreshes of materialized views, event triggers.
    Last,
}

/// The contents of an archive, in the order in which they can be made.
#[derive(Debug, Clone, Default)]
pub struct Toc {
    /// The entries.
    pub entries: Vec<TocEntry>,
}

impl Toc {
    /// The same entries in the order in which a script applies them: pass by pass.
    pub fn in_passes(mut self) -> Self {
        self.entries.sort_by_key(|entry| entry.pass);
        self
    }
}

/// One thing to make, or to fill.
#[derive(Debug, Clone)]
pub struct TocEntry {
    /// Its number.
    pub id: DumpId,
    /// The object that it is about. A comment or an ACL has its object's.
    pub object: ObjectId,
    /// The kind, as in `pg_restore --list`: `TABLE`, `FK CONSTRAINT`, `ACL` …
    pub desc: &'static str,
    /// The name, unquoted. May hold any character.
    pub tag: String,
    /// The schema, unquoted.
    pub schema: Option<String>,
    /// The owner, unquoted.
    pub owner: Option<String>,
    /// The section; for comments and privileges that of their object.
    pub section: Section,
    /// When it is applied.
    pub pass: Pass,
    /// SQL that makes it: statements that each end with `;` and a line break. Empty for data.
    pub create: String,
    /// In place of `create`, how a live database makes it in several transactions. Empty: not in steps.
    pub steps: Vec<Step>,
    /// SQL that drops it, or empty.
    pub drop: String,
    /// `ALTER … OWNER TO …;`, or empty. Applied right behind `create`.
    pub set_owner: String,
    /// `None`: not applicable; `Some("")`: the default of the database.
    pub tablespace: Option<String>,
    /// The table access method that must be the default when `create` runs.
    pub access_method: Option<String>,
    /// What must be there before.
    pub dependencies: Vec<DumpId>,
    /// The data that belongs to it.
    pub data: Option<EntryData>,
}

/// The data of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryData {
    /// Rows.
    Table {
        /// Where to read them.
        source: crate::catalog::TableData,
        /// Where to write them.
        target: CopyTarget,
    },
    /// The value of a sequence.
    Sequence(crate::catalog::SequenceData),
    /// The bytes of a large object.
    LargeObject(u32),
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyTarget {
    /// The table: the rows' own, or the root of its partition tree.
    pub table: QualifiedName,
    /// The columns, in the order of the data.
    pub columns: Vec<String>,
    /// Whether it is another table than the rows' own.
    pub is_through_root: bool,
}
