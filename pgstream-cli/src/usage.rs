//! Command lines that cannot be understood: what to say about each, without repeating a password.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use pgstream::ErrorCode;

use crate::place::{redact, shown};

/// Commands of pgstream's design that this version does not have.
const COMMANDS_NOT_YET: &[(&str, &str)] = &[
    ("restore", "load a script: pgstream import --from FILE --to DB"),
    ("dump", "pgstream's word for it is: pgstream export --from SRC --to FILE"),
    ("diff", "compare two databases: pgstream verify --from A --to B"),
    ("swap", "load into an empty database: pgstream sync --from SRC --to DB"),
    ("jobs", "run the command itself: pgstream sync --from SRC --to DB"),
];

/// Options that people know from pg_dump, from pg_restore or from pgstream's design, and what to do without them.
const OPTIONS_NOT_YET: &[(&str, &str)] = &[
    ("--mask", "leave rows out with --exclude-table-data PATTERN"),
    ("--where", "leave rows out with --exclude-table-data PATTERN"),
    ("--filter", "name what is wanted with -n, -N, -t, -T and --exclude-table-data"),
    ("--keep-old", "it belongs to --mode swap, which is not supported yet"),
    ("--no-backup", "this command overwrites nothing, so there is nothing to back up"),
    ("--create-roles", "make the roles first, or use --no-owner and --no-privileges"),
    ("--role-map", "make the roles first, or use --no-owner and --no-privileges"),
    ("--role", "set it in the connection string: options='-c role=NAME'"),
    ("--globals", "roles and tablespaces are made by hand, or by a script that is imported"),
    ("--resume", "run the command again; it starts from the beginning"),
    ("--plan", "it shows what `sync` would do; `export` changes nothing in the database"),
    ("--keep-outbound", "make subscriptions by hand afterwards"),
    ("--snapshot", "export, sync and check read in a given snapshot; this command makes its own"),
    ("--inserts", "rows are written as COPY"),
    ("--column-inserts", "rows are written as COPY"),
    ("--attribute-inserts", "rows are written as COPY"),
    ("--rows-per-insert", "rows are written as COPY"),
    ("--on-conflict-do-nothing", "rows are written as COPY"),
    ("--disable-triggers", "load into an empty database, where triggers come after the rows"),
    ("--superuser", "it belongs to --disable-triggers, which is not supported"),
    ("--use-set-session-authorization", "owners are set by ALTER … OWNER TO"),
    ("--enable-row-security", "read as a role that row security does not bind"),
    ("--encoding", "data is carried in UTF-8"),
    ("--include-foreign-data", "the rows of foreign tables stay where they are"),
    ("--load-via-partition-root", "rows are loaded into the partitions they came from"),
    ("--no-publications", "drop the publications in the target afterwards"),
    ("--no-subscriptions", "drop the subscriptions in the target afterwards"),
    ("--no-security-labels", "remove the labels in the target afterwards"),
    ("--no-policies", "drop the policies in the target afterwards"),
    ("--no-toast-compression", "tables keep the compression that they have"),
    ("--no-table-access-method", "tables keep the access method that they have"),
    ("--no-unlogged-table-data", "use --exclude-table-data PATTERN"),
    ("--quote-all-identifiers", "names are quoted where they need it"),
    ("--disable-dollar-quoting", "the bodies of functions are dollar-quoted"),
    ("--extra-float-digits", "numbers are written so that none changes"),
    ("--table-and-children", "name partitions and children with patterns: -t 'orders*'"),
    ("--exclude-table-and-children", "name partitions and children with patterns: -T 'orders*'"),
    ("--exclude-table-data-and-children", "name partitions and children with patterns"),
    ("--statistics", "statistics are made new by ANALYZE"),
    ("--lock-wait-timeout", "pgstream's word for it is --lock-timeout SECONDS"),
    ("--restrict-key", "it belongs to scripts, which `export` writes"),
    ("--verbose", "progress is always shown; --json tells everything"),
];

/// Options that people try and that are called otherwise here.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("--file", "the output is named by --to"),
    ("-f", "the output is named by --to"),
    ("--dbname", "the database is named by --from or --to"),
    ("-d", "the database is named by --from or --to"),
    ("--host", "the host stands in the connection string: --from postgres://user@host/database"),
    ("--port", "the port stands in the connection string: --from postgres://user@host:5432/database"),
    ("-p", "the port stands in the connection string: --from postgres://user@host:5432/database"),
    ("--username", "the user stands in the connection string: --from postgres://user@host/database"),
    ("-U", "the user stands in the connection string: --from postgres://user@host/database"),
    ("--password", "the password comes from ~/.pgpass, PGPASSWORD or a profile"),
    ("-W", "the password comes from ~/.pgpass, PGPASSWORD or a profile"),
    ("--yes", "there is no such switch; a protected profile is confirmed by --confirm PROFILE/DATABASE"),
    ("-y", "there is no such switch; a protected profile is confirmed by --confirm PROFILE/DATABASE"),
    ("-v", "progress is always shown; --json tells everything"),
];

/// Values that the design knows and this version does not.
const VALUES_NOT_YET: &[(&str, &str, &str)] = &[
    ("--mode", "swap", "load into an empty database beside it and rename both, or use --mode replace"),
    ("--format", "custom", "write a plain script (.sql, .sql.gz, .sql.zst, .sql.lz4)"),
    ("--format", "c", "write a plain script (.sql, .sql.gz, .sql.zst, .sql.lz4)"),
    ("--format", "directory", "write a plain script (.sql, .sql.gz, .sql.zst, .sql.lz4)"),
    ("--format", "d", "write a plain script (.sql, .sql.gz, .sql.zst, .sql.lz4)"),
    ("--format", "tar", "write a plain script (.sql, .sql.gz, .sql.zst, .sql.lz4)"),
    ("--format", "t", "write a plain script (.sql, .sql.gz, .sql.zst, .sql.lz4)"),
    ("--verify", "full", "choose rows, checksum or none"),
    ("--verify", "content", "the word is checksum"),
];

