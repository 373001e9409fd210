//! The sink that is an archive.

use bytes::{Bytes, BytesMut};

use crate::archive::ArchiveWriter;
use crate::connection::Frames;
use crate::data::{RowSink, SinkError};
use crate::error::ArchiveError;

/// Rows are handed to the writer in blocks of about this many bytes.
const BLOCK: usize = 64 * 1024;

/// Gives the rows of one table to a writer, without the frames that they came in.
pub(super) struct ArchiveSink<'a> {
    writer: &'a mut dyn ArchiveWriter,
    block: BytesMut,
    /// Why the writer takes no more. It says more than a [`SinkError`] can.
    failure: Option<ArchiveError>,
}

impl<'a> ArchiveSink<'a> {
    pub(super) fn new(writer: &'a mut dyn ArchiveWriter) -> Self {
        Self { writer, block: BytesMut::new(), failure: None }
    }

    /// What the writer failed with, if it was the writer that failed.
    pub(super) fn take_failure(&mut self) -> Option<ArchiveError> {
        self.failure.take()
    }

    /// Hands over what is left, and ends the rows.
    pub(super) async fn finish(mut self) -> Result<(), ArchiveError> {
        let rest = self.block.split().freeze();
        self.writer.rows(rest).await?;
        self.writer.end_rows().await
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        self.writer.rows(bytes).await.map_err(|error| {
            let shown = std::io::Error::other(error.to_string());
            self.failure = Some(error);
            SinkError::Output(shown.into())
        })
    }

    async fn append(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        if self.block.is_empty() {
            self.block.reserve(BLOCK + BLOCK / 4);
        }
        self.block.extend_from_slice(bytes);
        match self.block.len() >= BLOCK {
            true => {
                let block = self.block.split().freeze();
                self.write(block).await
            }
            false => Ok(()),
        }
    }
}

impl RowSink for ArchiveSink<'_> {
    async fn frames(&mut self, frames: Frames) -> Result<(), SinkError> {
        for piece in frames.pieces() {
            self.append(piece.bytes).await?;
        }
        Ok(())
    }

    async fn bytes(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        self.append(&bytes).await
    }

    /// The writer has a thread of its own: a failure there shows when the next block comes.
    async fn work(&mut self) -> SinkError {
        std::future::pending().await
    }
}
