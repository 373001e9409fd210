//! What can go wrong with backups.

use std::io;

use super::{ErrorCode, Retry, StorageError};

/// A backup could not be made, found, read or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// No backup has this name.
    #[error("there is no backup {id} in {place}")]
    Unknown {
        /// As it was asked for.
        id: String,
        /// Where was looked.
        place: String,
    },
    /// Several backups begin like this.
    #[error("{id} can mean {count} backups: {examples}")]
    Ambiguous {
        /// As it was asked for.
        id: String,
        /// How many there are.
        count: usize,
        /// Some of them.
        examples: String,
    },
    /// The backup is there, and cannot be used.
    #[error("cannot use the backup {id}: {problem}")]
    Unusable {
        /// The backup.
        id: String,
        /// Why not.
        problem: String,
    },
    /// The backup is not what its manifest says.
    #[error("the backup {id} is damaged: {problem}")]
    Damaged {
        /// The backup.
        id: String,
        /// What was found first, and how much more there is.
        problem: String,
    },
    /// Something of a backup could not be read, or not be removed.
    #[error("could not {action} {path}")]
    Unreadable {
        /// `read`, `list`, `lock`, `remove`.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The value of an option makes no sense.
    #[error("cannot use {option}: {problem}")]
    Option {
        /// The option, as on a command line.
        option: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A file of a backup could not be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl BackupError {
    /// The stable word for this kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown { .. } | Self::Ambiguous { .. } => ErrorCode::BackupUnknown,
            Self::Unusable { .. } => ErrorCode::BackupUnusable,
            Self::Damaged { .. } => ErrorCode::VerificationFailed,
            Self::Unreadable { .. } => ErrorCode::BackupUnreadable,
            Self::Option { .. } => ErrorCode::OptionInvalid,
            Self::Storage(e) => e.code(),
        }
    }

    /// The next step, as a full sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { .. } => "`pgstream backup list --all` shows what there is; --dir names another folder.".into(),
            Self::Ambiguous { .. } => "Write more of its name.".into(),
            Self::Unusable { .. } => "`pgstream backup list --all` shows the state of each; choose another one.".into(),
            Self::Damaged { .. } => "Do not rely on it: make a new one, and look at the disk that it lies on.".into(),
            Self::Unreadable { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => "Give this user the right to read and write there.".into(),
                io::ErrorKind::Unsupported => "This file system has no locks; keep backups on another one.".into(),
                _ => "Check the disk and the folder; the backups that are there were not changed.".into(),
            },
            Self::Option { .. } => "Correct the value, or leave the option out.".into(),
            Self::Storage(e) => e.hint(),
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unknown { .. } | Self::Ambiguous { .. } | Self::Damaged { .. } | Self::Option { .. } => Retry::Never,
            Self::Unusable { .. } | Self::Unreadable { .. } => Retry::AfterOperator,
            Self::Storage(e) => e.retry(),
        }
    }
}
