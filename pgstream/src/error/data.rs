//! What can go wrong while rows are on their way.

use super::{CatalogError, ConnectionError, ErrorCode, Retry};
use crate::name::QualifiedName;

/// Rows could not be moved.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The source stopped before the last row.
    #[error("could not read {relation} after {bytes} bytes")]
    CopyOut {
        /// The table.
        relation: QualifiedName,
        /// Bytes of rows that had been read.
        bytes: u64,
        /// What the connection or the server said.
        source: ConnectionError,
    },
    /// A row does not fit into the message that the server would have to make of it.
    #[error("could not read {relation} after {bytes} bytes: its next row is too large for COPY in {format}")]
    RowTooLarge {
        /// The table.
        relation: QualifiedName,
        /// Bytes of rows that had been read.
        bytes: u64,
        /// `text` or `binary`.
        format: &'static str,
        /// What the server said.
        source: ConnectionError,
    },
    /// The target took no more rows.
    #[error("could not write {relation} after {bytes} bytes")]
    CopyIn {
        /// The table.
        relation: QualifiedName,
        /// Bytes of rows that had been read for it.
        bytes: u64,
        /// What the connection or the server said.
        source: ConnectionError,
    },
    /// The rows could not be put where they were to go.
    #[error("could not store the rows of {relation} after {bytes} bytes")]
    Sink {
        /// The table.
        relation: QualifiedName,
        /// Bytes of rows that had been read.
        bytes: u64,
        /// What the file or the stream said.
        source: std::sync::Arc<std::io::Error>,
    },
    /// A session in the snapshot could not be had.
    #[error("could not go on reading {relation}")]
    Snapshot {
        /// The table.
        relation: QualifiedName,
        /// Why.
        source: CatalogError,
    },
    /// A broken connection was replaced, and the rows that had been read before came differently.
    #[error("could not repeat the reading of {relation}: its first {bytes} bytes came differently")]
    NotRepeatable {
        /// The table.
        relation: QualifiedName,
        /// Bytes of rows that had been passed on.
        bytes: u64,
    },
    /// The server says that it sent another number of rows than arrived.
    #[error("the server sent {sent} rows of {relation}, and {arrived} arrived")]
    RowsLost {
        /// The table.
        relation: QualifiedName,
        /// What the server's COPY counted.
        sent: u64,
        /// What we counted.
        arrived: u64,
    },
    /// A large object, or the values of sequences, could not be read.
    #[error("could not read {what}")]
    Values {
        /// `large object 4711`, `the values of sequences`.
        what: String,
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
            Self::CopyOut { .. } | Self::Values { .. } => ErrorCode::CopyOut,
            Self::RowTooLarge { .. } => ErrorCode::RowTooLarge,
            Self::CopyIn { .. } => ErrorCode::CopyIn,
            Self::Sink { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe => ErrorCode::ClosedPipe,
            Self::Sink { .. } => ErrorCode::OutputFailed,
            Self::Snapshot { source, .. } => source.code(),
            Self::NotRepeatable { .. } => ErrorCode::ReadNotRepeatable,
            Self::RowsLost { .. } => ErrorCode::VerificationFailed,
            Self::Cancelled => ErrorCode::Cancelled,
        }
    }

    pub(super) fn hint(&self) -> String {
        match self {
            Self::CopyOut { source, .. } | Self::CopyIn { source, .. } | Self::Values { source, .. } => source.hint(),
            Self::RowTooLarge { format: "text", .. } => {
                "The text of a value, and of a row, must fit into 1 GB; that of a bytea is twice as long as its bytes. Leave the \
                 table's rows out with --exclude-table-data, or copy them by pgstream sync, where columns of built-in types travel \
                 in binary if the target is not older than the source."
                    .into()
            }
            Self::RowTooLarge { .. } => {
                "A row must fit into 1 GB. Leave the table's rows out with --exclude-table-data and copy them by other means.".into()
            }
            Self::Sink { .. } => "Make room or choose another place for the output, then run the same command again.".into(),
            Self::Snapshot { source, .. } => source.hint(),
            Self::NotRepeatable { .. } => {
                "Run the same command again. If it happens again, the source's storage may be damaged.".into()
            }
            Self::RowsLost { .. } => "Run the same command again, and look at what stands between here and the server.".into(),
            Self::Cancelled => "Run the same command again when you want it.".into(),
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::CopyOut { source, .. } | Self::CopyIn { source, .. } | Self::Values { source, .. } => source.retry(),
            Self::Sink { .. } | Self::Cancelled | Self::RowTooLarge { .. } => Retry::AfterOperator,
            Self::Snapshot { source, .. } => source.retry(),
            Self::NotRepeatable { .. } | Self::RowsLost { .. } => Retry::Now,
        }
    }
}
