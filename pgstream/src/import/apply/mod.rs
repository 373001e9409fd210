//! Applies an archive whose rows come from a live snapshot to an empty target, and proves it.

mod control;
mod parallel;
mod sequences;
mod statement;
mod verification;

use std::time::Duration;

use crate::archive::Toc;
use crate::catalog::Snapshot;
use crate::connection::CopySession;
use crate::data::{LargeObjectContent, SequenceValue};
use crate::error::ImportError;
use crate::progress::{Phase, Run};
use crate::report::{Proven, TableReport, Verify};

use super::extra_sql::ExtraSql;
use super::fence::Fence;
use super::large_objects::{self, Over};
use super::load::{LoadInto, Loaded, Loader};
use super::plan::{LargeObjects, LoadPlan, units};
use super::replace::Dropped;
use super::target::Target;
use control::Step;
pub(crate) use statement::{with_defaults, with_owner};

/// How many statements are on their way before we wait for the first answer.
const PIPELINE: usize = 64;

/// How often a statement is repeated when the connection breaks under it.
const MAX_ATTEMPTS: u32 = 5;

/// The pause between two such attempts; it grows with their number.
const PAUSE: Duration = Duration::from_millis(100);

/// How an archive is applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApplyOptions {
    /// Connections that load at the same time, at each end.
    pub(crate) jobs: usize,
    /// What is compared.
    pub(crate) verify: Verify,
    /// The major version of the server that the rows come from.
    pub(crate) source_major: u32,
    /// Rows into tables that are there already.
    pub(crate) is_data_only: bool,
    /// And these tables may hold rows.
    pub(crate) appends: bool,
}

/// What was applied.
#[derive(Debug)]
pub(crate) struct Applied {
    /// Every table's rows, by name.
    pub(crate) tables: Vec<TableReport>,
    /// How many sequences were set.
    pub(crate) sequences: u64,
    /// How many large objects were copied.
    pub(crate) large_objects: u64,
    /// What was proven.
    pub(crate) proven: Proven,
    /// What was dropped to make room.
    pub(crate) dropped: Vec<Dropped>,
}

/// What was read and written.
#[derive(Debug, Default)]
struct Moved {
    tables: Vec<Loaded>,
    /// As they were copied together.
    large_objects: Vec<Vec<LargeObjectContent>>,
}

/// What holds its rows, and is not proven yet.
#[derive(Debug)]
pub(crate) struct Filled {
    plan: LoadPlan,
    moved: Moved,
    /// Values that are yet to be set.
    values: Vec<SequenceValue>,
}

/// One run against one target, which holds nothing but our marker.
pub(crate) struct Apply<'a> {
    /// What is made.
    pub(crate) toc: &'a Toc,
    /// Where the rows come from.
    pub(crate) snapshot: &'a Snapshot,
    /// Where everything goes.
    pub(crate) target: &'a Target,
    /// What lets it be written to.
    pub(crate) fence: &'a Fence,
    /// How.
    pub(crate) options: ApplyOptions,
    /// Statements of the operator's own, for the last transaction.
    pub(crate) after_sql: &'a ExtraSql,
    /// The run.
    pub(crate) run: &'a Run,
}

