//! From a live database to a live database, with nothing in between.

mod control;
mod options;
mod replace;
mod report;
mod survey;
pub mod verify;

pub use crate::report::Mode;
pub use options::{Parts, SyncOptions};
pub use report::SyncReport;
pub use survey::{CheckReport, PlannedEntry, PlannedTable, SyncPlan, check, plan};
pub use verify::{VerifyOptions, VerifyReport, verify};

use std::time::{Duration, Instant};

use crate::catalog;
use crate::connection::{ConnectionConfig, CopySession};
use crate::error::{CatalogError, Error, ImportError, Retry};
use crate::export::end_report;
use crate::guard::Destination;
use crate::import::{Applied, Apply, ApplyOptions, Target, watch_target};
use crate::progress::{EventType, Phase, Run};
use crate::report::{EndReport, Failure, Proven, SnapshotKind, TargetState};

use control::Control;
use survey::Survey;

/// How often the whole is begun anew after something that passes by itself: a server's restart, for example.
const MAX_ATTEMPTS: u32 = 3;

/// The same for a run that had begun to write: what it had is worth more patience.
const MAX_ATTEMPTS_UNDER_WAY: u32 = 5;

/// How long a cancelled run waits for the source's answers before it closes the connections.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first pause between two attempts at the whole; it doubles.
const PAUSE: Duration = Duration::from_secs(1);

/// How often events with new counters are made.
const TICK: Duration = Duration::from_millis(500);

/// Copies what `options` select from `source` to `destination`, and proves it.
///
/// The source is read in one snapshot and never written. The destination must be empty; whatever happens it is then either a
/// proven copy, or empty again, or (when even that could not be done) marked, so that the next run takes back what this one made.
///
/// # Errors
/// A [`Failure`] says why, and what the target holds now.
///
/// # Cancellation
/// `run.cancel()` ends the server backends at both ends and takes back what was made; then the future ends. Dropping the future closes the
/// connections without waiting, and leaves the marker to the next run.
pub async fn sync(
    source: &ConnectionConfig,
    destination: Destination,
    options: &SyncOptions,
    run: &Run,
) -> Result<SyncReport, Failure> {
    run.announce(EventType::State);
    // A run's future is large, and a thread's stack may be small: here and below the parts of it are on the heap.
    let work = Box::pin(sync_with_attempts(source, destination, options, run));
    let result = tokio::select! {
        biased;
        result = work => result,
        () = run.tick(TICK) => unreachable!("the ticker does not end"),
    };
    run.announce(EventType::Report);
    result
}

async fn sync_with_attempts(
    source: &ConnectionConfig,
    destination: Destination,
    options: &SyncOptions,
    run: &Run,
) -> Result<SyncReport, Failure> {
    let started = Instant::now();
    let target = Target::new(destination, options.job_count());
    let mut pause = PAUSE;
    for attempt in 1.. {
        let once = Attempt { source, target: &target, options, run };
        let failure = match Box::pin(once.make()).await {
            Ok(done) => return Ok(SyncReport::new(done, started.elapsed(), run, options.mode)),
            Err(failure) => failure,
        };
        let most = if failure.phase == Phase::Preflight { MAX_ATTEMPTS } else { MAX_ATTEMPTS_UNDER_WAY };
        let is_final = attempt >= most || failure.error.retry() != Retry::Now || run.is_cancelled();
        if is_final || failure.target == TargetState::Changed || is_for_the_caller(&failure.error) {
            return Err(failure);
        }
        run.warn(format!("attempt {attempt} broke off and everything is begun anew: {}", with_causes(&failure.error)));
        run.begin_anew();
        tokio::select! {
            biased;
            () = run.cancellation().cancelled() => return Err(failure),
            () = tokio::time::sleep(pause) => pause *= 2,
        }
    }
    unreachable!("the loop above returns")
}

/// An error and what made it fail, on one line.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

/// What may pass by itself, and who asked shall decide whether to ask again: another run, and what `strict` refuses.
fn is_for_the_caller(error: &Error) -> bool {
    matches!(
        error,
        Error::Import(ImportError::Busy { .. } | ImportError::Unsteady { .. }) | Error::Catalog(CatalogError::Changed { .. })
    )
}

/// One attempt at the whole.
struct Attempt<'a> {
    source: &'a ConnectionConfig,
    target: &'a Target,
    options: &'a SyncOptions,
    run: &'a Run,
}

