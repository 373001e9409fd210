//! What every format can do.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::ArchiveError;

use super::manifest::Manifest;
use super::toc::{Toc, TocEntry};

/// What an archive says at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveHeader {
    /// `server_version` of the source.
    pub server_version: String,
    /// The version of pgstream.
    pub pgstream_version: String,
    /// The encoding of all text in the archive, as PostgreSQL calls it.
    pub encoding: String,
}

impl ArchiveHeader {
    /// For a source with this `server_version`, in UTF-8, written by this build.
    pub fn new(server_version: impl Into<String>) -> Self {
        let pgstream_version = env!("CARGO_PKG_VERSION").to_owned();
        Self { server_version: server_version.into(), pgstream_version, encoding: "UTF8".into() }
    }
}

/// Where a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequencePosition {
    /// `last_value`.
    pub last_value: i64,
    /// `is_called`: whether the next value is the one behind `last_value`.
    pub is_called: bool,
}

/// An archive that is complete and in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FinishedArchive {
    /// The manifest as it was written, with what only the writer knows.
    pub manifest: Manifest,
    /// The size of the output in bytes, compressed if it is.
    pub bytes: u64,
}

/// Writes an archive, whatever its format.
///
/// The order of calls: [`begin`](Self::begin), then once for every entry of the selected table of contents, in the order of
/// [`Toc::in_passes`] or, for formats that sort on restore, in its own: [`entry`](Self::entry) if it has no data, the rows,
/// the value or the large object if it has; then [`finish`](Self::finish), which fails if an entry is missing.
///
/// # Cancellation
/// A future that is dropped before it is ready spoils the archive: it can no longer be finished. Dropping the writer
/// leaves nothing that looks complete.
///
/// # Errors
/// All methods: [`ArchiveError::Storage`] if the output fails, [`ArchiveError::Order`] if calls come in another order.
#[async_trait]
pub trait ArchiveWriter: Send {
    /// Writes what comes first. `toc` is what [`OutputOptions::select`](super::OutputOptions::select) left.
    async fn begin(&mut self, header: &ArchiveHeader, toc: &Toc) -> Result<(), ArchiveError>;

    /// Writes an entry that has no data.
    async fn entry(&mut self, entry: &TocEntry) -> Result<(), ArchiveError>;

    /// Begins the rows of a table.
    async fn begin_rows(&mut self, entry: &TocEntry) -> Result<(), ArchiveError>;

    /// Appends rows: `COPY` text, each row ending with LF. A row may span chunks.
    async fn rows(&mut self, chunk: Bytes) -> Result<(), ArchiveError>;

    /// Ends the rows of a table. [`ArchiveError::RowUnfinished`] if the last one has no end.
    async fn end_rows(&mut self) -> Result<(), ArchiveError>;

    /// Writes the value of a sequence.
    async fn sequence_value(&mut self, entry: &TocEntry, position: SequencePosition) -> Result<(), ArchiveError>;

    /// Begins the bytes of a large object.
    async fn large_object_begin(&mut self, entry: &TocEntry) -> Result<(), ArchiveError>;

    /// Appends bytes to a large object, in pieces of any size.
    async fn large_object_piece(&mut self, piece: Bytes) -> Result<(), ArchiveError>;

    /// Ends a large object.
    async fn large_object_end(&mut self) -> Result<(), ArchiveError>;

    /// Writes what comes last, and waits until everything is durable and visible.
    ///
    /// # Errors
    /// Also [`ArchiveError::EntriesMissing`]; nothing is published then.
    async fn finish(self: Box<Self>, manifest: Manifest) -> Result<FinishedArchive, ArchiveError>;
}
