//! Backups: made, listed, verified, restored and removed.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use pgstream::Run;
//! use pgstream::backup::{Backup, BackupSet, CreateOptions, Level, PruneOptions, Which};
//! use pgstream::connection::{ConnectionConfig, Environment};
//!
//! let source = ConnectionConfig::parse("postgres://me@localhost/shop", &Environment::from_process())?;
//! let backups = BackupSet::in_directory("/var/backups/shop");
//! let made = backups.create(&source, &CreateOptions::default(), &Run::new()).await?;
//! let verified = backups.verify(&Which::One(made.id.to_string()), Level::Contents, &Run::new()).await?;
//! assert!(verified.is_good);
//! backups.prune(&PruneOptions::keep_last(7), &Run::new()).await?;
//! # Ok(()) }
//! ```
//!
//! Words: a [`BackupSet`] is a place with backups; a *backup* is a folder with an archive, the roles that it needs, and a manifest that
//! was written last. A folder without a manifest is no backup: it is *incomplete*, and swept when nobody is making it any more.
//! *Verified* is what was found to be as the manifest says, by a [`Level`].
//!
//! Here is what a backup is. How rows are read and written is for `export` and `import` to know, and whether a database may be
//! written to for `guard`. See `docs/backups.md` and `docs/decisions/0004-backups.md`.

mod create;
mod digest;
mod directory;
mod failpoint;
mod globals;
mod id;
mod list;
mod manifest;
mod options;
mod prune;
mod report;
mod restore;
mod script_check;
mod seal;
mod store;
mod sweep;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::connection::ConnectionConfig;
use crate::error::{BackupError, Error, StorageError};
use crate::guard::Destination;
use crate::progress::Run;
use crate::report::{Failure, TargetState};

pub use digest::FileDigest;
#[cfg(feature = "failpoints")]
#[doc(hidden)]
pub use failpoint::{FAILPOINTS, die_at};
pub use id::BackupId;
pub use manifest::{BACKUP_FORMAT, BackupManifest, FileManifest, FileRole, GlobalsManifest, Verification};
pub use options::{CreateOptions, Level, PruneOptions, RestoreOptions};
pub use report::{
    BackupEntry, BackupState, CreateReport, Finding, FindingKind, ListReport, PruneReport, Pruned, RestoreReport, ShowReport,
    VerifiedBackup, VerifiedState, VerifyReport,
};

use directory::Directory;
use store::BackupStore;

/// The file that makes a folder a backup.
pub(super) const MANIFEST: &str = "manifest.json";

/// What a manifest is called once its backup is being removed.
pub(super) const WITHDRAWN: &str = "manifest.json.withdrawn";

/// What the last verification came to.
pub(super) const VERIFIED: &str = "verified.json";

/// What is locked by whoever makes, reads or removes a backup. Always empty.
pub(super) const LOCK: &str = "lock";

/// How often progress is told.
const TICK: Duration = Duration::from_millis(500);

/// Which backups are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Which {
    /// Every one that is there.
    All,
    /// The one with this name, or the only one whose name begins like this (its random part counts as a name, too); `latest` is the
    /// newest.
    One(String),
}

/// What can be done with backups, wherever they are.
///
/// # Errors
/// All methods: a [`Failure`] with the first error. Nothing that is listed as a backup is ever half made or half removed, whichever
/// way a method ends.
///
/// # Cancellation
/// `run.cancel()` ends a method with the code `cancelled`; dropping the future does so without waiting. A backup that was being made
/// leaves nothing but, if the process dies, a folder that the next `create` or `prune` sweeps.
#[async_trait]
pub trait Backup: Send + Sync {
    /// Reads the database at `source` into a new backup.
    async fn create(&self, source: &ConnectionConfig, options: &CreateOptions, run: &Run) -> Result<CreateReport, Failure>;

    /// What is there, oldest first.
    async fn list(&self, run: &Run) -> Result<ListReport, Failure>;

