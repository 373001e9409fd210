//! Rows from the server.

use tokio::io::{AsyncRead, AsyncWrite};

use super::super::wire::{Frames, Message, Scanned, StatementResult};
use super::WireSession;
use crate::error::{ConnectionError, ServerError};

/// A running `COPY … TO STDOUT`.
///
/// # Cancellation
/// Dropping the future of [`next`](Self::next) loses nothing. Dropping the `CopyOut` before its end leaves the rest of the
/// rows in the stream: the session refuses statements until [`WireSession::drain`] has read them, or is dropped. To end early
/// without reading them all, cancel the statement by the connection's canceller, then call [`drain`](Self::drain).
pub struct CopyOut<'a, S> {
    session: &'a mut WireSession<S>,
    is_binary: bool,
    results: Option<Vec<StatementResult>>,
    failed: Option<ConnectionError>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin + Send> CopyOut<'a, S> {
    pub(super) fn new(session: &'a mut WireSession<S>, is_binary: bool) -> Self {
        Self { session, is_binary, results: None, failed: None }
    }

    /// Waits for the next run of rows: 64 KiB or more of them, except in front of the end and around a row that is larger
    /// than the read buffer (256 KiB).
    ///
    /// `None` comes once the server has said that all rows were sent and that the statement is complete, never after a
    /// stream that merely stopped.
    pub async fn next(&mut self) -> Result<Option<Frames>, ConnectionError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.results.is_some() {
            return Ok(None);
        }
        let next = self.advance().await;
        self.failed = next.as_ref().err().cloned();
        next
    }

    async fn advance(&mut self) -> Result<Option<Frames>, ConnectionError> {
        if self.session.is_copying
            && let Some(frames) = self.session.next_frames().await?
        {
            return Ok(Some(frames));
        }
        self.results = Some(self.session.finish_answer().await?);
        Ok(None)
    }

    /// Whether the rows are in COPY binary format. There the first and the last message are not rows alone: the first has
    /// the format's header in front, the last is its end mark.
    pub fn is_binary(&self) -> bool {
        self.is_binary
    }

    /// How many rows the server says it sent. Known after [`next`](Self::next) gave `None`.
    pub fn rows(&self) -> Option<u64> {
        let copy = self.results.as_ref()?.iter().rfind(|result| result.tag.starts_with("COPY "))?;
        copy.affected()
    }

    /// Reads and drops what is left, until the session is idle again. Gives the error by which the server ended the COPY:
    /// `57014` after a cancel request that arrived in time, `None` when all rows had been sent before it did.
    ///
    /// # Errors
    /// When the session did not survive.
    pub async fn drain(mut self) -> Result<Option<ServerError>, ConnectionError> {
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(ConnectionError::Server { source, .. }) if !self.session.is_broken() => return Ok(Some(*source)),
                Err(e) => return Err(e),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> WireSession<S> {
    /// Waits for rows; `None` when the rows have ended and the rest of the answer is next.
    pub(super) async fn next_frames(&mut self) -> Result<Option<Frames>, ConnectionError> {
        loop {
            let scanned = self.scanner.scan(&mut self.channel.input);
            match scanned.map_err(|problem| self.out_of_step(&problem))? {
                Scanned::Frames(frames) => return Ok(Some(frames)),
                Scanned::More => self.fill().await?,
                Scanned::Other => match self.take_message()? {
                    None => self.fill().await?,
                    Some(message) if self.absorb(&message)? => {}
                    Some(message) => {
                        self.end_rows(&message)?;
                        return Ok(None);
                    }
                },
            }
        }
    }

    /// Only the end of the rows, or the error that ended them, may stand where a row could.
    fn end_rows(&mut self, message: &Message) -> Result<(), ConnectionError> {
        if !matches!(message.kind, b'c' | b'E') {
            return Err(self.out_of_step("rows are followed by neither their end nor an error"));
        }
        self.is_copying = false;
        self.answer.fold(message).map(drop).map_err(|problem| self.out_of_step(&problem))
    }
}
