//! Where the rows of a table go.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::{CopyIn, Frames};
use crate::error::ConnectionError;

/// Why a sink takes no more rows.
#[derive(Debug, Clone)]
pub(crate) enum SinkError {
    /// The target's server or the connection to it.
    Connection(ConnectionError),
    /// A file or a stream.
    Output(Arc<io::Error>),
}

/// Takes the COPY text of one table, in order. A slow sink makes a slow COPY, by design.
pub(crate) trait RowSink: Send {
    /// Takes a run of rows, once there is room for it.
    fn frames(&mut self, frames: Frames) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Takes a piece of the stream that may begin and end anywhere, once there is room for it.
    fn bytes(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Goes on with what was taken, while the source is waited for; ends only when the sink failed.
    fn work(&mut self) -> impl Future<Output = SinkError> + Send;
}

/// The sink that forgets: for rows that are only counted and hashed.
pub(crate) struct NullSink;

impl RowSink for NullSink {
    async fn frames(&mut self, _frames: Frames) -> Result<(), SinkError> {
        Ok(())
    }

    async fn bytes(&mut self, _bytes: Bytes) -> Result<(), SinkError> {
        Ok(())
    }

    async fn work(&mut self) -> SinkError {
        std::future::pending().await
    }
}

/// The sink that is a `COPY … FROM STDIN` on another server. Frames pass unchanged: one run is written while the next is read.
pub(crate) struct CopyInSink<'a, 'b, S>(pub(crate) &'a mut CopyIn<'b, S>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send> RowSink for CopyInSink<'_, '_, S> {
    async fn frames(&mut self, frames: Frames) -> Result<(), SinkError> {
        // The run before must be out before this one is queued: that is what bounds the memory.
        self.0.flush().await.map_err(SinkError::Connection)?;
        self.0.queue_frames(frames);
        Ok(())
    }

    async fn bytes(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        self.0.send(bytes).await.map_err(SinkError::Connection)
    }

    async fn work(&mut self) -> SinkError {
        match self.0.flush().await {
            Ok(()) => SinkError::Connection(self.0.watch().await),
            Err(error) => SinkError::Connection(error),
        }
    }
}
