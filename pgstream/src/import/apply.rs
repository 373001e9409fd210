//! Applies an archive whose rows come from a live snapshot to an empty target, and proves it.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;

use crate::archive::{Toc, TocEntry};
use crate::catalog::Snapshot;
use crate::connection::CopySession;
use crate::data::{SequenceValue, ValueReader, read_sequence_values};
use crate::ddl::Ddl;
use crate::error::{ConnectionError, DataError, ImportError, Retry};
use crate::progress::{Phase, Run};
use crate::report::{Proven, TableReport, Verify};

use super::check_rows::{Expectation, check_table, expectations};
use super::ledger::{CONNECTION_LIMIT, Ledger, entry_name};
use super::load::{LoadInto, Loaded, Loader, is_worth_repeating};
use super::plan::{LoadPlan, Work, is_validated_later, units};
use super::schedule::{Schedule, TaskId};
use super::target::Target;

/// How many statements are on their way before we wait for the first answer.
const PIPELINE: usize = 64;

/// How often a statement is repeated when the connection breaks under it.
const MAX_ATTEMPTS: u32 = 5;

/// The pause between two such attempts; it grows with their number.
const PAUSE: Duration = Duration::from_millis(100);

/// How long we ask whether the last transaction was committed.
const ASK_WITHIN: Duration = Duration::from_secs(30);

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
}

/// What holds its rows, and is not proven yet.
#[derive(Debug)]
pub(crate) struct Filled {
    plan: LoadPlan,
    loaded: Vec<Loaded>,
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
    /// How.
    pub(crate) options: ApplyOptions,
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
        self.surviving(control, &plan, Step::Before).await?;

