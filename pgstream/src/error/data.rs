//! What can go wrong while rows are on their way.

use super::{ConnectionError, ErrorCode, Retry};

/// Rows could not be moved.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The source stopped before the last row.
    #[error("could not read rows after {bytes} bytes")]
    CopyOut {
        /// Bytes of rows that had been read.
        bytes: u64,
        /// What the connection or the server said.
        source: ConnectionError,
    },
    /// The target took no more rows.
    #[error("could not write rows after {bytes} bytes")]
    CopyIn {
        /// Bytes of rows that had been read for it.
        bytes: u64,
        /// What the connection or the server said.
        source: ConnectionError,
    },
    /// The run was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
}

impl DataError {
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::CopyOut { .. } => ErrorCode::CopyOut,
            Self::CopyIn { .. } => ErrorCode::CopyIn,
            Self::Cancelled => ErrorCode::Cancelled,
        }
    }

    pub(super) fn hint(&self) -> String {
        match self {
            Self::CopyOut { source, .. } | Self::CopyIn { source, .. } => source.hint(),
            Self::Cancelled => "Run the same command again when you want it.".into(),
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::CopyOut { source, .. } | Self::CopyIn { source, .. } => source.retry(),
            Self::Cancelled => Retry::AfterOperator,
        }
    }
}
