//! The calls into the library: who is meant, may it be written to, do it. What came of it is told by the commands.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgstream::backup::{BackupSet, RestoreOptions, RestoreReport};
use pgstream::catalog::Filter;
use pgstream::connection::Environment;
use pgstream::export::{ExportOptions, ExportReport, InspectReport};
use pgstream::guard::{self, AdmitRequest, Destination, EnvFile, FileMemory, GuardMemory, NamedDatabase, Profiles};
use pgstream::import::{ImportOptions, ImportPlan, ImportReport};
use pgstream::operation::{SafetyBackups, Saved};
use pgstream::storage::{Sink, Source};
use pgstream::sync::{CheckReport, SyncOptions, SyncPlan, SyncReport, VerifyOptions, VerifyReport};
use pgstream::{Failure, GuardError, Mode, Phase, Run, TargetState};

use crate::args::{Globals, GuardArgs, SafetyArgs};
use crate::pass_command::PassCommand;
use crate::place::{Place, may_hold_password};
use crate::report::Problem;
use crate::usage::WrongUsage;

/// What every command works in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    /// The order to stop, and where progress is counted.
    pub(crate) run: Run,
}

impl Context {
    /// What went wrong before anything was written.
    pub(crate) fn untouched(&self, error: impl Into<pgstream::Error>) -> Problem {
        Failure::new(error, TargetState::Untouched, &self.run).into()
    }

    /// Waits for work that may be dropped at any time.
    pub(crate) async fn or_cancelled<T>(&self, work: impl Future<Output = Result<T, GuardError>>) -> Result<T, Problem> {
        tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => Err(Problem::Cancelled),
            done = work => done.map_err(|e| self.untouched(e)),
        }
    }
}

/// The databases that have names, and what is remembered of them.
#[derive(Debug)]
pub(crate) struct Databases {
    profiles: Profiles,
    memory: FileMemory,
    /// Where backups are kept if no other folder is named; `None` where there is no home directory.
    backups: Option<String>,
}

impl Databases {
    /// Reads the environment, `--env-file` and a `.env` in this folder.
    pub(crate) fn load(context: &Context, globals: &Globals) -> Result<Self, Problem> {
        let found = Self::find(Environment::from_process(), globals.env_file.as_deref(), Path::new(".env"), &context.run);
        let mut databases = found.map_err(|e| context.untouched(e))?;
        if let Some(command) = &globals.passcommand {
            databases.profiles = databases.profiles.with_credentials(Arc::new(PassCommand::new(command)));
        }
        Ok(databases)
    }

    fn find(environment: Environment, named: Option<&Path>, found: &Path, run: &Run) -> Result<Self, GuardError> {
        let named = named.map(EnvFile::read).transpose()?;
        let found = EnvFile::read_if_there(found)?;
        let memory = FileMemory::in_directory(&state_directory(&environment)?);
        let environment = with_file(environment, named.as_ref());
        let profiles = Profiles::load(&environment, named.as_ref(), found.as_ref())?;
        profiles.warnings().iter().for_each(|warning| run.warn(warning.clone()));
        Ok(Self { profiles, memory, backups: backup_directory(&environment) })
    }

    /// The profiles.
    pub(crate) fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    /// What is remembered of protected ones.
    pub(crate) fn memory(&self) -> &dyn GuardMemory {
        &self.memory
    }

    /// The backups in the folder that is named, or in the one that the environment means.
    pub(crate) fn backups(&self, named: Option<&str>) -> Result<BackupSet, WrongUsage> {
        let directory = named.or(self.backups.as_deref()).filter(|directory| !directory.is_empty());
        let Some(directory) = directory else {
            let hint = "Name a folder with --dir, or set BACKUP_DIRECTORY.";
            return Err(WrongUsage::new("there is no folder to keep backups in", hint));
        };
        match Place::parse(directory) {
            Place::Store => {
                Err(WrongUsage::new("backups in s3:// are not supported yet", "Name a folder of this machine with --dir."))
            }
            Place::File(path) => Ok(BackupSet::in_directory(path)),
            _ => Ok(BackupSet::in_directory(directory)),
        }
    }

