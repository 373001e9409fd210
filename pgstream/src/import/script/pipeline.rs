//! Statements on their way to the server, and whose answer is whose.

use std::collections::VecDeque;

use crate::connection::{CopySession, StatementResult};
use crate::error::{ConnectionError, Error, ImportError};
use crate::script::Statement;

use super::names::LargeObjectCall;

/// Statements that may be on their way. More would not make a round trip shorter.
const MOST_STATEMENTS: usize = 128;

/// Bytes of them, beside one statement that may be larger.
const MOST_BYTES: usize = 256 * 1024;

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// That it came.
    Nothing,
    /// The tag tells how many rows went into the table of that number.
    Insert(usize),
    /// Which table that number is.
    Resolve(usize),
    /// A sequence has its value.
    SetSequence,
    /// The value tells how many bytes were written.
    LargeObject(LargeObjectCall),
}

/// A statement that was sent.
#[derive(Debug)]
struct Sent {
    purpose: Purpose,
    /// `None` for one of ours.
    statement: Option<Statement>,
    bytes: usize,
}

/// An answer that came.
#[derive(Debug)]
pub(super) struct Answer {
    /// What it is for.
    pub(super) purpose: Purpose,
    /// What the server said.
    pub(super) results: Vec<StatementResult>,
}

/// A session with statements on their way.
pub(super) struct Pipeline {
    session: CopySession,
    sent: VecDeque<Sent>,
    bytes: usize,
}

impl Pipeline {
    /// Nothing is on its way.
    pub(super) fn new(session: CopySession) -> Self {
        Self { session, sent: VecDeque::new(), bytes: 0 }
    }

    /// The session. Nothing may be on its way.
    pub(super) fn session(&mut self) -> &mut CopySession {
        &mut self.session
    }

    /// The session, whatever is on its way.
    pub(super) fn into_session(self) -> CopySession {
        self.session
    }

    /// Sends a statement of the script.
    pub(super) fn send(&mut self, purpose: Purpose, statement: &Statement) -> Result<(), Error> {
        self.send_as(purpose, statement, &statement.text)
    }

    /// Sends a statement of the script in other words.
    pub(super) fn send_as(&mut self, purpose: Purpose, statement: &Statement, sql: &[u8]) -> Result<(), Error> {
        self.session.send_bytes(sql).map_err(|source| failed(statement, source))?;
        self.push(purpose, Some(statement.clone()), sql.len());
        Ok(())
    }

    /// Sends a statement of ours.
    pub(super) fn send_own(&mut self, purpose: Purpose, sql: &[u8]) -> Result<(), ConnectionError> {
        self.session.send_bytes(sql)?;
        self.push(purpose, None, sql.len());
        Ok(())
    }

    fn push(&mut self, purpose: Purpose, statement: Option<Statement>, bytes: usize) {
        self.bytes += bytes;
        self.sent.push_back(Sent { purpose, statement, bytes });
    }

    /// Whether answers should be taken before more is sent.
    pub(super) fn is_full(&self) -> bool {
        self.sent.len() >= MOST_STATEMENTS || self.bytes >= MOST_BYTES
    }

    /// Whether so little is on its way that more should be sent before the next answer is waited for.
    pub(super) fn is_half_empty(&self) -> bool {
        self.sent.len() <= MOST_STATEMENTS / 2 && self.bytes <= MOST_BYTES / 2
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Takes the statement that was sent first out of the line: a `COPY`, whose rows come next.
    pub(super) fn take_copy(&mut self) -> Option<(&mut CopySession, Statement)> {
        let sent = self.sent.pop_front()?;
        self.bytes -= sent.bytes;
        Some((&mut self.session, sent.statement?))
    }

    /// Waits for the answer to the statement that was sent first; `None` if there is none.
    ///
    /// # Errors
    /// [`ImportError::Script`] with the statement that failed.
    pub(super) async fn receive(&mut self) -> Result<Option<Answer>, Error> {
        if self.sent.is_empty() {
            return Ok(None);
        }
        let answer = self.session.receive().await;
        let Some(sent) = self.sent.pop_front() else { return Ok(None) };
        self.bytes -= sent.bytes;
        match (answer, sent.statement) {
            (Ok(results), _) => Ok(Some(Answer { purpose: sent.purpose, results })),
            (Err(source), Some(statement)) => Err(failed(&statement, source)),
            (Err(source), None) => Err(ImportError::Connection(source).into()),
        }
    }
}

/// A statement of the script failed.
pub(super) fn failed(statement: &Statement, source: ConnectionError) -> Error {
    ImportError::Script { line: statement.line, statement: statement.excerpt(), source }.into()
}
