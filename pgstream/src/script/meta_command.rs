//! psql's meta-commands: the few that a dump has are understood, all others are refused by name, none is ever executed.
//!
//! Arguments are split as psql splits them, and nothing in them is expanded: no variable, and above all no back quotes.
//! Source: PostgreSQL, `src/bin/psql/psqlscanslash.l`.

use std::fmt;

use crate::error::ScriptError;
use crate::name::display_part;

/// A line with a meta-command, at most.
pub(super) const MAX_META_BYTES: usize = 64 * 1024;

/// More of a name is not repeated in an error.
const NAME_SHOWN: usize = 24;

/// What an import has to know of a meta-command.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetaCommand {
    /// `\restrict KEY`: no other meta-command from here to `\unrestrict`, which this reader sees to.
    Restrict,
    /// `\unrestrict KEY`, with the right key.
    Unrestrict,
    /// `\connect`: what follows is meant for another database. A new session has the server's settings.
    Connect {
        /// As written, without quotes: a database, user, host and port, or a connection string with options before it.
        arguments: Vec<String>,
    },
    /// `\encoding NAME`: the encoding of the text that follows.
    Encoding {
        /// As `client_encoding` has it.
        name: String,
    },
    /// Changes nothing but what psql prints: `\echo`, `\pset`, and `\set` of a variable that only psql itself looks at.
    WithoutEffect,
}

impl fmt::Debug for MetaCommand {
    /// A connection string may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restrict => f.write_str("Restrict"),
            Self::Unrestrict => f.write_str("Unrestrict"),
            Self::Connect { arguments } => f.debug_struct("Connect").field("arguments", &arguments.len()).finish(),
            Self::Encoding { name } => f.debug_struct("Encoding").field("name", name).finish(),
            Self::WithoutEffect => f.write_str("WithoutEffect"),
        }
    }
}

/// `\restrict` until its `\unrestrict`.
#[derive(Debug, Default)]
pub(super) struct Restriction {
    active: Option<Active>,
    /// Whether there ever was one.
    pub(super) was_used: bool,
}

#[derive(Debug)]
struct Active {
    key: String,
    line: u64,
}

impl Restriction {
    /// The line of the `\restrict` that has not ended.
    pub(super) fn since(&self) -> Option<u64> {
        self.active.as_ref().map(|active| active.line)
    }

    /// Understands the text between a backslash and the end of its line.
    pub(super) fn take(&mut self, text: &[u8], line: u64) -> Result<MetaCommand, ScriptError> {
        let command = Command::split(text);
        let name = command.name.as_str();
        if let Some(active) = &self.active {
            return match name == "unrestrict" && command.key() == Some(active.key.as_str()) {
                true => {
                    self.active = None;
                    Ok(MetaCommand::Unrestrict)
                }
                false => Err(ScriptError::Restricted { command: command.shown(), line, since: active.line }),
            };
        }
        let understood = match name {
            "restrict" => self.restrict(&command, line),
            "unrestrict" => Err("no \\restrict is in force"),
            _ => command.understand(),
        };
        understood.map_err(|problem| ScriptError::MetaCommand { command: command.shown(), line, problem: problem.into() })
    }

    fn restrict(&mut self, command: &Command, line: u64) -> Result<MetaCommand, &'static str> {
        let key = command.key().ok_or("its one argument has to be a key of letters and digits")?;
        self.active = Some(Active { key: key.to_owned(), line });
        self.was_used = true;
        Ok(MetaCommand::Restrict)
    }
}

/// Refuses a meta-command that is in the middle of a statement, where psql would run it before the statement.
pub(super) fn within_statement(text: &[u8], line: u64, since: u64) -> ScriptError {
    let problem = format!("it is inside the statement that began at line {since}");
    ScriptError::MetaCommand { command: Command::split(text).shown(), line, problem }
}

/// A meta-command, split.
struct Command {
    name: String,
    arguments: Vec<String>,
    /// What keeps it from being understood.
    problem: Option<&'static str>,
}