    /// Where what is overwritten is saved first; `None` where nothing will be, or that is not wanted.
    fn safety(&self, args: &SafetyArgs, mode: Mode) -> Result<Option<SafetyBackups>, WrongUsage> {
        if args.no_backup || mode == Mode::Empty {
            return Ok(None);
        }
        // The folder must be one that backups can be kept in.
        self.backups(None)?;
        Ok(self.backups.as_deref().map(SafetyBackups::beside))
    }

    /// The database that the word after `option` names.
    pub(crate) fn named(&self, context: &Context, option: &str, word: &str) -> Result<NamedDatabase, Problem> {
        if may_hold_password(word) {
            context.run.warn(format!(
                "the password in {option} can be seen by other users of this machine and stays in the shell's history: \
                 use a profile, ~/.pgpass or PGPASSWORD"
            ));
        }
        let database = self.profiles.resolve(word).map_err(|e| context.untouched(e))?;
        database.config().warnings().iter().for_each(|warning| context.run.warn(warning.clone()));
        Ok(database)
    }

    /// Asks the guard.
    async fn admit(
        &self,
        context: &Context,
        source: Option<&NamedDatabase>,
        target: &NamedDatabase,
        args: &GuardArgs,
        with_globals: bool,
    ) -> Result<Destination, Problem> {
        context.run.enter(Phase::Preflight);
        let request = AdmitRequest::new(target, &self.profiles, &self.memory)
            .source(source)
            .allow_globals(with_globals)
            .confirm(args.confirm.as_deref())
            .accept_unidentified(&args.accept_unidentified);
        let destination = context.or_cancelled(guard::admit(request)).await?;
        destination.notes().iter().for_each(|note| context.run.warn(note.clone()));
        Ok(destination)
    }
}

/// A file that was named counts as the environment does, for `PGHOST`, `PGPASSWORD` and all others that are not set there.
fn with_file(environment: Environment, file: Option<&EnvFile>) -> Environment {
    let missing: Vec<_> = file.into_iter().flat_map(EnvFile::vars).filter(|(name, _)| environment.var(name).is_none()).collect();
    missing.into_iter().fold(environment, |environment, (name, value)| environment.with(name, value))
}

