//! Takes a script apart while it comes in.

use bytes::Bytes;
use memchr::{memchr, memchr2};

use crate::error::ScriptError;

use super::assembly::{Assembly, Fingerprint};
use super::classify::StatementKind;
use super::comment::{COMMENT_KEPT, MANIFEST_FIRST, ManifestLines, Remark};
use super::copy::{CopyDirection, CopyFormat, CopyStatement};
use super::copy_block::{EndOfRows, Rows};
use super::encoding::ScriptEncoding;
use super::event::{CopyEnd, Meta, ScriptEnd, ScriptEvent};
use super::input::Input;
use super::lexer::{Lexer, Stop, count_lines};
use super::meta_command::{self, MAX_META_BYTES, MetaCommand, Restriction};
use super::setting::{Setting, boolean};
use super::statement::Statement;

/// The largest statement: a server takes no message of 1 GB or more, and a kilobyte of that is left to the protocol.
/// Source: PostgreSQL, `PQ_LARGE_MESSAGE_LIMIT`.
pub const MAX_STATEMENT_BYTES: usize = 0x3fff_ffff - 1024;

/// Understands a script piece by piece.
///
/// Feed it pieces of any size and take events until there are none; close it behind the last piece, and take the rest: the
/// last event is [`ScriptEvent::End`]. It reads no further than the event it gives, so what a server says about the session
/// after a statement can be passed on before the next.
///
/// Memory follows the largest statement, at most [`MAX_STATEMENT_BYTES`], and the pieces that are fed and not read yet. Rows are
/// passed on, not kept.
///
/// ```
/// use pgstream::script::{ScriptEvent, ScriptReader};
///
/// # fn main() -> Result<(), pgstream::ScriptError> {
/// let mut reader = ScriptReader::new();
/// for piece in ["COPY t FROM std", "in;\n1\n2\n\\.\nSELECT 1;\n"] {
///     reader.feed(piece.into());
///     while let Some(event) = reader.next_event()? {
///         println!("{event:?}");
///     }
/// }
/// reader.close();
/// assert!(matches!(reader.next_event()?, Some(ScriptEvent::End(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ScriptReader {
    input: Input,
    lexer: Lexer,
    mode: Mode,
    statement: Assembly,
    /// What was kept of the line that is being read, if it is no SQL.
    kept: Vec<u8>,
    rows: RowsState,
    restriction: Restriction,
    fingerprint: Fingerprint,
    manifest: Option<ManifestLines>,
    end: ScriptEnd,
    initial_encoding: ScriptEncoding,
    limit: usize,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A byte order mark, perhaps.
    Start,
    Sql,
    /// A comment that is in no statement, behind its dashes.
    Comment {
        offset: u64,
        /// The fingerprint waits until it is clear whether this is the manifest.
        is_held: bool,
    },
    /// Behind a backslash.
    Backslash,
    /// A meta-command.
    Meta {
        offset: u64,
    },
    /// The rest of the line of a `COPY … FROM stdin`.
    CopyLine,
    Rows,
    /// After the end, or an error.
    Over,
}

/// The rows that are being read.
#[derive(Debug)]
struct RowsState {
    end: EndOfRows,
    relation: String,
    line: u64,
    lines: u64,
    bytes: u64,
    is_line_start: bool,
}

/// What one step has come to.
enum Step {
    Event(ScriptEvent),
    Again,
    /// Nothing more is to be had from this piece.
    More,
}

impl Default for ScriptReader {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptReader {
    /// A reader before the first byte, in a session with `standard_conforming_strings` on and an encoding that a server can
    /// have.
    pub fn new() -> Self {
        let rows = RowsState { end: EndOfRows::new(), relation: String::new(), line: 0, lines: 0, bytes: 0, is_line_start: true };
        Self {
            input: Input::default(),
            lexer: Lexer::new(),
            mode: Mode::Start,
            statement: Assembly::default(),
            kept: Vec::new(),
            rows,
            restriction: Restriction::default(),
            fingerprint: Fingerprint::default(),
            manifest: None,
            end: ScriptEnd::default(),
            initial_encoding: ScriptEncoding::default(),
            limit: MAX_STATEMENT_BYTES,
        }
    }

