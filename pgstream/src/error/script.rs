//! What can go wrong while a script is taken apart.

use super::{ErrorCode, Retry};

/// A script cannot be understood, or holds what an import does not do.
///
/// No variant holds text of the script beyond names of commands and tables: literals may be values of cells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The script ends in the middle of something.
    #[error("the script ends at line {end} inside {inside}, which began at line {line}")]
    Incomplete {
        /// `a quoted string`, `the rows of public.film`.
        inside: String,
        /// Where that began, counted from 1.
        line: u64,
        /// The last line, counted from 1.
        end: u64,
    },
    /// A meta-command that an import does not know or does not run.
    #[error("line {line}: cannot take {command}: {problem}")]
    MetaCommand {
        /// The backslash and the name.
        command: String,
        /// Where, counted from 1.
        line: u64,
        /// Why not.
        problem: String,
    },
    /// A meta-command between `\restrict` and `\unrestrict`, or an `\unrestrict` with another key.
    #[error("line {line}: {command} is forbidden by the \\restrict of line {since}")]
    Restricted {
        /// The backslash and the name.
        command: String,
        /// Where, counted from 1.
        line: u64,
        /// The line of the `\restrict`.
        since: u64,
    },
    /// SQL that psql would take and an import does not.
    #[error("line {line}: cannot import {what}")]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// Where it begins, counted from 1.
        line: u64,
    },
    /// Something is larger than a server or this reader takes.
    #[error("line {line}: {what} is larger than {limit} bytes")]
    TooLarge {
        /// `a statement`, `a meta-command`.
        what: &'static str,
        /// Where it begins, counted from 1.
        line: u64,
        /// The largest that is taken.
        limit: usize,
    },
    /// A byte that SQL text cannot have.
    #[error("line {line}: a NUL byte at offset {offset}")]
    Nul {
        /// Where, counted from 1.
        line: u64,
        /// Counted from 0, in the uncompressed script.
        offset: u64,
    },
}

impl ScriptError {
    /// The stable word for this kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Incomplete { .. } => ErrorCode::ScriptIncomplete,
            Self::MetaCommand { .. } | Self::Restricted { .. } | Self::Unsupported { .. } => ErrorCode::ScriptRefused,
            Self::TooLarge { .. } | Self::Nul { .. } => ErrorCode::ScriptInvalid,
        }
    }

    /// The next step, as a full sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Incomplete { .. } => "The script was cut, or its last statement has no semicolon. Get the whole script.",
            Self::MetaCommand { .. } => "Scripts are imported, never executed. Take the line out, or load the script with psql.",
            Self::Restricted { .. } => "The script was changed, or its data tries to run commands. Do not use it.",
            Self::Unsupported { .. } => "Write it in another way, or load the script with psql.",
            Self::TooLarge { .. } => "Split it. A server takes no statement of 1 GB or more.",
            Self::Nul { .. } => "The script is damaged, or not text in an encoding of PostgreSQL (UTF-16 is none).",
        }
        .into()
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}