impl Command {
    fn split(text: &[u8]) -> Self {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let end = text.iter().position(|byte| is_space(*byte) || *byte == b'\\').unwrap_or(text.len());
        let mut command = Self { name: String::from_utf8_lossy(&text[..end]).into_owned(), arguments: Vec::new(), problem: None };
        let mut rest = text[end..].iter().copied().peekable();
        loop {
            while rest.next_if(|byte| is_space(*byte)).is_some() {}
            if rest.peek().is_none() {
                return command;
            }
            match argument(&mut rest) {
                Ok(argument) => command.arguments.push(argument),
                Err(problem) => {
                    command.problem = Some(problem);
                    return command;
                }
            }
        }
    }

    /// The key of `\restrict` and `\unrestrict`: one word of letters and digits.
    fn key(&self) -> Option<&str> {
        match self.arguments.as_slice() {
            [key] if self.problem.is_none() && !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Some(key)
            }
            _ => None,
        }
    }

    fn understand(&self) -> Result<MetaCommand, &'static str> {
        let known = match (self.name.as_str(), self.arguments.as_slice()) {
            ("connect" | "c", arguments) => MetaCommand::Connect { arguments: arguments.to_vec() },
            ("encoding", [name]) => MetaCommand::Encoding { name: name.clone() },
            ("encoding", _) => return Err("it takes one argument"),
            ("echo" | "pset", _) | ("set", []) => MetaCommand::WithoutEffect,
            ("set", [variable, ..]) if DISPLAY_VARIABLES.contains(&variable.as_str()) => MetaCommand::WithoutEffect,
            ("set", _) => return Err("variables are not substituted"),
            (".", _) => return Err("it ends the rows of a COPY, and there are none here"),
            _ => return Err("an import runs no such command"),
        };
        self.problem.map_or(Ok(known), Err)
    }

    /// The name for an error. Text that became a command by mistake may be data, so only what looks like a name is shown.
    fn shown(&self) -> String {
        let looks_like_name = self.name.len() <= NAME_SHOWN && self.name.bytes().all(|byte| byte.is_ascii_graphic());
        if looks_like_name { format!("\\{}", display_part(&self.name)) } else { "a meta-command".into() }
    }
}

/// What psql itself looks at, and which neither changes a statement nor whether and where it runs.
const DISPLAY_VARIABLES: [&str; 18] = [
    "COMP_KEYWORD_CASE",
    "ECHO",
    "ECHO_HIDDEN",
    "FETCH_COUNT",
    "HIDE_TABLEAM",
    "HIDE_TOAST_COMPRESSION",
    "HISTCONTROL",
    "HISTFILE",
    "HISTSIZE",
    "IGNOREEOF",
    "ON_ERROR_STOP",
    "PROMPT1",
    "PROMPT2",
    "PROMPT3",
    "QUIET",
    "SHOW_ALL_RESULTS",
    "SHOW_CONTEXT",
    "VERBOSITY",
];

type Rest<'a> = std::iter::Peekable<std::iter::Copied<std::slice::Iter<'a, u8>>>;