    /// The encoding that the script begins in, and goes back to with `RESET client_encoding`.
    #[must_use]
    pub fn with_client_encoding(mut self, name: &str) -> Self {
        self.initial_encoding = ScriptEncoding::from_name(name);
        self.input.set_encoding(self.initial_encoding);
        self
    }

    /// Takes no statement that is larger than so many bytes.
    #[must_use]
    pub fn with_statement_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes.min(MAX_STATEMENT_BYTES);
        self
    }

    /// What follows the last event is in this encoding. The reader sees `SET` itself; this is for what it cannot see, such as a
    /// transaction that was rolled back.
    pub fn set_client_encoding(&mut self, name: &str) {
        self.input.set_encoding(ScriptEncoding::from_name(name));
    }

    /// What follows the last event is read with this setting. As [`set_client_encoding`](Self::set_client_encoding).
    pub fn set_standard_conforming_strings(&mut self, on: bool) {
        self.lexer.set_standard_strings(on);
    }

    /// Gives the next piece of the script.
    pub fn feed(&mut self, piece: Bytes) {
        self.input.feed(piece);
    }

    /// Nothing will be fed any more.
    pub fn close(&mut self) {
        self.input.close();
    }

    /// The next part of the script. `None` if another piece is needed to tell, or if all is over.
    ///
    /// # Errors
    /// [`ScriptError`]; nothing can be read behind it.
    pub fn next_event(&mut self) -> Result<Option<ScriptEvent>, ScriptError> {
        let event = self.find_event();
        if event.is_err() {
            self.mode = Mode::Over;
        }
        event
    }

    fn find_event(&mut self) -> Result<Option<ScriptEvent>, ScriptError> {
        loop {
            let step = match self.mode {
                Mode::Start => self.start(),
                Mode::Sql => self.sql()?,
                Mode::Comment { offset, is_held } => self.comment(offset, is_held)?,
                Mode::Backslash => self.backslash(),
                Mode::Meta { offset } => self.meta(offset)?,
                Mode::CopyLine => self.copy_line()?,
                Mode::Rows => self.rows()?,
                Mode::Over => return Ok(None),
            };
            match step {
                Step::Event(event) => return Ok(Some(event)),
                Step::Again => {}
                Step::More if self.input.is_waiting() => {
                    self.leave_piece()?;
                    self.input.advance();
                }
                Step::More if self.input.is_last() => return self.finish().map(Some),
                Step::More => return Ok(None),
            }
        }
    }

    /// Keeps what is still needed of a piece that was read.
    fn leave_piece(&mut self) -> Result<(), ScriptError> {
        if self.lexer.is_in_statement() {
            self.statement.keep(self.input.bytes(), self.input.at);
            self.check_size(0)?;
        }
        if !matches!(self.mode, Mode::Comment { is_held: true, .. }) {
            self.fingerprint.extend(&self.input, self.input.at);
        }
        Ok(())
    }

    fn check_size(&self, more: usize) -> Result<(), ScriptError> {
        match self.statement.text.len() + more > self.limit {
            true => Err(ScriptError::TooLarge { what: "a statement", line: self.statement.line, limit: self.limit }),
            false => Ok(()),
        }
    }

    fn start(&mut self) -> Step {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        let rest = self.input.rest();
        if self.input.encoding() == ScriptEncoding::AsciiSafe {
            if rest.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(rest) && !self.input.is_last() {
                return Step::More;
            }
            if rest.starts_with(BYTE_ORDER_MARK) {
                self.input.at += BYTE_ORDER_MARK.len();
            }
        }
        self.mode = Mode::Sql;
        Step::Again
    }