        let loaded = match self.options.is_data_only {
            true => self.fill_in_order(&plan).await?,
            false => self.run_parallel(&plan).await?,
        };
        self.surviving(control, &plan, Step::LargeObjects).await?;
        let values = self.read_sequences(&plan).await?;
        if !self.options.is_data_only {
            self.surviving(control, &plan, Step::Sequences(&values)).await?;
        }
        Ok(Filled { plan, loaded, values })
    }

    /// Proves what was filled, does what must not be done before, and ends the marker.
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub(crate) async fn finish(&self, control: &mut CopySession, filled: Filled) -> Result<Applied, ImportError> {
        let Filled { plan, loaded, values } = filled;
        self.run.enter(Phase::Verify);
        let proven = self.verify(&plan, &loaded).await?;
        self.surviving(control, &plan, Step::CheckLedger).await?;

        self.run.enter(Phase::Finish);
        self.surviving(control, &plan, Step::Owners).await?;
        self.surviving(control, &plan, Step::After).await?;
        if self.options.is_data_only {
            // A value that is set is set for good, whatever becomes of the transaction: so after everything that may fail.
            self.record_sequences(control, &plan).await?;
            self.set_sequences(control, &plan, &values).await?;
        }
        self.end(control, &plan).await?;
        let mut tables: Vec<TableReport> = loaded.iter().map(|part| TableReport { proven, ..part.report() }).collect();
        tables.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        Ok(Applied { tables, sequences: plan.sequences.len() as u64, large_objects: plan.large_objects.len() as u64, proven })
    }

    /// Does a step over a new control session when the connection breaks under it. Every step can be repeated: what makes
    /// something asks the ledger first.
    async fn surviving(&self, control: &mut CopySession, plan: &LoadPlan, step: Step<'_>) -> Result<(), ImportError> {
        for attempt in 1.. {
            let Err(error) = self.step(control, plan, step).await else { return Ok(()) };
            if attempt >= MAX_ATTEMPTS || !is_worth_repeating(&error) || self.run.is_cancelled() {
                return Err(error);
            }
            self.run.log(format!("going on over a new connection to the target: {error}"));
            self.reopen(control).await?;
        }
        unreachable!("the loop above returns")
    }

    async fn step(&self, control: &mut CopySession, plan: &LoadPlan, step: Step<'_>) -> Result<(), ImportError> {
        match step {
            Step::Before => self.make_in_order(control, &plan.before).await,
            Step::LargeObjects => self.copy_large_objects(control, plan).await,
            Step::Sequences(values) => self.set_sequences(control, plan, values).await,
            Step::CheckLedger => self.check_ledger(control, plan).await,
            // Owners are given to what is in the ledger already, and giving one twice does no harm.
            Step::Owners => self.apply_in_order(control, &plan.owners, |place| self.toc.entries[place].set_owner.clone()).await,
            Step::After => self.make_in_order(control, &plan.after).await,
        }
    }

    /// A new control session, with the lock that the broken one held.
    async fn reopen(&self, control: &mut CopySession) -> Result<(), ImportError> {
        let former = control.backend_pid();
        for attempt in 1.. {
            let mut session = self.target.session().await?;
            match self.target.lock(&mut session).await {
                Ok(()) if Ledger::exists(&mut session).await? => {
                    *control = session;
                    return Ok(());
                }
                Ok(()) => return Err(ImportError::Forgotten { problem: "the marker of this run is gone".into() }),
                // Its server may not know yet that our session broke.
                Err(ImportError::Busy { .. }) if attempt < MAX_ATTEMPTS => {
                    self.target.end_former(&mut session, former).await?;
                    session.close().await;
                    tokio::time::sleep(Duration::from_millis(200) * attempt).await;
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop above returns")
    }

    /// Makes entries one after the other, less those that the ledger has.
    async fn make_in_order(&self, control: &mut CopySession, places: &[usize]) -> Result<(), ImportError> {
        let recorded: HashSet<u32> = Ledger::recorded(control).await?.into_iter().collect();
        let open: Vec<usize> = places.iter().copied().filter(|p| !recorded.contains(&self.toc.entries[*p].id.0)).collect();
        let make = |place: usize| self.with_ledger(place, &with_defaults(&self.toc.entries[place]));
        self.apply_in_order(control, &open, make).await
    }

    fn plan_work(&self, plan: &LoadPlan) {
        let tables: u64 = plan.groups.iter().map(|g| g.members.len() as u64).sum();
        let bytes: u64 = plan.groups.iter().map(|g| g.bytes).sum();
        self.run.expect_tables(tables, bytes);
        let work: u64 = plan.works.iter().zip(&plan.specs).map(|(work, spec)| self.units_of(*work, spec.weight)).sum();
        let verify = if self.options.verify == Verify::Checksum { "checksum" } else { "count" };
        let checks: u64 = plan.groups.iter().map(|g| units(verify, g.bytes) + units("analyze", g.bytes)).sum();
        self.run.expect_work(work + checks);
    }

    fn units_of(&self, work: Work, weight: u64) -> u64 {
        match work {
            Work::Load(_) => weight,
            Work::Apply(place) => match self.toc.entries[place].desc {
                "INDEX" => units("index", weight),
                "CONSTRAINT" => units("constraint", weight),
                _ => units("", weight),
            },
            Work::Validate(_) => units("foreign key", weight),
            Work::Barrier => 0,
        }
    }

    /// Sends statements one behind the other without waiting for each answer. Every one is a transaction of its own.
    async fn apply_in_order(
        &self,
        session: &mut CopySession,
        places: &[usize],
        sql_of: impl Fn(usize) -> String,
    ) -> Result<(), ImportError> {
        for some in places.chunks(PIPELINE) {
            if self.run.is_cancelled() {
                return Err(DataError::Cancelled.into());
            }
            for place in some {
                session.send(&sql_of(*place))?;
            }
            let mut failed = None;
            for place in some {
                let what = || entry_name(&self.toc.entries[*place]);
                if let Err(e) = self.receive(session).await
                    && failed.is_none()
                {
                    failed = Some(e.into_apply(what()));
                }
            }
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
        Ok(())
    }

    /// Waits for one answer; a cancel ends what the server is at.
    async fn receive(&self, session: &mut CopySession) -> Result<(), Stopped> {
        let canceller = session.canceller();
        let answer = session.receive();
        tokio::pin!(answer);
        tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => {
                // The statement's own answer tells whether the request came in time.
                let _ = canceller.cancel().await;
                let _ = answer.await;
                Err(Stopped::Cancelled)
            }
            done = &mut answer => done.map(drop).map_err(Stopped::Failed),
        }
    }

    /// An entry's SQL and its line in the ledger, as one message and so one transaction.
    fn with_ledger(&self, place: usize, sql: &str) -> String {
        let entry = &self.toc.entries[place];
        let mut text = Ddl::new();
        if entry.desc == "EXTENSION" {
            Ledger::record_extension(&mut text, entry.id.0, &entry.tag, &entry_name(entry), &undo_of(entry));
            return text.deparsed(sql).as_str().to_owned();
        }
        text.deparsed(sql);
        if !sql.is_empty() {
            Ledger::record(&mut text, entry.id.0, &entry_name(entry), &undo_of(entry), relation_of(entry).as_ref());
        }
        text.into_string()
    }

    /// Loads, builds and checks on several connections.
    async fn run_parallel(&self, plan: &LoadPlan) -> Result<Vec<Loaded>, ImportError> {
        self.run.enter(Phase::Data);
        let run = self.run.child();
        let board = Board {
            schedule: Mutex::new(Schedule::new(plan.specs.clone())),
            changed: Notify::new(),
            loaded: Mutex::new(Vec::new()),
            run: &run,
        };
        let workers = (0..self.options.jobs.max(1)).map(|_| self.work(plan, &board));
        let results = join_all(workers).await;
        first_failure(results, self.run)?;
        Ok(board.loaded.into_inner().unwrap_or_default())
    }

    async fn work(&self, plan: &LoadPlan, board: &Board<'_>) -> Result<(), ImportError> {
        let mut loader = Loader::new(self.snapshot, self.target, self.options.source_major, board.run);
        let result = self.work_until_done(plan, board, &mut loader).await;
        if result.is_err() {
            // The others end what they are at, too.
            board.run.cancel();
        }
        board.changed.notify_waiters();
        loader.stop().await;
        result
    }

    async fn work_until_done(&self, plan: &LoadPlan, board: &Board<'_>, loader: &mut Loader<'_>) -> Result<(), ImportError> {
        loop {
            let changed = board.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match board.next() {
                Next::Run(task) => {
                    self.run_task(plan, board, loader, task).await?;
                    board.schedule.lock().expect("no holder panics").finish(task);
                    self.run.work_done(match plan.works[task] {
                        Work::Load(_) => 0,
                        work => self.units_of(work, plan.specs[task].weight),
                    });
                    board.changed.notify_waiters();
                }
                Next::Done => return Ok(()),
                Next::Stuck => {
                    let problem = "entries of the archive depend on each other in a circle".into();
                    return Err(ConnectionError::Protocol { server: "the archive".into(), problem }.into());
                }
                Next::Wait => {
                    tokio::select! {
                        biased;
                        () = board.run.cancellation().cancelled() => return Err(DataError::Cancelled.into()),
                        () = changed => {}
                    }
                }
            }
        }
    }

    async fn run_task(
        &self,
        plan: &LoadPlan,
        board: &Board<'_>,
        loader: &mut Loader<'_>,
        task: TaskId,
    ) -> Result<(), ImportError> {
        match plan.works[task] {
            Work::Load(number) => {
                let group = &plan.groups[number];
                let _shown = self.run.working_on(group.target().table.to_string());
                let loaded = loader.load(group, LoadInto::Made).await?;
                for _ in &loaded {
                    self.run.table_done();
                }
                board.loaded.lock().expect("no holder panics").extend(loaded);
                Ok(())
            }
            Work::Apply(place) => {
                let entry = &self.toc.entries[place];
                self.enter_for(entry);
                let _shown = self.run.working_on(entry_name(entry));
                let sql = match is_validated_later(entry) {
                    true => add_not_valid(entry),
                    false => with_defaults(entry),
                };
                let (sql, units) = (self.with_ledger(place, &sql), self.units_of(plan.works[task], plan.specs[task].weight));
                self.run_repeatedly(board, loader, Statement { place, sql, is_recorded: true, units }).await
            }
            Work::Validate(place) => {
                let entry = &self.toc.entries[place];
                let _shown = self.run.working_on(entry_name(entry));
                let units = self.units_of(plan.works[task], plan.specs[task].weight);
                self.run_repeatedly(board, loader, Statement { place, sql: validate(entry), is_recorded: false, units }).await
            }
            Work::Barrier => Ok(()),
        }
    }

    fn enter_for(&self, entry: &TocEntry) {
        let phase = match entry.desc {
            "FK CONSTRAINT" | "CHECK CONSTRAINT" => Phase::Constraints,
            _ => Phase::Indexes,
        };
        if phase > self.run.phase() {
            self.run.enter(phase);
        }
    }

    /// Runs one statement, again if the connection breaks under it; whether it was committed then tells the ledger.
    async fn run_repeatedly(
        &self,
        board: &Board<'_>,
        loader: &mut Loader<'_>,
        Statement { place, sql, is_recorded, units }: Statement,
    ) -> Result<(), ImportError> {
        let entry = &self.toc.entries[place];
        let inner = Apply { run: board.run, toc: self.toc, snapshot: self.snapshot, target: self.target, options: self.options };
        for attempt in 1.. {
            let session = loader.session().await?;
            if board.run.is_cancelled() {
                return Err(DataError::Cancelled.into());
            }
            if attempt > 1 && is_recorded && Ledger::recorded(session).await?.contains(&entry.id.0) {
                return Ok(());
            }
            let pid = session.backend_pid();
            self.target.set_at_work(pid, units);
            let sent = session.send(&sql);
            let answer = match sent {
                Ok(()) => inner.receive(session).await,
                Err(e) => Err(Stopped::Failed(e)),
            };
            self.target.set_at_work(pid, 0);
            let error = match answer {
                Ok(()) => return Ok(()),
                Err(stopped) => stopped.into_apply(entry_name(entry)),
            };
            if attempt >= MAX_ATTEMPTS || !is_worth_repeating(&error) {
                return Err(error);
            }
            self.run.log(format!("making {} again: {error}", entry_name(entry)));
            tokio::time::sleep(PAUSE * attempt).await;
        }
        unreachable!("the loop above returns")
    }

    /// Copies the bytes of large objects, in pieces, one after the other.
    async fn copy_large_objects(&self, control: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
        if plan.large_objects.is_empty() {
            return Ok(());
        }
        super::large_objects::copy(self.snapshot, control, &plan.large_objects, self.run).await
    }

    /// Fills tables that are there already, one after the other, referenced ones first. One session: where triggers cannot be
    /// switched off the foreign keys are checked, and must find what the table before has committed.
    async fn fill_in_order(&self, plan: &LoadPlan) -> Result<Vec<Loaded>, ImportError> {
        self.run.enter(Phase::Data);
        let run = self.run.child();
        let mut loader = Loader::new(self.snapshot, self.target, self.options.source_major, &run);
        let mut loaded = Vec::new();
        let mut result = Ok(());
        for group in &plan.groups {
            let _shown = self.run.working_on(group.target().table.to_string());
            match loader.load(group, LoadInto::Existing).await {
                Ok(filled) => {
                    filled.iter().for_each(|_| self.run.table_done());
                    loaded.extend(filled);
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        loader.stop().await;
        result.map(|()| loaded)
    }

    async fn read_sequences(&self, plan: &LoadPlan) -> Result<Vec<SequenceValue>, ImportError> {
        if plan.sequences.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = ValueReader::new(self.snapshot, self.run);
        let values = reader.sequences(&plan.sequences).await;
        reader.stop().await;
        Ok(values?)
    }

    /// Writes down where the sequences of the target stand before they are set.
    async fn record_sequences(&self, control: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
        let former = read_sequence_values(control, &plan.sequences).await?;
        let mut sql = Ddl::new();
        for (value, entry) in former.iter().zip(&plan.sequence_entries) {
            Ledger::record(&mut sql, entry.0, &format!("the value of {}", value.name), &value.render_set(), None);
        }
        Ok(control.execute(sql.as_str()).await?)
    }

    async fn set_sequences(
        &self,
        control: &mut CopySession,
        plan: &LoadPlan,
        values: &[SequenceValue],
    ) -> Result<(), ImportError> {
        if values.is_empty() {
            return Ok(());
        }
        for some in values.chunks(PIPELINE) {
            for value in some {
                control.send(&value.render_set())?;
            }
            for value in some {
                let what = || format!("SEQUENCE SET {}", value.name);
                self.receive(control).await.map_err(|e| e.into_apply(what()))?;
            }
        }
        let found = read_sequence_values(control, &plan.sequences).await?;
        match values.iter().zip(&found).find(|(wanted, found)| *wanted != *found) {
            None => Ok(()),
            Some((wanted, found)) => Err(ImportError::Mismatch {
                relation: wanted.name.to_string(),
                expected: format!("{} ({})", wanted.last_value, wanted.is_called),
                found: format!("{} ({})", found.last_value, found.is_called),
            }),
        }
    }

    /// Compares all tables, and gathers their statistics, on several connections.
    async fn verify(&self, plan: &LoadPlan, loaded: &[Loaded]) -> Result<Proven, ImportError> {
        let mut open: Vec<Expectation> = expectations(loaded);
        open.sort_by_key(|e| e.content.bytes());
        let leaves: HashSet<String> =
            loaded.iter().filter(|l| plan.partitions.contains(&l.oid)).map(|l| l.relation.to_string()).collect();
        let roots = plan.roots.iter().map(|place| &self.toc.entries[*place]);
        let roots: Vec<crate::QualifiedName> =
            roots.map(|e| crate::QualifiedName::new(e.schema.clone().unwrap_or_default(), e.tag.clone())).collect();
        let (open, roots) = (Mutex::new(open), Mutex::new(roots));
        let run = self.run.child();
        let workers = (0..self.options.jobs.max(1)).map(|_| async {
            let mut loader = Loader::new(self.snapshot, self.target, self.options.source_major, &run);
            let result = self.verify_some(&run, &mut loader, &open, &roots, &leaves).await;
            if result.is_err() {
                run.cancel();
            }
            loader.stop().await;
            result
        });
        first_failure(join_all(workers).await, self.run)?;
        Ok(match self.options.verify {
            Verify::None => Proven::None,
            Verify::Rows => Proven::Rows,
            Verify::Checksum => Proven::Content,
        })
    }

    async fn verify_some(
        &self,
        run: &Run,
        loader: &mut Loader<'_>,
        open: &Mutex<Vec<Expectation>>,
        roots: &Mutex<Vec<crate::QualifiedName>>,
        leaves: &HashSet<String>,
    ) -> Result<(), ImportError> {
        let take = || open.lock().expect("no holder panics").pop();
        while let Some(expected) = take() {
            let _shown = self.run.working_on(expected.table.to_string());
            let mut attempt = 1;
            loop {
                let check = async {
                    let session = loader.session().await?;
                    check_table(session, &expected, self.options.verify).await?;
                    if !leaves.contains(&expected.table.to_string()) && !expected.is_root {
                        analyze(session, &expected.table).await?;
                    }
                    Ok::<(), ImportError>(())
                };
                let checked = tokio::select! {
                    biased;
                    () = run.cancellation().cancelled() => return Err(DataError::Cancelled.into()),
                    checked = check => checked,
                };
                match checked {
                    Ok(()) => break,
                    Err(e) if attempt < MAX_ATTEMPTS && is_worth_repeating(&e) => attempt += 1,
                    Err(e) => return Err(e),
                }
            }
            let bytes = expected.content.bytes();
            self.run.work_done(units("count", bytes) + units("analyze", bytes));
        }
        let take = || roots.lock().expect("no holder panics").pop();
        while let Some(root) = take() {
            let mut attempt = 1;
            loop {
                let analyzed = async { analyze(loader.session().await?, &root).await.map_err(ImportError::from) };
                let analyzed = tokio::select! {
                    biased;
                    () = run.cancellation().cancelled() => return Err(DataError::Cancelled.into()),
                    analyzed = analyzed => analyzed,
                };
                match analyzed {
                    Ok(()) => break,
                    Err(e) if attempt < MAX_ATTEMPTS && is_worth_repeating(&e) => attempt += 1,
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(())
    }

    /// A server that was restarted under us may have lost what it had confirmed, since the loading sessions do not wait for
    /// the disk: everything that was made must still be written down.
    async fn check_ledger(&self, control: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
        let recorded: HashSet<u32> = Ledger::recorded(control).await?.into_iter().collect();
        let parallel = plan.works.iter().filter_map(|work| match work {
            Work::Apply(place) => Some(*place),
            _ => None,
        });
        let filled = plan.groups.iter().filter(|_| self.options.is_data_only);
        if let Some(group) = filled.into_iter().find(|group| !recorded.contains(&group.entry.0)) {
            return Err(ImportError::Forgotten { problem: format!("the rows of {} are gone", group.target().table) });
        }
        let mut made = plan.before.iter().copied().chain(parallel).map(|place| &self.toc.entries[place]);
        match made.find(|entry| !entry.create.is_empty() && !recorded.contains(&entry.id.0)) {
            None => Ok(()),
            Some(entry) => Err(ImportError::Forgotten { problem: format!("{} is gone", entry_name(entry)) }),
        }
    }

    /// The last transaction: what was there before us is changed, the marker goes, and the disk is waited for.
    async fn end(&self, control: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
        let mut sql = Ddl::new();
        sql.sql("SET synchronous_commit = on").end().sql("BEGIN").end();
        for place in &plan.last {
            let entry = &self.toc.entries[*place];
            sql.deparsed(&entry.create).deparsed(&entry.set_owner);
        }
        if let Some(undo) = Ledger::undo(control, CONNECTION_LIMIT).await? {
            sql.deparsed(&undo);
        }
        Ledger::drop_statements(&mut sql);
        sql.sql("COMMIT").end();
        if self.run.is_cancelled() {
            return Err(DataError::Cancelled.into());
        }
        let done = control.execute(sql.as_str()).await;
        match done {
            // Whether it was committed is not known: the marker tells.
            Err(e) if e.retry() == Retry::Now && self.is_ended(control.backend_pid()).await => Ok(()),
            done => done.map_err(|source| ImportError::Apply { what: "the last transaction".into(), source }),
        }
    }

    /// Whether the session `former`, of which we lost sight, has committed the end of the marker.
    async fn is_ended(&self, former: i32) -> bool {
        let ask = async {
            let mut session = self.target.session().await?;
            while let Err(busy) = self.target.lock(&mut session).await {
                if busy.retry() != Retry::Now || !matches!(busy, ImportError::Busy { .. }) {
                    return Err(busy);
                }
                self.target.end_former(&mut session, former).await?;
                tokio::time::sleep(PAUSE).await;
            }
            let is_marked = Ledger::exists(&mut session).await?;
            session.close().await;
            Ok::<bool, ImportError>(!is_marked)
        };
        matches!(tokio::time::timeout(ASK_WITHIN, ask).await, Ok(Ok(true)))
    }
}

/// What is done over the control session, one after the other.
#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Before,
    LargeObjects,
    Sequences(&'a [SequenceValue]),
    CheckLedger,
    Owners,
    After,
}

/// What the workers share.
struct Board<'a> {
    schedule: Mutex<Schedule>,
    changed: Notify,
    loaded: Mutex<Vec<Loaded>>,
    run: &'a Run,
}

/// One statement of the parallel stage.
struct Statement {
    /// The entry that it is about.
    place: usize,
    /// The SQL.
    sql: String,
    /// Whether it writes its line in the ledger.
    is_recorded: bool,
    /// The work that it is.
    units: u64,
}

enum Next {
    Run(TaskId),
    Wait,
    Done,
    Stuck,
}

impl Board<'_> {
    fn next(&self) -> Next {
        let mut schedule = self.schedule.lock().expect("no holder panics");
        match schedule.start_next() {
            Some(task) => Next::Run(task),
            None if schedule.is_done() => Next::Done,
            None if schedule.is_stuck() => Next::Stuck,
            None => Next::Wait,
        }
    }
}

/// Why a statement did not come to its end.
enum Stopped {
    Cancelled,
    Failed(ConnectionError),
}

impl Stopped {
    fn into_apply(self, what: String) -> ImportError {
        match self {
            Self::Cancelled => DataError::Cancelled.into(),
            Self::Failed(source) => ImportError::Apply { what, source },
        }
    }
}

/// The error that came first: the others were cancelled because of it.
fn first_failure(results: Vec<Result<(), ImportError>>, run: &Run) -> Result<(), ImportError> {
    if run.is_cancelled() {
        return Err(DataError::Cancelled.into());
    }
    let mut errors: Vec<ImportError> = results.into_iter().filter_map(Result::err).collect();
    let place = errors.iter().position(|e| !matches!(e, ImportError::Data(DataError::Cancelled)));
    match errors.len() {
        0 => Ok(()),
        _ => Err(errors.swap_remove(place.unwrap_or(0))),
    }
}

/// An entry's SQL behind the settings that it was made for.
fn with_defaults(entry: &TocEntry) -> String {
    let mut sql = Ddl::new();
    if let Some(tablespace) = &entry.tablespace {
        sql.sql("SET default_tablespace = ").literal(tablespace).end();
    }
    if let Some(method) = &entry.access_method {
        sql.sql("SET default_table_access_method = ").ident(method).end();
    }
    sql.deparsed(&entry.create);
    sql.into_string()
}

/// The relation that an entry makes, if it makes one.
fn relation_of(entry: &TocEntry) -> Option<crate::QualifiedName> {
    let is_relation = matches!(entry.desc, "TABLE" | "VIEW" | "MATERIALIZED VIEW" | "SEQUENCE");
    let schema = entry.schema.as_ref().filter(|_| is_relation)?;
    Some(crate::QualifiedName::new(schema.as_str(), entry.tag.as_str()))
}

/// What takes an entry back; `IF EXISTS` is not needed, since the ledger ignores what is gone.
fn undo_of(entry: &TocEntry) -> String {
    match entry.drop.starts_with("--") {
        true => String::new(),
        false => entry.drop.clone(),
    }
}

fn add_not_valid(entry: &TocEntry) -> String {
    match entry.create.split_once(";\n") {
        Some((first, rest)) => format!("{first} NOT VALID;\n{rest}"),
        None => entry.create.clone(),
    }
}

/// `ALTER TABLE … VALIDATE CONSTRAINT …`, from the entry's drop statement, which names both.
fn validate(entry: &TocEntry) -> String {
    entry.drop.replacen(" DROP CONSTRAINT ", " VALIDATE CONSTRAINT ", 1)
}

async fn analyze(session: &mut CopySession, table: &crate::QualifiedName) -> Result<(), ConnectionError> {
    let mut sql = Ddl::new();
    sql.sql("ANALYZE ").name(table);
    session.execute(sql.as_str()).await
}
