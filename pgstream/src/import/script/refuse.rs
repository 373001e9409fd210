//! What is said of a statement that is not run.

use crate::connection::{ConnectionConfig, Environment};
use crate::error::{Error, GuardError, GuardRule, ImportError};

use super::judge::Refusal;

/// Where in the script something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Counted from 1.
    pub(super) line: u64,
    /// Its beginning, without values.
    pub(super) statement: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.statement)
    }
}

/// The error that ends a run at such a statement.
pub(super) fn error(refusal: &Refusal, place: &Place) -> Error {
    let (problem, hint) = match refusal {
        Refusal::OtherDatabase(database) => return other_database(database, place),
        other => words(other),
    };
    ImportError::ScriptRefused { line: place.line, statement: place.statement.clone(), problem, hint }.into()
}

/// What is wrong, and what to do about it. For [`Refusal::OtherDatabase`] see [`other_database`].
pub(super) fn words(refusal: &Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::ServerFiles => (
            "it reads or writes files, or runs programs, on the server's machine",
            "Take it out of the script. If you wrote the script and mean it, run it with psql.",
        ),
        Refusal::Globals => (
            "it changes the whole cluster: roles, memberships, tablespaces or the configuration",
            "Take it out, or let it be run: --globals.",
        ),
        Refusal::OtherDatabase(_) => {
            ("it is about another database", "Name that database as the destination, or take the statement out.")
        }
        Refusal::DropsTarget => {
            ("it drops the database that is imported into", "Take it out, or make the script without --create --clean.")
        }
        Refusal::Unsupported(what) => (what, "Take it out of the script, or load the script with psql."),
    }
}

/// The guard let one database pass, and the script means another one.
pub(super) fn other_database(database: &str, place: &Place) -> Error {
    let shown = crate::name::display_part(database);
    GuardError::Refused {
        rule: GuardRule::OtherDatabase,
        target: format!("the database {shown}"),
        reason: format!("the script turns to it ({place}), and another one was admitted"),
        hint: "Name that database as the destination, or make the script without --create.".into(),
    }
    .into()
}

/// The error of a statement that cannot be in a transaction, where nobody looked at the script before.
pub(super) fn not_in_one_transaction(why: &'static str, place: &Place) -> Error {
    ImportError::ScriptRefused {
        line: place.line,
        statement: place.statement.clone(),
        problem: why,
        hint: "An import from a pipe is one transaction. Save the script to a file and import that: then it is known before.",
    }
    .into()
}

/// The database that a `\connect` leads to, with the user and the server as they are.
pub(super) fn connected_database(arguments: &[String], current: &str, place: &Place) -> Result<String, Error> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with("-reuse-previous=")).collect();
    let refused = || error(&Refusal::Unsupported("it connects as another user or to another server"), place);
    match words.as_slice() {
        [] | ["-"] => Ok(current.to_owned()),
        [text] if text.contains('=') || text.contains("://") => {
            let config = ConnectionConfig::parse(text, &Environment::empty()).map_err(|_| refused())?;
            let names_only_database = !text.contains("://") && text.trim_start().starts_with("dbname") && only_one_keyword(text);
            if names_only_database { Ok(config.database().to_owned()) } else { Err(refused()) }
        }
        [database] => Ok((*database).to_owned()),
        _ => Err(refused()),
    }
}

/// Whether a conninfo string sets one parameter: behind the value nothing follows.
fn only_one_keyword(text: &str) -> bool {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let mut signs = 0;
    for c in text.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '\'' => is_quoted = !is_quoted,
            '=' if !is_quoted => signs += 1,
            _ => {}
        }
    }
    signs == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_names_a_database_and_nothing_else() {
        let place = Place { line: 1, statement: "\\connect".into() };
        let connected = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            connected_database(&words, "shop", &place).ok()
        };
        for (words, expected) in [
            (&["other"][..], Some("other")),
            (&["-"], Some("shop")),
            (&[], Some("shop")),
            (&["-reuse-previous=on", "dbname='a b=c'"], Some("a b=c")),
            (&["-reuse-previous=on", "dbname=x host=evil"], None),
            (&["host=evil dbname=x"], None),
            (&["postgres://evil/x"], None),
            (&["shop", "postgres"], None),
        ] {
            assert_eq!(connected(words).as_deref(), expected, "{words:?}");
        }
    }
}
