//! The command line, as clap reads it. What it means is decided elsewhere.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pgstream::backup::{CreateOptions, Level, PruneOptions, RestoreOptions};
use pgstream::catalog::Filter;
use pgstream::export::ExportOptions;
use pgstream::import::ImportOptions;
use pgstream::sync::{SyncOptions, VerifyOptions};

/// Headings in the help.
const GUARD: &str = "Guard";
const EVERYWHERE: &str = "For every command";

/// The three commands that a newcomer needs, and where to read on.
const FIRST_STEPS: &str = "\
First steps:
  pgstream profiles list
      shows which databases have a name
  pgstream sync --from production --to local
      copies a database into an empty one, and proves that all of it arrived
  pgstream export --from production --to shop.sql.zst
      writes a compressed script that psql loads

A database is a profile, a postgres:// URL or a conninfo string ('host=h
dbname=d'). PRODUCTION_DATABASE_URL, STAGING_DATABASE_URL, DEV_DATABASE_URL,
LOCAL_DATABASE_URL and PGSTREAM_PROFILE_<NAME>_URL make profiles. Production
and staging are never written to by accident.

Exit codes: 0 proven, 1 failed, 2 wrong usage, 3 refused by the guard,
4 preflight failed, 5 not the same, 130 cancelled, 141 closed pipe, 143 SIGTERM";

const EXPORT_EXAMPLES: &str = "\
Examples:
  pgstream export --from production --to shop.sql.zst
  pgstream export --from production --to - -n sales | psql -X -d scratch
  pgstream export --from 'host=db1 dbname=shop' --to ./schema.sql -s -O
  pgstream export --from staging --to a.sql.gz --exclude-table-data 'log.*'
  pgstream export --from staging --to a.sql.gz --force";

const IMPORT_EXAMPLES: &str = "\
Examples:
  pgstream import --from shop.sql.zst --to local
  pgstream import --from shop.sql.zst --to local --plan
  pg_dump shop | pgstream import --from - --to postgres:///scratch
  pgstream import --from shop.sql --to dev --verify checksum -O -x
  pgstream import --from rows.sql --to local --mode append";

const SYNC_EXAMPLES: &str = "\
Examples:
  pgstream sync --from production --to local
  pgstream sync --from production --to local --plan
  pgstream sync --from production --to dev -j 4 --verify checksum
  pgstream sync --from production --to local --mode replace --plan
  pgstream sync --from production --to staging --confirm staging/shop
  pgstream sync --from production --to postgres:///scratch -n sales";

const BACKUP_EXAMPLES: &str = "\
Examples:
  pgstream backup create --from production --label reason=release
  pgstream backup list
  pgstream backup verify latest --level 2
  pgstream backup restore latest --to local
  pgstream backup prune --keep-last 7 --dry-run

A backup is named by its whole name, by a beginning of it that no other one
has, or as 'latest'. They are kept in --dir, else in BACKUP_DIRECTORY, else in
$XDG_DATA_HOME/pgstream/backups";

const VERIFY_EXAMPLES: &str = "\
Examples:
  pgstream verify --from production --to local
  pgstream verify --from production --to local -n sales --json";

const CHECK_EXAMPLES: &str = "\
Examples:
  pgstream check --from production --to local
  pgstream check --from production --to local --no-owner --no-privileges";

const INSPECT_EXAMPLES: &str = "\
Examples:
  pgstream inspect --from production
  pgstream inspect --from production -n sales --json";

const PROFILES_EXAMPLES: &str = "\
Examples:
  pgstream profiles list
  pgstream profiles test production
  pgstream profiles forget production";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  pgstream completions bash > ~/.bash_completion.d/pgstream
  pgstream completions zsh > ~/.zfunc/_pgstream
  pgstream completions fish > ~/.config/fish/completions/pgstream.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  pgstream man > pgstream.1
  pgstream man sync | man -l -
  pgstream man --all ./man1";

