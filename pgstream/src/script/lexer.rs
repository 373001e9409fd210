//! Finds where statements end, in text that comes in pieces.
//!
//! The rules are those of psql's lexer, which are those of the server's. Where the two differ, the server's hold, because it
//! is the server that will read the statement:
//!
//! * A string in the escape syntax that goes on behind a line break keeps that syntax.
//! * In the body of a routine only `BEGIN ATOMIC` opens a block; a column that is called `begin` does not.
//!
//! A piece may end anywhere. What needs to see one more byte is left unread, and comes again at the beginning of the next
//! piece; everything else is state. Source: PostgreSQL, `src/fe_utils/psqlscan.l`.

use memchr::{memchr_iter, memchr2, memchr3};

use super::bytes::{Class, class, end_of, is_in_tag, is_in_word};

/// Why the lexer stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// At the end of the piece, or one byte before it.
    More,
    /// Before the first byte of a statement.
    Begin,
    /// Behind the two dashes of a comment that is in no statement.
    Comment,
    /// Behind the semicolon that ends a statement.
    Semicolon,
    /// Behind a backslash that is in nothing.
    Backslash,
    /// Before a NUL byte.
    Nul,
}

/// What the lexer is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a statement.
    Between,
    Normal,
    /// A word whose beginning is in `cut`.
    Word,
    /// Behind a `U`, before an `&`.
    Unicode,
    Number {
        has_letters: bool,
    },
    /// A `$` and what may be a tag: its beginning is in `cut`.
    Tag,
    LineComment,
    BlockComment {
        depth: u32,
    },
    Literal {
        has_escapes: bool,
    },
    QuotedName,
    /// In a string whose tag is in `cut`. The last bytes are so much of it.
    DollarQuoted {
        matched: usize,
    },
}

/// The last token, as far as it changes what the next one is. White space and comments are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Other,
    Begin,
    Literal {
        has_escapes: bool,
    },
    /// Behind a line break a literal goes on, in the same syntax.
    LiteralAndLineBreak {
        has_escapes: bool,
    },
}

/// How much of `CREATE [OR REPLACE] FUNCTION` a statement has begun with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Routine {
    Start,
    Create,
    CreateOr,
    CreateOrReplace,
    /// All of it. Its body is in so many blocks.
    Whole {
        blocks: u32,
    },
    No,
}

/// Bytes, and whether they are the last ones.
#[derive(Clone, Copy)]
struct Piece<'a> {
    bytes: &'a [u8],
    is_last: bool,
}

/// Where a step ended, and what for. Without a stop the next state goes on there.
type Step = (usize, Option<Stop>);

#[derive(Debug)]
pub(super) struct Lexer {
    state: State,
    last: Last,
    parentheses: u32,
    routine: Routine,
    /// What was kept of a word that reaches over pieces, or a tag.
    cut: Vec<u8>,
    has_token: bool,
    standard_strings: bool,
    line: u64,
    /// Where the quotes or the comment began, the outermost parenthesis, and the body of a routine.
    quote_line: u64,
    parenthesis_line: u64,
    body_line: u64,
}

/// So much is kept of the beginning of a word: more than any word has that is looked for.
const WORD_KEPT: usize = 16;

/// So much of a literal is looked at byte by byte.
const SHORT_LITERAL: usize = 24;

impl Lexer {
    pub(super) fn new() -> Self {
        Self {
            state: State::Between,
            last: Last::Other,
            parentheses: 0,
            routine: Routine::Start,
            cut: Vec::new(),
            has_token: false,
            standard_strings: true,
            line: 1,
            quote_line: 1,
            parenthesis_line: 1,
            body_line: 1,
        }
    }

    /// The line of the next byte, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Somebody else has read so many lines.
    pub(super) fn add_lines(&mut self, lines: u64) {
        self.line += lines;
    }

    /// Whether a backslash within plain quotes is a character like any other.
    pub(super) fn set_standard_strings(&mut self, standard_strings: bool) {
        self.standard_strings = standard_strings;
    }

    pub(super) fn standard_strings(&self) -> bool {
        self.standard_strings
    }

    /// Whether a statement has begun.
    pub(super) fn is_in_statement(&self) -> bool {
        self.state != State::Between
    }

    /// Whether the statement has more than comments so far.
    pub(super) fn has_token(&self) -> bool {
        self.has_token
    }

    /// The next byte is the first of a statement.
    pub(super) fn begin_statement(&mut self) {
        self.state = State::Normal;
    }

