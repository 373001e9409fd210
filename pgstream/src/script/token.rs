//! The tokens of one whole statement, as far as one wants to read.
//!
//! The lexer has found where the statement ends, so nothing here is cut. What does not end nevertheless, because the text came
//! from somewhere else, ends with the text.

use memchr::memchr;
use memchr::memmem;

use super::bytes::{Class, class, end_of, is_in_tag, is_in_word};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A key word or a name without quotes.
    Word,
    /// `"…"` or `U&"…"`.
    QuotedName,
    /// A string of any syntax.
    Literal,
    /// A number without its sign, or a parameter.
    Number,
    /// One byte of whatever else there is.
    Symbol,
}

/// A token with its text as in the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a [u8],
}

impl Token<'_> {
    /// Whether this is the key word, given in lower case.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    pub(crate) fn is_symbol(&self, byte: u8) -> bool {
        self.kind == Kind::Symbol && self.text == [byte]
    }

    /// The name that this stands for: folded to lower case, or without its quotes.
    pub(crate) fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(String::from_utf8_lossy(self.text).chars().map(|c| c.to_ascii_lowercase()).collect()),
            Kind::QuotedName => Some(unquoted(self.text, '"')),
            _ => None,
        }
    }

    /// The value of a literal in plain syntax, or in any other as it is written.
    pub(crate) fn value(&self) -> Option<String> {
        match self.kind {
            Kind::Literal => Some(unquoted(self.text, '\'')),
            _ => None,
        }
    }
}

fn unquoted(text: &[u8], quote: char) -> String {
    let text = String::from_utf8_lossy(text);
    let inner = text.split_once(quote).map_or(&*text, |(_, inner)| inner);
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    inner.replace(&String::from_iter([quote, quote]), &quote.to_string())
}

/// Reads tokens, passing over white space and comments.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    /// What is shown.
    text: &'a [u8],
    /// What is read: the same with the inner bytes of characters masked.
    scan: &'a [u8],
    at: usize,
    standard_strings: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a [u8], scan: &'a [u8], standard_strings: bool) -> Self {
        Self { text, scan, at: 0, standard_strings }
    }

    fn starts_with(&self, at: usize, wanted: &[u8]) -> bool {
        self.scan[at..].starts_with(wanted)
    }

    fn skip_space(&mut self) {
        loop {
            self.at = end_of(self.scan, self.at, |b| matches!(class(b), Class::Space | Class::LineFeed | Class::CarriageReturn));
            if self.starts_with(self.at, b"--") {
                self.at = end_of(self.scan, self.at, |b| !matches!(class(b), Class::LineFeed | Class::CarriageReturn));
            } else if self.starts_with(self.at, b"/*") {
                self.at = self.end_of_comment();
            } else {
                return;
            }
        }
    }

    fn end_of_comment(&self) -> usize {
        let (mut at, mut depth) = (self.at + 2, 1_usize);
        while depth > 0 && at < self.scan.len() {
            if self.starts_with(at, b"/*") {
                depth += 1;
                at += 2;
            } else if self.starts_with(at, b"*/") {
                depth -= 1;
                at += 2;
            } else {
                at += 1;
            }
        }
        at.min(self.scan.len())
    }

    /// The kind of the token at `at`, and its end.
    fn token(&self, at: usize) -> (Kind, usize) {
        let scan = self.scan;
        match class(scan[at]) {
            Class::Letter => self.word(at),
            Class::Digit => (Kind::Number, self.end_of_number(at)),
            Class::Quote => (Kind::Literal, self.end_of_literal(at + 1, !self.standard_strings)),
            Class::DoubleQuote => (Kind::QuotedName, self.end_of_name(at + 1)),
            Class::Dollar => self.dollar(at),
            _ => (Kind::Symbol, at + 1),
        }
    }

    fn word(&self, at: usize) -> (Kind, usize) {
        let end = end_of(self.scan, at, is_in_word);
        let next = self.scan.get(end).copied();
        match (&self.scan[at..end], next) {
            ([b'e' | b'E'], Some(b'\'')) => (Kind::Literal, self.end_of_literal(end + 1, true)),
            ([b'b' | b'B' | b'x' | b'X'], Some(b'\'')) => (Kind::Literal, self.end_of_literal(end + 1, false)),
            ([b'n' | b'N'], Some(b'\'')) => (Kind::Literal, self.end_of_literal(end + 1, !self.standard_strings)),
            ([b'u' | b'U'], _) if self.starts_with(end, b"&'") => (Kind::Literal, self.end_of_literal(end + 2, false)),
            ([b'u' | b'U'], _) if self.starts_with(end, b"&\"") => (Kind::QuotedName, self.end_of_name(end + 2)),
            _ => (Kind::Word, end),
        }
    }

    fn end_of_number(&self, at: usize) -> usize {
        let end = end_of(self.scan, at, is_in_word);
        match self.scan.get(end..) {
            Some([b'.', digit, ..]) if digit.is_ascii_digit() => end_of(self.scan, end + 1, is_in_word),
            _ => end,
        }
    }

    fn end_of_literal(&self, mut at: usize, has_escapes: bool) -> usize {
        loop {
            match (self.scan.get(at), self.scan.get(at + 1)) {
                (None, _) => return self.scan.len(),
                (Some(b'\''), Some(b'\'')) => at += 2,
                (Some(b'\''), _) => return at + 1,
                (Some(b'\\'), Some(_)) if has_escapes => at += 2,
                _ => at += 1,
            }
        }
    }

    fn end_of_name(&self, mut at: usize) -> usize {
        while let Some(length) = memchr(b'"', &self.scan[at..]) {
            at += length + 1;
            if self.scan.get(at) != Some(&b'"') {
                return at;
            }
            at += 1;
        }
        self.scan.len()
    }

    fn dollar(&self, at: usize) -> (Kind, usize) {
        if self.scan.get(at + 1).is_some_and(u8::is_ascii_digit) {
            return (Kind::Number, end_of(self.scan, at + 1, is_in_word));
        }
        let tag_end = end_of(self.scan, at + 1, is_in_tag);
        if self.scan.get(tag_end) != Some(&b'$') {
            return (Kind::Symbol, at + 1);
        }
        let (tag, body) = self.scan[at..].split_at(tag_end + 1 - at);
        let end = memmem::find(body, tag).map_or(self.scan.len(), |length| tag_end + 1 + length + tag.len());
        (Kind::Literal, end)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_space();
        if self.at >= self.scan.len() {
            return None;
        }
        let (kind, end) = self.token(self.at);
        let text = &self.text[self.at..end];
        self.at = end;
        Some(Token { kind, text })
    }
}

