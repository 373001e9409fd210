//! One file per command: what the words mean, which call into the library, what to do next.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod export;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod profiles;
pub(crate) mod sync;
pub(crate) mod verify;

use pgstream::report::EndReport;

use crate::Outcome;
use crate::args::{Cli, Command};
use crate::engine::{Context, Databases};
use crate::place::Place;
use crate::usage::WrongUsage;
use crate::words::count;

/// Runs a command.
pub(crate) async fn run(cli: Cli, context: &Context) -> Outcome {
    let load = || Databases::load(context, &cli.globals);
    match &cli.command {
        Command::Export(args) => export::run(args, context, &load()?).await,
        Command::Sync(args) => sync::run(args, context, &load()?).await,
        Command::Verify(args) => verify::run(args, context, &load()?).await,
        Command::Check(args) => check::run(args, context, &load()?).await,
        Command::Inspect(args) => inspect::run(args, context, &load()?).await,
        Command::Profiles { action } => profiles::run(action, context, &load()?).await,
        Command::Completions { shell } => completions::run(*shell),
        Command::Man(args) => man::run(args),
    }
}

/// The word after `option`, which must name a database.
fn database<'a>(option: &str, word: &'a str, instead: &str) -> Result<&'a str, WrongUsage> {
    let what = match Place::parse(word) {
        Place::Database(_) => return Ok(word),
        Place::Standard => "standard input or output",
        Place::Store => "an object in a store, which is not supported yet,",
        Place::File(_) => "a file",
    };
    let hint = format!("Name a database there: a profile, postgres://user@host/database or 'host=… dbname=…'. {instead}");
    Err(WrongUsage::new(format!("{option} {word} names {what} and not a database"), hint.trim_end()))
}

/// How many tables are listed for people; JSON has all of them.
const SHOWN_TABLES: usize = 20;

/// A table as SQL writes it.
fn relation(schema: &str, name: &str) -> String {
    pgstream::QualifiedName::new(schema, name).to_string()
}

/// `user@host:port/database (PostgreSQL 15.4)`.
fn end(end: &EndReport) -> String {
    match &end.server_version {
        Some(version) => format!("{} (PostgreSQL {version})", end.name),
        None => end.name.clone(),
    }
}

/// `1 error`, `2 errors`.
fn counted(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{} {one}s", count(number as u64)),
    }
}

/// A word as a shell takes it.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_where_a_database_is_meant_is_wrong_usage_with_the_way_out() {
        assert_eq!(database("--to", "staging", "").unwrap(), "staging");
        let cases = [("-", "standard"), ("s3://b/k", "store"), ("./x", "a file"), ("x.sql", "a file"), ("x.dump", "a file")];
        for (word, expected) in cases {
            let wrong = database("--to", word, "Use export.").unwrap_err();
            assert!(wrong.message.contains(expected) && wrong.hint.ends_with("Use export."), "{wrong:?}");
        }
    }

    #[test]
    fn words_survive_a_shell() {
        for (word, expected) in [("local", "local"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''"), ("a*", "'a*'")] {
            assert_eq!(shell_word(word), expected);
        }
    }
}
