//! From a live database to an archive.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use pgstream::connection::{ConnectionConfig, Environment};
//! use pgstream::export::{ExportOptions, export};
//! use pgstream::{Run, storage::Sink};
//!
//! let source = ConnectionConfig::parse("postgres://me@localhost/shop", &Environment::from_process())?;
//! let report = export(&source, Sink::parse("shop.sql.zst"), &ExportOptions::default(), &Run::new()).await?;
//! println!("{} rows of {} tables", report.rows, report.tables.len());
//! # Ok(()) }
//! ```
//!
//! [`export`] holds a snapshot of the database and writes what it contains, entry by entry, into one archive; [`inspect`] says
//! what there is without reading rows. This module does not write to any database.

pub(crate) mod choose;
mod exporter;
pub(crate) mod fingerprint;
mod inspect;
mod options;
pub mod plan;
mod report;
mod rows;
mod stream;
mod write;

use std::time::{Duration, Instant};

use crate::archive::{ArchiveWriter, Compression, FinishedArchive, Format, Manifest, PlainWriter, SourceIdentity, Toc};
use crate::catalog::{Catalog, Selection, Snapshot};
use crate::connection::{Connection, ConnectionConfig};
use crate::error::{Error, ErrorCode, PreflightError, PreflightProblem};
use crate::guard::DatabaseIdentity;
use crate::progress::{EventType, Phase, Run};
use crate::report::{EndReport, Failure, Proven, TargetState};
use crate::storage::{OutputQueue, Sink};

pub use exporter::{DatabaseExporter, ExportRequest, Exporter};
pub use inspect::{InspectReport, KindCount, TableFacts, inspect};
pub use options::ExportOptions;
pub use report::ExportReport;
pub use stream::{ReportHandle, export_stream};

use write::{Work, Written, unless_cancelled};

/// How often progress is told.
const TICK: Duration = Duration::from_millis(500);

/// Exports the database at `source` into `to`.
///
/// What is read is what one snapshot shows; sequences alone stand where they stand when the rows are done, never behind them.
/// Broken connections are replaced while at least one session holds the snapshot.
///
/// # Errors
/// A [`Failure`] with the first error, the phase, and what is left of the output: nothing if it is a file (an older file of that
/// name included, which stays as it was), the beginning if it is a stream.
///
/// # Cancellation
/// `run.cancel()` ends the backends at the source, leaves no file, and makes this return the code `cancelled`. Dropping the
/// future does the same without waiting.
pub async fn export(source: &ConnectionConfig, to: Sink, options: &ExportOptions, run: &Run) -> Result<ExportReport, Failure> {
    let (report, _) = export_listed(source, to, options, run).await?;
    run.announce(EventType::Report);
    Ok(report)
}

/// As [`export`], with the table of contents of what was written, and without the event that tells of the report.
pub(crate) async fn export_listed(
    source: &ConnectionConfig,
    to: Sink,
    options: &ExportOptions,
    run: &Run,
) -> Result<(ExportReport, Toc), Failure> {
    // An output of the caller's publishes nothing before it is finished, as a file does.
    let is_file = matches!(to, Sink::Path(_) | Sink::Output(_));
    run.enter(Phase::Preflight);
    let source = &source.with_application_name(&format!("pgstream:{}", run.job()));
    let exported = tokio::select! {
        biased;
        exported = Box::pin(write_archive(source, to, options, run)) => exported,
        () = run.tick(TICK) => unreachable!("ticks do not end"),
    };
    exported.map_err(|error| {
        // What went into a stream stays there; before the schema nothing is written into any output.
        let is_untouched = is_file || run.phase() == Phase::Preflight;
        let target = if is_untouched { TargetState::Untouched } else { TargetState::Changed };
        Failure::new(error, target, run)
    })
}

