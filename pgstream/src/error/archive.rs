//! What can go wrong while an archive is written or understood.

use super::{ErrorCode, Retry, StorageError};

/// An archive could not be written or understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The bytes could not be put where they are wanted.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The option is known and not built.
    #[error("{option} is not supported yet")]
    OptionUnsupported {
        /// The option, as on a command line.
        option: &'static str,
    },
    /// Two options exclude each other.
    #[error("{option} cannot be used {conflict}")]
    OptionConflict {
        /// The option, as on a command line.
        option: &'static str,
        /// `with …` or `without …`.
        conflict: &'static str,
    },
    /// The value of an option cannot be understood.
    #[error("cannot understand the {what} {text:?}: {problem}")]
    OptionValue {
        /// `compression`, `restrict key`.
        what: &'static str,
        /// As given.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// This build lacks a compression method.
    #[error("this build cannot compress or read {method}")]
    CompressionNotBuilt {
        /// `zstd`, `gzip` or `lz4`.
        method: &'static str,
    },
    /// A compressed input cannot be decompressed.
    #[error("could not decompress the {method} input at byte {offset}: {problem}")]
    InputDamaged {
        /// `zstd`, `gzip` or `lz4`.
        method: &'static str,
        /// How many bytes of the compressed input had been taken when it was noticed.
        offset: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// An input could not be read.
    #[error("could not read the input behind byte {offset}")]
    InputFailed {
        /// How many bytes of it had been taken.
        offset: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// Entries were promised and not written: the archive would have looked complete.
    #[error("{count} entries of the archive were not written, among them {example}")]
    EntriesMissing {
        /// How many.
        count: usize,
        /// The first of them.
        example: String,
    },
    /// The parts of an archive came in an order that makes no sense.
    #[error("cannot write {part} of an archive {state}")]
    Order {
        /// The part.
        part: &'static str,
        /// What the writer was in the middle of.
        state: &'static str,
    },
    /// The rows of a table ended inside a row.
    #[error("the rows of {table} ended inside a row")]
    RowUnfinished {
        /// The table.
        table: String,
    },
}

impl ArchiveError {
    /// The stable word for this kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Storage(e) => e.code(),
            Self::OptionUnsupported { .. } | Self::OptionConflict { .. } | Self::OptionValue { .. } => ErrorCode::OptionInvalid,
            Self::CompressionNotBuilt { .. } => ErrorCode::OptionInvalid,
            Self::InputDamaged { .. } => ErrorCode::InputDamaged,
            Self::InputFailed { .. } => ErrorCode::InputFailed,
            Self::EntriesMissing { .. } | Self::Order { .. } => ErrorCode::OutputFailed,
            Self::RowUnfinished { .. } => ErrorCode::CopyOut,
        }
    }

    /// The next step, as a full sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Storage(e) => e.hint(),
            Self::OptionUnsupported { .. } => "Leave the option out.".into(),
            Self::OptionConflict { conflict, .. } if conflict.starts_with("without") => {
                "Add the other option, or leave this one out.".into()
            }
            Self::OptionConflict { .. } => "Use one of the two.".into(),
            Self::OptionValue { what: "compression", .. } => {
                "Give a method and, if you like, a level: none, gzip, zstd:3, lz4.".into()
            }
            Self::OptionValue { .. } => "Correct the value, or leave the option out.".into(),
            Self::CompressionNotBuilt { method } => {
                format!("Choose another method, or build pgstream with the feature {method}.")
            }
            Self::InputDamaged { .. } => {
                "The file was cut or changed, or its transfer was. Compare its size and hash with the original.".into()
            }
            Self::InputFailed { .. } => "Look at the cause: the disk, or whoever wrote into the pipe.".into(),
            Self::EntriesMissing { .. } | Self::Order { .. } => {
                "This is a defect of pgstream or of the program that embeds it. Please report it.".into()
            }
            Self::RowUnfinished { .. } => "Run the same command again; the source stopped in the middle.".into(),
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Storage(e) => e.retry(),
            Self::RowUnfinished { .. } => Retry::Now,
            Self::InputFailed { .. } => Retry::AfterOperator,
            _ => Retry::Never,
        }
    }
}