/// Where things are remembered between runs. Source: XDG Base Directory Specification.
fn state_directory(environment: &Environment) -> Result<PathBuf, GuardError> {
    let absolute = |name: &str| environment.var(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = environment.var("PGSTREAM_STATE_DIRECTORY").filter(|path| !path.is_empty()).map(PathBuf::from);
    let base = || absolute("XDG_STATE_HOME").or_else(|| environment.home().map(|home| home.join(".local/state")));
    own.or_else(|| base().map(|base| base.join("pgstream"))).ok_or_else(|| GuardError::Memory {
        path: "guard.json".into(),
        problem: "there is no home directory to keep it in; set PGSTREAM_STATE_DIRECTORY".into(),
    })
}

/// Where backups are kept. Source: XDG Base Directory Specification.
fn backup_directory(environment: &Environment) -> Option<String> {
    if let Some(own) = environment.var("BACKUP_DIRECTORY").filter(|path| !path.is_empty()) {
        return Some(own.to_owned());
    }
    let named = environment.var("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named.or_else(|| environment.home().map(|home| home.join(".local/share")))?;
    base.join("pgstream/backups").to_str().map(str::to_owned)
}

/// Two databases, and what the operator says about the second.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    /// Who they are.
    pub(crate) databases: &'a Databases,
    /// Read.
    pub(crate) source: NamedDatabase,
    /// Written, or compared.
    pub(crate) target: NamedDatabase,
}

impl<'a> Pair<'a> {
    /// The databases that the words name.
    pub(crate) fn new(context: &Context, databases: &'a Databases, from: &str, to: &str) -> Result<Self, Problem> {
        let source = databases.named(context, "--from", from)?;
        let target = databases.named(context, "--to", to)?;
        Ok(Self { databases, source, target })
    }

    async fn admit(&self, context: &Context, args: &GuardArgs) -> Result<Destination, Problem> {
        self.databases.admit(context, Some(&self.source), &self.target, args, false).await
    }

    /// Copies the one into the other.
    pub(crate) async fn sync(
        &self,
        context: &Context,
        (args, safety): (&GuardArgs, &SafetyArgs),
        options: &SyncOptions,
    ) -> Result<Saved<SyncReport>, Problem> {
        let safety = self.databases.safety(safety, options.mode)?;
        let destination = self.admit(context, args).await?;
        Ok(pgstream::operation::sync(self.source.config(), destination, options, safety.as_ref(), &context.run).await?)
    }

    /// What a sync would do.
    pub(crate) async fn plan(&self, context: &Context, args: &GuardArgs, options: &SyncOptions) -> Result<SyncPlan, Problem> {
        let destination = self.admit(context, args).await?;
        Ok(pgstream::sync::plan(self.source.config(), &destination, options, &context.run).await?)
    }

    /// What would make a sync fail.
    pub(crate) async fn check(&self, context: &Context, args: &GuardArgs, options: &SyncOptions) -> Result<CheckReport, Problem> {
        let destination = self.admit(context, args).await?;
        Ok(pgstream::sync::check(self.source.config(), &destination, options, &context.run).await?)
    }

    /// Compares the two.
    pub(crate) async fn verify(&self, context: &Context, options: &VerifyOptions) -> Result<VerifyReport, Problem> {
        Ok(pgstream::sync::verify(self.source.config(), self.target.config(), options, &context.run).await?)
    }
}

/// Writes a database into a file.
pub(crate) async fn export(
    context: &Context,
    source: &NamedDatabase,
    to: Sink,
    options: &ExportOptions,
) -> Result<ExportReport, Problem> {
    Ok(pgstream::export::export(source.config(), to, options, &context.run).await?)
}

/// Loads a script into a database.
pub(crate) async fn import(
    context: &Context,
    databases: &Databases,
    from: Source,
    target: &NamedDatabase,
    (args, safety): (&GuardArgs, &SafetyArgs),
    options: &ImportOptions,
) -> Result<Saved<ImportReport>, Problem> {
    let safety = databases.safety(safety, options.mode)?;
    let destination = databases.admit(context, None, target, args, options.globals).await?;
    Ok(pgstream::operation::import(from, destination, options, safety.as_ref(), &context.run).await?)
}

/// Loads a backup into a database.
pub(crate) async fn restore(
    context: &Context,
    databases: &Databases,
    (backups, id): (&BackupSet, &str),
    target: &NamedDatabase,
    (args, safety): (&GuardArgs, &SafetyArgs),
    options: &RestoreOptions,
) -> Result<Saved<RestoreReport>, Problem> {
    let safety = databases.safety(safety, options.import.mode)?;
    let destination = databases.admit(context, None, target, args, options.import.globals).await?;
    Ok(pgstream::operation::restore(backups, id, destination, options, safety.as_ref(), &context.run).await?)
}

/// What an import of a file would do.
pub(crate) async fn plan_import(
    context: &Context,
    databases: &Databases,
    path: &Path,
    target: &NamedDatabase,
    args: &GuardArgs,
    options: &ImportOptions,
) -> Result<ImportPlan, Problem> {
    let destination = databases.admit(context, None, target, args, options.globals).await?;
    Ok(pgstream::import::plan_import(path, &destination, options, &context.run).await?)
}

/// Says what a database contains.
pub(crate) async fn inspect(context: &Context, source: &NamedDatabase, filter: &Filter) -> Result<InspectReport, Problem> {
    Ok(pgstream::export::inspect(source.config(), filter, &context.run).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::Exit;

    fn find(environment: Environment, named: Option<&Path>, found: &Path, run: &Run) -> Databases {
        Databases::find(environment.with("HOME", "/nowhere"), named, found, run).unwrap()
    }

    fn scratch(name: &str, text: &str) -> (PathBuf, impl Drop) {
        struct Remove(PathBuf);
        impl Drop for Remove {
            fn drop(&mut self) {
                std::fs::remove_file(&self.0).unwrap();
            }
        }
        let path = std::env::temp_dir().join(format!("pgstream-cli-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        (path.clone(), Remove(path))
    }

    #[test]
    fn a_named_file_gives_all_variables_and_a_found_one_profiles_only() {
        let text = "LOCAL_DATABASE_URL=postgres:///shop\nPGUSER=fred\nPGPORT=6000\n";
        let (path, _remove) = scratch("variables", text);
        let nowhere = Path::new("/nowhere/.env");
        let config = |databases: Databases| databases.profiles.resolve("local").unwrap().config().to_string();
        let environment = || Environment::empty().with_os_user("olga").with_socket_directory("/run/pg").with("PGPORT", "7000");
        let named = config(find(environment(), Some(&path), nowhere, &Run::new()));
        let found = config(find(environment(), None, &path, &Run::new()));
        assert!(named.starts_with("fred@") && named.contains("7000"), "{named}");
        assert!(found.starts_with("olga@") && found.contains("7000"), "{found}");
    }

    #[test]
    fn a_found_file_cannot_loosen_the_guard_and_that_is_warned_of() {
        let text = "STAGING_DATABASE_URL=postgres://h/d\nSTAGING_ALLOW_WRITES=true\n";
        let (path, _remove) = scratch("loosen", text);
        let run = Run::new();
        let databases = find(Environment::empty(), None, &path, &run);
        assert!(!databases.profiles().get("staging").unwrap().allows_writes());
        assert_eq!(run.warnings().len(), 1, "{:?}", run.warnings());
    }

    #[test]
    fn a_password_in_an_argument_is_warned_of_and_not_repeated() {
        let context = Context::default();
        let databases = find(Environment::empty(), None, Path::new("/nowhere/.env"), &context.run);
        databases.named(&context, "--from", "postgres://u:s3cret@h/d").unwrap();
        let warnings = context.run.warnings();
        assert!(warnings[0].contains("--from") && !warnings.concat().contains("s3cret"), "{warnings:?}");
    }

    #[test]
    fn a_typo_lists_the_profiles() {
        let context = Context::default();
        let environment = Environment::empty().with("STAGING_DATABASE_URL", "postgres://h/d");
        let databases = find(environment, None, Path::new("/nowhere/.env"), &context.run);
        let problem = databases.named(&context, "--to", "stagign").unwrap_err();
        let Problem::Failed(failure) = &problem else { panic!("{problem:?}") };
        assert!(failure.to_string().contains("staging"), "{failure}");
        assert_eq!(problem.exit(), Exit::Usage);
    }

    #[test]
    fn the_state_directory_follows_the_environment() {
        let home = || Environment::empty().with("HOME", "/home/fred");
        let cases = [
            (home(), "/home/fred/.local/state/pgstream"),
            (home().with("XDG_STATE_HOME", "/state"), "/state/pgstream"),
            (home().with("XDG_STATE_HOME", "relative"), "/home/fred/.local/state/pgstream"),
            (home().with("PGSTREAM_STATE_DIRECTORY", "/own"), "/own"),
        ];
        for (environment, expected) in cases {
            assert_eq!(state_directory(&environment).unwrap(), Path::new(expected));
        }
        assert!(state_directory(&Environment::empty()).is_err());
    }

    #[test]
    fn the_folder_of_backups_follows_the_environment() {
        let home = || Environment::empty().with("HOME", "/home/fred");
        let cases = [
            (home(), Some("/home/fred/.local/share/pgstream/backups")),
            (home().with("XDG_DATA_HOME", "/data"), Some("/data/pgstream/backups")),
            (home().with("XDG_DATA_HOME", "relative"), Some("/home/fred/.local/share/pgstream/backups")),
            (home().with("BACKUP_DIRECTORY", "/own"), Some("/own")),
            (Environment::empty(), None),
        ];
        for (environment, expected) in cases {
            assert_eq!(backup_directory(&environment).as_deref(), expected);
        }
    }

    #[tokio::test]
    async fn a_cancelled_run_stops_waiting() {
        let context = Context::default();
        context.run.cancel();
        let waited = context.or_cancelled(std::future::pending::<Result<(), GuardError>>()).await;
        assert_eq!(waited.unwrap_err().exit(), Exit::Cancelled);
    }
}