async fn write_archive(
    source: &ConnectionConfig,
    to: Sink,
    options: &ExportOptions,
    run: &Run,
) -> Result<(ExportReport, Toc), Error> {
    let started = Instant::now();
    let to = Output::open(to, options)?;
    if options.jobs > 1 {
        run.warn("a plain script is read by one connection: more jobs change nothing");
    }
    let identity = unless_cancelled(run, identify(source)).await?;
    let is_pooled = identity.is_pooled || source.is_pooled_hint();
    if is_pooled && options.jobs > 1 {
        let problems = vec![PreflightProblem::pooled_jobs(options.jobs)];
        return Err(PreflightError::Failed { problems }.into());
    }
    let how = options.snapshot_options().through_pooler(is_pooled);
    let taken = Snapshot::take(source, &options.filter, &how, run).await;
    let (snapshot, selection, catalog) = match taken {
        Err(_) if run.is_cancelled() => return Err(Error::Cancelled),
        taken => taken?,
    };
    let held = Held { options, run, identity: &identity, selection: &selection, catalog: &catalog };
    let name = to.name.clone();
    let compression = to.compression;
    let result = held.write(&snapshot, to).await;
    let kind = snapshot.kind();
    snapshot.release().await;
    let (finished, written, toc) = match result {
        Err(error) if error.code() == ErrorCode::Cancelled && run.is_cancelled() => return Err(Error::Cancelled),
        result => result?,
    };
    let report = ExportReport {
        from: end_report(source, &identity),
        to: name,
        format: Format::Plain,
        compression,
        bytes: written.tables.iter().map(|table| table.bytes).sum(),
        stored_bytes: finished.bytes,
        snapshot: kind,
        proven: Proven::Rows,
        target: TargetState::Replaced,
        rows: written.tables.iter().map(|table| table.rows).sum(),
        tables: written.tables,
        sequences: written.sequences,
        large_objects: written.large_objects.count,
        milliseconds: started.elapsed().as_millis().try_into().unwrap_or(u64::MAX),
        warnings: run.warnings(),
        manifest: finished.manifest,
    };
    Ok((report, toc))
}

/// Who the source is. A server that only answers like PostgreSQL is refused here.
pub(crate) async fn identify(source: &ConnectionConfig) -> Result<DatabaseIdentity, Error> {
    let connection = Connection::open(source).await?;
    let identity = DatabaseIdentity::read(&connection).await;
    connection.close().await;
    Ok(identity?)
}

/// How reports call a database.
pub(crate) fn end_report(config: &ConnectionConfig, identity: &DatabaseIdentity) -> EndReport {
    let mut end = EndReport::named(config.to_string());
    end.server_version = Some(identity.server_version.clone());
    end.database = Some(identity.database_name.clone());
    end.system_identifier.clone_from(&identity.system_identifier);
    end
}

/// An open output.
struct Output {
    name: String,
    compression: Compression,
    writer: PlainWriter,
}

impl Output {
    /// Opens before anything is read: an output that exists is refused at once.
    fn open(to: Sink, options: &ExportOptions) -> Result<Self, Error> {
        let path = match &to {
            Sink::Path(path) => Some(path.to_string_lossy().into_owned()),
            _ => None,
        };
        options.check(path.as_deref())?;
        let by_name = || path.as_deref().map(Compression::from_file_name);
        let compression = options.compression.or_else(by_name).unwrap_or_default();
        let name = match &to {
            Sink::Stdout => "standard output".to_owned(),
            Sink::Output(_) => "an output".to_owned(),
            _ => path.unwrap_or_else(|| "a stream".to_owned()),
        };
        let output = compression.encode(to.open(options.force)?)?;
        Ok(Self { name, compression, writer: PlainWriter::new(OutputQueue::start(output), options.key()?) })
    }
}

/// What is known once the snapshot is held.
struct Held<'a> {
    options: &'a ExportOptions,
    run: &'a Run,
    identity: &'a DatabaseIdentity,
    selection: &'a Selection,
    catalog: &'a Catalog,
}

impl Held<'_> {
    async fn write(&self, snapshot: &Snapshot, to: Output) -> Result<(FinishedArchive, Written, Toc), Error> {
        let mut manifest = Manifest::new(self.source_identity(), jiff::Timestamp::now().to_string());
        manifest.options = self.options.describe();
        choose::check_unsupported(self.catalog, self.options.skip_unsupported, self.run)?;
        let toc = choose::contents(self.catalog, self.selection, self.options.output.data_only, self.run);
        let toc = self.options.output.select(&toc)?;
        let mut writer: Box<dyn ArchiveWriter> = Box::new(to.writer);
        let mut work = Work::new(snapshot, self.run);
        let result = async {
            work.write(self.catalog, &toc, writer.as_mut()).await?;
            unless_cancelled(self.run, self.check_unchanged(snapshot, &mut work)).await
        };
        let result = result.await;
        work.stop().await;
        result?;
        let written = work.finish(&mut manifest);
        let finished = unless_cancelled(self.run, async { Ok(writer.finish(manifest).await?) }).await?;
        Ok((finished, written, toc))
    }

    async fn check_unchanged(&self, snapshot: &Snapshot, work: &mut Work<'_>) -> Result<(), Error> {
        snapshot.check().await?;
        if self.options.output.data_only {
            return Ok(());
        }
        let changed = fingerprint::find_changed(snapshot, &mut work.values, self.catalog).await?;
        fingerprint::tell(changed, self.options.strict, self.run)
    }

    fn source_identity(&self) -> SourceIdentity {
        SourceIdentity {
            system_identifier: self.identity.system_identifier.clone(),
            database: self.identity.database_name.clone(),
            database_oid: self.identity.database_oid,
            server_version: self.identity.server_version.clone(),
        }
    }
}
