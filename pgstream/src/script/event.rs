//! What a reader gives, in the order of the script.

use std::fmt;

use bytes::Bytes;

use super::comment::{ManifestComment, Remark};
use super::meta_command::MetaCommand;
use super::statement::Statement;

/// A part of a script.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptEvent {
    /// A whole statement. After a `COPY … FROM stdin` its rows follow.
    Statement(Statement),
    /// Rows of the last statement, as many as were at hand. Pieces end anywhere, and are never assembled or copied.
    CopyRows(Bytes),
    /// The rows of the last statement are over.
    CopyEnd(CopyEnd),
    /// A meta-command that is understood.
    Meta(Meta),
    /// A comment that says something about the script.
    Remark {
        /// What it says.
        remark: Remark,
        /// Its line, counted from 1.
        line: u64,
    },
    /// The manifest of one of our own scripts.
    Manifest(ManifestComment),
    /// The script is over, and ended where it may.
    End(ScriptEnd),
}

/// The end of the rows of a `COPY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyEnd {
    /// How many lines the rows had. In the text format, as dumps have it, a line is a row.
    pub lines: u64,
    /// Their size in bytes, without the line that ends them.
    pub bytes: u64,
}

/// A meta-command with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meta {
    /// What it says.
    pub command: MetaCommand,
    /// Its line, counted from 1.
    pub line: u64,
    /// The place of its backslash in the uncompressed script.
    pub offset: u64,
}

/// What is known of a script at its end. Whether that is enough to call it complete is for others to judge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptEnd {
    /// Its size, uncompressed.
    pub bytes: u64,
    /// How many lines it has.
    pub lines: u64,
    /// How many statements.
    pub statements: u64,
    /// How many of them had rows.
    pub copies: u64,
    /// The last thing that counts was the comment that closes a dump: no statement follows it.
    pub is_closed: bool,
    /// There was a `\restrict`.
    pub was_restricted: bool,
    /// The line of a `\restrict` whose `\unrestrict` is missing: the script was cut.
    pub restricted_since: Option<u64>,
}

impl fmt::Debug for ScriptEvent {
    /// Rows are values of cells, and are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(statement) => statement.fmt(f),
            Self::CopyRows(rows) => write!(f, "CopyRows({} bytes)", rows.len()),
            Self::CopyEnd(end) => end.fmt(f),
            Self::Meta(meta) => meta.fmt(f),
            Self::Remark { remark, line } => f.debug_struct("Remark").field("remark", remark).field("line", line).finish(),
            Self::Manifest(manifest) => manifest.fmt(f),
            Self::End(end) => end.fmt(f),
        }
    }
}
