//! Brings a backup back.

use crate::error::{BackupError, Error, GuardError, GuardRule};
use crate::guard::Destination;
use crate::import::{ImportOptions, ImportReport, import};
use crate::progress::{Phase, Run};
use crate::report::{Failure, Mode, Verify};
use crate::storage::Source;

use super::list::{self, Contents, Found};
use super::manifest::{BackupManifest, FileRole};
use super::options::{Level, RestoreOptions};
use super::report::{RestoreReport, VerifiedBackup, VerifiedState};
use super::store::Lease;
use super::{BackupSet, untouched, verify};

/// A backup that was verified, and that nobody removes while this lives.
struct Held {
    manifest: BackupManifest,
    _lease: Lease,
}

impl BackupSet {
    pub(super) async fn bring_back(
        &self,
        id: &str,
        to: Destination,
        options: &RestoreOptions,
        run: &Run,
    ) -> Result<RestoreReport, Failure> {
        let _at_work = run.at_work();
        run.enter(Phase::Preflight);
        options.import.check().map_err(|error| untouched(error, run))?;
        if options.import.globals && !to.may_write_cluster() {
            return Err(untouched(globals_refused(&to), run));
        }
        let held = self.hold(id, run).await.map_err(|error| untouched(error, run))?;
        let manifest = &held.manifest;
        // Roles first: what comes behind them belongs to them. They stay, whatever becomes of the rest; none is changed.
        if options.import.globals
            && let Some(globals) = self.source(manifest, FileRole::Globals)
        {
            import(globals, to.clone(), &for_globals(), run).await?;
        }
        let Some(database) = self.source(manifest, FileRole::Database) else {
            let problem = "it has no archive of a database".to_owned();
            return Err(untouched(BackupError::Unusable { id: manifest.id.to_string(), problem }, run));
        };
        let report = import(database, to, &options.import, run).await?;
        Ok(self.restored(manifest, report))
    }

    /// Finds the backup, verifies every byte of it, and keeps it from being removed.
    async fn hold(&self, id: &str, run: &Run) -> Result<Held, Error> {
        run.enter(Phase::Verify);
        let (word, handle) = (id.to_owned(), run.clone());
        self.blocking(move |store| {
            let found = list::resolve(store, &word)?;
            if let Some(obstacle) = found.obstacle() {
                return Err(Error::from(obstacle));
            }
            let Some(lease) = store.share(&found.id)? else {
                let problem = "it is being removed just now".to_owned();
                return Err(BackupError::Unusable { id: found.id.to_string(), problem }.into());
            };
            let verified = verify::check_one(store, &found, Level::Hashes, &handle)?;
            match found {
                _ if verified.state != VerifiedState::Good => Err(damaged(&verified).into()),
                Found { contents: Contents::Complete(backup), .. } => Ok(Held { manifest: backup.manifest, _lease: lease }),
                Found { .. } => unreachable!("what is not complete is an obstacle"),
            }
        })
        .await
    }

    fn source(&self, manifest: &BackupManifest, role: FileRole) -> Option<Source> {
        let file = manifest.files.iter().find(|file| file.role == role)?;
        Some(self.store.source(&manifest.id, &file.name))
    }

    fn restored(&self, manifest: &BackupManifest, report: ImportReport) -> RestoreReport {
        RestoreReport { id: manifest.id.clone(), path: self.store.path_of(&manifest.id), report }
    }
}

/// How the script of globals is run: it adds to what is there, and has no rows to prove.
fn for_globals() -> ImportOptions {
    ImportOptions::default().with_mode(Mode::Append).with_verify(Verify::None).with_accept_unproven(true).with_globals(true)
}

fn damaged(verified: &VerifiedBackup) -> BackupError {
    let more = match verified.findings.len() {
        0 | 1 => String::new(),
        findings => format!(", and {} more", findings - 1),
    };
    let first = verified.findings.first().map(|finding| format!("{}: {}", finding.file, finding.what)).unwrap_or_default();
    BackupError::Damaged { id: verified.id.to_string(), problem: format!("{first}{more}") }
}

fn globals_refused(to: &Destination) -> GuardError {
    GuardError::Refused {
        rule: GuardRule::ProtectedCluster,
        target: to.config().to_string(),
        reason: "roles belong to the whole cluster, and it was not admitted for that".into(),
        hint: "Restore without --globals, and make the roles that are missing by hand.".into(),
    }
}
