//! A session for COPY streams and for the plain statements around them.
//!
//! It speaks the simple query protocol only: one round trip per call, nothing prepared, so it works through poolers. Rows of a
//! COPY pass as the frames that they arrived in, in memory of a few read buffers, whatever the size of a row.
//! Logging in is not done here; queries with parameters are not either.
//!
//! Source: PostgreSQL manual, "Message Flow".

mod copy_in;
mod copy_out;
mod open;
mod status;

use std::collections::HashMap;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

pub use copy_in::CopyIn;
pub use copy_out::CopyOut;
pub use open::{CopySession, CopyStream};
pub use status::TransactionStatus;

use super::wire::{Answer, Channel, Message, Scanner, StatementResult, Step, Turn, frontend_message, take_message};
use crate::error::{ConnectionError, ServerError};

/// How many notices are kept until somebody takes them. The first ones tell most; a loop of RAISE must not fill the memory.
const MAX_NOTICES: usize = 1000;

/// One logged-in session on the stream `S`.
///
/// Answers to results are bounded: a query whose rows take more than 64 MiB breaks the session. COPY is the way to read more.
///
/// # Errors
/// Every call gives [`ConnectionError::Server`] when the server refused the statement (the session stays usable unless the
/// error was FATAL), [`ConnectionError::Lost`] when the stream ended, and [`ConnectionError::Protocol`] when the two sides
/// are out of step. After FATAL, the latter two, and a dropped [`CopyIn`], the session is broken: each later call gives the same error.
///
/// # Cancellation
/// Dropping a future of this type loses no byte of the stream. An answer whose `receive` was dropped waits for the next
/// `receive`. Dropping the session closes the stream; the server ends the session and rolls back, though not before it next
/// looks at the stream. To end a running statement at once, use the connection's canceller.
pub struct WireSession<S> {
    channel: Channel<S>,
    server: String,
    parameters: HashMap<String, String>,
    /// What every message begins with.
    prologue: String,
    notices: Vec<ServerError>,
    status: TransactionStatus,
    /// Queries whose `ReadyForQuery` has not been read.
    unanswered: usize,
    answer: Answer,
    scanner: Scanner,
    is_copying: bool,
    broken: Option<ConnectionError>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> WireSession<S> {
    /// Takes over a stream right behind the `ReadyForQuery` of a login. `server` names it in errors, as
    /// `user@host:port/database`; `parameters` are those that the server reported.
    pub(crate) fn new(stream: S, server: String, parameters: HashMap<String, String>) -> Self {
        Self {
            channel: Channel::new(stream),
            server,
            parameters,
            prologue: String::new(),
            notices: Vec::new(),
            status: TransactionStatus::Idle,
            unanswered: 0,
            answer: Answer::default(),
            scanner: Scanner::default(),
            is_copying: false,
            broken: None,
        }
    }

    /// Runs one or more statements in one message and waits for all results.
    ///
    /// Several statements without BEGIN are one transaction. If one fails, the results of those before it are dropped.
    /// Answers that nobody has received are read first; an error among them is returned instead, and `sql` is not run.
    pub async fn simple(&mut self, sql: &str) -> Result<Vec<StatementResult>, ConnectionError> {
        self.usable()?;
        self.drain().await?;
        self.send(sql)?;
        self.finish_answer().await
    }

    /// Runs one or more statements and drops what they return.
    pub async fn execute(&mut self, sql: &str) -> Result<(), ConnectionError> {
        self.simple(sql).await.map(drop)
    }

    /// Queues a query for the server without waiting for the answer: call [`receive`](Self::receive) once for each.
    ///
    /// It is sent by the next call that waits. An error in one query does not stop those behind it, unless they are in one
    /// transaction.
    pub fn send(&mut self, sql: &str) -> Result<(), ConnectionError> {
        self.send_bytes(sql.as_bytes())
    }

    /// As [`send`](Self::send), for text in the encoding that the session has.
    pub(crate) fn send_bytes(&mut self, sql: &[u8]) -> Result<(), ConnectionError> {
        self.usable()?;
        if memchr::memchr(0, sql).is_some() {
            return Err(self.protocol("a statement holds a zero byte"));
        }
        let prologue = if sql.trim_ascii().is_empty() { "" } else { &self.prologue };
        let message = frontend_message(b'Q', &[prologue.as_bytes(), sql, b"\0"]).map_err(|problem| self.protocol(&problem))?;
        self.channel.queue(message);
        self.unanswered += 1;
        Ok(())
    }

    /// Puts a statement, with its `;`, in front of every message from now on, and so into the transaction that the message is or
    /// begins. What it gives is not among the results. It needs no round trip. Empty: nothing.
    ///
    /// # Errors
    /// While answers are still to come.
    pub(crate) fn set_prologue(&mut self, statement: String) -> Result<(), ConnectionError> {
        self.usable()?;
        if self.unanswered > 0 {
            return Err(self.protocol("answers are still to come"));
        }
        self.prologue = statement;
        Ok(())
    }

    /// Waits for the answer to the oldest query that was sent.
    pub async fn receive(&mut self) -> Result<Vec<StatementResult>, ConnectionError> {
        self.usable()?;
        if self.unanswered == 0 {
            return Err(self.protocol("no query is waiting for an answer"));
        }
        self.finish_answer().await
    }

    /// Starts a `COPY … TO STDOUT`. Statements in front of it in the same text are run first.
    pub async fn copy_out(&mut self, sql: &str) -> Result<CopyOut<'_, S>, ConnectionError> {
        let is_binary = self.start_copy(sql, CopyDirection::Out).await?;
        Ok(CopyOut::new(self, is_binary))
    }