impl Apply<'_> {
    /// Makes what holds rows, moves them, and builds what stands on them. `control` is the session that holds the writer's lock;
    /// the marker is committed. The source is not read any more afterwards.
    ///
    /// # Errors
    /// The first error; nothing is running then, and what was made is in the ledger.
    pub(crate) async fn fill(&self, control: &mut CopySession) -> Result<Filled, ImportError> {
        let plan = LoadPlan::new(self.toc);
        self.plan_work(&plan);
        self.run.enter(Phase::Schema);
        self.surviving(control, &plan, Step::LargeObjects).await?;
        self.surviving(control, &plan, Step::Before).await?;

        let moved = match self.options.is_data_only {
            true => self.fill_in_order(&plan).await?,
            false => self.run_parallel(&plan).await?,
        };
        let values = self.read_sequences(&plan).await?;
        if !self.options.is_data_only {
            self.surviving(control, &plan, Step::Sequences(&values)).await?;
        }
        Ok(Filled { plan, moved, values })
    }

    /// Proves what was filled, does what must not be done before, and ends the marker.
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub(crate) async fn finish(&self, control: &mut CopySession, filled: Filled) -> Result<Applied, ImportError> {
        let Filled { plan, moved, values } = filled;
        self.run.enter(Phase::Verify);
        let proven = self.verify(&plan, &moved).await?;
        self.surviving(control, &plan, Step::CheckLedger).await?;

        self.run.enter(Phase::Finish);
        self.surviving(control, &plan, Step::Owners).await?;
        self.surviving(control, &plan, Step::After).await?;
        if self.options.is_data_only {
            // A value that is set is set for good, whatever becomes of the transaction: so after everything that may fail.
            let values = self.record_sequences(control, &plan, values).await?;
            self.set_sequences(control, &plan, &values).await?;
        }
        self.end(control, &plan).await?;
        let mut tables: Vec<TableReport> = moved.tables.iter().map(|part| TableReport { proven, ..part.report() }).collect();
        tables.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        let large_objects = moved.large_objects.iter().map(|some| some.len() as u64).sum();
        let sequences = plan.sequences.len() as u64;
        Ok(Applied { tables, sequences, large_objects, proven, dropped: Vec::new() })
    }

    fn plan_work(&self, plan: &LoadPlan) {
        let tables: u64 = plan.groups.iter().map(|g| g.members.len() as u64).sum();
        let bytes: u64 = plan.groups.iter().map(|g| g.bytes).sum();
        self.run.expect_tables(tables, bytes);
        let work: u64 = plan.specs.iter().map(|spec| spec.weight).sum();
        let verify = if self.options.verify == Verify::Checksum { "checksum" } else { "count" };
        let checks: u64 = plan.groups.iter().map(|g| units(verify, g.bytes) + units("analyze", g.bytes)).sum();
        self.run.expect_work(work + checks);
    }

    /// Copies the bytes of some large objects.
    async fn copy_large_objects(
        &self,
        loader: &mut Loader<'_>,
        some: &LargeObjects,
        run: &Run,
    ) -> Result<Vec<LargeObjectContent>, ImportError> {
        let _shown = self.run.working_on("large objects".to_owned());
        let mut values = loader.values().await;
        let copied = large_objects::copy(some, &mut values, Over::Sessions(loader), run).await;
        values.stop().await;
        copied
    }

    /// Fills tables that are there already, one after the other, referenced ones first, and large objects. One session: where
    /// triggers cannot be switched off the foreign keys are checked, and must find what the table before has committed.
    async fn fill_in_order(&self, plan: &LoadPlan) -> Result<Moved, ImportError> {
        self.run.enter(Phase::Data);
        let run = self.run.child();
        let mut loader = Loader::new(self.snapshot, self.target, self.fence, self.options.source_major, &run);
        let mut moved = Moved::default();
        let result = self.fill_with(plan, &mut loader, &run, &mut moved).await;
        loader.stop().await;
        result.map(|()| moved)
    }

    async fn fill_with(&self, plan: &LoadPlan, loader: &mut Loader<'_>, run: &Run, moved: &mut Moved) -> Result<(), ImportError> {
        let into = if self.options.appends { LoadInto::Added(self.options.verify) } else { LoadInto::Existing };
        for group in &plan.groups {
            let _shown = self.run.working_on(group.target().table.to_string());
            let filled = loader.load(group, into).await?;
            filled.iter().for_each(|_| self.run.table_done());
            moved.tables.extend(filled);
        }
        for some in &plan.large_objects {
            moved.large_objects.push(self.copy_large_objects(loader, some, run).await?);
        }
        Ok(())
    }
}
