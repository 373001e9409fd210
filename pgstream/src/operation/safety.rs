//! A copy of what is about to be overwritten.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::backup::{Backup, BackupId, BackupSet, CreateOptions, PruneOptions};
use crate::connection::Connection;
use crate::error::{BackupError, Error, ErrorCode};
use crate::guard::Destination;
use crate::import::contents;
use crate::progress::Run;
use crate::report::{Failure, Mode, TargetState};

/// How many safety backups of a destination are kept: the one before the mistake, should it only be noticed after the next run.
const KEPT: u32 = 2;

/// The most of a database's name that goes into a folder's.
const NAME_CHARACTERS: usize = 40;

/// Where safety backups are kept: a folder for each destination.
#[derive(Debug, Clone)]
pub struct SafetyBackups {
    directory: PathBuf,
}

/// A backup that was made before its database was overwritten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SafetyBackup {
    /// Its name.
    pub id: BackupId,
    /// The folder of the set that it is in, for `pgstream backup restore --dir`.
    pub directory: String,
}

impl fmt::Display for SafetyBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what was in the target before is in the backup {} in {}", self.id, self.directory)
    }
}

impl SafetyBackups {
    /// In the folder `safety` of the folder that backups are kept in.
    pub fn beside(backups: impl Into<PathBuf>) -> Self {
        Self { directory: backups.into().join("safety") }
    }

    /// Makes a safety backup if one is due: if the mode overwrites or adds to what is there, and something is there.
    ///
    /// # Errors
    /// A [`Failure`] when it could not be made: then nothing must be written.
    ///
    /// # Cancellation
    /// As of [`Backup::create`].
    pub async fn take_if_due(&self, destination: &Destination, mode: Mode, run: &Run) -> Result<Option<SafetyBackup>, Failure> {
        if mode == Mode::Empty {
            return Ok(None);
        }
        let is_empty = is_empty(destination).await.map_err(|error| Failure::new(error, TargetState::Untouched, run))?;
        if is_empty { Ok(None) } else { self.take(destination, run).await.map(Some) }
    }

    async fn take(&self, destination: &Destination, run: &Run) -> Result<SafetyBackup, Failure> {
        let set = BackupSet::in_directory(self.directory.join(key(destination)));
        run.log("making a safety backup of the destination");
        let options = CreateOptions::default().label("safety", "before it was overwritten");
        let made = set.create(destination.config(), &options, run).await;
        let made = made.map_err(|failure| Failure { error: explain(failure.error, destination), ..failure })?;
        Ok(SafetyBackup { id: made.id, directory: set.describe() })
    }

    /// Removes older ones of this destination. Only after a success: a run that failed and is tried again would remove the last one that
    /// is worth something.
    pub(super) async fn prune(&self, destination: &Destination, run: &Run) {
        let set = BackupSet::in_directory(self.directory.join(key(destination)));
        if let Err(failure) = set.prune(&PruneOptions::keep_last(KEPT), run).await {
            run.warn(format!("older safety backups in {} could not be removed: {failure}", set.describe()));
        }
    }
}

/// Says what was being done. A cancel stays one.
fn explain(error: Error, destination: &Destination) -> Error {
    match error.code() {
        ErrorCode::Cancelled => error,
        _ => BackupError::Safety { target: destination.config().to_string(), source: Box::new(error) }.into(),
    }
}

/// Whether the destination holds nothing of its own.
async fn is_empty(destination: &Destination) -> Result<bool, Error> {
    let connection = Connection::open(destination.config()).await?;
    let asked = async {
        destination.verify_session(&connection).await?;
        Ok::<_, Error>(contents(&connection).await?.count() == 0)
    };
    let is_empty = asked.await;
    connection.close().await;
    is_empty
}

/// The name of a destination's folder: readable, and different for every database. A database keeps its key when its server moves.
fn key(destination: &Destination) -> String {
    let identity = destination.identity();
    let name: String = identity.database_name.chars().take(NAME_CHARACTERS).collect();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    let server = identity.system_identifier.clone().unwrap_or_else(|| format!("{:?}", destination.config().endpoints()));
    let hash = xxh3_64(format!("{server} {} {}", identity.database_oid, identity.database_name).as_bytes());
    format!("{name}-{hash:016x}")
}
