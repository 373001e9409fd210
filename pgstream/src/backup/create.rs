//! Makes a backup.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use crate::archive::{Compression, CompressionMethod, Format, Toc};
use crate::connection::ConnectionConfig;
use crate::error::{BackupError, Error};
use crate::export::{ExportReport, export_listed};
use crate::import::preflight::{RunShape, Wanted};
use crate::progress::{EventType, Phase, Run};
use crate::report::{Failure, TargetState};
use crate::storage::Sink;

use super::digest::{DigestOutput, DigestSlot};
use super::globals::{self, Globals};
use super::id::BackupId;
use super::manifest::{BACKUP_FORMAT, BackupManifest, FileManifest, FileRole, GlobalsManifest};
use super::options::CreateOptions;
use super::report::CreateReport;
use super::store::{BackupStore, Lease};
use super::sweep::{self, DATABASE, GLOBALS};
use super::{BackupSet, MANIFEST, failpoint, untouched};

/// How long a label's name and its value may be, in characters: they are for finding a backup, not for describing it.
const LABEL_CHARACTERS: usize = 200;

/// A backup that is being made. Dropped before its manifest is there, it is taken away.
struct Unfinished {
    store: Arc<dyn BackupStore>,
    id: BackupId,
    created_at: jiff::Timestamp,
    is_whole: bool,
    _lease: Lease,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_whole {
            // A few small calls, also where the future was dropped. What cannot be removed is swept by the next run.
            let _ = sweep::remove(&*self.store, &self.id);
        }
    }
}

impl BackupSet {
    pub(super) async fn make(
        &self,
        source: &ConnectionConfig,
        options: &CreateOptions,
        run: &Run,
    ) -> Result<CreateReport, Failure> {
        let (started, _at_work) = (Instant::now(), run.at_work());
        run.enter(Phase::Preflight);
        check_labels(options).map_err(|error| untouched(error, run))?;
        let mut unfinished = self.begin(run).await.map_err(|error| untouched(error, run))?;
        let compression = options.compression();
        let (output, digest) = unfinished.put(DATABASE, compression).map_err(|error| untouched(error, run))?;
        let exported = export_listed(source, Sink::Output(output), &options.export(), run).await;
        let (exported, toc) = exported.map_err(|failure| Failure { target: TargetState::Untouched, ..failure })?;
        failpoint::reach("backup.create.database_written");
        let finished = self.finish(&mut unfinished, source, options, (&exported, &toc), digest, run);
        let manifest = finished.await.map_err(|error| untouched(error, run))?;
        let report = self.report(exported, manifest, started, run);
        run.announce(EventType::Report);
        Ok(report)
    }

    /// Sweeps what was left by others, and makes the folder.
    async fn begin(&self, run: &Run) -> Result<Unfinished, Error> {
        let (handle, created_at) = (run.clone(), jiff::Timestamp::now());
        let (id, lease) = self
            .blocking(move |store| {
                sweep::sweep(store, &handle)?;
                let id = BackupId::new(created_at)?;
                let lease = store.begin(&id)?;
                Ok::<_, BackupError>((id, lease))
            })
            .await?;
        failpoint::reach("backup.create.begun");
        Ok(Unfinished { store: Arc::clone(&self.store), id, created_at, is_whole: false, _lease: lease })
    }

