//! The asynchronous face of a blocking output.

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::StorageError;

use super::{Output, PartFile};

/// What is handed to the writing thread at once, in bytes: large enough that a codec and the disk work at full speed and that
/// waking the thread costs nothing, small enough that a few of them are no memory.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// Blocks that may wait for the writing thread: with the one that is being filled and the one being written, 1.5 MiB in all.
const WAITING_BLOCKS: usize = 4;

/// From this size on, bytes are passed on as they are instead of being copied into a block.
const PASS_ON_BYTES: usize = 32 * 1024;

enum Message {
    Block(Bytes),
    Finish,
}

/// An [`Output`] on a thread of its own, fed by a bounded queue: writing waits when the output is slower.
///
/// Dropping it before [`finish`](Self::finish) has returned removes an unfinished file at once. Needs a tokio runtime, of
/// either flavour.
#[derive(Debug)]
pub struct OutputQueue {
    buffer: BytesMut,
    sender: mpsc::Sender<Message>,
    writer: Option<JoinHandle<Result<u64, StorageError>>>,
    part: Option<PartFile>,
    /// Set while a block is on its way: a future that is dropped meanwhile takes the block with it.
    is_cut: bool,
}

impl OutputQueue {
    /// Starts the writing thread.
    pub fn start(output: Box<dyn Output>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_BLOCKS);
        let part = output.part();
        let writer = tokio::task::spawn_blocking(move || run(output, receiver));
        Self { buffer: BytesMut::new(), sender, writer: Some(writer), part, is_cut: false }
    }

    /// Appends text.
    ///
    /// # Errors
    /// What the output failed with, which may have been an earlier block.
    ///
    /// # Cancellation
    /// When the future is dropped, bytes may be lost: the queue then refuses to finish.
    pub async fn write_text(&mut self, text: &str) -> Result<(), StorageError> {
        self.append(text.as_bytes()).await
    }

    /// Appends bytes, without a copy if they are many. Errors and cancellation as for [`write_text`](Self::write_text).
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), StorageError> {
        if bytes.len() < PASS_ON_BYTES {
            return self.append(&bytes).await;
        }
        self.is_cut = true;
        self.send_buffer().await?;
        while !bytes.is_empty() {
            let block = bytes.split_to(bytes.len().min(BLOCK_BYTES));
            self.send(Message::Block(block)).await?;
        }
        self.is_cut = false;
        Ok(())
    }

    /// Waits until everything is stored, durable and visible; returns the bytes stored.
    ///
    /// # Errors
    /// What the output failed with, or [`StorageError::Abandoned`] if an earlier write was dropped half way.
    ///
    /// # Cancellation
    /// Dropped before publication, nothing is left; the output is either absent or whole.
    pub async fn finish(mut self) -> Result<u64, StorageError> {
        if self.is_cut {
            return Err(StorageError::Abandoned);
        }
        self.send_buffer().await?;
        self.send(Message::Finish).await?;
        self.join().await
    }

    async fn append(&mut self, mut bytes: &[u8]) -> Result<(), StorageError> {
        self.is_cut = true;
        while !bytes.is_empty() {
            if self.buffer.capacity() == 0 {
                self.buffer.reserve(BLOCK_BYTES);
            }
            let (head, tail) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(head);
            bytes = tail;
            if self.buffer.len() >= BLOCK_BYTES {
                self.send_buffer().await?;
            }
        }
        self.is_cut = false;
        Ok(())
    }

    async fn send_buffer(&mut self) -> Result<(), StorageError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let block = std::mem::take(&mut self.buffer).freeze();
        self.send(Message::Block(block)).await
    }

    async fn send(&mut self, message: Message) -> Result<(), StorageError> {
        match self.sender.send(message).await {
            Ok(()) => Ok(()),
            // The thread ended early: it has the reason.
            Err(_) => self.join().await.and(Err(StorageError::Abandoned)),
        }
    }

    async fn join(&mut self) -> Result<u64, StorageError> {
        let Some(writer) = self.writer.as_mut() else { return Err(StorageError::Abandoned) };
        let result = writer.await;
        self.writer = None;
        result.unwrap_or(Err(StorageError::Abandoned))
    }
}

