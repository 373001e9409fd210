//! From a script to a live database.
//!
//! A file is read twice. The first time nothing is written: whether it is complete, what it needs, and what of it would not be run,
//! is told at once, together with what stands against the target. The second time it is run, and must be the same. A pipe is read
//! once, and ends at the statement that a file would have been refused for.
//!
//! Words: a *judge* decides what becomes of a statement; a *survey* is the first look; an *execution* is the run. Rows pass from
//! the source to the server in the pieces that they come in.
//!
//! All of it is one transaction wherever that is possible, so that a target that could not be filled is as it was.

mod complete;
mod execute;
mod findings;
mod judge;
mod names;
mod needs;
mod options;
mod pipeline;
mod proof;
mod read;
mod refuse;
mod report;
mod settings;
mod survey;
mod tables;
mod transaction;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::connection::{Connection, CopySession};
use crate::error::{ArchiveError, Error, GuardError, GuardRule, ImportError};
use crate::guard::Destination;
use crate::progress::{EventType, Phase, Run};
use crate::report::{EndReport, Failure, Mode, TargetState};
use crate::storage::Source;

use super::emptiness::refuse_if_not_empty;
use super::ledger::Ledger;
use super::preflight::{self, PreflightReport, RunShape, Wanted};
use super::replace::{Replacing, of_script};
use super::take_back::take_back;
use super::target::Target;

pub use options::ImportOptions;
pub use report::{ImportPlan, ImportReport, ScriptTable};

use judge::{Refusal, Transactions};
use survey::Survey;
use transaction::{Finished, Transaction};

/// The words of the rules about scripts. The documentation and the tests walk this list.
pub fn script_rule_words() -> Vec<&'static str> {
    findings::RULES.to_vec()
}

/// How often events with new counters are made.
const TICK: Duration = Duration::from_millis(500);

/// How often a statement that was cancelled is cancelled again: the next one may have begun.
const CANCEL_AGAIN: Duration = Duration::from_millis(500);

/// How long a cancelled run waits for the server's answers before it closes the connection.
const PATIENCE: Duration = Duration::from_secs(15);

/// Loads the script that comes from `from` into `destination`, and proves it.
///
/// The script is one of pg_dump's or pgstream's, or written for psql by hand, compressed or not. It is run as psql would, in one
/// transaction unless a statement forbids that; then a warning says so first. Meta-commands are never executed.
///
/// # Errors
/// A [`Failure`] says why, and what the target holds now: what it held before, unless the script could not be one transaction.
///
/// # Cancellation
/// `run.cancel()` ends the server's work and rolls it back; then the future ends. Dropping the future closes the connection without
/// waiting, and the server rolls back.
pub async fn import(from: Source, destination: Destination, options: &ImportOptions, run: &Run) -> Result<ImportReport, Failure> {
    let started = Instant::now();
    run.announce(EventType::State);
    let import = Import { target: Target::new(destination, 1), options, run };
    let work = Box::pin(import.run(from, started));
    let result = tokio::select! {
        biased;
        result = work => result,
        () = run.tick(TICK) => unreachable!("the ticker does not end"),
    };
    run.announce(EventType::Report);
    result
}

/// Says what an import of a file would do, and does none of it.
///
/// # Errors
/// A [`Failure`] when the file cannot be read, is not complete, or when the target does not answer. What the rules find is no error
/// here: it is in the plan.
///
/// # Cancellation
/// As of [`import`]; nothing was written.
pub async fn plan_import(
    path: &Path,
    destination: &Destination,
    options: &ImportOptions,
    run: &Run,
) -> Result<ImportPlan, Failure> {
    let _at_work = run.at_work();
    run.enter(Phase::Preflight);
    let import = Import { target: Target::new(destination.clone(), 1), options, run };
    let planned = async {
        let source = Source::Path(path.to_owned());
        if source.seekable().is_none() {
            let conflict = "with an input that can be read only once";
            return Err(ArchiveError::OptionConflict { option: "--plan", conflict }.into());
        }
        let name = source.describe();
        let survey = import.survey(source).await?;
        let report = import.check(Some(&survey)).await?;
        Ok::<_, Error>(import.plan(name, survey, report))
    };
    planned.await.map_err(|error| Failure::new(import.cause(error), TargetState::Untouched, run))
}

/// One import.
struct Import<'a> {
    target: Target,
    options: &'a ImportOptions,
    run: &'a Run,
}