    /// Begins the `COPY … TO STDOUT` that was [sent](Self::send) first and has not been received: many small COPYs cost
    /// one round trip then.
    pub(crate) async fn copy_out_sent(&mut self) -> Result<CopyOut<'_, S>, ConnectionError> {
        self.usable()?;
        if self.unanswered == 0 {
            return Err(self.protocol("no query is waiting for an answer"));
        }
        let is_binary = self.await_copy(CopyDirection::Out).await?;
        Ok(CopyOut::new(self, is_binary))
    }

    /// Starts a `COPY … FROM STDIN`. Statements in front of it in the same text are run first.
    pub async fn copy_in(&mut self, sql: &str) -> Result<CopyIn<'_, S>, ConnectionError> {
        let is_binary = self.start_copy(sql, CopyDirection::In).await?;
        Ok(CopyIn::new(self, is_binary))
    }

    /// Begins the `COPY … FROM STDIN` that was [sent](Self::send) first and has not been received.
    pub(crate) async fn copy_in_sent(&mut self) -> Result<CopyIn<'_, S>, ConnectionError> {
        self.usable()?;
        if self.unanswered == 0 {
            return Err(self.protocol("no query is waiting for an answer"));
        }
        let is_binary = self.await_copy(CopyDirection::In).await?;
        Ok(CopyIn::new(self, is_binary))
    }

    /// Reads and drops all answers that are still to come, rows of an unfinished [`CopyOut`] included. The first error among
    /// them is returned; the session is idle then, too.
    pub async fn drain(&mut self) -> Result<(), ConnectionError> {
        self.check_broken()?;
        while self.is_copying {
            self.next_frames().await?;
        }
        let mut result = Ok(());
        while self.unanswered > 0 {
            let answer = self.finish_answer().await.map(drop);
            self.check_broken()?;
            result = result.and(answer);
        }
        result
    }

    /// The notices, warnings and the like that came since the last call, the first thousand of them.
    pub fn take_notices(&mut self) -> Vec<ServerError> {
        std::mem::take(&mut self.notices)
    }

    /// The value of a setting that the server reports by itself, as `server_version` or `client_encoding`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The server's name in errors: `user@host:port/database`.
    pub fn describe(&self) -> &str {
        &self.server
    }

    /// Where the session stood after the last complete answer.
    pub fn transaction_status(&self) -> TransactionStatus {
        self.status
    }

    /// Whether the session is in a transaction in which only ROLLBACK works.
    pub(crate) fn is_in_failed_transaction(&self) -> bool {
        self.broken.is_none() && self.status == TransactionStatus::Failed
    }

    /// Whether the server is at work for this session: rows or answers are still to come.
    pub(crate) fn is_busy(&self) -> bool {
        self.broken.is_none() && (self.is_copying || self.unanswered > 0)
    }

    /// Why the session can be used no more.
    pub(crate) fn broken_by(&self) -> Option<&ConnectionError> {
        self.broken.as_ref()
    }

    /// Whether the session can be used no more.
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Says goodbye and closes the stream. An open transaction is rolled back by the server.
    pub async fn close(mut self) {
        if self.broken.is_none() && !self.is_copying {
            self.channel.queue(Bytes::from_static(b"X\0\0\0\x04"));
            self.channel.shut_down().await;
        }
    }
}

impl<S> std::fmt::Debug for WireSession<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireSession").field("server", &self.server).field("status", &self.status).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CopyDirection {
    Out,
    In,
}

/// The exchange of messages.
impl<S: AsyncRead + AsyncWrite + Unpin + Send> WireSession<S> {
    async fn start_copy(&mut self, sql: &str, wanted: CopyDirection) -> Result<bool, ConnectionError> {
        self.usable()?;
        self.drain().await?;
        self.send(sql)?;
        self.await_copy(wanted).await
    }

