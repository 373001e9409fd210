//! What a sync finds at both ends before it writes: the source under its snapshot, what is to be made, and what stands against it.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::archive::{DumpId, EntryData, OutputOptions, Toc};
use crate::catalog::{Catalog, Snapshot};
use crate::connection::{Connection, ConnectionConfig};
use crate::data::ValueReader;
use crate::error::Error;
use crate::export::{choose, fingerprint, identify};
use crate::guard::{DatabaseIdentity, Destination};
use crate::import::preflight::{self, Finding, PreflightReport, RunShape, Wanted};
use crate::import::{Dropped, ExtraSql, Graph, Replacing};
use crate::progress::{Phase, Run};
use crate::report::{EndReport, Failure, Mode, SnapshotKind, TargetState};

use super::options::SyncOptions;

/// Sessions that hold the source's snapshot while the checks run.
const KEEPERS: u32 = 2;

/// A source under its snapshot, and what of it is to be made.
pub(super) struct Survey {
    /// The source, with the run's name on every session.
    pub(super) config: ConnectionConfig,
    /// Who the source is.
    pub(super) identity: DatabaseIdentity,
    /// Holds the view of the source.
    pub(super) snapshot: Snapshot,
    /// What the source contains.
    pub(super) catalog: Catalog,
    /// What is to be made, in order.
    pub(super) toc: Toc,
    /// What of the target it replaces, if the mode is to replace.
    pub(super) replacing: Option<Replacing>,
    /// Statements of the operator's own.
    pub(super) before_sql: ExtraSql,
    pub(super) after_sql: ExtraSql,
}

impl Survey {
    /// Takes the snapshot and reads the catalog. Nothing is written anywhere.
    pub(super) async fn take(source: &ConnectionConfig, options: &SyncOptions, run: &Run) -> Result<Self, Error> {
        options.check()?;
        let read = |option, path: &Option<PathBuf>| path.as_deref().map(|path| ExtraSql::read(option, path)).transpose();
        let before_sql = read("--before-sql", &options.before_sql)?.unwrap_or_default();
        let after_sql = read("--after-sql", &options.after_sql)?.unwrap_or_default();
        let config = source.with_application_name(&format!("pgstream:{}", run.job()));
        let identity = identify(&config).await?;
        let how = options.snapshot_options().through_pooler(identity.is_pooled || config.is_pooled_hint());
        let (snapshot, selection, catalog) = Snapshot::take(&config, &options.filter, &how, run).await?;
        let toc = choose::check_unsupported(&catalog, options.skip_unsupported, run).map_err(Error::from).and_then(|()| {
            let toc = choose::contents(&catalog, &selection, options.fills_existing(), run);
            let selected = output_options(options).select(&toc)?;
            Ok(if options.fills_existing() { with_drops(selected, &toc) } else { selected })
        });
        let made = match toc {
            Ok(toc) => replacing(&snapshot, &toc, options).await.map(|replacing| (toc, replacing)),
            Err(error) => Err(error),
        };
        match made {
            Ok((toc, replacing)) => Ok(Self { config, identity, snapshot, catalog, toc, replacing, before_sql, after_sql }),
            Err(error) => {
                snapshot.release().await;
                Err(error)
            }
        }
    }

    /// Finds everything that would make the sync fail, at once.
    pub(super) async fn check(&self, destination: &Destination, options: &SyncOptions) -> Result<PreflightReport, Error> {
        let target = Connection::open(destination.config()).await?;
        let source = self.snapshot.asker().await?;
        let shape = RunShape {
            jobs: u32::try_from(self.jobs(options)).unwrap_or(u32::MAX),
            one_connection: self.snapshot.one_connection(),
            yields_to_ddl: options.yield_to_ddl.is_some(),
            must_be_empty: options.mode == Mode::Empty && !options.data_only,
            may_hold_rows: options.mode == Mode::Append,
            is_one_transaction: options.mode == Mode::Replace,
            fills_existing: options.fills_existing(),
            allow_event_triggers: options.allow_event_triggers,
            open_at_source: KEEPERS + 1,
            ..RunShape::default()
        };
        let mut wanted = Wanted::new(&self.toc, shape);
        wanted.replacing.clone_from(&self.replacing);
        let report = preflight::preflight(Some(&source), &target, &wanted).await;
        futures_util::join!(source.close(), target.close());
        Ok(report?)
    }