impl Drop for OutputQueue {
    fn drop(&mut self) {
        // Not left to the thread, which may be stuck in a write; once published this does nothing.
        if let Some(part) = &self.part {
            part.remove();
        }
    }
}

fn run(mut output: Box<dyn Output>, mut queue: mpsc::Receiver<Message>) -> Result<u64, StorageError> {
    while let Some(message) = queue.blocking_recv() {
        match message {
            Message::Block(block) => output.write_all(&block).map_err(|e| output.explain(e))?,
            Message::Finish => return output.finish(),
        }
    }
    Err(StorageError::Abandoned)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::path::Path;

    use super::*;
    use crate::error::ErrorCode;
    use crate::storage::{OutputFile, Sink, byte_stream};

    fn count(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[tokio::test]
    async fn pieces_of_every_size_arrive_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut queue = OutputQueue::start(Sink::Path(path.clone()).open(false).unwrap());
        let mut expected = Vec::new();
        for (i, size) in [1, PASS_ON_BYTES, 7, 3 * BLOCK_BYTES + 5, 0, PASS_ON_BYTES - 1].into_iter().enumerate() {
            let piece = vec![b'a' + u8::try_from(i).unwrap(); size];
            expected.extend_from_slice(&piece);
            queue.write(piece.into()).await.unwrap();
        }
        assert_eq!(queue.finish().await.unwrap(), expected.len() as u64);
        assert!(std::fs::read(&path).unwrap() == expected);
    }

    #[tokio::test]
    async fn a_dropped_queue_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = OutputQueue::start(Sink::Path(folder.path().join("out")).open(false).unwrap());
        queue.write(vec![0; BLOCK_BYTES * 2].into()).await.unwrap();
        assert_eq!(count(folder.path()), 1);
        drop(queue);
        assert_eq!(count(folder.path()), 0);
    }

    #[tokio::test]
    async fn a_write_that_was_dropped_half_way_cannot_be_finished() {
        let (sender, _unread) = byte_stream();
        let mut queue = OutputQueue::start(Box::new(sender));
        let mut write = Box::pin(queue.write(vec![0; BLOCK_BYTES * 20].into()));
        poll_fn(|context| {
            assert!(write.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(write);
        assert_eq!(queue.finish().await.unwrap_err().code(), ErrorCode::Cancelled);
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_write_or_the_finish() {
        let mut queue = OutputQueue::start(Box::new(OutputFile::create(Path::new("/dev/full"), false).unwrap()));
        let written = queue.write(vec![0; BLOCK_BYTES * 10].into()).await;
        assert_eq!(written.unwrap_err().code(), ErrorCode::OutputFailed);
    }

    async fn next(stream: &mut crate::storage::ByteStream) -> Option<Result<Bytes, crate::Error>> {
        poll_fn(|context| stream.as_mut().poll_next(context)).await
    }

    #[tokio::test]
    async fn a_stream_ends_well_only_when_it_was_finished() {
        for is_finished in [true, false] {
            let (sender, mut stream) = byte_stream();
            let mut queue = OutputQueue::start(Box::new(sender));
            queue.write_text("all").await.unwrap();
            let done = tokio::spawn(async move {
                match is_finished {
                    true => queue.finish().await.map(|_| ()),
                    false => Ok(()),
                }
            });
            let mut text = Vec::new();
            let end = loop {
                match next(&mut stream).await {
                    Some(Ok(block)) => text.extend_from_slice(&block),
                    other => break other.is_none(),
                }
            };
            assert_eq!(end, is_finished, "{}", String::from_utf8_lossy(&text));
            done.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_reader_that_goes_away_is_a_closed_pipe() {
        let (sender, stream) = byte_stream();
        drop(stream);
        let mut queue = OutputQueue::start(Box::new(sender));
        let written = queue.write(vec![0; BLOCK_BYTES * 10].into()).await;
        assert_eq!(written.unwrap_err().code(), ErrorCode::ClosedPipe);
    }
}
