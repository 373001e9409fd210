//! What can go wrong while bytes are fetched, or put where they are wanted.

use std::io;

use super::{ErrorCode, Retry};

/// An output could not be written, or an input not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// There is something already where the output should go.
    #[error("{path} exists already")]
    Exists {
        /// The output as the caller named it.
        path: String,
    },
    /// The operating system refused.
    #[error("could not {action} {path}{}", After(.action, *.bytes))]
    Failed {
        /// `create`, `write`, `sync`, `publish`.
        action: &'static str,
        /// The file, or `standard output`.
        path: String,
        /// What had been stored before, in bytes; behind a compression these are compressed bytes.
        bytes: u64,
        /// What the system said.
        source: io::Error,
    },
    /// An input could not be opened or read.
    #[error("could not read {path}{}", After(if *.bytes == 0 { "open" } else { "read" }, *.bytes))]
    Unreadable {
        /// The file, `standard input` or `a stream`.
        path: String,
        /// What had been read before, in bytes; behind a decompression these are decompressed bytes.
        bytes: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever read our output went away.
    #[error("the reader of the output went away after {bytes} bytes")]
    ClosedPipe {
        /// What it had been given, in bytes.
        bytes: u64,
    },
    /// The run ended before the output was complete, so nothing was published.
    #[error("the output was abandoned before its end")]
    Abandoned,
}

/// ` after 12 bytes`, where bytes were on their way.
struct After<'a>(&'a str, u64);

impl std::fmt::Display for After<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self("create" | "open", _) => Ok(()),
            Self(_, bytes) => write!(f, " after {bytes} bytes"),
        }
    }
}

impl StorageError {
    /// The stable word for this kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Exists { .. } => ErrorCode::OutputExists,
            Self::Failed { .. } => ErrorCode::OutputFailed,
            Self::Unreadable { .. } => ErrorCode::InputFailed,
            Self::ClosedPipe { .. } => ErrorCode::ClosedPipe,
            Self::Abandoned => ErrorCode::Cancelled,
        }
    }

    /// The next step, as a full sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Exists { .. } => "Choose another name, or replace it with --force.".into(),
            Self::Failed { source, .. } => failed_hint(source.kind()).into(),
            Self::Unreadable { source, .. } => unreadable_hint(source.kind()).into(),
            Self::ClosedPipe { .. } => "Nothing has to be cleaned up; keep the reader running until the end.".into(),
            Self::Abandoned => "Run the same command again; nothing was left behind.".into(),
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Exists { .. } | Self::Failed { .. } | Self::Unreadable { .. } => Retry::AfterOperator,
            Self::ClosedPipe { .. } => Retry::Never,
            Self::Abandoned => Retry::Now,
        }
    }
}

fn failed_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "Make room, or write to another disk; the unfinished file was removed."
        }
        io::ErrorKind::NotFound => "Create the folder first.",
        io::ErrorKind::IsADirectory => "Name a file in that folder.",
        io::ErrorKind::PermissionDenied => "Give this user the right to write there, or choose another folder.",
        _ => "Check the disk and the folder; the unfinished file was removed.",
    }
}

fn unreadable_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "Check the name of the file.",
        io::ErrorKind::IsADirectory => "Name a file in that folder.",
        io::ErrorKind::PermissionDenied => "Give this user the right to read it.",
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            "The input is cut off or damaged. Compare its size and hash with the original, and transfer it again."
        }
        _ => "Check where the input comes from, and that it is whole.",
    }
}