    /// How many jobs run at the same time: as many as were asked for, and what suits the source if it may be chosen.
    pub(super) fn jobs(&self, options: &SyncOptions) -> usize {
        match (options.jobs, self.snapshot.kind()) {
            // One transaction is one connection.
            _ if options.mode == Mode::Replace => 1,
            (0, SnapshotKind::SingleConnection) => 1,
            _ => options.job_count(),
        }
    }

    /// Whether all rows were there to be read, and the source's definitions are still those that were read: what changed is told,
    /// or an error with `strict`.
    pub(super) async fn check_unchanged(&self, options: &SyncOptions, run: &Run) -> Result<(), Error> {
        self.snapshot.check().await?;
        if options.fills_existing() {
            return Ok(());
        }
        let mut reader = ValueReader::new(&self.snapshot, run);
        let changed = fingerprint::find_changed(&self.snapshot, &mut reader, &self.catalog).await;
        reader.stop().await;
        fingerprint::tell(changed?, options.strict, run)
    }

    /// Lets the source go.
    pub(super) async fn release(self) {
        self.snapshot.release().await;
    }
}

/// What the archive replaces, by the names that the source's server gives to things.
async fn replacing(snapshot: &Snapshot, toc: &Toc, options: &SyncOptions) -> Result<Option<Replacing>, Error> {
    if options.mode != Mode::Replace {
        return Ok(None);
    }
    let source = snapshot.asker().await?;
    let graph = Graph::read(&source).await;
    source.close().await;
    Ok(Some(Replacing::new(toc, &graph?, &options.filter, options.reach())?))
}

/// Large objects are made by a run that makes nothing else: their drop statements are how they are taken back.
fn with_drops(mut selected: Toc, all: &Toc) -> Toc {
    let drops: HashMap<DumpId, &String> = all.entries.iter().map(|entry| (entry.id, &entry.drop)).collect();
    for entry in &mut selected.entries {
        entry.drop = drops.get(&entry.id).map(|drop| (*drop).clone()).unwrap_or_default();
    }
    selected
}

fn output_options(options: &SyncOptions) -> OutputOptions {
    OutputOptions {
        no_owner: options.no_owner,
        no_privileges: options.no_privileges,
        no_comments: options.no_comments,
        no_tablespaces: options.no_tablespaces,
        schema_only: options.schema_only,
        data_only: options.fills_existing(),
        // The drop statements are kept: they are how things are taken back.
        clean: !options.fills_existing(),
        ..OutputOptions::default()
    }
}

/// What a check found.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Where it would be read.
    pub from: EndReport,
    /// Where it would be written.
    pub to: EndReport,
    /// Whether nothing was found that would make the run fail.
    pub is_ready: bool,
    /// Everything that was found, errors first.
    pub findings: Vec<Finding>,
    /// Bytes that the target's disk needs, reckoned from the size of the source's tables and indexes.
    pub estimated_bytes: u64,
    /// Bytes that are free there, where that can be seen.
    pub target_free_bytes: Option<u64>,
    /// Whether the target holds nothing of its own.
    pub target_is_empty: bool,
    /// What would be dropped first, in order.
    pub drops: Vec<Dropped>,
    /// What was warned of on the way.
    pub warnings: Vec<String>,
}

/// Finds out whether a sync can work, without writing anything.
///
/// # Errors
/// A [`Failure`] when an end does not answer, or when the source holds what cannot be carried. What the rules find is no error
/// here: it is in the report.
///
/// # Cancellation
/// As of [`super::sync`]; nothing was written.
pub async fn check(
    source: &ConnectionConfig,
    destination: &Destination,
    options: &SyncOptions,
    run: &Run,
) -> Result<CheckReport, Failure> {
    let look = async {
        let survey = Survey::take(source, options, run).await?;
        let checked = survey.check(destination, options).await;
        let identity = survey.identity.clone();
        survey.release().await;
        let mut report = checked?;
        report.findings.sort_by_key(|finding| finding.severity);
        let is_ready = report.errors().next().is_none();
        Ok::<_, Error>(CheckReport {
            from: crate::export::end_report(source, &identity),
            to: crate::export::end_report(destination.config(), destination.identity()),
            is_ready,
            estimated_bytes: report.estimated_bytes,
            target_free_bytes: report.target_free_bytes,
            target_is_empty: report.target_is_empty,
            drops: report.drops,
            findings: report.findings,
            warnings: run.warnings(),
        })
    };
    untouched(run, look).await
}