    /// All that is known of one backup without reading its archive.
    async fn show(&self, id: &str, run: &Run) -> Result<ShowReport, Failure>;

    /// Finds out whether backups are what their manifests say, and notes it beside them. Damage is no error: the report tells it.
    async fn verify(&self, which: &Which, level: Level, run: &Run) -> Result<VerifyReport, Failure>;

    /// Verifies a backup by [`Level::Hashes`] and loads it into `to`, as an import does: what the target holds when that fails is told
    /// by the [`Failure`]. The backup stays while it is read.
    async fn restore(&self, id: &str, to: Destination, options: &RestoreOptions, run: &Run) -> Result<RestoreReport, Failure>;

    /// Removes what is older than the newest good backups that are to be kept. What was not verified yet is verified for that.
    async fn prune(&self, options: &PruneOptions, run: &Run) -> Result<PruneReport, Failure>;
}

/// Backups in one place. Cloning gives another handle to the same place.
#[derive(Debug, Clone)]
pub struct BackupSet {
    store: Arc<dyn BackupStore>,
}

impl BackupSet {
    /// The backups in a folder, which is made with the first of them.
    pub fn in_directory(path: impl Into<PathBuf>) -> Self {
        Self { store: Arc::new(Directory::new(path.into())) }
    }

    /// Where they are.
    pub fn describe(&self) -> String {
        self.store.describe()
    }

    /// Runs work on the store where it may block.
    async fn blocking<T, E>(&self, work: impl FnOnce(&dyn BackupStore) -> Result<T, E> + Send + 'static) -> Result<T, Error>
    where
        T: Send + 'static,
        E: Into<Error> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || work(&*store)).await {
            Ok(result) => result.map_err(Into::into),
            // The runtime is being shut down, or there is a defect.
            Err(_) => Err(StorageError::Abandoned.into()),
        }
    }
}

#[async_trait]
impl Backup for BackupSet {
    async fn create(&self, source: &ConnectionConfig, options: &CreateOptions, run: &Run) -> Result<CreateReport, Failure> {
        self.make(source, options, run).await
    }

    async fn list(&self, run: &Run) -> Result<ListReport, Failure> {
        let directory = self.describe();
        let backups =
            self.blocking(|store| Ok::<_, BackupError>(list::all(store)?.iter().map(|found| found.entry(store)).collect())).await;
        let backups = backups.map_err(|error| untouched(error, run))?;
        Ok(ListReport { directory, backups, warnings: run.warnings() })
    }

    async fn show(&self, id: &str, run: &Run) -> Result<ShowReport, Failure> {
        let word = id.to_owned();
        let shown = self.blocking(move |store| {
            let found = list::resolve(store, &word)?;
            let (entry, path) = (found.entry(store), store.path_of(&found.id));
            Ok::<_, BackupError>(ShowReport { backup: entry, path, manifest: found.into_manifest(), warnings: Vec::new() })
        });
        let shown = shown.await.map_err(|error| untouched(error, run))?;
        Ok(ShowReport { warnings: run.warnings(), ..shown })
    }

    async fn verify(&self, which: &Which, level: Level, run: &Run) -> Result<VerifyReport, Failure> {
        let _at_work = run.at_work();
        self.check(which, level, run).await.map_err(|error| untouched(error, run))
    }

    async fn restore(&self, id: &str, to: Destination, options: &RestoreOptions, run: &Run) -> Result<RestoreReport, Failure> {
        self.bring_back(id, to, options, run).await
    }

    async fn prune(&self, options: &PruneOptions, run: &Run) -> Result<PruneReport, Failure> {
        let _at_work = run.at_work();
        self.thin_out(options, run).await.map_err(|error| untouched(error, run))
    }
}

/// No database was written.
fn untouched(error: impl Into<Error>, run: &Run) -> Failure {
    Failure::new(error, TargetState::Untouched, run)
}
