//! One file per command: what the words mean, which call into the library, what to do next.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod profiles;
pub(crate) mod sync;
pub(crate) mod verify;

use pgstream::guard::NamedDatabase;
use pgstream::import::{Dropped, Reason};
use pgstream::report::EndReport;
use pgstream::sync::SyncOptions;

use crate::Outcome;
use crate::args::{Cli, Command, GuardArgs};
use crate::engine::{Context, Databases};
use crate::place::{NOT_SHOWN, Place, shown};
use crate::table::Align::Left;
use crate::table::Table;
use crate::usage::WrongUsage;
use crate::words::count;

/// Runs a command.
pub(crate) async fn run(cli: Cli, context: &Context) -> Outcome {
    let load = || Databases::load(context, &cli.globals);
    match &cli.command {
        Command::Export(args) => export::run(args, context, &load()?).await,
        Command::Import(args) => import::run(args, context, &load()?).await,
        Command::Sync(args) => sync::run(args, context, &load()?).await,
        Command::Backup { action } => backup::run(action, context, &load()?).await,
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
        Place::Database(word) if word.is_empty() => return Err(nothing_named(option)),
        Place::Database(_) => return Ok(word),
        Place::Standard => "standard input or output",
        Place::Store => "an object in a store, which is not supported yet,",
        Place::File(_) => "a file",
    };
    let hint = format!("Name a database there: a profile, postgres://user@host/database or 'host=… dbname=…'. {instead}");
    Err(WrongUsage::new(format!("{option} {} names {what} and not a database", shown(word)), hint.trim_end()))
}

/// Most often a variable of the shell that is not set.
fn nothing_named(option: &str) -> WrongUsage {
    WrongUsage::new(format!("{option} names nothing"), "Check the variables of the shell in the command.")
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

/// A word for a command that is shown to people: as a shell takes it, or left out if it may hold a password.
fn shown_word(word: &str) -> String {
    match shown(word) {
        NOT_SHOWN => NOT_SHOWN.to_owned(),
        word => shell_word(word),
    }
}

/// A database for a command that is shown to people: the profile, the word itself, or the connection without its password.
fn shown_database(word: &str, database: &NamedDatabase) -> String {
    match (database.profile(), shown(word)) {
        (Some(profile), _) => profile.to_owned(),
        (None, NOT_SHOWN) => shell_word(&database.config().to_conninfo_redacted()),
        (None, word) => shell_word(word),
    }
}

/// `--from … --to …` for a command that is shown to people: for each end its word and what it names.
fn ends(from: (&str, &NamedDatabase), to: (&str, &NamedDatabase)) -> String {
    format!("--from {} --to {}", shown_database(from.0, from.1), shown_database(to.0, to.1))
}

/// Whether no option would have to be repeated by the command that comes next.
fn is_plain(guard: &GuardArgs, options: &SyncOptions) -> bool {
    *guard == GuardArgs::default() && *options == SyncOptions::default()
}

/// A word as a shell takes it.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The table of what is dropped, for people; `pruned` says why something goes that is not replaced.
pub(crate) fn drops(dropped: &[Dropped], pruned: &'static str) -> Vec<String> {
    let why = |reason| match reason {
        Reason::Replaced => "replaced",
        Reason::Pruned => pruned,
        _ => "depends on what goes (--cascade)",
    };
    let mut drops = Table::new(["OBJECTS TO DROP", "WHY"], [Left, Left]);
    dropped.iter().for_each(|dropped| drops.row([dropped.to_string(), why(dropped.reason).to_owned()]));
    drops.section(SHOWN_TABLES, "objects; --json lists all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_where_a_database_is_meant_is_wrong_usage_with_the_way_out() {
        assert_eq!(database("--to", "staging", "").unwrap(), "staging");
        assert_eq!(database("--to", "", "").unwrap_err().message, "--to names nothing");
        let cases = [("-", "standard"), ("s3://b/k", "store"), ("./x", "a file"), ("x.sql", "a file"), ("x.dump", "a file")];
        for (word, expected) in cases {
            let wrong = database("--to", word, "Use export.").unwrap_err();
            assert!(wrong.message.contains(expected) && wrong.hint.ends_with("Use export."), "{wrong:?}");
        }
    }

    #[test]
    fn a_next_step_names_the_profile_or_the_connection_without_its_password() {
        let environment = pgstream::connection::Environment::empty()
            .with("HOME", "/nowhere")
            .with("STAGING_DATABASE_URL", "postgres://u:s3cret@h/d");
        let profiles = pgstream::guard::Profiles::load(&environment, None, None).unwrap();
        let named = |word: &str| shown_database(word, &profiles.resolve(word).unwrap());
        assert_eq!(named("Staging"), "staging");
        assert_eq!(named("postgres://u@h/d"), "postgres://u@h/d");
        for word in ["postgres://u:p?s3cret@h/d", "postgres://u:s3cret@h/d", "host=h user=u dbname=d password=s3cret"] {
            let shown = named(word);
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(["host=", "user=", "dbname="].iter().all(|part| shown.contains(part)), "{shown}");
        }
    }

    #[test]
    fn the_same_command_comes_next_only_if_no_option_is_dropped() {
        let guard = |confirm: Option<&str>, accepted: &[&str]| GuardArgs {
            confirm: confirm.map(str::to_owned),
            accept_unidentified: accepted.iter().map(|&name| name.to_owned()).collect(),
        };
        let mut filtered = SyncOptions::default();
        filtered.filter.schemas.push("sales".into());
        let plain = SyncOptions::default();
        assert!(is_plain(&guard(None, &[]), &plain));
        assert!(!is_plain(&guard(Some("staging/shop"), &[]), &plain));
        assert!(!is_plain(&guard(None, &["production"]), &plain));
        assert!(!is_plain(&guard(None, &[]), &filtered));
    }

    #[test]
    fn a_misplaced_password_is_not_repeated() {
        for word in ["u:s3cret@h/", "./u:s3cret@h", "s3:u:s3cret@h"] {
            let wrong = database("--to", word, "").unwrap_err();
            assert!(!format!("{wrong:?}").contains("s3cret"), "{wrong:?}");
        }
    }

    #[test]
    fn words_survive_a_shell() {
        for (word, expected) in [("local", "local"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''"), ("a*", "'a*'")] {
            assert_eq!(shell_word(word), expected);
        }
    }
}
