//! One statement of a script.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::name::display_part;

use super::classify::{Classification, classify};
use super::encoding::{Masker, ScriptEncoding};
use super::token::{Cursor, Kind, Token, Tokens};

/// A statement that is no larger than a server takes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statement {
    /// From its first byte that is neither white space nor in a comment with two dashes, up to and with the semicolon. Comments
    /// within are part of it. In the encoding of the script.
    pub text: Bytes,
    /// The line where the text begins, counted from 1.
    pub line: u64,
    /// The place in the uncompressed script where the text begins.
    pub offset: u64,
    /// How many commands psql's `\;` joined in it; a mere semicolon is between them.
    pub commands: u32,
    /// How the text is to be read.
    pub(super) encoding: ScriptEncoding,
    pub(super) standard_strings: bool,
}

impl Statement {
    /// What an import has to know of it.
    pub fn classify(&self) -> Classification {
        if self.commands > 1 {
            return Classification::of_several(self.classify_each().into_iter());
        }
        let scan = self.scan();
        classify(Cursor::new(self.tokens(&scan)))
    }

    /// Judges each of the joined commands. The parts of a routine's body count as commands, too.
    pub(super) fn classify_each(&self) -> Vec<Classification> {
        let scan = self.scan();
        let mut tokens = self.tokens(&scan);
        let mut all = vec![classify(Cursor::new(tokens.clone()))];
        if self.commands == 1 {
            return all;
        }
        while let Some(token) = tokens.next() {
            if token.is_symbol(b';') && tokens.clone().next().is_some() {
                all.push(classify(Cursor::new(tokens.clone())));
            }
        }
        all
    }

    /// The beginning of the statement on one line, without comments, and with `…` for every literal and every number, because
    /// they may be values of cells. Names stay.
    pub fn excerpt(&self) -> String {
        let scan = self.scan();
        let mut excerpt = Excerpt::default();
        for token in self.tokens(&scan) {
            if !excerpt.push(token) {
                break;
            }
        }
        excerpt.text
    }

    /// Looks at the words of the first command.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&mut Cursor<'_>) -> T) -> T {
        let scan = self.scan();
        look(&mut Cursor::new(self.tokens(&scan)))
    }

    /// Whether the first word is this one, given in lower case.
    pub(super) fn begins_with(&self, words: &[&str]) -> bool {
        let scan = self.scan();
        let first = self.tokens(&scan).next();
        first.is_some_and(|token| words.iter().any(|word| token.is(word)))
    }

    /// The text as it is to be read.
    fn scan(&self) -> Cow<'_, [u8]> {
        match self.encoding {
            ScriptEncoding::AsciiSafe => Cow::Borrowed(&self.text),
            encoding => Cow::Owned(Masker::default().mask(encoding, &self.text)),
        }
    }

    fn tokens<'a>(&'a self, scan: &'a [u8]) -> Tokens<'a> {
        Tokens::new(&self.text, scan, self.standard_strings)
    }
}

impl fmt::Debug for Statement {
    /// Shows what may be shown of the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.excerpt();
        f.debug_struct("Statement").field("text", &text).field("line", &self.line).field("offset", &self.offset).finish()
    }
}

/// An excerpt that is longer takes no more tokens, and one token is not shown longer.
const EXCERPT_BYTES: usize = 100;

#[derive(Default)]
struct Excerpt {
    text: String,
    /// The last token sticks to the next one.
    is_tight: bool,
    /// What follows are values: behind `INSERT` the word `VALUES` has been seen.
    is_insert: bool,
}

impl Excerpt {
    /// Whether more may follow.
    fn push(&mut self, token: Token<'_>) -> bool {
        if token.is_symbol(b';') {
            return true;
        }
        if self.text.len() > EXCERPT_BYTES {
            self.text.push_str(" …");
            return false;
        }
        self.is_insert |= self.text.is_empty() && token.is("insert");
        let sticks = [b'.', b',', b')', b'(', b'[', b']'].iter().any(|byte| token.is_symbol(*byte));
        if !(self.text.is_empty() || self.is_tight || sticks && !token.is_symbol(b'(')) {
            self.text.push(' ');
        }
        self.is_tight = [b'.', b'(', b'['].iter().any(|byte| token.is_symbol(*byte));
        match token.kind {
            Kind::Literal | Kind::Number => self.text.push('…'),
            _ => self.text.push_str(&shown(token.text)),
        }
        if self.is_insert && (token.is("values") || token.is("select")) {
            self.text.push_str(" …");
            return false;
        }
        true
    }
}

fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(EXCERPT_BYTES)]);
    display_part(&text)
}

#[cfg(test)]
pub(crate) fn statement(text: &str) -> Statement {
    Statement {
        text: Bytes::copy_from_slice(text.as_bytes()),
        line: 1,
        offset: 0,
        commands: 1,
        encoding: ScriptEncoding::AsciiSafe,
        standard_strings: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_has_names_and_no_values() {
        for (text, expected) in [
            (
                "INSERT INTO public.\"Film\" (id, name) VALUES (1, 'secret', true);",
                "INSERT INTO public.\"Film\" (id, name) VALUES …",
            ),
            ("insert into t select 'a'", "insert into t select …"),
            ("INSERT INTO t -- 'x'\n OVERRIDING SYSTEM VALUE VALUES (1)", "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES …"),
            ("CREATE ROLE a PASSWORD 'secret';", "CREATE ROLE a PASSWORD …"),
            ("CREATE TABLE t (\n a numeric(12,2) DEFAULT 1.5\n);", "CREATE TABLE t (a numeric (…, …) DEFAULT …)"),
            ("CREATE FUNCTION f() AS $$ secret $$", "CREATE FUNCTION f () AS …"),
            ("SELECT pg_catalog.lowrite(0, '\\xff')", "SELECT pg_catalog.lowrite (…, …)"),
            ("ALTER TABLE \"a\nb\" ADD c int", "ALTER TABLE \"a\\nb\" ADD c int"),
        ] {
            let excerpt = statement(text).excerpt();
            assert_eq!(excerpt, expected, "{text}");
        }
    }

    #[test]
    fn an_excerpt_is_short() {
        let long = format!("CREATE TABLE t ({}\"{}\" int)", "a int, ".repeat(1000), "x".repeat(10_000));
        assert!(statement(&long).excerpt().len() < 300);
        let name = format!("CREATE TABLE \"{}\" ()", "x".repeat(10_000));
        assert!(statement(&name).excerpt().len() < 300);
    }

    #[test]
    fn what_debug_prints_has_no_values() {
        assert!(!format!("{:?}", statement("INSERT INTO t VALUES ('secret')")).contains("secret"));
    }
}