/// Export, sync, back up and compare PostgreSQL databases, proven and without accidents
#[derive(Debug, Parser)]
#[command(name = "pgstream", version, after_help = FIRST_STEPS, subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, propagate_version = true, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Globals {
    /// One JSON event per line on standard error, and one JSON report on standard output
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Variables from a file that you trust; the environment wins over it, and it over a `.env` in this folder
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(crate) env_file: Option<PathBuf>,
    /// A command that prints the password, run before every login for which nothing else gives one; it is told PGHOST, PGPORT,
    /// PGUSER and PGDATABASE
    #[arg(long, global = true, value_name = "COMMAND", help_heading = EVERYWHERE)]
    pub(crate) passcommand: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a database into a file
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Box<ExportArgs>),
    /// Load a script of pg_dump, of pgstream or by hand into a database, and prove that everything arrived
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Box<ImportArgs>),
    /// Copy a database into another one, and prove that everything arrived
    #[command(after_help = SYNC_EXAMPLES)]
    Sync(Box<SyncArgs>),
    /// Make, list, verify, restore and remove backups
    #[command(after_help = BACKUP_EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
    Backup {
        /// What to do with them.
        #[command(subcommand)]
        action: BackupAction,
    },
    /// Compare the contents of two databases: tables, rows, sequences, large objects
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Box<VerifyArgs>),
    /// Find what would make a sync fail, and write nothing
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Box<CheckArgs>),
    /// Show what a database contains
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(Box<InspectArgs>),
    /// Named databases, and who they are
    #[command(after_help = PROFILES_EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
    Profiles {
        /// What to do with them.
        #[command(subcommand)]
        action: ProfilesAction,
    },
    /// Print a script that completes commands and options in a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

impl Command {
    /// The command's word.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Export(_) => "export",
            Self::Import(_) => "import",
            Self::Sync(_) => "sync",
            Self::Backup { action } => action.name(),
            Self::Verify(_) => "verify",
            Self::Check(_) => "check",
            Self::Inspect(_) => "inspect",
            Self::Profiles { .. } => "profiles",
            Self::Completions { .. } => "completions",
            Self::Man(_) => "man",
        }
    }

    /// Whether it may run for so long that somebody wants to see how far it is.
    pub(crate) fn is_long(&self) -> bool {
        match self {
            Self::Sync(args) => !args.plan,
            Self::Import(args) => !args.plan,
            Self::Export(_) | Self::Verify(_) => true,
            Self::Backup { action } => !matches!(action, BackupAction::List(_) | BackupAction::Show(_)),
            _ => false,
        }
    }

    /// Whether standard output belongs to the data, so that the report goes to standard error.
    pub(crate) fn writes_to_stdout(&self) -> bool {
        matches!(self, Self::Export(args) if args.to == "-")
    }
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The database to read: a profile, a postgres:// URL or a conninfo string
    #[arg(long, value_name = "SRC")]
    pub(crate) from: String,
    /// The file to write: a name with a known ending (.sql, .sql.gz, .sql.zst, .sql.lz4), a path with ./ or / in front, or -
    #[arg(long, value_name = "FILE")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) options: ExportOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The script to load, compressed or not: a name with a known ending (.sql, .sql.gz, .sql.zst, .sql.lz4), a path with ./ or / in
    /// front, or -
    #[arg(long, value_name = "FILE")]
    pub(crate) from: String,
    /// The database to write
    #[arg(long, value_name = "DB")]
    pub(crate) to: String,
    /// Show what would be done, and stop; a file only
    #[arg(long)]
    pub(crate) plan: bool,
    /// Show the server's words about values that failed, on a terminal only
    #[arg(long)]
    pub(crate) show_values: bool,
    #[command(flatten)]
    pub(crate) safety: SafetyArgs,
    #[command(flatten)]
    pub(crate) guard: GuardArgs,
    #[command(flatten)]
    pub(crate) options: ImportOptions,
}

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The database to read: a profile, a postgres:// URL or a conninfo string
    #[arg(long, value_name = "SRC")]
    pub(crate) from: String,
    /// The database to write
    #[arg(long, value_name = "DB")]
    pub(crate) to: String,
    /// Show what would be done, and stop
    #[arg(long)]
    pub(crate) plan: bool,
    #[command(flatten)]
    pub(crate) safety: SafetyArgs,
    #[command(flatten)]
    pub(crate) guard: GuardArgs,
    #[command(flatten)]
    pub(crate) options: SyncOptions,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct GuardArgs {
    /// Confirm that a protected database is written to; the refusal prints the words to repeat
    #[arg(long, value_name = "PROFILE/DATABASE", help_heading = GUARD)]
    pub(crate) confirm: Option<String>,
    /// Go on though this protected profile cannot be reached and was never identified
    #[arg(long, value_name = "PROFILE", help_heading = GUARD)]
    pub(crate) accept_unidentified: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupAction {
    /// Read a database into a new backup
    Create(Box<BackupCreateArgs>),
    /// List the backups
    List(BackupListArgs),
    /// Show what a backup holds
    Show(BackupShowArgs),
    /// Find out whether backups are what they were when they were made; exit code 5 if one is not
    Verify(BackupVerifyArgs),
    /// Verify a backup and load it into a database
    Restore(Box<BackupRestoreArgs>),
    /// Remove old backups; what is damaged neither counts nor goes
    Prune(BackupPruneArgs),
}

impl BackupAction {
    /// The command's words.
    fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "backup create",
            Self::List(_) => "backup list",
            Self::Show(_) => "backup show",
            Self::Verify(_) => "backup verify",
            Self::Restore(_) => "backup restore",
            Self::Prune(_) => "backup prune",
        }
    }
}