/// Reads a command key word by key word, up to its semicolon.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    tokens: Tokens<'a>,
    peeked: Option<Token<'a>>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: Tokens<'a>) -> Self {
        let mut cursor = Self { tokens, peeked: None };
        cursor.advance();
        cursor
    }

    fn advance(&mut self) {
        self.peeked = self.tokens.next().filter(|token| !token.is_symbol(b';'));
    }

    pub(crate) fn peek(&self) -> Option<Token<'a>> {
        self.peeked
    }

    pub(crate) fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peeked?;
        self.advance();
        Some(token)
    }

    /// Whether the next token is this key word, which is then taken.
    pub(crate) fn eat(&mut self, word: &str) -> bool {
        let is_next = self.peeked.is_some_and(|token| token.is(word));
        if is_next {
            self.next();
        }
        is_next
    }

    /// Whether all these key words are next, which are then taken; otherwise none is.
    pub(crate) fn eat_all(&mut self, words: &[&str]) -> bool {
        let before = self.clone();
        let are_next = words.iter().all(|word| self.eat(word));
        if !are_next {
            *self = before;
        }
        are_next
    }

    pub(crate) fn eat_symbol(&mut self, byte: u8) -> bool {
        let is_next = self.peeked.is_some_and(|token| token.is_symbol(byte));
        if is_next {
            self.next();
        }
        is_next
    }

    /// A name with dots in it: `a."B".c` is three names.
    pub(crate) fn qualified_name(&mut self) -> Vec<String> {
        let mut parts = Vec::new();
        while let Some(part) = self.peeked.and_then(|token| token.name()) {
            self.next();
            parts.push(part);
            if !self.eat_symbol(b'.') {
                break;
            }
        }
        parts
    }

    /// The next token that is in no parentheses, from the next one on. Parentheses themselves are passed over.
    pub(crate) fn next_outside(&mut self) -> Option<Token<'a>> {
        let mut depth = 0_usize;
        loop {
            let token = self.next()?;
            match token {
                t if t.is_symbol(b'(') => depth += 1,
                t if t.is_symbol(b')') => depth = depth.saturating_sub(1),
                token if depth == 0 => return Some(token),
                _ => {}
            }
        }
    }

    /// Passes over everything up to one of these key words outside of parentheses, which is taken too and given back.
    pub(crate) fn skip_to<'w>(&mut self, words: &[&'w str]) -> Option<&'w str> {
        while let Some(token) = self.next_outside() {
            if let Some(word) = words.iter().find(|word| token.is(word)) {
                return Some(word);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, standard_strings: bool) -> Vec<(Kind, String)> {
        let tokens = Tokens::new(text.as_bytes(), text.as_bytes(), standard_strings);
        tokens.map(|t| (t.kind, String::from_utf8_lossy(t.text).into_owned())).collect()
    }

    #[test]
    fn a_statement_has_these_tokens() {
        use Kind::{Literal, Number, QuotedName, Symbol, Word};
        for (text, standard, expected) in [
            ("a /* b /* */ */ c--d\ne", true, vec![(Word, "a"), (Word, "c"), (Word, "e")]),
            ("E'\\'' 'x\\' n'y'", true, vec![(Literal, "E'\\''"), (Literal, "'x\\'"), (Literal, "n'y'")]),
            ("'x\\''", false, vec![(Literal, "'x\\''")]),
            (
                "U&'a' u&\"b\"\"\" u&c",
                true,
                vec![(Literal, "U&'a'"), (QuotedName, "u&\"b\"\"\""), (Word, "u"), (Symbol, "&"), (Word, "c")],
            ),
            ("$$a$$$b$c$$b$ $1 a$b$", true, vec![(Literal, "$$a$$"), (Literal, "$b$c$$b$"), (Number, "$1"), (Word, "a$b$")]),
            ("$a b", true, vec![(Symbol, "$"), (Word, "a"), (Word, "b")]),
            ("1.5::int", true, vec![(Number, "1.5"), (Symbol, ":"), (Symbol, ":"), (Word, "int")]),
            ("'open", true, vec![(Literal, "'open")]),
            ("\"open", true, vec![(QuotedName, "\"open")]),
            ("$x$open", true, vec![(Literal, "$x$open")]),
            ("a /* open", true, vec![(Word, "a")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(kind, text)| (kind, text.to_owned())).collect();
            assert_eq!(tokens(text, standard), expected, "{text}");
        }
    }

    #[test]
    fn names_are_folded_or_unquoted() {
        let text = "Film.\"A\"\"b\".c x";
        let mut cursor = Cursor::new(Tokens::new(text.as_bytes(), text.as_bytes(), true));
        assert_eq!(cursor.qualified_name(), ["film", "A\"b", "c"]);
        assert!(cursor.eat("x") && cursor.next().is_none());
    }
}
