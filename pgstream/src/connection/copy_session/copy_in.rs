//! Rows to the server.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::wire::{COALESCE, Frames, HEADER, READ_BUFFER, Step, Turn, copy_data_header, frontend_message};
use super::WireSession;
use crate::error::ConnectionError;

/// A running `COPY … FROM STDIN`. [`finish`](Self::finish) completes it, [`abort`](Self::abort) makes it fail.
///
/// While rows are written the server is listened to: when it gives up, the call that is waiting returns its error at once,
/// even if the server takes no more bytes. The session is usable again after such an error (in a failed transaction if it
/// was in one).
///
/// # Cancellation
/// Dropping the future of [`flush`](Self::flush), [`send`](Self::send) or [`watch`](Self::watch) leaves what was queued in
/// the session, in order and to the byte; the next call goes on with it. What was passed to `send` counts as queued once
/// its future has been polled.
/// A `CopyIn` that is dropped without `finish` or `abort` marks the session as broken: no half COPY can become a whole one.
/// Close the session then; the server sees the end of the stream and rolls back.
pub struct CopyIn<'a, S> {
    session: &'a mut WireSession<S>,
    is_binary: bool,
    /// The `CopyData` message that is being filled, room for its header first. Empty between messages.
    filling: BytesMut,
    ended: bool,
    failed: Option<ConnectionError>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin + Send> CopyIn<'a, S> {
    pub(super) fn new(session: &'a mut WireSession<S>, is_binary: bool) -> Self {
        Self { session, is_binary, filling: BytesMut::new(), ended: false, failed: None }
    }

    /// Whether the server wants COPY binary format.
    pub fn is_binary(&self) -> bool {
        self.is_binary
    }

    /// Forwards whole frames unchanged and waits until they have been handed to the operating system.
    pub async fn send_frames(&mut self, frames: Frames) -> Result<(), ConnectionError> {
        self.queue_frames(frames);
        self.flush().await
    }

    /// Queues whole frames unchanged, without copying them and without waiting: [`flush`](Self::flush) bounds what is queued.
    pub fn queue_frames(&mut self, frames: Frames) {
        self.seal();
        self.session.channel.queue(frames.into_bytes());
    }

    /// Sends a piece of the COPY stream. It may begin and end anywhere, also within a row. Small pieces are collected into
    /// messages of 64 KiB; large ones are not copied.
    pub async fn send(&mut self, payload: Bytes) -> Result<(), ConnectionError> {
        if payload.len() < COALESCE {
            self.push(&payload);
            if self.session.channel.is_written() {
                return self.check();
            }
        } else {
            self.queue_large(payload);
        }
        self.flush().await
    }

    /// Queues a copy of a piece of the COPY stream without waiting. It may begin and end anywhere. Call
    /// [`flush`](Self::flush) after every 64 KiB or so: that bounds the memory.
    pub fn push(&mut self, mut payload: &[u8]) {
        while !payload.is_empty() {
            if self.filling.is_empty() {
                self.filling.reserve(HEADER + COALESCE);
                self.filling.extend_from_slice(&[0; HEADER]);
            }
            let room = HEADER + COALESCE - self.filling.len();
            let (now, later) = payload.split_at(room.min(payload.len()));
            self.filling.extend_from_slice(now);
            payload = later;
            if now.len() == room {
                self.seal();
            }
        }
    }

    /// Waits until all complete messages have been handed to the operating system.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        loop {
            self.look().await?;
            if self.session.turn().await.map_err(|e| self.fail(e))? == Turn::Written {
                return Ok(());
            }
        }
    }

    /// Waits for the server to give up, and gives its error. While it does not, this waits for ever: use it beside
    /// something else that takes long, so that a failed target ends the wait.
    pub async fn watch(&mut self) -> ConnectionError {
        loop {
            if let Err(error) = self.look().await {
                return error;
            }
            if let Err(error) = self.session.fill().await {
                return self.fail(error);
            }
        }
    }

    /// Says that all rows were sent, and waits until the server has taken them. Gives the number of rows it counted.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown and the session broken.
    pub async fn finish(mut self) -> Result<u64, ConnectionError> {
        self.flush_all().await?;
        self.session.channel.queue(Bytes::from_static(b"c\0\0\0\x04"));
        let result = self.session.finish_answer().await;
        self.ended = true;
        let rows = result?.last().and_then(|last| last.affected());
        rows.ok_or_else(|| self.session.protocol("the tag of a COPY tells no number of rows"))
    }

    /// Makes the COPY fail on the server, for `reason` (it goes into the server's log: no values, please), and waits until
    /// the session is usable again: idle, or in a failed transaction.
    ///
    /// # Errors
    /// When the session did not survive.
    pub async fn abort(mut self, reason: &str) -> Result<(), ConnectionError> {
        let text = reason.replace('\0', " ");
        if self.failed.is_none() && self.session.answer.error.is_none() {
            let message = frontend_message(b'f', &[text.as_bytes(), b"\0"]);
            let message = message.map_err(|problem| self.session.protocol(&problem))?;
            self.session.channel.queue(message);
        }
        let result = match self.failed.take() {
            Some(error) => Err(error),
            None => self.session.finish_answer().await.map(drop),
        };
        self.ended = true;
        match result {
            Err(error) if self.session.is_broken() => Err(error),
            _ => Ok(()),
        }
    }

    async fn flush_all(&mut self) -> Result<(), ConnectionError> {
        self.seal();
        self.flush().await
    }

    /// The message that is being filled becomes complete.
    fn seal(&mut self) {
        if self.filling.is_empty() {
            return;
        }
        let header = copy_data_header(self.filling.len() - HEADER);
        self.filling[..HEADER].copy_from_slice(&header);
        self.session.channel.queue(self.filling.split().freeze());
    }

    /// The server keeps each message in memory as a whole, so a large payload goes in several.
    fn queue_large(&mut self, mut payload: Bytes) {
        self.seal();
        while !payload.is_empty() {
            let part = payload.split_to(payload.len().min(READ_BUFFER));
            self.session.channel.queue(Bytes::copy_from_slice(&copy_data_header(part.len())));
            self.session.channel.queue(part);
        }
    }

    fn check(&self) -> Result<(), ConnectionError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Looks at what the server has said so far. If it gave up, reads its answer to the end: from there on it drops what we
    /// still send of this COPY, so the session is in step once the queue is written.
    async fn look(&mut self) -> Result<(), ConnectionError> {
        self.check()?;
        if self.session.answer.error.is_none() {
            match self.session.buffered_step().map_err(|e| self.fail(e))? {
                None => return Ok(()),
                Some(Step::More) if self.session.answer.error.is_some() => {}
                Some(_) => {
                    let error = self.session.out_of_step("the server ended a COPY before its rows ended");
                    return Err(self.fail(error));
                }
            }
        }
        match self.session.finish_answer().await {
            Err(error) => Err(self.fail(error)),
            Ok(_) => Err(self.fail(self.session.protocol("an error that is none"))),
        }
    }

    fn fail(&mut self, error: ConnectionError) -> ConnectionError {
        self.filling.clear();
        self.failed.get_or_insert(error).clone()
    }
}

impl<S> Drop for CopyIn<'_, S> {
    fn drop(&mut self) {
        // After a failure the server has ended the COPY itself, and the session is in step or broken already.
        if !self.ended && self.failed.is_none() {
            let problem = "a COPY into it was left without an end".to_owned();
            let server = self.session.server.clone();
            self.session.broken.get_or_insert(ConnectionError::Lost { server, problem });
        }
    }
}