/// Takes one argument, without its quotes.
fn argument(rest: &mut Rest<'_>) -> Result<String, &'static str> {
    let mut text = Vec::new();
    while let Some(byte) = rest.next_if(|byte| !is_space(*byte)) {
        match byte {
            b'\\' => return Err("something follows it in the same line"),
            b'`' => return Err("nothing in back quotes is run"),
            b'\'' => single_quoted(rest, &mut text)?,
            b'"' => double_quoted(rest, &mut text)?,
            byte => text.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

const UNTERMINATED: &str = "its quotes do not end";

fn single_quoted(rest: &mut Rest<'_>, text: &mut Vec<u8>) -> Result<(), &'static str> {
    loop {
        match rest.next().ok_or(UNTERMINATED)? {
            b'\'' if rest.next_if_eq(&b'\'').is_some() => text.push(b'\''),
            b'\'' => return Ok(()),
            b'\\' => match rest.next().ok_or(UNTERMINATED)? {
                b'n' | b't' | b'b' | b'r' | b'f' | b'x' | b'0'..=b'7' => return Err("control characters in it are not taken"),
                byte => text.push(byte),
            },
            byte => text.push(byte),
        }
    }
}

fn double_quoted(rest: &mut Rest<'_>, text: &mut Vec<u8>) -> Result<(), &'static str> {
    loop {
        match rest.next().ok_or(UNTERMINATED)? {
            b'"' if rest.next_if_eq(&b'"').is_some() => text.push(b'"'),
            b'"' => return Ok(()),
            byte => text.push(byte),
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<MetaCommand, String> {
        Restriction::default().take(text.as_bytes(), 7).map_err(|e| e.to_string())
    }

    fn connect(arguments: &[&str]) -> MetaCommand {
        MetaCommand::Connect { arguments: arguments.iter().map(|a| (*a).to_owned()).collect() }
    }

    #[test]
    fn what_dumps_have_is_understood() {
        for (text, expected) in [
            ("restrict abc123", MetaCommand::Restrict),
            ("connect film", connect(&["film"])),
            ("c - alice", connect(&["-", "alice"])),
            ("connect \"na\"\"me ;\"\r", connect(&["na\"me ;"])),
            ("connect -reuse-previous=on \"dbname='a b'\"", connect(&["-reuse-previous=on", "dbname='a b'"])),
            ("encoding SQL_ASCII", MetaCommand::Encoding { name: "SQL_ASCII".into() }),
            ("encoding 'it''s'", MetaCommand::Encoding { name: "it's".into() }),
            ("echo :USER 'a' b", MetaCommand::WithoutEffect),
            ("pset null '?'", MetaCommand::WithoutEffect),
            ("set ON_ERROR_STOP on", MetaCommand::WithoutEffect),
        ] {
            assert_eq!(take(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (text, shown) in [
            ("! rm -rf /", "\\!: an import runs no such command"),
            ("i other.sql", "\\i: an import runs no such command"),
            ("copy t from 'x'", "\\copy: an import runs no such command"),
            ("gexec", "\\gexec: an import runs no such command"),
            ("g |sh", "\\g: an import runs no such command"),
            ("o out", "\\o: an import runs no such command"),
            (".", "\\.: it ends the rows of a COPY, and there are none here"),
            ("", "\\: an import runs no such command"),
            ("N\tsecret", "\\N: an import runs no such command"),
            ("a-value-of-a-cell-that-is-long x", "a meta-command: an import runs no such command"),
            ("set name value", "\\set: variables are not substituted"),
            ("set AUTOCOMMIT off", "\\set: variables are not substituted"),
            ("encoding", "\\encoding: it takes one argument"),
            ("connect `id`", "\\connect: nothing in back quotes is run"),
            ("echo a\\! id", "\\echo: something follows it in the same line"),
            ("connect \"a", "\\connect: its quotes do not end"),
            ("unrestrict x", "\\unrestrict: no \\restrict is in force"),
            ("restrict", "\\restrict: its one argument has to be a key of letters and digits"),
            ("restrict `id`", "\\restrict: its one argument has to be a key of letters and digits"),
            ("restrict a b", "\\restrict: its one argument has to be a key of letters and digits"),
        ] {
            assert_eq!(take(text), Err(format!("line 7: cannot take {shown}")), "{text}");
        }
    }

    #[test]
    fn a_restriction_ends_with_its_own_key_only() {
        let mut restriction = Restriction::default();
        restriction.take(b"restrict k1", 1).unwrap();
        assert_eq!(restriction.since(), Some(1));
        for text in ["connect x", "echo x", "unrestrict k2", "unrestrict", "unrestrict k1 k1", "unrestrict `k1`", "restrict k1"] {
            let refused = restriction.take(text.as_bytes(), 2);
            assert!(matches!(refused, Err(ScriptError::Restricted { line: 2, since: 1, .. })), "{text}: {refused:?}");
        }
        assert_eq!(restriction.take(b"unrestrict k1", 3), Ok(MetaCommand::Unrestrict));
        assert!(restriction.since().is_none() && restriction.was_used);
        assert_eq!(restriction.take(b"connect x", 4), Ok(connect(&["x"])));
    }

    #[test]
    fn a_password_in_a_connection_string_is_not_in_debug() {
        let command = take("connect postgres://u:secret@h/d").unwrap();
        assert!(!format!("{command:?}").contains("secret"));
    }
}