    async fn await_copy(&mut self, wanted: CopyDirection) -> Result<bool, ConnectionError> {
        loop {
            match (self.step().await?, wanted) {
                (Step::CopyOut { is_binary }, CopyDirection::Out) | (Step::CopyIn { is_binary }, CopyDirection::In) => {
                    self.is_copying = wanted == CopyDirection::Out;
                    return Ok(is_binary);
                }
                (Step::Done(status), _) => {
                    self.end_answer(status)?;
                    return Err(self.protocol("the statement is not the COPY that was expected"));
                }
                (step, _) => self.refuse_copy(&step)?,
            }
        }
    }

    /// Reads the rest of an answer.
    async fn finish_answer(&mut self) -> Result<Vec<StatementResult>, ConnectionError> {
        loop {
            match self.step().await? {
                Step::Done(status) => return self.end_answer(status),
                step => self.refuse_copy(&step)?,
            }
        }
    }

    /// A COPY where none was expected: rows from the server are dropped, rows for the server are refused.
    fn refuse_copy(&mut self, step: &Step) -> Result<(), ConnectionError> {
        if matches!(step, Step::CopyIn { .. }) {
            let message = frontend_message(b'f', &[b"no rows are to be sent\0"]).map_err(|problem| self.out_of_step(&problem))?;
            self.channel.queue(message);
        }
        if *step != Step::More {
            self.answer.surprise = Some("the statement is a COPY of another kind than expected".to_owned());
        }
        Ok(())
    }

    fn end_answer(&mut self, status: u8) -> Result<Vec<StatementResult>, ConnectionError> {
        let Some(status) = TransactionStatus::from_byte(status) else {
            return Err(self.out_of_step("a transaction status that does not exist"));
        };
        self.status = status;
        self.unanswered -= 1;
        let mut answer = std::mem::take(&mut self.answer);
        match (answer.surprise, answer.error) {
            (Some(surprise), _) => Err(self.protocol(&surprise)),
            (None, Some(source)) => Err(ConnectionError::Server { server: self.server.clone(), source: source.into() }),
            (None, None) => {
                let of_prologue = usize::from(!self.prologue.is_empty()).min(answer.results.len());
                Ok(answer.results.split_off(of_prologue))
            }
        }
    }

    /// Waits for the next message of the answer.
    async fn step(&mut self) -> Result<Step, ConnectionError> {
        loop {
            if let Some(step) = self.buffered_step()? {
                return Ok(step);
            }
            self.fill().await?;
        }
    }

    /// The next message of the answer, if it has come already.
    fn buffered_step(&mut self) -> Result<Option<Step>, ConnectionError> {
        while let Some(message) = self.take_message()? {
            if !self.absorb(&message)? {
                return self.answer.fold(&message).map(Some).map_err(|problem| self.out_of_step(&problem));
            }
        }
        Ok(None)
    }

    /// The next message, if all of it has come.
    fn take_message(&mut self) -> Result<Option<Message>, ConnectionError> {
        take_message(&mut self.channel.input).map_err(|problem| self.out_of_step(&problem))
    }

    /// Handles what may come at any time. `false`: it is part of an answer.
    fn absorb(&mut self, message: &Message) -> Result<bool, ConnectionError> {
        match message.kind {
            b'N' if self.notices.len() < MAX_NOTICES => self.notices.push(message.server_error()),
            b'N' | b'A' => {}
            b'S' => self.parameters.extend(message.parameter()),
            b'E' => {
                let source = Box::new(message.server_error());
                if matches!(source.severity.as_str(), "FATAL" | "PANIC") || self.unanswered == 0 {
                    // The server closes the stream behind this one.
                    return Err(self.break_with(ConnectionError::Server { server: self.server.clone(), source }));
                }
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn fill(&mut self) -> Result<(), ConnectionError> {
        let result = self.channel.fill().await;
        result.map_err(|problem| self.lost(problem))
    }

    async fn turn(&mut self) -> Result<Turn, ConnectionError> {
        let result = self.channel.turn().await;
        result.map_err(|problem| self.lost(problem))
    }

    fn check_broken(&self) -> Result<(), ConnectionError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn usable(&self) -> Result<(), ConnectionError> {
        self.check_broken()?;
        if self.is_copying {
            return Err(self.protocol("a COPY was left before its end; drain() reads the rest"));
        }
        Ok(())
    }

    fn protocol(&self, problem: &str) -> ConnectionError {
        ConnectionError::Protocol { server: self.server.clone(), problem: problem.to_owned() }
    }

    fn break_with(&mut self, error: ConnectionError) -> ConnectionError {
        self.broken.get_or_insert(error).clone()
    }

    fn out_of_step(&mut self, problem: &str) -> ConnectionError {
        let error = self.protocol(problem);
        self.break_with(error)
    }

    fn lost(&mut self, problem: String) -> ConnectionError {
        let server = self.server.clone();
        // An error that was read before the stream ended tells more than the end itself.
        let error = match self.answer.error.take() {
            Some(source) => ConnectionError::Server { server, source: source.into() },
            None => ConnectionError::Lost { server, problem },
        };
        self.break_with(error)
    }
}

#[cfg(test)]
mod tests;
