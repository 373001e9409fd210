//! Statements that set a parameter of the session.

use super::token::{Cursor, Kind, Token};

/// How long a parameter stays set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SettingScope {
    /// As long as the session.
    Session,
    /// To the end of the transaction.
    Local,
}

/// `SET`, `RESET`, or `SELECT set_config(…)` with literals.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The parameter in lower case; `all` for `RESET ALL` and `DISCARD ALL`.
    pub name: String,
    /// The value without quotes; a list as it is written. `None` is the default.
    pub value: Option<String>,
    /// Until when.
    pub scope: SettingScope,
}

impl Setting {
    fn session(name: impl Into<String>, value: Option<String>) -> Self {
        Self { name: name.into(), value, scope: SettingScope::Session }
    }

    /// Reads on behind the word `SET`.
    pub(super) fn parse_set(cursor: &mut Cursor<'_>) -> Option<Self> {
        let is_local = cursor.eat("local");
        let scope = if is_local { SettingScope::Local } else { SettingScope::Session };
        if !is_local && cursor.peek().is_some_and(|t| t.is("session")) {
            cursor.next();
            if cursor.eat("authorization") {
                return Some(Self::session("session_authorization", value(cursor)));
            }
        }
        let name = match special_name(cursor) {
            Some(name) => name.to_owned(),
            None => {
                let name = cursor.qualified_name().join(".");
                if name.is_empty() || !(cursor.eat("to") || cursor.eat_symbol(b'=')) {
                    return None;
                }
                name.to_ascii_lowercase()
            }
        };
        Some(Self { name, value: value(cursor), scope })
    }

    /// Reads on behind the word `RESET`.
    pub(super) fn parse_reset(cursor: &mut Cursor<'_>) -> Option<Self> {
        if cursor.eat_all(&["session", "authorization"]) {
            return Some(Self::session("session_authorization", None));
        }
        let name = match special_name(cursor) {
            Some(name) => name.to_owned(),
            None => cursor.qualified_name().join(".").to_ascii_lowercase(),
        };
        (!name.is_empty()).then(|| Self::session(name, None))
    }

    /// Every parameter back to its default.
    pub(super) fn reset_all() -> Self {
        Self::session("all", None)
    }

    /// Reads on behind `SELECT set_config`: a call with literals only, and nothing else in the statement.
    pub(super) fn parse_call(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut literals = Vec::new();
        if !cursor.eat_symbol(b'(') {
            return None;
        }
        for _ in 0..2 {
            literals.push(cursor.next()?.value()?);
            cursor.eat_symbol(b',').then_some(())?;
        }
        let is_local = cursor.eat("true");
        if !(is_local || cursor.eat("false")) || !cursor.eat_symbol(b')') {
            return None;
        }
        let [name, value] = literals.try_into().ok()?;
        let scope = if is_local { SettingScope::Local } else { SettingScope::Session };
        cursor.peek().is_none().then(|| Self { name: name.to_ascii_lowercase(), value: Some(value), scope })
    }
}

/// Parameters that have a syntax of their own.
fn special_name(cursor: &mut Cursor<'_>) -> Option<&'static str> {
    let is_assigned = {
        let mut behind = cursor.clone();
        behind.next();
        behind.peek().is_some_and(|t| t.is("to") || t.is_symbol(b'='))
    };
    if is_assigned {
        return None;
    }
    let special: [(&[&str], &str); 5] = [
        (&["time", "zone"], "timezone"),
        (&["names"], "client_encoding"),
        (&["xml", "option"], "xmloption"),
        (&["schema"], "search_path"),
        (&["role"], "role"),
    ];
    special.iter().find(|(words, _)| cursor.eat_all(words)).map(|(_, name)| *name)
}

fn value(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    while let Some(token) = cursor.next() {
        tokens.push(token);
    }
    match tokens.as_slice() {
        [] => None,
        [token] if token.is("default") => None,
        [token] if token.kind == Kind::Word => Some(String::from_utf8_lossy(token.text).into_owned()),
        [token] => token.value().or_else(|| token.name()).or_else(|| Some(String::from_utf8_lossy(token.text).into_owned())),
        list => {
            let words: Vec<_> = list.iter().map(|token| String::from_utf8_lossy(token.text)).collect();
            Some(words.concat())
        }
    }
}

/// A boolean as the server reads it, which takes any unique beginning. Source: PostgreSQL, `parse_bool`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if text == "1" || text == "on" || begins("true", 1) || begins("yes", 1) {
        return Some(true);
    }
    (text == "0" || begins("off", 2) || begins("false", 1) || begins("no", 1)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::super::token::Tokens;
    use super::*;

    fn parse(text: &str) -> Option<Setting> {
        let mut cursor = Cursor::new(Tokens::new(text.as_bytes(), text.as_bytes(), true));
        match cursor.next().unwrap() {
            t if t.is("set") => Setting::parse_set(&mut cursor),
            t if t.is("reset") => Setting::parse_reset(&mut cursor),
            _ => {
                cursor.eat("pg_catalog");
                cursor.eat_symbol(b'.');
                assert!(cursor.eat("set_config"), "{text}");
                Setting::parse_call(&mut cursor)
            }
        }
    }

    #[test]
    fn a_parameter_its_value_and_its_scope() {
        use SettingScope::{Local, Session};
        for (text, name, value, scope) in [
            ("SET statement_timeout = 0;", "statement_timeout", Some("0"), Session),
            ("SET client_encoding = 'UTF8';", "client_encoding", Some("UTF8"), Session),
            ("set Standard_Conforming_Strings TO OFF", "standard_conforming_strings", Some("OFF"), Session),
            ("SET LOCAL a.b = 'it''s'", "a.b", Some("it's"), Local),
            ("SET SESSION work_mem TO DEFAULT", "work_mem", None, Session),
            ("SET search_path = a, \"B\"", "search_path", Some("a,\"B\""), Session),
            ("SET NAMES 'SJIS'", "client_encoding", Some("SJIS"), Session),
            ("SET TIME ZONE 'UTC'", "timezone", Some("UTC"), Session),
            ("SET ROLE alice", "role", Some("alice"), Session),
            ("SET role = 'alice'", "role", Some("alice"), Session),
            ("SET SESSION AUTHORIZATION \"Bob\"", "session_authorization", Some("Bob"), Session),
            ("RESET standard_conforming_strings", "standard_conforming_strings", None, Session),
            ("RESET ALL", "all", None, Session),
            ("RESET SESSION AUTHORIZATION", "session_authorization", None, Session),
            ("SELECT pg_catalog.set_config('search_path', '', false);", "search_path", Some(""), Session),
            ("SELECT set_config('Client_Encoding','GBK', true)", "client_encoding", Some("GBK"), Local),
        ] {
            let expected = Setting { name: name.into(), value: value.map(str::to_owned), scope };
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_call_that_does_more_is_no_setting() {
        for text in [
            "SELECT set_config(name, '0', false) FROM pg_settings",
            "SELECT set_config('a', '0', false), 1",
            "SELECT set_config('a', 'b')",
            "SET CONSTRAINTS ALL DEFERRED",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_boolean_may_be_shortened() {
        for (text, expected) in [
            ("on", Some(true)),
            ("T", Some(true)),
            ("ye", Some(true)),
            ("1", Some(true)),
            ("of", Some(false)),
            ("FALSE", Some(false)),
            ("n", Some(false)),
            ("o", None),
            ("", None),
            ("truely", None),
        ] {
            assert_eq!(boolean(text), expected, "{text}");
        }
    }
}
