//! What the server answers to one simple query message.

use bytes::Bytes;

use super::Message;
use super::header::MAX_MESSAGE;
use crate::error::ServerError;

/// What one statement gave.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementResult {
    /// The command tag, as `COPY 42`. Empty for an empty statement.
    pub tag: String,
    /// Rows in text format; `None` is null.
    pub rows: Vec<Vec<Option<Bytes>>>,
}

impl StatementResult {
    /// A value as text. `None` if it is null, is not there, or is not UTF-8.
    pub fn text(&self, row: usize, column: usize) -> Option<&str> {
        std::str::from_utf8(self.rows.get(row)?.get(column)?.as_ref()?).ok()
    }

    /// The number of rows that the tag tells, if it tells one.
    pub fn affected(&self) -> Option<u64> {
        self.tag.rsplit(' ').next()?.parse().ok()
    }
}

impl std::fmt::Debug for StatementResult {
    /// Tag and number of rows only: the values are the server's data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StatementResult({:?}, {} rows)", self.tag, self.rows.len())
    }
}

/// What a message means for the one who waits for an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The answer goes on.
    More,
    /// The server sends rows from here on.
    CopyOut { is_binary: bool },
    /// The server waits for rows.
    CopyIn { is_binary: bool },
    /// `ReadyForQuery`, with its status byte: the answer is complete.
    Done(u8),
}

/// An answer as far as it has come. It is kept in the session, so a dropped future forgets none of it.
#[derive(Default)]
pub(crate) struct Answer {
    /// Results of the statements that are complete.
    pub(crate) results: Vec<StatementResult>,
    /// The error that ended the query, if one did.
    pub(crate) error: Option<ServerError>,
    /// What we did not expect, though the session stays usable: a COPY where none should be.
    pub(crate) surprise: Option<String>,
    rows: Vec<Vec<Option<Bytes>>>,
    bytes: usize,
}

impl Answer {
    /// Adds a message. An error, in words, means that the session is out of step.
    pub(crate) fn fold(&mut self, message: &Message) -> Result<Step, String> {
        match message.kind {
            b'C' => self.complete(message.tag().ok_or("a command tag without an end")?),
            b'I' => self.complete(String::new()),
            b'T' => self.rows.clear(),
            b'D' => self.add_row(message)?,
            b'E' => self.error = Some(message.server_error()),
            // Rows of a COPY that nobody wants any more.
            b'd' | b'c' => {}
            b'H' => return Ok(Step::CopyOut { is_binary: copy_format(message)? }),
            b'G' => return Ok(Step::CopyIn { is_binary: copy_format(message)? }),
            b'Z' => return Ok(Step::Done(*message.body.first().ok_or("a ready message without a status")?)),
            kind => return Err(format!("a message of type {} is not part of an answer", (kind as char).escape_default())),
        }
        Ok(Step::More)
    }

    fn complete(&mut self, tag: String) {
        self.results.push(StatementResult { tag, rows: std::mem::take(&mut self.rows) });
    }

    fn add_row(&mut self, message: &Message) -> Result<(), String> {
        let row = message.row().ok_or("a row that does not add up")?;
        self.bytes += message.body.len() + row.len() * size_of::<Option<Bytes>>();
        if self.bytes > MAX_MESSAGE {
            return Err(format!("an answer is larger than {} MiB", MAX_MESSAGE >> 20));
        }
        // A row of its own memory: else one kept value would keep a whole read buffer.
        let own = |value: Option<Bytes>| value.map(|v| Bytes::copy_from_slice(&v));
        self.rows.push(row.into_iter().map(own).collect());
        Ok(())
    }
}

fn copy_format(message: &Message) -> Result<bool, &'static str> {
    message.copy_is_binary().ok_or("a COPY in a format that does not exist")
}