    /// Forgets the statement, but not what holds for all of them.
    pub(super) fn end_statement(&mut self) {
        self.state = State::Between;
        self.last = Last::Other;
        self.parentheses = 0;
        self.routine = Routine::Start;
        self.has_token = false;
    }

    /// psql's `\;` joins two commands to one statement.
    pub(super) fn join(&mut self) {
        self.last = Last::Other;
        if !self.is_in_body() {
            self.routine = Routine::Start;
        }
    }

    fn is_in_body(&self) -> bool {
        matches!(self.routine, Routine::Whole { blocks: 1.. })
    }

    /// What has to end before the statement can, and the line where it began. `None` if only its semicolon is missing.
    pub(super) fn unfinished(&self) -> Option<(&'static str, u64)> {
        match self.state {
            State::BlockComment { .. } => Some(("a comment", self.quote_line)),
            State::Literal { .. } => Some(("a quoted string", self.quote_line)),
            State::QuotedName => Some(("a quoted name", self.quote_line)),
            State::DollarQuoted { .. } => Some(("a dollar-quoted string", self.quote_line)),
            _ if self.is_in_body() => Some(("the body of a routine", self.body_line)),
            _ if self.parentheses > 0 => Some(("parentheses", self.parenthesis_line)),
            _ => None,
        }
    }

    /// Reads from `at` on until there is something to do. With `is_last` nothing follows these bytes.
    ///
    /// Gives the place up to which they were read.
    pub(super) fn read(&mut self, bytes: &[u8], mut at: usize, is_last: bool) -> (usize, Stop) {
        let piece = Piece { bytes, is_last };
        loop {
            let (end, stop) = match self.state {
                State::Between => self.between(piece, at),
                State::Normal => self.normal(piece, at),
                State::Word => self.rest_of_word(piece, at),
                State::Unicode => self.unicode(piece, at),
                State::Number { has_letters } => self.number(piece, at, has_letters),
                State::Tag => self.rest_of_tag(piece, at),
                State::LineComment => self.line_comment(piece, at),
                State::BlockComment { depth } => self.block_comment(piece, at, depth),
                State::Literal { has_escapes } => self.literal(piece, at, has_escapes),
                State::QuotedName => self.quoted_name(piece, at),
                State::DollarQuoted { matched } => self.dollar_quoted(piece, at, matched),
            };
            match stop {
                Some(stop) => return (end, stop),
                None => at = end,
            }
        }
    }

    fn between(&mut self, piece: Piece<'_>, mut at: usize) -> Step {
        while let Some(byte) = piece.bytes.get(at) {
            match class(*byte) {
                Class::LineFeed => self.line += 1,
                Class::Space | Class::CarriageReturn | Class::Semicolon => {}
                Class::Nul => return (at, Some(Stop::Nul)),
                Class::Backslash => return (at + 1, Some(Stop::Backslash)),
                Class::Dash => match piece.next(at) {
                    Next::Unknown => return (at, Some(Stop::More)),
                    Next::Byte(b'-') => return (at + 2, Some(Stop::Comment)),
                    _ => return (at, Some(Stop::Begin)),
                },
                _ => return (at, Some(Stop::Begin)),
            }
            at += 1;
        }
        (at, Some(Stop::More))
    }

    fn normal(&mut self, piece: Piece<'_>, mut at: usize) -> Step {
        while let Some(byte) = piece.bytes.get(at) {
            match class(*byte) {
                Class::Space => at += 1,
                Class::LineFeed => {
                    self.line += 1;
                    self.line_break();
                    at += 1;
                }
                Class::CarriageReturn => {
                    self.line_break();
                    at += 1;
                }
                Class::Letter => match self.word(piece, at) {
                    (end, None) if self.state == State::Normal => at = end,
                    step => return step,
                },
                Class::Other => {
                    self.token();
                    at += 1;
                }
                Class::Quote => return self.open_literal(at),
                Class::Digit => return self.enter(State::Number { has_letters: false }, at),
                _ => match self.special(piece, at, *byte) {
                    (end, None) if self.state == State::Normal => at = end,
                    step => return step,
                },
            }
        }
        (at, Some(Stop::More))
    }