/// One thing that a sync would make.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PlannedEntry {
    /// `TABLE`, `INDEX` …
    pub kind: &'static str,
    /// The schema, unquoted.
    pub schema: Option<String>,
    /// The name, unquoted.
    pub name: String,
}

/// One table whose rows a sync would move.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PlannedTable {
    /// The schema, unquoted.
    pub schema: String,
    /// The table, unquoted.
    pub name: String,
    /// Bytes of heap and TOAST at the source.
    pub bytes: u64,
    /// `binary` or `text`: how the rows travel.
    pub format: &'static str,
    /// Whether the rows are written frozen: by one writer, in the transaction that empties the table.
    pub is_frozen: bool,
}

/// What a sync would do.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SyncPlan {
    /// Where it would be read.
    pub from: EndReport,
    /// Where it would be written.
    pub to: EndReport,
    /// What may be in the target, and what becomes of it.
    pub mode: Mode,
    /// What would be dropped first, in order.
    pub drops: Vec<Dropped>,
    /// What was found about that: who waits, what is lost, what stays.
    pub findings: Vec<Finding>,
    /// What would be made, in order.
    pub entries: Vec<PlannedEntry>,
    /// Whose rows would be moved, the largest first.
    pub tables: Vec<PlannedTable>,
    /// Bytes of all of them.
    pub bytes: u64,
    /// How many tables at the same time.
    pub jobs: usize,
    /// What was warned of on the way.
    pub warnings: Vec<String>,
}

/// Says what a sync would do, and does none of it.
///
/// # Errors
/// A [`Failure`] when the source does not answer or holds what cannot be carried.
///
/// # Cancellation
/// As of [`super::sync`]; nothing was written.
pub async fn plan(
    source: &ConnectionConfig,
    destination: &Destination,
    options: &SyncOptions,
    run: &Run,
) -> Result<SyncPlan, Failure> {
    let look = async {
        let survey = Survey::take(source, options, run).await?;
        let (identity, source_major) = (survey.identity.clone(), survey.catalog.database.major);
        let (toc, jobs) = (survey.toc.clone(), survey.jobs(options));
        let replaced = match options.mode {
            Mode::Replace => {
                survey.check(destination, options).await.map(|report| (report.drops, about_replacing(report.findings)))
            }
            _ => Ok((Vec::new(), Vec::new())),
        };
        survey.release().await;
        let (drops, findings) = replaced?;
        let tables = planned_tables(&toc, destination, source_major, options.fills_existing());
        Ok::<_, Error>(SyncPlan {
            from: crate::export::end_report(source, &identity),
            to: crate::export::end_report(destination.config(), destination.identity()),
            mode: options.mode,
            drops,
            findings,
            entries: toc.entries.iter().filter(|e| e.data.is_none()).map(planned_entry).collect(),
            bytes: tables.iter().map(|table| table.bytes).sum(),
            tables,
            jobs,
            warnings: run.warnings(),
        })
    };
    untouched(run, look).await
}

/// Of all findings, those about what is there.
fn about_replacing(findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().filter(|finding| finding.rule.starts_with("replace_")).collect()
}

fn planned_entry(entry: &crate::archive::TocEntry) -> PlannedEntry {
    PlannedEntry { kind: entry.desc, schema: entry.schema.clone(), name: entry.tag.clone() }
}

fn planned_tables(toc: &Toc, destination: &Destination, source_major: u32, is_data_only: bool) -> Vec<PlannedTable> {
    let mut tables: Vec<PlannedTable> = toc
        .entries
        .iter()
        .filter_map(|entry| match &entry.data {
            Some(EntryData::Table { source, target }) => Some(PlannedTable {
                schema: source.name.schema.clone(),
                name: source.name.name.clone(),
                bytes: source.bytes,
                format: match crate::import::is_binary(source, destination, source_major) {
                    true => "binary",
                    false => "text",
                },
                is_frozen: !is_data_only && !target.is_through_root,
            }),
            _ => None,
        })
        .collect();
    tables.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| (&a.schema, &a.name).cmp(&(&b.schema, &b.name))));
    tables
}

async fn untouched<T>(run: &Run, look: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    run.enter(Phase::Preflight);
    let found = look.await;
    found.map_err(|error| {
        let error = if run.is_cancelled() { Error::Cancelled } else { error };
        Failure::new(error, TargetState::Untouched, run)
    })
}