impl Import<'_> {
    async fn run(&self, from: Source, started: Instant) -> Result<ImportReport, Failure> {
        self.run.enter(Phase::Preflight);
        let untouched = |error: Error| Failure::new(self.cause(error), TargetState::Untouched, self.run);
        // A stream is not to be shared between threads, not even to look at it.
        let (name, path) = (from.describe(), from.seekable().map(Path::to_owned));
        let prepared = async {
            let survey = match path {
                Some(path) => Some(self.survey(Source::Path(path)).await?),
                None => None,
            };
            self.check(survey.as_ref()).await?.into_result()?.tell(self.run);
            let session = self.open().await?;
            Ok::<_, Error>((survey, session))
        };
        let (survey, session) = prepared.await.map_err(untouched)?;
        let finished = self.load(from, survey.as_ref(), session).await?;
        Ok(self.report(name, survey.as_ref(), finished, started))
    }

    /// A cancelled run fails because it was cancelled, whatever came of that.
    fn cause(&self, error: Error) -> Error {
        if self.run.is_cancelled() { Error::Cancelled } else { error }
    }

    /// What `work` gives, unless the run is cancelled; nothing was written so far.
    async fn or_cancelled<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.run.cancellation().cancelled() => Err(Error::Cancelled),
        }
    }

    async fn survey(&self, source: Source) -> Result<Survey, Error> {
        let database = &self.target.destination().identity().database_name;
        let survey = self.or_cancelled(Survey::take(source, database, self.options, self.run)).await?;
        let other = survey.refused.iter().find_map(|(refusal, places)| match refusal {
            Refusal::OtherDatabase(name) => Some((name, places.first.first()?)),
            _ => None,
        });
        match other {
            Some((name, place)) => Err(refuse::other_database(name, place)),
            None => Ok(survey),
        }
    }

    /// Finds everything that would make the import fail, at once.
    async fn check(&self, survey: Option<&Survey>) -> Result<PreflightReport, Error> {
        self.options.check()?;
        let destination = self.target.destination();
        if self.options.globals && !destination.may_write_cluster() {
            return Err(GuardError::Refused {
                rule: GuardRule::ProtectedCluster,
                target: destination.config().to_string(),
                reason: "its cluster holds a protected database, or it cannot be told that it holds none".into(),
                hint: "Create the roles and tablespaces yourself, and leave --globals out.".into(),
            }
            .into());
        }
        let shape = RunShape {
            jobs: 1,
            must_be_empty: self.options.mode == Mode::Empty,
            is_one_transaction: survey.is_none_or(|survey| survey.transactions() == Transactions::One),
            allow_event_triggers: self.options.allow_event_triggers,
            is_replica: false,
            makes_schemas: survey.is_some_and(|survey| survey.makes_schemas),
            ..RunShape::default()
        };
        let replacing = self.replacing(survey)?;
        let bytes = |survey: &Survey| survey.tables.values().map(|table| table.bytes).sum();
        let wanted = match survey {
            Some(survey) => Wanted { shape, replacing, data_bytes: bytes(survey), ..survey.wanted.clone() },
            None => Wanted { shape, ..Wanted::default() },
        };
        self.or_cancelled(async {
            let connection = Connection::open(destination.config()).await?;
            let report = preflight::preflight(None, &connection, &wanted).await;
            connection.close().await;
            let mut report = report?;
            report.findings.extend(survey.map(findings::find).unwrap_or_default());
            report.findings.sort_by_key(|finding| finding.severity);
            Ok(report)
        })
        .await
    }

    /// What the script replaces, if anything may be.
    fn replacing(&self, survey: Option<&Survey>) -> Result<Option<Replacing>, ArchiveError> {
        if self.options.mode != Mode::Replace {
            return Ok(None);
        }
        let conflict = |conflict| ArchiveError::OptionConflict { option: "--mode replace", conflict };
        match survey {
            None => Err(conflict("with an input that can be read only once: save it to a file")),
            Some(survey) if survey.transactions() != Transactions::One => {
                Err(conflict("with a script that cannot be one transaction"))
            }
            Some(survey) if survey.made.is_empty() => Err(conflict("with a script that makes nothing: use --mode append")),
            Some(survey) if survey.made.unplaced.is_some() => Err(conflict(
                "with a script that makes something without naming its schema: write the schema, or SET search_path to it",
            )),
            Some(survey) => Ok(Some(of_script(&survey.made, self.options.reach()))),
        }
    }

    /// A session that holds the writer's lock, in a target that is as the mode asks for.
    async fn open(&self) -> Result<CopySession, Error> {
        self.or_cancelled(async {
            let mut session = self.target.script_session().await?;
            let prepared = self.prepare(&mut session).await;
            match prepared {
                Ok(()) => Ok(session),
                Err(error) => {
                    session.close().await;
                    Err(error.into())
                }
            }
        })
        .await
    }

    async fn prepare(&self, session: &mut CopySession) -> Result<(), ImportError> {
        self.target.lock(session).await?;
        if self.options.mode != Mode::Append && Ledger::exists(session).await? {
            self.take_back_broken_run().await?;
        }
        if self.options.mode == Mode::Empty {
            refuse_if_not_empty(self.target.destination().config()).await?;
        }
        Ok(())
    }

    /// Over a session with the settings that such runs have.
    async fn take_back_broken_run(&self) -> Result<(), ImportError> {
        let mut session = self.target.session().await?;
        let taken = take_back(&mut session).await;
        session.close().await;
        let taken = taken?;
        self.run.warn(format!("took back {} objects that a run which broke off had made", taken.objects));
        taken.kept.iter().for_each(|kept| {
            self.run.warn(format!("{kept} stay in the target: others changed or deleted them since they were loaded"))
        });
        Ok(())
    }

    /// Runs the script. When that fails, what it did is rolled back.
    async fn load(&self, from: Source, survey: Option<&Survey>, session: CopySession) -> Result<Finished, Failure> {
        if let Some(survey) = survey {
            let bytes = survey.tables.values().map(|table| table.bytes).sum();
            self.run.expect_tables(survey.tables.len() as u64, bytes);
            self.run.expect_work(survey.end.bytes);
        }
        let canceller = session.canceller();
        let replacing = match self.replacing(survey) {
            Ok(replacing) => replacing,
            Err(error) => return Err(Failure::new(error, TargetState::Untouched, self.run)),
        };
        let Self { target, options, run } = self;
        let transaction = Transaction { target, options, run, survey, replacing };
        let work = transaction.run(from, session);
        tokio::pin!(work);
        tokio::select! {
            biased;
            finished = &mut work => return finished,
            () = self.run.cancellation().cancelled() => {}
        }
        let begun = Instant::now();
        // At the end what becomes of the commit is to be known; there everything has its own limits.
        while begun.elapsed() < PATIENCE || self.run.phase() >= Phase::Finish {
            // What is between two statements cannot be cancelled; it looks for itself.
            let _ = canceller.cancel().await;
            if let Ok(finished) = tokio::time::timeout(CANCEL_AGAIN, &mut work).await {
                return finished;
            }
        }
        // The connection closes with `work`, and the server rolls back as soon as it looks at it.
        Err(Failure::new(Error::Cancelled, TargetState::Restored, self.run))
    }

    fn ends(&self, name: String) -> (EndReport, EndReport) {
        (EndReport::named(name), self.target.destination().as_end())
    }

    fn plan(&self, name: String, survey: Survey, report: PreflightReport) -> ImportPlan {
        let (from, to) = self.ends(name);
        let table = |(name, table): (String, survey::SurveyedTable)| ScriptTable {
            name,
            rows: table.rows,
            bytes: table.bytes,
            inserts: table.inserts,
        };
        let is_ready = report.errors().next().is_none();
        ImportPlan {
            from,
            to,
            is_ready,
            drops: report.drops,
            findings: report.findings,
            is_one_transaction: survey.transactions() == Transactions::One,
            program: survey.program,
            has_manifest: survey.manifest.is_some(),
            script_bytes: survey.end.bytes,
            statements: survey.end.statements,
            tables: survey.tables.into_iter().map(table).collect(),
            roles: survey.wanted.roles.into_keys().collect(),
            extensions: survey.wanted.extensions.into_keys().collect(),
            warnings: self.run.warnings(),
        }
    }

    fn report(&self, name: String, survey: Option<&Survey>, finished: Finished, started: Instant) -> ImportReport {
        let (from, to) = self.ends(name);
        let Finished { proof, counted, script_bytes, program, dropped } = finished;
        proof.unproven.iter().for_each(|why| self.run.warn(format!("not proven: {why}")));
        let target = if self.options.mode == Mode::Append { TargetState::Changed } else { TargetState::Replaced };
        ImportReport {
            from,
            to,
            target,
            proven: proof.proven(),
            program,
            is_one_transaction: survey.is_none_or(|survey| survey.transactions() == Transactions::One),
            rows: proof.tables.iter().map(|table| table.rows).sum(),
            bytes: proof.tables.iter().map(|table| table.bytes).sum(),
            script_bytes,
            statements: counted.statements,
            skipped: counted.skipped,
            sequences: counted.sequences,
            large_objects: counted.large_objects.0,
            unproven: proof.unproven,
            dropped,
            tables: proof.tables,
            seconds: started.elapsed().as_secs_f64(),
            warnings: self.run.warnings(),
        }
    }
}
