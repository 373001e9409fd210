//! A byte stream with an input buffer and an output queue. It knows no messages.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{COALESCE, READ_BUFFER};

/// Room below which the input buffer is moved or replaced before a read.
const MIN_READ: usize = READ_BUFFER / 8;

/// What ended a turn of [`Channel::turn`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Bytes were added to the input.
    Read,
    /// Everything queued has been written.
    Written,
}

/// Reads into [`input`](Self::input), writes what is queued. All state is here, so a dropped future loses no byte.
pub(crate) struct Channel<S> {
    stream: S,
    /// Bytes that were read and not yet used.
    pub(crate) input: BytesMut,
    queue: VecDeque<Bytes>,
    is_flushed: bool,
    /// Why nothing can be written any more. The reason that the server gave may still be waiting to be read.
    write_problem: Option<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new(), queue: VecDeque::new(), is_flushed: true, write_problem: None }
    }

    /// The stream itself.
    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// Adds bytes to what is to be written. Nothing is sent before the next call that waits.
    pub(crate) fn queue(&mut self, bytes: Bytes) {
        if self.write_problem.is_none() && !bytes.is_empty() {
            self.queue.push_back(bytes);
        }
    }

    /// Whether nothing is left to be written.
    pub(crate) fn is_written(&self) -> bool {
        self.queue.is_empty() && self.is_flushed
    }

    /// Writes all that is queued and reads at least one byte, whichever is done first. The input is looked at first: the
    /// server's word on why it stopped must be seen even when it takes nothing any more.
    ///
    /// # Errors
    /// In words, when the stream has ended.
    pub(crate) async fn turn(&mut self) -> Result<Turn, String> {
        poll_fn(|cx| {
            if let Poll::Ready(read) = self.poll_fill(cx) {
                return Poll::Ready(read.map(|()| Turn::Read));
            }
            match self.poll_write_queue(cx) {
                Poll::Ready(true) => Poll::Ready(Ok(Turn::Written)),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Reads at least one byte, while what is queued is written.
    ///
    /// # Errors
    /// In words, when the stream has ended.
    pub(crate) async fn fill(&mut self) -> Result<(), String> {
        poll_fn(|cx| {
            let _ = self.poll_write_queue(cx);
            self.poll_fill(cx)
        })
        .await
    }

    /// Writes what is queued, then says to the peer that nothing more will come.
    pub(crate) async fn shut_down(mut self) {
        let written = poll_fn(|cx| self.poll_write_queue(cx)).await;
        if written {
            // The session is over either way.
            let _ = self.stream.shutdown().await;
        }
    }

    /// Ready with whether the queue has reached the operating system; `false` when it never will.
    fn poll_write_queue(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.write_problem.is_some() {
            return Poll::Ready(false);
        }
        let result = ready!(self.poll_write_all(cx));
        if let Err(e) = &result {
            self.write_problem = Some(e.to_string());
            self.queue.clear();
        }
        Poll::Ready(result.is_ok())
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(front) = self.queue.front_mut() {
            self.is_flushed = false;
            match ready!(Pin::new(&mut self.stream).poll_write(cx, front))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n if n == front.len() => drop(self.queue.pop_front()),
                n => front.advance(n),
            }
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.input.capacity() - self.input.len() < MIN_READ {
            // Asking for no more than one buffer lets a buffer that nobody uses any more be taken again.
            self.input.reserve(READ_BUFFER.saturating_sub(self.input.len()).max(COALESCE));
        }
        let read = ready!(pin!(self.stream.read_buf(&mut self.input)).poll(cx));
        Poll::Ready(match (read, &self.write_problem) {
            (Ok(0), None) => Err("the server closed it".to_owned()),
            (Ok(0), Some(problem)) => Err(problem.clone()),
            (Ok(_), _) => Ok(()),
            (Err(e), _) => Err(e.to_string()),
        })
    }
}