    fn sql(&mut self) -> Result<Step, ScriptError> {
        let (at, stop) = self.lexer.read(self.input.scan(), self.input.at, self.input.is_last());
        self.input.at = at;
        match stop {
            Stop::More => return Ok(Step::More),
            Stop::Begin => self.begin_statement(),
            Stop::Semicolon => return self.end_statement(),
            Stop::Comment => self.begin_comment(),
            Stop::Backslash => self.begin_backslash(),
            Stop::Nul => return Err(ScriptError::Nul { line: self.lexer.line(), offset: self.input.position() }),
        }
        Ok(Step::Again)
    }

    /// A backslash is not part of the statement that it may be in.
    fn begin_backslash(&mut self) {
        if self.lexer.is_in_statement() {
            self.statement.keep(self.input.bytes(), self.input.at - 1);
            self.statement.start = self.input.at;
        }
        self.mode = Mode::Backslash;
    }

    fn begin_statement(&mut self) {
        self.statement.text.clear();
        self.statement.start = self.input.at;
        self.statement.line = self.lexer.line();
        self.statement.offset = self.input.position();
        self.statement.commands = 1;
        self.lexer.begin_statement();
    }

    fn end_statement(&mut self) -> Result<Step, ScriptError> {
        let has_token = self.lexer.has_token();
        self.lexer.end_statement();
        if !has_token {
            return Ok(Step::Again);
        }
        self.check_size(self.input.at - self.statement.start)?;
        let statement = Statement {
            text: self.statement.take(self.input.bytes(), self.input.at),
            line: self.statement.line,
            offset: self.statement.offset,
            commands: self.statement.commands,
            encoding: self.input.encoding(),
            standard_strings: self.lexer.standard_strings(),
        };
        self.end.statements += 1;
        self.end.is_closed = false;
        self.follow(&statement)?;
        Ok(Step::Event(ScriptEvent::Statement(statement)))
    }