/// Where backups are.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BackupPlace {
    /// The folder that backups are kept in; not given: BACKUP_DIRECTORY, else $XDG_DATA_HOME/pgstream/backups
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BackupCreateArgs {
    /// The database to read: a profile, a postgres:// URL or a conninfo string
    #[arg(long, value_name = "SRC")]
    pub(crate) from: String,
    /// Written on the backup, to find it by; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    pub(crate) labels: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) place: BackupPlace,
    #[command(flatten)]
    pub(crate) options: CreateOptions,
}

#[derive(Debug, Args)]
pub(crate) struct BackupListArgs {
    /// Show folders too that were never finished, or are being made
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) place: BackupPlace,
}

#[derive(Debug, Args)]
pub(crate) struct BackupShowArgs {
    /// The backup's name, a beginning of it, or 'latest'
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) place: BackupPlace,
}

#[derive(Debug, Args)]
pub(crate) struct BackupVerifyArgs {
    /// The backup's name, a beginning of it, or 'latest'
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) id: Option<String>,
    /// Every backup
    #[arg(long)]
    pub(crate) all: bool,
    /// How thoroughly
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "1")]
    pub(crate) level: Level,
    #[command(flatten)]
    pub(crate) place: BackupPlace,
}

#[derive(Debug, Args)]
pub(crate) struct BackupRestoreArgs {
    /// The backup's name, a beginning of it, or 'latest'
    pub(crate) id: String,
    /// The database to write
    #[arg(long, value_name = "DB")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) safety: SafetyArgs,
    #[command(flatten)]
    pub(crate) place: BackupPlace,
    #[command(flatten)]
    pub(crate) guard: GuardArgs,
    #[command(flatten)]
    pub(crate) options: RestoreOptions,
}

/// Whether what is overwritten is saved first.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SafetyArgs {
    /// Make no backup of what is in the target before something is added to it or replaced
    #[arg(long)]
    pub(crate) no_backup: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackupPruneArgs {
    #[command(flatten)]
    pub(crate) options: PruneOptions,
    #[command(flatten)]
    pub(crate) place: BackupPlace,
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("a label is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The one database
    #[arg(long, value_name = "A")]
    pub(crate) from: String,
    /// The other database
    #[arg(long, value_name = "B")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) options: VerifyOptions,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The database that would be read
    #[arg(long, value_name = "SRC")]
    pub(crate) from: String,
    /// The database that would be written
    #[arg(long, value_name = "DB")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) guard: GuardArgs,
    #[command(flatten)]
    pub(crate) options: SyncOptions,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The database to look at
    #[arg(long, value_name = "SRC")]
    pub(crate) from: String,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfilesAction {
    /// List the profiles: name, class, whether it may be written to
    List,
    /// Connect to profiles and show who they are; protected ones are remembered
    Test {
        /// Which ones; all of them if none is named
        #[arg(value_name = "PROFILE")]
        names: Vec<String>,
    },
    /// Forget who a protected profile was seen to be
    Forget {
        /// Which one
        #[arg(value_name = "PROFILE")]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command whose page is wanted; the page of pgstream itself if none is named
    pub(crate) command: Option<String>,
    /// Write all pages into a folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) all: Option<PathBuf>,
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
