//! What a program calls: a safety backup where one is due, the engine, its proof, the report.
//!
//! Engines know nothing of backups of what they overwrite; a command line, a service and a program that embeds pgstream want
//! them all the same. This is the one place that puts the two together.

mod safety;

use serde::{Deserialize, Serialize};

use crate::backup::{Backup, RestoreOptions, RestoreReport};
use crate::connection::ConnectionConfig;
use crate::guard::Destination;
use crate::import::{ImportOptions, ImportReport};
use crate::progress::{Phase, Run};
use crate::report::{Failure, Mode, TargetState};
use crate::storage::Source;
use crate::sync::{SyncOptions, SyncReport};

pub use safety::{SafetyBackup, SafetyBackups};

/// What an engine did, and what was saved before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Saved<R> {
    /// The safety backup; `None` if none was due, or none was wanted.
    pub safety_backup: Option<SafetyBackup>,
    /// The engine's own report.
    #[serde(flatten)]
    pub report: R,
}

/// Restores a backup, after a safety backup of what is there if one is due. Without `safety` none is made.
///
/// # Errors
/// As of [`SafetyBackups::take_if_due`], and then nothing was written; and of [`Backup::restore`].
///
/// # Cancellation
/// As of [`Backup::restore`]. A safety backup that is complete stays.
pub async fn restore(
    backups: &dyn Backup,
    id: &str,
    destination: Destination,
    options: &RestoreOptions,
    safety: Option<&SafetyBackups>,
    run: &Run,
) -> Result<Saved<RestoreReport>, Failure> {
    options.import.check().map_err(|error| Failure::new(error, TargetState::Untouched, run))?;
    let mode = options.import.mode;
    saving(destination, mode, safety, run, |destination| backups.restore(id, destination, options, run)).await
}

/// Loads a script, after a safety backup of what is there if one is due. Without `safety` none is made.
///
/// # Errors
/// As of [`SafetyBackups::take_if_due`], and then nothing was written; and of [`import`](crate::import::import).
///
/// # Cancellation
/// As of [`import`](crate::import::import). A safety backup that is complete stays.
pub async fn import(
    from: Source,
    destination: Destination,
    options: &ImportOptions,
    safety: Option<&SafetyBackups>,
    run: &Run,
) -> Result<Saved<ImportReport>, Failure> {
    options.check().map_err(|error| Failure::new(error, TargetState::Untouched, run))?;
    saving(destination, options.mode, safety, run, |destination| crate::import::import(from, destination, options, run)).await
}

/// Copies a database into another, after a safety backup of what is there if one is due. Without `safety` none is made.
///
/// # Errors
/// As of [`SafetyBackups::take_if_due`], and then nothing was written; and of [`sync`](crate::sync::sync).
///
/// # Cancellation
/// As of [`sync`](crate::sync::sync). A safety backup that is complete stays.
pub async fn sync(
    source: &ConnectionConfig,
    destination: Destination,
    options: &SyncOptions,
    safety: Option<&SafetyBackups>,
    run: &Run,
) -> Result<Saved<SyncReport>, Failure> {
    options.check().map_err(|error| Failure::new(error, TargetState::Untouched, run))?;
    saving(destination, options.mode, safety, run, |destination| crate::sync::sync(source, destination, options, run)).await
}

/// Makes a safety backup if one is due, then does the work. A failure of the work tells of the backup, too.
async fn saving<R, F>(
    destination: Destination,
    mode: Mode,
    safety: Option<&SafetyBackups>,
    run: &Run,
    work: impl FnOnce(Destination) -> F,
) -> Result<Saved<R>, Failure>
where
    F: Future<Output = Result<R, Failure>>,
{
    let _at_work = run.at_work();
    run.enter(Phase::Preflight);
    let saved = match safety {
        Some(safety) => safety.take_if_due(&destination, mode, run).await?,
        None => None,
    };
    let target = destination.clone();
    match work(destination).await {
        Ok(report) => {
            if let (Some(safety), Some(_)) = (safety, &saved) {
                safety.prune(&target, run).await;
            }
            Ok(Saved { safety_backup: saved, report })
        }
        Err(mut failure) => {
            failure.warnings.extend(saved.map(|saved| saved.to_string()));
            Err(failure)
        }
    }
}