    /// Writes what comes behind the archive: the globals, then the manifest.
    async fn finish(
        &self,
        unfinished: &mut Unfinished,
        source: &ConnectionConfig,
        options: &CreateOptions,
        (exported, toc): (&ExportReport, &Toc),
        database: DigestSlot,
        run: &Run,
    ) -> Result<BackupManifest, Error> {
        let compression = options.compression();
        let wanted = Wanted::new(toc, RunShape::default());
        let read = globals::read(source, &wanted, options.role_passwords, run);
        let globals = unless_cancelled(run, read).await?;
        let globals_digest = self.write_globals(unfinished, &globals, compression).await?;
        failpoint::reach("backup.create.globals_written");
        let file = |role, base, digest: DigestSlot| {
            let digest = digest.take().expect("an output that was finished has a digest");
            FileManifest { name: file_name(base, compression), role, digest }
        };
        let manifest = BackupManifest {
            format: BACKUP_FORMAT,
            id: unfinished.id.clone(),
            created_at: unfinished.created_at,
            pgstream_version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: options.labels.clone(),
            archive_format: Format::Plain,
            compression,
            archive: exported.manifest.clone(),
            globals: GlobalsManifest {
                roles: globals.roles,
                tablespaces: globals.tablespaces,
                has_passwords: globals.has_passwords,
            },
            files: vec![file(FileRole::Database, DATABASE, database), file(FileRole::Globals, GLOBALS, globals_digest)],
        };
        if run.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let (id, text) = (unfinished.id.clone(), manifest.to_text()?);
        self.blocking(move |store| store.publish(&id, MANIFEST, &text)).await?;
        unfinished.is_whole = true;
        failpoint::reach("backup.create.manifest_written");
        Ok(manifest)
    }

    async fn write_globals(
        &self,
        unfinished: &Unfinished,
        globals: &Globals,
        compression: Compression,
    ) -> Result<DigestSlot, Error> {
        let (output, digest) = unfinished.put(GLOBALS, compression)?;
        let mut output = compression.encode(output)?;
        let script = globals.script.clone();
        self.blocking(move |_| {
            output.write_all(script.as_bytes()).map_err(|e| output.explain(e))?;
            output.finish()
        })
        .await?;
        Ok(digest)
    }

    fn report(&self, exported: ExportReport, manifest: BackupManifest, started: Instant, run: &Run) -> CreateReport {
        CreateReport {
            to: self.store.path_of(&manifest.id),
            stored_bytes: manifest.stored_bytes(),
            id: manifest.id,
            from: exported.from,
            labels: manifest.labels,
            proven: exported.proven,
            target: exported.target,
            tables: exported.tables,
            rows: exported.rows,
            bytes: exported.bytes,
            roles: manifest.globals.roles,
            tablespaces: manifest.globals.tablespaces,
            milliseconds: started.elapsed().as_millis().try_into().unwrap_or(u64::MAX),
            warnings: run.warnings(),
        }
    }
}

impl Unfinished {
    /// A new file, whose digest is known once it is finished. Creating a file is quick enough not to need a thread.
    fn put(&self, base: &str, compression: Compression) -> Result<(Box<DigestOutput>, DigestSlot), BackupError> {
        let output = self.store.put(&self.id, &file_name(base, compression))?;
        let (output, digest) = DigestOutput::new(output);
        Ok((Box::new(output), digest))
    }
}

/// A file's name with the ending that tells how it is compressed.
fn file_name(base: &str, compression: Compression) -> String {
    let ending = match compression.method {
        CompressionMethod::Zstd => ".zst",
        CompressionMethod::Gzip => ".gz",
        CompressionMethod::Lz4 => ".lz4",
        _ => "",
    };
    format!("{base}{ending}")
}

fn check_labels(options: &CreateOptions) -> Result<(), BackupError> {
    let is_fine = |text: &str| text.chars().count() <= LABEL_CHARACTERS && !text.chars().any(char::is_control);
    match options.labels.iter().find(|(name, value)| name.is_empty() || !is_fine(name) || !is_fine(value)) {
        Some(_) => Err(BackupError::Option {
            option: "--label",
            problem: format!("a label is NAME=VALUE, each of at most {LABEL_CHARACTERS} characters on one line"),
        }),
        None => Ok(()),
    }
}

/// A cancel wins over what is ready at the same moment.
async fn unless_cancelled<T>(run: &Run, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::select! {
        biased;
        () = run.cancellation().cancelled() => Err(Error::Cancelled),
        done = work => done,
    }
}
