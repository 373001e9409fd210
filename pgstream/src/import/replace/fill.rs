//! Makes and fills what the archive has, in the open transaction, and proves it before anybody can see it.

use crate::connection::{Canceller, CopySession};
use crate::data::{
    CopyInSink, LargeObjectContent, SequenceValue, TableReader, ValueReader, copy_from_stdin, read_sequence_values,
};
use crate::ddl::Ddl;
use crate::error::{ConnectionError, DataError, ImportError};
use crate::name::QualifiedName;
use crate::progress::{Phase, Run};
use crate::report::{Proven, TableReport, Verify};

use super::super::apply::{Applied, with_defaults, with_owner};
use super::super::check_rows::{check_table, expectations};
use super::super::large_objects::{self, MADE_TOGETHER, Over};
use super::super::load::Loaded;
use super::super::plan::{LoadGroup, LoadPlan, Work, units};
use super::{Replace, Replacement, Statement, statements};

impl Replace<'_> {
    /// Drops what is replaced, makes what the archive has and fills it. `session` holds the writer's lock; the transaction that
    /// is open in it then has everything, and is to be [finished](Self::finish). The source is not read any more afterwards.
    ///
    /// # Errors
    /// The first error. Nobody has seen anything of it, and closing the session takes it back.
    pub(crate) async fn fill(&self, session: &mut CopySession) -> Result<Replacement, ImportError> {
        let plan = LoadPlan::new(self.toc);
        self.plan_work(&plan);
        let cleared = self.clear(session).await?;
        let (dropped, schemas) = (cleared.dropped, cleared.schemas);
        let kept = schemas.iter().filter(|schema| dropped.kept_schemas.contains(&schema.name));
        let reach = &self.replacing.reach;
        let resets = kept.clone().filter_map(|schema| statements::reset_rights(schema, reach)).collect();
        let comments = kept.filter_map(|schema| statements::reset_comment(schema, reach));
        let mut before: Vec<Statement> = comments.map(|sql| Statement::new("the comments of kept schemas", sql)).collect();
        let is_made = |place: &usize| {
            let entry = &self.toc.entries[*place];
            !(entry.desc == "SCHEMA" && dropped.kept_schemas.contains(&entry.tag))
        };
        before.extend(plan.large_object_entries.chunks(MADE_TOGETHER).map(|some| {
            let made = large_objects::creation(some.iter().map(|place| &self.toc.entries[*place]));
            Statement::new("large objects", made.into_string())
        }));
        before.extend(plan.before.iter().copied().filter(is_made).map(|place| self.make(place)));
        self.run_extra(session, self.before_sql).await?;
        self.run_all(session, &before).await?;
        self.run.enter(Phase::Data);
        let loaded = self.load_all(session, &plan).await?;
        let large_objects = self.copy_large_objects(session, &plan).await?;
        self.build(session, &plan).await?;
        let values = self.read_sequences(&plan).await?;
        Ok(Replacement { plan, loaded, large_objects, values, dropped, resets })
    }

    /// Proves what is in the transaction, does what must not be done before, and commits.
    ///
    /// # Errors
    /// As [`Self::fill`]; [`ImportError::Unconfirmed`] if nobody could be asked what became of the commit.
    pub(crate) async fn finish(&self, session: &mut CopySession, replacement: Replacement) -> Result<Applied, ImportError> {
        let Replacement { plan, loaded, large_objects, values, dropped, resets } = replacement;
        self.run.enter(Phase::Verify);
        let proven = self.verify(session, &plan, &loaded, &large_objects).await?;
        self.run.enter(Phase::Finish);
        let entry = |place: usize| &self.toc.entries[place];
        let mut rest: Vec<Statement> =
            resets.into_iter().map(|sql| Statement::new("the privileges of kept schemas", sql)).collect();
        rest.extend(plan.owners.iter().map(|place| Statement::of(self.toc, *place, entry(*place).set_owner.clone())));
        rest.extend(plan.after.iter().map(|place| Statement::of(self.toc, *place, with_owner(entry(*place)))));
        for place in &plan.last {
            let mut sql = Ddl::new();
            sql.deparsed(&entry(*place).create).deparsed(&entry(*place).set_owner);
            rest.push(Statement::of(self.toc, *place, sql.into_string()));
        }
        rest.extend(values.iter().map(|value| Statement::new(format!("SEQUENCE SET {}", value.name), value.render_set())));
        self.run_all(session, &rest).await?;
        self.check_sequences(session, &plan, &values).await?;
        self.run_extra(session, self.after_sql).await?;
        self.commit(session).await?;
        let mut tables: Vec<TableReport> = loaded.iter().map(|part| TableReport { proven, ..part.report() }).collect();
        tables.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        Ok(Applied {
            tables,
            sequences: plan.sequences.len() as u64,
            large_objects: large_objects.len() as u64,
            proven,
            dropped: dropped.dropped,
        })
    }

    fn plan_work(&self, plan: &LoadPlan) {
        let tables: u64 = plan.groups.iter().map(|group| group.members.len() as u64).sum();
        let bytes: u64 = plan.groups.iter().map(|group| group.bytes).sum();
        self.run.expect_tables(tables, bytes);
        let built = self.built(plan).into_iter().map(|(_, units)| units);
        let verify = if self.options.verify == Verify::Checksum { "checksum" } else { "count" };
        let checks = plan.groups.iter().map(|group| group.bytes + units(verify, group.bytes) + units("analyze", group.bytes));
        self.run.expect_work(built.chain(checks).sum());
    }

    /// The places of the entries that are made behind the rows, each with its work. Over one connection steps are of no use.
    fn built(&self, plan: &LoadPlan) -> Vec<(usize, u64)> {
        let (mut built, mut units) = (Vec::new(), 0);
        for (work, spec) in plan.works.iter().zip(&plan.specs) {
            let Work::Make(making) = work else { continue };
            units += spec.weight;
            if making.is_last(&self.toc.entries[making.place]) {
                built.push((making.place, std::mem::take(&mut units)));
            }
        }
        built
    }

    fn make(&self, place: usize) -> Statement {
        Statement::of(self.toc, place, with_defaults(&self.toc.entries[place]))
    }

    /// Indexes, keys, triggers and the like, in the order of the archive.
    async fn build(&self, session: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
        for (place, work) in self.built(plan) {
            let phase = match self.toc.entries[place].desc {
                "FK CONSTRAINT" | "CHECK CONSTRAINT" => Phase::Constraints,
                _ => Phase::Indexes,
            };
            if phase > self.run.phase() {
                self.run.enter(phase);
            }
            let statement = self.make(place);
            let _shown = self.run.working_on(statement.what.clone());
            let pid = session.backend_pid();
            self.target.set_at_work(pid, work);
            let made = self.run_all(session, std::slice::from_ref(&statement)).await;
            self.target.set_at_work(pid, 0);
            made?;
            self.run.work_done(work);
        }
        Ok(())
    }

    async fn load_all(&self, session: &mut CopySession, plan: &LoadPlan) -> Result<Vec<Loaded>, ImportError> {
        let mut reader = TableReader::new(self.snapshot, self.run);
        let mut loaded = Vec::new();
        let mut result = Ok(());
        for group in &plan.groups {
            let _shown = self.run.working_on(group.target().table.to_string());
            result = self.load(session, &mut reader, group, &mut loaded).await;
            if result.is_err() {
                break;
            }
        }
        reader.stop().await;
        result.map(|()| loaded)
    }

    /// The rows of a group. A broken connection to the source is survived by the reader; one to the target ends the transaction.
    async fn load(
        &self,
        session: &mut CopySession,
        reader: &mut TableReader<'_>,
        group: &LoadGroup,
        loaded: &mut Vec<Loaded>,
    ) -> Result<(), ImportError> {
        let format = self.target.format_for(group, self.options.source_major);
        for (source, target) in &group.members {
            // The table was made in this transaction, so rows can be written frozen; not so through a partitioned one.
            let sql = copy_from_stdin(&target.table, &target.columns, format, !target.is_through_root);
            let failed =
                |bytes: u64, source: ConnectionError| DataError::CopyIn { relation: target.table.clone(), bytes, source };
            let mut copy = session.copy_in(&sql).await.map_err(|e| failed(0, e))?;
            let run: &Run = self.run;
            let progress = |rows: u64, bytes: u64| {
                run.moved(rows, bytes);
                run.work_done(bytes);
            };
            let content = match reader.read(source, format, &mut CopyInSink(&mut copy), progress).await {
                Ok(content) => content,
                Err(error) => {
                    // The transaction is over either way.
                    let _ = copy.abort("the run could not go on").await;
                    return Err(error.into());
                }
            };
            let written = copy.finish().await.map_err(|e| failed(content.bytes(), e))?;
            if written != content.rows() {
                let relation = target.table.clone();
                return Err(DataError::RowsLost { relation, sent: content.rows(), arrived: written }.into());
            }
            loaded.push(Loaded {
                relation: source.name.clone(),
                content,
                format,
                target: target.table.clone(),
                columns: source.columns.clone(),
                is_through_root: target.is_through_root,
                oid: source.relation,
            });
            self.run.table_done();
        }
        Ok(())
    }

    async fn copy_large_objects(
        &self,
        session: &mut CopySession,
        plan: &LoadPlan,
    ) -> Result<Vec<LargeObjectContent>, ImportError> {
        let mut contents = Vec::new();
        let mut values = ValueReader::new(self.snapshot, self.run);
        let mut result = Ok(());
        for some in &plan.large_objects {
            match large_objects::copy(some, &mut values, Over::Transaction(session), self.run).await {
                Ok(copied) => contents.extend(copied),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        values.stop().await;
        result.map(|()| contents)
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

    async fn check_sequences(
        &self,
        session: &mut CopySession,
        plan: &LoadPlan,
        values: &[SequenceValue],
    ) -> Result<(), ImportError> {
        let found = read_sequence_values(session, &plan.sequences).await?;
        match values.iter().zip(&found).find(|(wanted, found)| *wanted != *found) {
            None => Ok(()),
            Some((wanted, found)) => Err(ImportError::Mismatch {
                relation: wanted.name.to_string(),
                expected: format!("{} ({})", wanted.last_value, wanted.is_called),
                found: format!("{} ({})", found.last_value, found.is_called),
            }),
        }
    }

    /// Compares all tables and large objects, and gathers statistics.
    async fn verify(
        &self,
        session: &mut CopySession,
        plan: &LoadPlan,
        loaded: &[Loaded],
        large_objects: &[LargeObjectContent],
    ) -> Result<Proven, ImportError> {
        let canceller = session.canceller();
        self.ended_by_cancel(&canceller, large_objects::check(session, large_objects, self.options.verify)).await?;
        let leaves: Vec<&QualifiedName> =
            loaded.iter().filter(|l| plan.partitions.contains(&l.oid)).map(|l| &l.relation).collect();
        let leaves: std::collections::HashSet<&QualifiedName> = leaves.into_iter().collect();
        for expected in expectations(loaded) {
            let _shown = self.run.working_on(expected.table.to_string());
            let canceller = session.canceller();
            let check = async {
                check_table(session, &expected, self.options.verify).await?;
                if !leaves.contains(&expected.table) && !expected.is_root {
                    analyze(session, &expected.table).await?;
                }
                Ok(())
            };
            self.ended_by_cancel(&canceller, check).await?;
            let bytes = expected.content.bytes();
            self.run.work_done(units("count", bytes) + units("analyze", bytes));
        }
        for place in &plan.roots {
            let entry = &self.toc.entries[*place];
            let root = QualifiedName::new(entry.schema.clone().unwrap_or_default(), entry.tag.clone());
            let canceller = session.canceller();
            let work = async { analyze(session, &root).await.map_err(ImportError::from) };
            self.ended_by_cancel(&canceller, work).await?;
        }
        Ok(match self.options.verify {
            Verify::None => Proven::None,
            Verify::Rows => Proven::Rows,
            Verify::Checksum => Proven::Content,
        })
    }

    /// Does some work in the target; a cancel ends what the server is at, and waits for that.
    async fn ended_by_cancel(
        &self,
        canceller: &Canceller,
        work: impl Future<Output = Result<(), ImportError>>,
    ) -> Result<(), ImportError> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => {
                let _ = canceller.cancel().await;
                let _ = work.await;
                Err(DataError::Cancelled.into())
            }
            done = &mut work => done,
        }
    }
}

async fn analyze(session: &mut CopySession, table: &QualifiedName) -> Result<(), ConnectionError> {
    let mut sql = Ddl::new();
    sql.sql("ANALYZE ").name(table);
    session.execute(sql.as_str()).await
}
