//! A stream of bytes within this program, such as the body of an HTTP response.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::error::{Error, StorageError};

use super::Output;

/// Row data and scripts flow as this: pulled, bounded, cancellable by dropping it.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// Blocks that may wait for the reader. One is being read while the next is made; more would only be memory.
const WAITING_BLOCKS: usize = 2;

/// A pair of a sink and the stream that comes out of it.
///
/// The stream ends with an error unless the sink was finished, so a truncated one never looks complete. When the stream is
/// dropped, the writer fails with [`StorageError::ClosedPipe`].
pub fn byte_stream() -> (ByteSender, ByteStream) {
    let (sender, receiver) = mpsc::channel(WAITING_BLOCKS);
    (ByteSender { sender, bytes: 0 }, Box::pin(Receiver { receiver, is_over: false }))
}

/// The writing end of [`byte_stream`]. Writing blocks until the reader pulls.
#[derive(Debug)]
pub struct ByteSender {
    sender: mpsc::Sender<Option<Bytes>>,
    bytes: u64,
}

impl Write for ByteSender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let block = Some(Bytes::copy_from_slice(bytes));
        self.sender.blocking_send(block).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for ByteSender {
    fn finish(self: Box<Self>) -> Result<u64, StorageError> {
        let end = self.sender.blocking_send(None);
        end.map(|()| self.bytes).map_err(|_| StorageError::ClosedPipe { bytes: self.bytes })
    }

    fn explain(&self, error: io::Error) -> StorageError {
        super::failed("write", "the stream", self.bytes, error)
    }
}

struct Receiver {
    receiver: mpsc::Receiver<Option<Bytes>>,
    is_over: bool,
}

impl Stream for Receiver {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let Poll::Ready(message) = self.receiver.poll_recv(context) else { return Poll::Pending };
        Poll::Ready(match message {
            Some(Some(block)) => Some(Ok(block)),
            Some(None) => {
                self.is_over = true;
                None
            }
            None => {
                self.is_over = true;
                Some(Err(StorageError::Abandoned.into()))
            }
        })
    }
}