/// What an attempt that came to its end did.
pub(super) struct Done {
    pub(super) applied: Applied,
    pub(super) from: EndReport,
    pub(super) to: EndReport,
    pub(super) snapshot: SnapshotKind,
}

impl Attempt<'_> {
    async fn make(&self) -> Result<Done, Failure> {
        self.run.enter(Phase::Preflight);
        let untouched = |error: Error| Failure::new(error, TargetState::Untouched, self.run);
        let surveyed = self.or_cancelled(Box::pin(Survey::take(self.source, self.options, self.run))).await;
        let survey = surveyed.map_err(untouched)?.map_err(|e| untouched(self.cause(e)))?;
        let result = Box::pin(self.copy(&survey)).await;
        survey.release().await;
        result
    }

    /// What `work` gives. When the run is cancelled it is given a moment to end what the servers are at.
    async fn or_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = self.run.cancellation().cancelled() => {}
        }
        tokio::time::timeout(PATIENCE, work).await.map_err(|_| Error::Cancelled)
    }

    /// A cancelled run fails because it was cancelled, whatever came of that.
    fn cause(&self, error: Error) -> Error {
        if self.run.is_cancelled() { Error::Cancelled } else { error }
    }

    async fn copy(&self, survey: &Survey) -> Result<Done, Failure> {
        let untouched = |error: Error| Failure::new(error, TargetState::Untouched, self.run);
        let checked = self.or_cancelled(Box::pin(survey.check(self.target.destination(), self.options))).await;
        let checked = checked.map_err(untouched)?.and_then(|report| Ok(report.into_result()?));
        checked.map_err(|e| untouched(self.cause(e)))?.tell(self.run);
        if let Some(replacing) = &survey.replacing {
            // On the heap: this future has little in common with the rest of this one, and is as large.
            return Box::pin(self.replace(survey, replacing)).await;
        }
        let mut control = Box::pin(self.open_control()).await?;

        let source_major = survey.catalog.database.major;
        let options = ApplyOptions {
            jobs: survey.jobs(self.options),
            verify: self.options.verify,
            source_major,
            is_data_only: self.options.fills_existing(),
            appends: self.options.mode == Mode::Append,
        };
        let inner = self.run.child();
        let Control { session, fence } = &mut control;
        let after_sql = &survey.after_sql;
        let apply =
            Apply { toc: &survey.toc, snapshot: &survey.snapshot, target: self.target, fence, options, after_sql, run: &inner };
        match self.watched(survey, &inner, Box::pin(self.fill_and_finish(&apply, survey, session))).await {
            Ok(mut applied) => {
                control.session.close().await;
                if self.options.schema_only {
                    // There were no rows to compare.
                    applied.proven = Proven::None;
                }
                Ok(self.done(applied, survey))
            }
            Err(error) => Err(Box::pin(self.take_back(control, error, None)).await),
        }
    }

    /// Does the work while both ends are watched; a limit that is passed ends it.
    async fn watched<T>(&self, survey: &Survey, inner: &Run, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let source = catalog::watch(&survey.config, survey.snapshot.kind(), self.options.limits(), self.run);
        let target = watch_target(self.target, self.run);
        tokio::pin!(work);
        let passed = tokio::select! {
            biased;
            done = &mut work => return done,
            passed = source => passed,
            () = target => unreachable!("the target is watched for ever"),
        };
        inner.cancel();
        // What the work says now is only that it was ended, unless it had come to its end already.
        work.await.map_err(|error| match error {
            // Whether it had come to its end is for the cleaning to find out.
            Error::Import(ImportError::Unconfirmed { .. }) => error,
            _ => passed.into(),
        })
    }

    async fn fill_and_finish(&self, apply: &Apply<'_>, survey: &Survey, control: &mut CopySession) -> Result<Applied, Error> {
        let filled = Box::pin(apply.fill(control)).await?;
        self.or_cancelled(survey.check_unchanged(self.options, self.run)).await??;
        Ok(Box::pin(apply.finish(control, filled)).await?)
    }

    fn done(&self, applied: Applied, survey: &Survey) -> Done {
        let destination = self.target.destination();
        Done {
            applied,
            from: end_report(self.source, &survey.identity),
            to: end_report(destination.config(), destination.identity()),
            snapshot: survey.snapshot.kind(),
        }
    }
}
