//! The asynchronous face of a blocking input.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::{ArchiveError, Error, StorageError};

use super::BLOCK_BYTES;

/// Blocks that may wait for us: with the one that is being read and the one that is used, 1.5 MiB in all.
const WAITING_BLOCKS: usize = 4;

/// An input on a thread of its own, which reads (and decompresses) ahead by a few blocks and not further.
///
/// Needs a tokio runtime, of either flavour.
///
/// # Cancellation
/// Dropping the future of [`next`](Self::next) loses nothing. Dropping the queue ends the thread, as soon as the read that it is in
/// returns.
#[derive(Debug)]
pub struct InputQueue {
    receiver: mpsc::Receiver<Result<Bytes, Error>>,
    name: String,
    is_complete: bool,
    _cancel: DropGuard,
}

impl InputQueue {
    /// Starts the reading thread. `open` is called there, with the order to stop; `name` is for errors.
    pub(crate) fn start<O>(name: String, open: O) -> Self
    where
        O: FnOnce(CancellationToken) -> Result<Box<dyn Read + Send>, Error> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(WAITING_BLOCKS);
        let cancel = CancellationToken::new();
        let order = cancel.clone();
        let place = name.clone();
        tokio::task::spawn_blocking(move || read_all(&sender, &place, || open(order)));
        Self { receiver, name, is_complete: false, _cancel: cancel.drop_guard() }
    }

    /// The next bytes, at least one; `None` at the end.
    ///
    /// # Errors
    /// What opening, reading or decompressing failed with. Nothing comes behind an error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match self.receiver.recv().await {
            Some(Ok(block)) if block.is_empty() => {
                self.is_complete = true;
                Ok(None)
            }
            Some(block) => block.map(Some),
            None if self.is_complete => Ok(None),
            // The thread is gone without an end: an input that merely stops must not look complete.
            None => Err(StorageError::Abandoned.into()),
        }
    }

    /// The input's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Sends every block, and an empty one as the end.
fn read_all<O>(sender: &mpsc::Sender<Result<Bytes, Error>>, name: &str, open: O)
where
    O: FnOnce() -> Result<Box<dyn Read + Send>, Error>,
{
    let mut bytes = 0_u64;
    let read = || -> Result<(), Error> {
        let mut input = open().map_err(|error| named(name, error))?;
        let mut buffer = BytesMut::new();
        loop {
            let block = read_block(&mut input, &mut buffer);
            let block = block.map_err(|source| unreadable(name, bytes, source))?;
            bytes += block.len() as u64;
            let is_last = block.is_empty();
            if sender.blocking_send(Ok(block)).is_err() || is_last {
                return Ok(());
            }
        }
    };
    if let Err(error) = { read }() {
        // Whoever does not listen any more does not want to know.
        let _ = sender.blocking_send(Err(error));
    }
}

/// An error of ours that came through a reader is that error; any other is the system's or the codec's.
fn unreadable(name: &str, bytes: u64, source: std::io::Error) -> Error {
    let source = match source.downcast::<Error>() {
        Ok(error) => return error,
        Err(source) => source,
    };
    match source.downcast::<ArchiveError>() {
        Ok(error) => named(name, error.into()),
        Err(source) => StorageError::Unreadable { path: name.to_owned(), bytes, source }.into(),
    }
}

/// A decompressor does not know what it reads from.
fn named(name: &str, error: Error) -> Error {
    match error {
        Error::Archive(ArchiveError::InputFailed { offset, source }) => unreadable(name, offset, source),
        error => error,
    }
}

/// Room below which a new buffer is taken.
const MIN_READ: usize = BLOCK_BYTES / 8;

/// Reads what is there, at least one byte unless the input has ended: whoever waits for the other end of a pipe must not wait for a
/// whole block. Small pieces share a buffer.
fn read_block(input: &mut dyn Read, buffer: &mut BytesMut) -> std::io::Result<Bytes> {
    if buffer.len() < MIN_READ {
        *buffer = BytesMut::zeroed(BLOCK_BYTES);
    }
    loop {
        match input.read(buffer) {
            Ok(read) => return Ok(buffer.split_to(read).freeze()),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::error::ErrorCode;
    use crate::storage::{Source, byte_stream};

    fn start(source: Source) -> InputQueue {
        let runtime = tokio::runtime::Handle::current();
        InputQueue::start(source.describe(), move |cancel| Ok(source.open(runtime, cancel)?))
    }

    async fn all(mut queue: InputQueue) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(block) = queue.next().await? {
            bytes.extend_from_slice(&block);
        }
        assert!(queue.next().await?.is_none(), "an end is final");
        Ok(bytes)
    }

    #[tokio::test]
    async fn a_file_arrives_byte_by_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in");
        for size in [0, 1, BLOCK_BYTES, 5 * BLOCK_BYTES + 7] {
            let content: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            std::fs::write(&path, &content).unwrap();
            assert!(all(start(Source::Path(path.clone()))).await.unwrap() == content, "{size}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named() {
        let error = all(start(Source::parse("/nowhere/a.sql"))).await.unwrap_err();
        assert_eq!((error.code(), error.to_string().contains("/nowhere/a.sql")), (ErrorCode::InputFailed, true), "{error}");
    }

    /// Gives ones for ever, counts the reads, and fails after so many bytes.
    struct Ones(Arc<AtomicUsize>, usize);

    impl Read for Ones {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let done = self.0.fetch_add(buffer.len(), Ordering::Relaxed);
            if done >= self.1 {
                return Err(io::Error::other("broken disk"));
            }
            buffer.fill(1);
            Ok(buffer.len())
        }
    }

    #[tokio::test]
    async fn an_error_tells_how_far_it_came() {
        let queue = InputQueue::start("the input".into(), |_| Ok(Box::new(Ones(Arc::default(), 3 * BLOCK_BYTES))));
        let error = all(queue).await.unwrap_err();
        assert_eq!(error.to_string(), format!("could not read the input after {} bytes", 3 * BLOCK_BYTES));
    }

    #[tokio::test]
    async fn no_more_is_read_ahead_than_the_bound() {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = read.clone();
        let mut queue = InputQueue::start("ones".into(), |_| Ok(Box::new(Ones(counter, usize::MAX))));
        queue.next().await.unwrap();
        // The thread has come to its bound once it has read what fits.
        let most = (WAITING_BLOCKS + 2) * BLOCK_BYTES;
        while read.load(Ordering::Relaxed) < most {
            tokio::task::yield_now().await;
        }
        drop(queue);
        assert_eq!(read.load(Ordering::Relaxed), most);
    }

    #[tokio::test]
    async fn a_stream_that_fails_is_no_end() {
        let (sender, stream) = byte_stream();
        drop(sender);
        let error = all(start(Source::Stream(stream))).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled, "the stream's own error is kept: {error}");
    }

    #[tokio::test]
    async fn a_queue_that_is_dropped_ends_the_wait_for_a_stream() {
        struct Told(tokio::sync::oneshot::Sender<()>);
        let (told, ended) = tokio::sync::oneshot::channel();
        let told = Told(told);
        let stream: crate::storage::ByteStream = Box::pin(futures_util::stream::poll_fn(move |_| {
            let _kept = &told.0;
            std::task::Poll::Pending
        }));
        drop(start(Source::Stream(stream)));
        assert!(ended.await.is_err(), "the stream is dropped with its thread");
    }
}