/// A command line that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrongUsage {
    /// What is wrong, in one line without a password.
    pub(crate) message: String,
    /// What to do, as a sentence.
    pub(crate) hint: String,
    /// The code in reports.
    pub(crate) code: ErrorCode,
}

impl WrongUsage {
    /// Passwords are taken out of both.
    pub(crate) fn new(message: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        Self { message: redact(message.as_ref()), hint: redact(hint.as_ref()), code: ErrorCode::OptionInvalid }
    }

    /// The same, with another code. It must be one of wrong usage, too.
    pub(crate) fn coded(self, code: ErrorCode) -> Self {
        Self { code, ..self }
    }

    /// What clap found. Help and version are not wrong, so they are `None`.
    pub(crate) fn of(error: &clap::Error) -> Option<Self> {
        if !error.use_stderr() {
            return None;
        }
        if let Some(known) = not_yet(error) {
            return Some(known);
        }
        let text = told(error);
        let message = text.split("\n\n").next().unwrap_or_default().trim().trim_start_matches("error: ");
        let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let message = message.replace("invalid digit found in string", "a whole number is wanted");
        let command = text.lines().find_map(|l| l.strip_prefix("Usage: ")).and_then(|usage| {
            let words: Vec<&str> =
                usage.split_whitespace().take_while(|w| w.starts_with(|c: char| c.is_ascii_lowercase())).collect();
            (!words.is_empty()).then(|| words.join(" "))
        });
        let command = command.unwrap_or_else(|| [Some("pgstream"), called()].into_iter().flatten().collect::<Vec<_>>().join(" "));
        let tip = text.lines().find_map(|l| l.trim().strip_prefix("tip: ")).map(|tip| format!("{}. ", capitalised(tip)));
        let tip = tip.unwrap_or_else(|| naming(error).to_owned());
        Some(Self::new(message, format!("{tip}`{command} --help` lists the options and shows examples.")))
    }
}

/// What clap says, without the words of the command line that may hold a password.
fn told(error: &clap::Error) -> String {
    let words = error.context().flat_map(|(_, value)| match value {
        ContextValue::String(word) => vec![word.as_str()],
        ContextValue::Strings(words) => words.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    });
    let text = error.render().to_string();
    redact(&words.filter(|word| shown(word) != *word).fold(text, |text, word| text.replace(word, shown(word))))
}

/// The command that this program was called with, for errors of clap that do not tell it.
fn called() -> Option<&'static str> {
    let names = ["export", "import", "sync", "backup", "verify", "check", "inspect", "profiles", "completions", "man"];
    std::env::args().find_map(|word| names.into_iter().find(|name| *name == word))
}

/// A word without an option was most likely meant as a database or a file.
fn naming(error: &clap::Error) -> &'static str {
    let word = context(error, ContextKind::InvalidArg).unwrap_or("-");
    match error.kind() {
        ErrorKind::UnknownArgument if !word.starts_with('-') => "Databases and files are named by --from and --to. ",
        _ => "",
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

fn not_yet(error: &clap::Error) -> Option<WrongUsage> {
    match error.kind() {
        ErrorKind::InvalidSubcommand => command_not_yet(context(error, ContextKind::InvalidSubcommand)?),
        ErrorKind::UnknownArgument => option_not_yet(context(error, ContextKind::InvalidArg)?),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            value_not_yet(context(error, ContextKind::InvalidArg)?, context(error, ContextKind::InvalidValue)?)
        }
        _ => None,
    }
}

fn command_not_yet(word: &str) -> Option<WrongUsage> {
    let (_, instead) = COMMANDS_NOT_YET.iter().find(|(name, _)| *name == word)?;
    let message = format!("`pgstream {word}` is not supported by this version");
    Some(WrongUsage::new(
        message,
        format!("This version can export, import, sync, back up, verify, check and inspect. Instead: {instead}."),
    ))
}

fn option_not_yet(argument: &str) -> Option<WrongUsage> {
    let name = argument.split(['=', ' ']).next().unwrap_or(argument);
    if let Some((_, instead)) = OPTIONS_NOT_YET.iter().find(|(option, _)| *option == name) {
        let message = format!("{name} is not supported here");
        return Some(WrongUsage::new(message, format!("Instead: {instead}.")));
    }
    let (_, instead) = OTHER_NAMES.iter().find(|(option, _)| *option == name)?;
    Some(WrongUsage::new(format!("there is no option {name}"), format!("Instead: {instead}.")))
}

fn value_not_yet(argument: &str, value: &str) -> Option<WrongUsage> {
    // clap tells the option as it stands in the help: `--mode <MODE>`.
    let names: Vec<&str> = argument.split([' ', ',']).collect();
    let (name, _, instead) = VALUES_NOT_YET.iter().find(|(name, v, _)| names.contains(name) && *v == value)?;
    Some(WrongUsage::new(format!("{name} {value} is not supported"), format!("Instead: {instead}.")))
}

/// Whether an option stands among those that are missing.
#[cfg(test)]
pub(crate) fn is_listed(option: &str) -> bool {
    OPTIONS_NOT_YET.iter().chain(OTHER_NAMES).any(|(name, _)| *name == option)
}