    /// Notes what the statement means for the text behind it.
    fn follow(&mut self, statement: &Statement) -> Result<(), ScriptError> {
        if statement.commands == 1 && !statement.begins_with(&["copy", "set", "select", "reset", "discard"]) {
            return Ok(());
        }
        for command in statement.classify_each() {
            match command.kind {
                StatementKind::Setting(setting) => self.set_parameter(&setting),
                StatementKind::Copy(copy) if copy.direction == CopyDirection::FromScript => {
                    self.begin_rows(copy, statement)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn set_parameter(&mut self, setting: &Setting) {
        let is_all = setting.name == "all";
        if is_all || setting.name == "standard_conforming_strings" {
            let value = setting.value.as_deref().map_or(Some(true), boolean);
            self.lexer.set_standard_strings(value.unwrap_or(self.lexer.standard_strings()));
        }
        if is_all || setting.name == "client_encoding" {
            let encoding = setting.value.as_deref().map_or(self.initial_encoding, ScriptEncoding::from_name);
            self.input.set_encoding(encoding);
        }
    }

    fn begin_rows(&mut self, copy: CopyStatement, statement: &Statement) -> Result<(), ScriptError> {
        let unsupported = |what| Err(ScriptError::Unsupported { what, line: statement.line });
        if statement.commands > 1 {
            return unsupported("rows for one of several commands joined by \\;");
        }
        if copy.format == CopyFormat::Binary {
            return unsupported("rows in the binary format, whose end a script cannot tell");
        }
        self.rows.relation = copy.shown;
        self.rows.line = statement.line;
        self.rows.lines = 0;
        self.rows.bytes = 0;
        self.rows.is_line_start = true;
        self.end.copies += 1;
        self.kept.clear();
        self.mode = Mode::CopyLine;
        Ok(())
    }

    /// Reads up to the end of the line, of which at most so many bytes are kept. Tells whether the end was there.
    fn keep_line(&mut self, limit: usize, also_ends_at: u8) -> Result<bool, ScriptError> {
        let (at, rest) = (self.input.at, self.input.rest());
        let end = memchr2(b'\n', also_ends_at, rest);
        let length = end.unwrap_or(rest.len());
        if let Some(nul) = memchr(0, &rest[..length]) {
            return Err(ScriptError::Nul { line: self.lexer.line(), offset: self.input.offset_of(at + nul) });
        }
        let kept = length.min(limit.saturating_sub(self.kept.len()));
        self.kept.extend_from_slice(&self.input.bytes()[at..at + kept]);
        self.input.at += length;
        Ok(end.is_some() || self.input.is_last())
    }

    fn begin_comment(&mut self) {
        let dashes = self.input.at - 2;
        self.fingerprint.extend(&self.input, dashes);
        self.kept.clear();
        self.kept.extend_from_slice(b"--");
        self.mode = Mode::Comment { offset: self.input.offset_of(dashes), is_held: !self.fingerprint.is_final };
    }

    fn comment(&mut self, offset: u64, is_held: bool) -> Result<Step, ScriptError> {
        let (from, before) = (self.input.at, self.kept.len());
        let is_whole = self.keep_line(COMMENT_KEPT, b'\r')?;
        if is_held && (is_whole || !MANIFEST_FIRST.starts_with(&self.kept)) {
            self.decide_about_manifest(offset, before, from);
            self.mode = Mode::Comment { offset, is_held: false };
        }
        if !is_whole {
            return Ok(Step::More);
        }
        self.mode = Mode::Sql;
        let kept = std::mem::take(&mut self.kept);
        let event = self.end_comment(&kept, offset);
        self.kept = kept;
        Ok(event.map_or(Step::Again, Step::Event))
    }

    /// Once a comment is long enough, it either begins the manifest or belongs to what the manifest is about.
    fn decide_about_manifest(&mut self, offset: u64, before: usize, from: usize) {
        if self.kept.starts_with(MANIFEST_FIRST) {
            self.fingerprint.is_final = true;
            self.manifest = Some(ManifestLines::begin(offset, self.fingerprint.hash.digest128()));
        } else {
            self.fingerprint.hash.update(&self.kept[..before]);
            self.fingerprint.end = self.input.offset_of(from);
        }
    }

    fn end_comment(&mut self, line: &[u8], offset: u64) -> Option<ScriptEvent> {
        if let Some(mut manifest) = self.manifest.take() {
            let has_line_feed = self.input.rest().first() == Some(&b'\n');
            match manifest.add(line, offset, has_line_feed) {
                Some(true) => return Some(ScriptEvent::Manifest(manifest.finish())),
                Some(false) => {
                    self.manifest = Some(manifest);
                    return None;
                }
                // It is not whole. What follows is a comment like any other.
                None => {}
            }
        }
        let remark = Remark::from_line(line)?;
        self.end.is_closed |= matches!(remark, Remark::DumpComplete | Remark::ClusterDumpComplete);
        Some(ScriptEvent::Remark { remark, line: self.lexer.line() })
    }

    fn backslash(&mut self) -> Step {
        let next = self.input.rest().first().copied();
        if next.is_none() && !self.input.is_last() {
            return Step::More;
        }
        let offset = self.input.position() - 1;
        self.mode = match next {
            Some(b';') => {
                self.join_commands();
                Mode::Sql
            }
            // psql's way to write a colon that begins no variable.
            Some(b':') => Mode::Sql,
            _ => {
                self.kept.clear();
                Mode::Meta { offset }
            }
        };
        Step::Again
    }

    fn join_commands(&mut self) {
        self.input.at += 1;
        if self.lexer.is_in_statement() {
            self.statement.commands += 1;
            self.lexer.join();
        }
    }

    fn meta(&mut self, offset: u64) -> Result<Step, ScriptError> {
        let line = self.lexer.line();
        let is_whole = self.keep_line(MAX_META_BYTES + 1, b'\n')?;
        if self.kept.len() > MAX_META_BYTES {
            return Err(ScriptError::TooLarge { what: "a meta-command", line, limit: MAX_META_BYTES });
        }
        if !is_whole {
            return Ok(Step::More);
        }
        if self.lexer.has_token() {
            return Err(meta_command::within_statement(&self.kept, line, self.statement.line));
        }
        // Comments before it are no statement.
        self.lexer.end_statement();
        let command = self.restriction.take(&self.kept, line)?;
        match &command {
            MetaCommand::Encoding { name } => self.input.set_encoding(ScriptEncoding::from_name(name)),
            MetaCommand::Connect { .. } => {
                self.lexer.set_standard_strings(true);
                self.input.set_encoding(self.initial_encoding);
            }
            _ => {}
        }
        self.mode = Mode::Sql;
        Ok(Step::Event(ScriptEvent::Meta(Meta { command, line, offset })))
    }

    fn copy_line(&mut self) -> Result<Step, ScriptError> {
        if !self.keep_line(COMMENT_KEPT, b'\n')? {
            return Ok(Step::More);
        }
        let behind = self.kept.trim_ascii();
        if !behind.is_empty() && !behind.starts_with(b"--") {
            let what = "a statement behind COPY … FROM stdin on the same line";
            return Err(ScriptError::Unsupported { what, line: self.lexer.line() });
        }
        if self.input.rest().is_empty() {
            return Err(self.incomplete_rows());
        }
        self.input.at += 1;
        self.lexer.add_lines(1);
        self.mode = Mode::Rows;
        Ok(Step::Again)
    }

    fn rows(&mut self) -> Result<Step, ScriptError> {
        let at = self.input.at;
        let found = self.rows.end.find(self.input.scan(), at, self.rows.is_line_start, self.input.is_last());
        let (Rows::GoOn(end) | Rows::End { end, .. }) = found;
        if end > at {
            return Ok(Step::Event(ScriptEvent::CopyRows(self.take_rows(end))));
        }
        let Rows::End { next, .. } = found else { return Ok(Step::More) };
        self.lexer.add_lines(count_lines(&self.input.scan()[at..next]));
        self.input.at = next;
        self.mode = Mode::Sql;
        Ok(Step::Event(ScriptEvent::CopyEnd(CopyEnd { lines: self.rows.lines, bytes: self.rows.bytes })))
    }

    fn take_rows(&mut self, end: usize) -> Bytes {
        let rows = self.input.bytes().slice(self.input.at..end);
        let lines = count_lines(&rows);
        self.lexer.add_lines(lines);
        self.rows.lines += lines;
        self.rows.bytes += rows.len() as u64;
        self.rows.is_line_start = rows.last() == Some(&b'\n');
        self.input.at = end;
        rows
    }

    /// The last piece has been read to its end.
    fn finish(&mut self) -> Result<ScriptEvent, ScriptError> {
        if self.mode == Mode::Rows {
            return Err(self.incomplete_rows());
        }
        let unfinished =
            self.lexer.unfinished().or_else(|| self.lexer.has_token().then_some(("a statement", self.statement.line)));
        if let Some((inside, line)) = unfinished {
            return Err(ScriptError::Incomplete { inside: inside.into(), line, end: self.last_line() });
        }
        self.mode = Mode::Over;
        self.end.bytes = self.input.position();
        self.end.lines = self.last_line();
        self.end.was_restricted = self.restriction.was_used;
        self.end.restricted_since = self.restriction.since();
        Ok(ScriptEvent::End(self.end.clone()))
    }

    fn incomplete_rows(&self) -> ScriptError {
        let inside = format!("the rows of {}", self.rows.relation);
        ScriptError::Incomplete { inside, line: self.rows.line, end: self.last_line() }
    }

    /// The number of the last line. What follows the last line feed is a line only if there is something.
    fn last_line(&self) -> u64 {
        let is_at_line_start = self.input.bytes()[..self.input.at].last().is_none_or(|byte| *byte == b'\n');
        self.lexer.line() - u64::from(is_at_line_start)
    }

    /// How many bytes of memory the reader holds itself.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let manifest = self.manifest.as_ref().map_or(0, ManifestLines::held);
        self.statement.text.capacity() + self.kept.capacity() + manifest
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