    /// Parentheses, semicolons, and what may open quotes or a comment.
    fn special(&mut self, piece: Piece<'_>, at: usize, byte: u8) -> Step {
        match class(byte) {
            Class::Nul => (at, Some(Stop::Nul)),
            Class::Backslash => (at + 1, Some(Stop::Backslash)),
            Class::DoubleQuote => {
                self.quote_line = self.line;
                self.enter(State::QuotedName, at + 1)
            }
            Class::Dollar => self.dollar(piece, at),
            Class::Dash | Class::Slash => self.comment_or_operator(piece, at, byte),
            Class::Semicolon if self.parentheses == 0 && !self.is_in_body() => (at + 1, Some(Stop::Semicolon)),
            class => {
                self.token();
                match class {
                    Class::Open => self.open_parenthesis(),
                    Class::Close => self.parentheses = self.parentheses.saturating_sub(1),
                    _ => {}
                }
                (at + 1, None)
            }
        }
    }

    fn open_parenthesis(&mut self) {
        if self.parentheses == 0 {
            self.parenthesis_line = self.line;
        }
        self.parentheses = self.parentheses.saturating_add(1);
    }

    /// A token that only ends what was before it.
    fn token(&mut self) {
        self.has_token = true;
        self.last = Last::Other;
    }

    fn enter(&mut self, state: State, at: usize) -> Step {
        self.token();
        self.state = state;
        (at, None)
    }

    fn line_break(&mut self) {
        if let Last::Literal { has_escapes } = self.last {
            self.last = Last::LiteralAndLineBreak { has_escapes };
        }
    }

    fn comment_or_operator(&mut self, piece: Piece<'_>, at: usize, byte: u8) -> Step {
        self.state = match (byte, piece.next(at)) {
            (_, Next::Unknown) => return (at, Some(Stop::More)),
            (b'-', Next::Byte(b'-')) => State::LineComment,
            (b'/', Next::Byte(b'*')) => {
                // Unlike the other kind, this kind of comment keeps a literal from going on.
                if self.last != Last::Begin {
                    self.last = Last::Other;
                }
                State::BlockComment { depth: 1 }
            }
            _ => {
                self.token();
                return (at + 1, None);
            }
        };
        self.quote_line = self.line;
        (at + 2, None)
    }

    fn line_comment(&mut self, piece: Piece<'_>, at: usize) -> Step {
        match memchr3(b'\n', b'\r', 0, &piece.bytes[at..]) {
            Some(length) if piece.bytes[at + length] == 0 => (at + length, Some(Stop::Nul)),
            Some(length) => {
                self.state = State::Normal;
                (at + length, None)
            }
            None => (piece.bytes.len(), Some(Stop::More)),
        }
    }

    fn block_comment(&mut self, piece: Piece<'_>, at: usize, depth: u32) -> Step {
        let Some(end) = self.skip(piece, at, memchr3(b'*', b'/', 0, &piece.bytes[at..])) else {
            return (piece.bytes.len(), Some(Stop::More));
        };
        let depth = match (piece.bytes[end], piece.next(end)) {
            (0, _) => return (end, Some(Stop::Nul)),
            (_, Next::Unknown) => return (end, Some(Stop::More)),
            (b'/', Next::Byte(b'*')) => depth.saturating_add(1),
            (b'*', Next::Byte(b'/')) => depth - 1,
            _ => return (end + 1, None),
        };
        self.state = if depth == 0 { State::Normal } else { State::BlockComment { depth } };
        (end + 2, None)
    }

    fn open_literal(&mut self, at: usize) -> Step {
        let has_escapes = match self.last {
            Last::LiteralAndLineBreak { has_escapes } => has_escapes,
            _ => !self.standard_strings,
        };
        self.quote_line = self.line;
        self.enter(State::Literal { has_escapes }, at + 1)
    }

    fn literal(&mut self, piece: Piece<'_>, at: usize, has_escapes: bool) -> Step {
        let Some(end) = self.end_of_literal(piece, at, has_escapes) else { return (piece.bytes.len(), Some(Stop::More)) };
        match (piece.bytes[end], piece.next(end)) {
            (0, _) => (end, Some(Stop::Nul)),
            (_, Next::Unknown) => (end, Some(Stop::More)),
            (b'\'', Next::Byte(b'\'')) => (end + 2, None),
            (b'\'', _) => {
                self.state = State::Normal;
                self.last = Last::Literal { has_escapes };
                (end + 1, None)
            }
            // A backslash takes the next byte with it. A line break has to be counted, and NUL to be found.
            (_, Next::Byte(byte)) if !matches!(byte, b'\n' | 0) => (end + 2, None),
            _ => (end + 1, None),
        }
    }

