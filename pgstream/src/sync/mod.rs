//! From a live database to a live database, with nothing in between.

mod options;
mod report;
pub mod verify;

pub use options::{Mode, Parts, SyncOptions};
pub use report::SyncReport;
pub use verify::{VerifyOptions, VerifyReport, verify};

use std::time::{Duration, Instant};

use crate::archive::{Toc, TocEntry};
use crate::catalog::{Catalog, Snapshot};
use crate::connection::{Connection, ConnectionConfig, CopySession};
use crate::error::{CatalogError, ConnectionError, Error, ImportError, Retry};
use crate::export::plan::table_of_contents;
use crate::guard::Destination;
use crate::import::{Applied, Apply, ApplyOptions, Ledger, Target, contents};
use crate::ordering;
use crate::progress::{EventType, Phase, Run};
use crate::report::{EndReport, Failure, Proven, TargetState};

/// How often the whole is begun anew after something that passes by itself: a server's restart, for example.
const MAX_ATTEMPTS: u32 = 3;

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
    let work = sync_with_attempts(source, destination, options, run);
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
    let target = Target::new(destination);
    let mut pause = PAUSE;
    for attempt in 1.. {
        let failure = match (Attempt { source, target: &target, options, run }).make().await {
            Ok((applied, ends)) => return Ok(SyncReport::new(applied, ends, started.elapsed(), run)),
            Err(failure) => failure,
        };
        let is_final = attempt >= MAX_ATTEMPTS || failure.error.retry() != Retry::Now || run.is_cancelled();
        if is_final || failure.target == TargetState::Changed || matches!(failure.error, Error::Import(ImportError::Busy { .. }))
        {
            return Err(failure);
        }
        run.warn(format!("attempt {attempt} broke off and everything is begun anew: {}", failure.error));
        run.begin_anew();
        tokio::select! {
            biased;
            () = run.cancellation().cancelled() => return Err(failure),
            () = tokio::time::sleep(pause) => pause *= 2,
        }
    }
    unreachable!("the loop above returns")
}

/// One attempt at the whole.
struct Attempt<'a> {
    source: &'a ConnectionConfig,
    target: &'a Target,
    options: &'a SyncOptions,
    run: &'a Run,
}

type Ends = (EndReport, EndReport);

impl Attempt<'_> {
    async fn make(&self) -> Result<(Applied, Ends), Failure> {
        self.run.enter(Phase::Preflight);
        let untouched = |error: Error| Failure::new(error, TargetState::Untouched, self.run);
        let config = self.source.with_application_name(&format!("pgstream:{}", self.run.job()));
        let how = self.options.snapshot();
        let taken = tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => return Err(untouched(Error::Cancelled)),
            taken = Snapshot::take(&config, &self.options.filter, &how, self.run) => taken,
        };
        let (snapshot, selection, catalog) = taken.map_err(|e| untouched(e.into()))?;
        let result = self.copy(&snapshot, &selection, &catalog).await;
        snapshot.release().await;
        result
    }

    async fn copy(
        &self,
        snapshot: &Snapshot,
        selection: &crate::catalog::Selection,
        catalog: &Catalog,
    ) -> Result<(Applied, Ends), Failure> {
        let untouched = |error: Error| Failure::new(error, TargetState::Untouched, self.run);
        let toc = self.plan(selection, catalog).map_err(untouched)?;
        let mut control = self.target.session().await.map_err(|e| untouched(e.into()))?;
        self.target.lock(&mut control).await.map_err(|e| untouched(e.into()))?;
        self.prepare(&mut control).await.map_err(|e| untouched(e.into()))?;

        let source_major = catalog.database.major;
        let options = ApplyOptions { jobs: self.options.job_count(), verify: self.options.verify, source_major };
        let apply = Apply { toc: &toc, snapshot, target: self.target, options, run: self.run };
        match apply.all(&mut control).await {
            Ok(applied) => {
                control.close().await;
                Ok((applied, self.ends(catalog)))
            }
            Err(error) => Err(self.take_back(control, error).await),
        }
    }

    /// What is to be made, in order.
    fn plan(&self, selection: &crate::catalog::Selection, catalog: &Catalog) -> Result<Toc, Error> {
        self.refuse_unsupported(catalog)?;
        let ordered = ordering::order(catalog);
        for unresolved in &ordered.unresolved {
            self.run.warn(unresolved.to_string());
        }
        let headers: std::collections::HashMap<_, _> = catalog.objects.iter().map(|o| (o.header().id, o.header())).collect();
        let wanted: Vec<_> = ordered
            .order
            .into_iter()
            .filter(|id| headers.get(id).is_some_and(|header| selection.wants(header, &catalog.members)))
            .collect();
        let mut toc = table_of_contents(catalog, &wanted, &ordered.repairs);
        toc.entries.retain_mut(|entry| self.keep(entry, selection));
        Ok(toc)
    }

    /// Whether an entry is wanted; takes off what is not wanted of it.
    fn keep(&self, entry: &mut TocEntry, selection: &crate::catalog::Selection) -> bool {
        if self.options.no_owner {
            entry.set_owner.clear();
        }
        if self.options.no_tablespaces {
            entry.tablespace = None;
        }
        let is_data = entry.data.is_some();
        if is_data && self.options.schema_only {
            return false;
        }
        if let Some(crate::archive::EntryData::Table { source, .. }) = &entry.data {
            return selection.wants_data(source.relation);
        }
        match entry.desc {
            "ACL" | "DEFAULT ACL" => !self.options.no_privileges,
            "COMMENT" => !self.options.no_comments,
            "MATERIALIZED VIEW DATA" => !self.options.schema_only,
            "BLOB" => !self.options.schema_only,
            _ => true,
        }
    }

    fn refuse_unsupported(&self, catalog: &Catalog) -> Result<(), CatalogError> {
        if catalog.unsupported.is_empty() {
            return Ok(());
        }
        let count = catalog.unsupported.iter().map(|kind| kind.names.len()).sum();
        let examples: Vec<String> =
            catalog.unsupported.iter().map(|kind| format!("{}: {}", kind.kind, kind.names.join(", "))).collect();
        if self.options.skip_unsupported {
            for kind in examples {
                self.run.warn(format!("left out, since it cannot be carried yet: {kind}"));
            }
            return Ok(());
        }
        Err(CatalogError::Unsupported { count, examples: examples.join("; ") })
    }

    /// Takes back what an earlier run left, refuses a target that is not empty, and marks it.
    async fn prepare(&self, control: &mut CopySession) -> Result<(), ImportError> {
        if Ledger::exists(control).await? {
            let taken_back = Ledger::take_back(control).await?;
            self.run.warn(format!("took back {taken_back} objects that a run which broke off had made"));
        }
        self.refuse_if_not_empty().await?;
        Ledger::create(control, &format!("pgstream is loading this database (run {})", self.run.job())).await?;
        Ok(())
    }

    async fn refuse_if_not_empty(&self) -> Result<(), ImportError> {
        let config = self.target.destination().config();
        let connection = Connection::open(config).await?;
        let contents = contents(&connection).await;
        connection.close().await;
        let contents = contents.map_err(|e| match e {
            CatalogError::Connection(e) => ImportError::Connection(e),
            e => ImportError::Connection(ConnectionError::Protocol { server: config.to_string(), problem: e.to_string() }),
        })?;
        match contents.count() {
            0 => Ok(()),
            count => Err(ImportError::NotEmpty { target: config.to_string(), count, examples: contents.describe() }),
        }
    }

    /// After a failure: drops what was made.
    async fn take_back(&self, control: CopySession, error: ImportError) -> Failure {
        let mut failure = Failure::new(error, TargetState::Changed, self.run);
        if self.run.is_cancelled() {
            failure.error = Error::Cancelled;
        }
        self.run.enter(Phase::Cleanup);
        control.close().await;
        let cleaned = async {
            let mut session = self.target.session().await?;
            self.target.lock(&mut session).await?;
            if Ledger::exists(&mut session).await? {
                Ledger::take_back(&mut session).await?;
            }
            session.close().await;
            Ok::<(), ImportError>(())
        };
        match cleaned.await {
            Ok(()) => failure.target = TargetState::Restored,
            Err(e) => {
                self.run.warn(format!("{e}; the next run will try again"));
                failure.warnings = self.run.warnings();
            }
        }
        failure
    }

    fn ends(&self, catalog: &Catalog) -> Ends {
        let mut from = EndReport::named(self.source.to_string());
        from.server_version = Some(catalog.database.server_version.clone());
        from.database = Some(catalog.database.name.clone());
        let identity = self.target.destination().identity();
        let mut to = EndReport::named(self.target.destination().config().to_string());
        to.server_version = Some(identity.server_version.clone());
        to.database = Some(identity.database_name.clone());
        to.system_identifier = identity.system_identifier.clone();
        (from, to)
    }
}

/// Whether a run that proved this counts as a success.
pub fn is_success(proven: Proven, options: &SyncOptions) -> bool {
    proven != Proven::None || options.accept_unproven
}