    /// The next byte of a literal that means something.
    fn end_of_literal(&mut self, piece: Piece<'_>, at: usize, has_escapes: bool) -> Option<usize> {
        let rest = &piece.bytes[at..];
        // Most literals of a dump are shorter than a search for their end takes to begin.
        for (length, byte) in rest.iter().take(SHORT_LITERAL).enumerate() {
            match byte {
                b'\'' | 0 => return Some(at + length),
                b'\\' if has_escapes => return Some(at + length),
                b'\n' => self.line += 1,
                _ => {}
            }
        }
        let at = at + rest.len().min(SHORT_LITERAL);
        let rest = &piece.bytes[at..];
        let found = if has_escapes { memchr3(b'\'', b'\\', 0, rest) } else { memchr2(b'\'', 0, rest) };
        self.skip(piece, at, found)
    }

    /// Two quotes within a name end it and begin another one, which comes to the same.
    fn quoted_name(&mut self, piece: Piece<'_>, at: usize) -> Step {
        match self.skip(piece, at, memchr2(b'"', 0, &piece.bytes[at..])) {
            Some(end) if piece.bytes[end] == 0 => (end, Some(Stop::Nul)),
            Some(end) => {
                self.state = State::Normal;
                (end + 1, None)
            }
            None => (piece.bytes.len(), Some(Stop::More)),
        }
    }

    /// A parameter (`$1`), a dollar quote, or a mere `$`.
    fn dollar(&mut self, piece: Piece<'_>, at: usize) -> Step {
        let class = match piece.next(at) {
            Next::Unknown => return (at, Some(Stop::More)),
            Next::End => Class::Other,
            Next::Byte(byte) => class(byte),
        };
        self.cut.clear();
        match class {
            Class::Digit => self.enter(State::Number { has_letters: false }, at + 1),
            Class::Dollar | Class::Letter => {
                self.cut.push(b'$');
                self.enter(State::Tag, at + 1)
            }
            _ => {
                self.token();
                (at + 1, None)
            }
        }
    }

    fn rest_of_tag(&mut self, piece: Piece<'_>, at: usize) -> Step {
        let end = end_of(piece.bytes, at, is_in_tag);
        self.cut.extend_from_slice(&piece.bytes[at..end]);
        match piece.bytes.get(end) {
            None if !piece.is_last => (end, Some(Stop::More)),
            Some(b'$') => {
                self.cut.push(b'$');
                self.quote_line = self.line;
                self.state = State::DollarQuoted { matched: 0 };
                (end + 1, None)
            }
            // No tag: a `$`, and a word behind it.
            next => {
                let tag = std::mem::take(&mut self.cut);
                let step = self.finish_word(&tag[1..], next.copied(), end);
                self.cut = tag;
                step
            }
        }
    }

    fn dollar_quoted(&mut self, piece: Piece<'_>, at: usize, matched: usize) -> Step {
        let Some(byte) = piece.bytes.get(at) else { return (at, Some(Stop::More)) };
        if matched == 0 {
            let found = self.skip(piece, at, memchr2(b'$', 0, &piece.bytes[at..]));
            return match found {
                Some(end) if piece.bytes[end] == 0 => (end, Some(Stop::Nul)),
                Some(end) => {
                    self.state = State::DollarQuoted { matched: 1 };
                    (end + 1, None)
                }
                None => (piece.bytes.len(), Some(Stop::More)),
            };
        }
        if self.cut[matched] != *byte {
            // A `$` here may begin the tag: it has one at either end and none within.
            self.state = State::DollarQuoted { matched: 0 };
            return (at, None);
        }
        let is_closed = matched + 1 == self.cut.len();
        self.state = if is_closed { State::Normal } else { State::DollarQuoted { matched: matched + 1 } };
        (at + 1, None)
    }

    /// A number, with letters that stick to it.
    fn number(&mut self, piece: Piece<'_>, at: usize, has_letters: bool) -> Step {
        let mut end = at;
        let mut has_letters = has_letters;
        while let Some(byte) = piece.bytes.get(end) {
            match class(*byte) {
                Class::Digit => {}
                Class::Letter => has_letters = true,
                Class::Dollar if has_letters => {}
                _ => {
                    self.state = State::Normal;
                    return (end, None);
                }
            }
            end += 1;
        }
        self.state = State::Number { has_letters };
        (end, Some(Stop::More))
    }

    fn word(&mut self, piece: Piece<'_>, at: usize) -> Step {
        let end = end_of(piece.bytes, at + 1, is_in_word);
        let word = &piece.bytes[at..end];
        match piece.bytes.get(end) {
            None if !piece.is_last => {
                self.cut.clear();
                self.cut.extend_from_slice(&word[..word.len().min(WORD_KEPT)]);
                self.has_token = true;
                self.state = State::Word;
                (end, Some(Stop::More))
            }
            next => self.finish_word(word, next.copied(), end),
        }
    }

    fn rest_of_word(&mut self, piece: Piece<'_>, at: usize) -> Step {
        let end = end_of(piece.bytes, at, is_in_word);
        let kept = (end - at).min(WORD_KEPT.saturating_sub(self.cut.len()));
        self.cut.extend_from_slice(&piece.bytes[at..at + kept]);
        match piece.bytes.get(end) {
            None if !piece.is_last => (end, Some(Stop::More)),
            next => {
                let word = std::mem::take(&mut self.cut);
                let step = self.finish_word(&word, next.copied(), end);
                self.cut = word;
                step
            }
        }
    }

    /// A whole word, or its beginning if it is long, and the byte at `end` behind it.
    fn finish_word(&mut self, word: &[u8], next: Option<u8>, end: usize) -> Step {
        self.has_token = true;
        self.state = State::Normal;
        match (word, next) {
            ([b'e' | b'E'], Some(b'\'')) => {
                self.quote_line = self.line;
                return self.enter(State::Literal { has_escapes: true }, end + 1);
            }
            ([b'b' | b'B' | b'x' | b'X'], Some(b'\'')) => {
                self.quote_line = self.line;
                return self.enter(State::Literal { has_escapes: false }, end + 1);
            }
            ([b'u' | b'U'], Some(b'&')) => return self.enter(State::Unicode, end),
            _ => {}
        }
        let last = std::mem::replace(&mut self.last, Last::Other);
        if self.routine != Routine::No {
            self.routine_word(word, last);
        }
        (end, None)
    }

    /// At the `&` of `U&'…'`, of `U&"…"`, or of a mere `u & 1`.
    fn unicode(&mut self, piece: Piece<'_>, at: usize) -> Step {
        let state = match piece.next(at) {
            Next::Unknown => return (at, Some(Stop::More)),
            Next::Byte(b'\'') => State::Literal { has_escapes: false },
            Next::Byte(b'"') => State::QuotedName,
            _ => return self.enter(State::Normal, at + 1),
        };
        self.quote_line = self.line;
        self.enter(state, at + 2)
    }

    /// Counts the blocks of a routine's body, in which semicolons do not end the statement.
    fn routine_word(&mut self, word: &[u8], last: Last) {
        let is = |wanted: &str| word.eq_ignore_ascii_case(wanted.as_bytes());
        self.routine = match self.routine {
            Routine::Start if is("create") => Routine::Create,
            Routine::Create if is("or") => Routine::CreateOr,
            Routine::CreateOr if is("replace") => Routine::CreateOrReplace,
            Routine::Create | Routine::CreateOrReplace if is("function") || is("procedure") => Routine::Whole { blocks: 0 },
            Routine::Whole { .. } if self.parentheses > 0 => return,
            Routine::Whole { blocks: 0 } if last == Last::Begin && is("atomic") => {
                self.body_line = self.line;
                Routine::Whole { blocks: 1 }
            }
            Routine::Whole { blocks: 0 } => {
                if is("begin") {
                    self.last = Last::Begin;
                }
                return;
            }
            Routine::Whole { blocks } if is("case") => Routine::Whole { blocks: blocks.saturating_add(1) },
            Routine::Whole { blocks } if is("end") => Routine::Whole { blocks: blocks - 1 },
            inside @ Routine::Whole { .. } => inside,
            _ => Routine::No,
        };
    }

    /// Passes over what comes before something that was found, and gives its place. Without it, over the rest of the piece.
    fn skip(&mut self, piece: Piece<'_>, at: usize, found: Option<usize>) -> Option<usize> {
        let length = found.unwrap_or(piece.bytes.len() - at);
        self.line += count_lines(&piece.bytes[at..at + length]);
        found.map(|length| at + length)
    }
}

/// The byte behind another one.
enum Next {
    Byte(u8),
    /// It is in the next piece.
    Unknown,
    /// There is none.
    End,
}

impl Piece<'_> {
    fn next(self, at: usize) -> Next {
        match self.bytes.get(at + 1) {
            Some(byte) => Next::Byte(*byte),
            None if self.is_last => Next::End,
            None => Next::Unknown,
        }
    }
}

/// How many lines end in these bytes.
pub(super) fn count_lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
