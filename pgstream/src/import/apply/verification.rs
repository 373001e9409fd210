//! Compares what was made with what was read, and with what the ledger says.

use std::collections::HashSet;
use std::sync::Mutex;

use futures_util::future::join_all;

use crate::connection::CopySession;
use crate::data::LargeObjectContent;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, DataError, ImportError};
use crate::name::QualifiedName;
use crate::progress::Run;
use crate::report::{Proven, Verify};

use super::super::check_rows::{Expectation, check_table, expectations};
use super::super::large_objects;
use super::super::ledger::{Ledger, entry_name};
use super::super::load::{Loader, is_worth_repeating};
use super::super::plan::{LoadPlan, Work, units};
use super::parallel::first_failure;
use super::{Apply, MAX_ATTEMPTS, Moved};

/// One thing to compare, or to gather statistics of.
enum Check<'m> {
    Table {
        expected: Expectation,
        /// Whether its statistics are gathered with it; those of partitions come with their root's.
        is_analyzed: bool,
    },
    LargeObjects(&'m [LargeObjectContent]),
    Statistics(QualifiedName),
}

impl Check<'_> {
    fn name(&self) -> String {
        match self {
            Self::Table { expected, .. } => expected.table.to_string(),
            Self::LargeObjects(_) => "large objects".to_owned(),
            Self::Statistics(table) => table.to_string(),
        }
    }
}

impl Apply<'_> {
    /// Compares all tables and large objects, and gathers statistics, on several connections.
    pub(super) async fn verify(&self, plan: &LoadPlan, moved: &Moved) -> Result<Proven, ImportError> {
        let checks = Mutex::new(self.checks(plan, moved));
        let run = self.run.child();
        let workers = (0..self.options.jobs.max(1)).map(|_| async {
            let mut loader = Loader::new(self.snapshot, self.target, self.fence, self.options.source_major, &run);
            let result = self.verify_some(&run, &mut loader, &checks).await;
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

    /// What is to be done, the last first: the largest tables, large objects, then the statistics over partitions.
    fn checks<'m>(&self, plan: &LoadPlan, moved: &'m Moved) -> Vec<Check<'m>> {
        let roots = plan.roots.iter().map(|place| &self.toc.entries[*place]);
        let roots = roots.map(|e| QualifiedName::new(e.schema.clone().unwrap_or_default(), e.tag.clone()));
        let mut checks: Vec<Check<'m>> = roots.map(Check::Statistics).collect();
        checks.extend(moved.large_objects.iter().map(|some| Check::LargeObjects(some)));
        let leaves: HashSet<String> =
            moved.tables.iter().filter(|l| plan.partitions.contains(&l.oid)).map(|l| l.relation.to_string()).collect();
        let mut tables: Vec<Expectation> = expectations(&moved.tables);
        tables.sort_by_key(|e| e.content.bytes());
        checks.extend(tables.into_iter().map(|expected| {
            let is_analyzed = !leaves.contains(&expected.table.to_string()) && !expected.is_root;
            Check::Table { expected, is_analyzed }
        }));
        checks
    }

    async fn verify_some(&self, run: &Run, loader: &mut Loader<'_>, checks: &Mutex<Vec<Check<'_>>>) -> Result<(), ImportError> {
        let take = || checks.lock().expect("no holder panics").pop();
        while let Some(check) = take() {
            let _shown = self.run.working_on(check.name());
            for attempt in 1.. {
                let checked = tokio::select! {
                    biased;
                    () = run.cancellation().cancelled() => return Err(DataError::Cancelled.into()),
                    checked = self.verify_one(loader, &check) => checked,
                };
                match checked {
                    Ok(()) => break,
                    Err(e) if attempt < MAX_ATTEMPTS && is_worth_repeating(&e) => {}
                    Err(e) => return Err(e),
                }
            }
            if let Check::Table { expected, .. } = &check {
                let bytes = expected.content.bytes();
                self.run.work_done(units("count", bytes) + units("analyze", bytes));
            }
        }
        Ok(())
    }

    async fn verify_one(&self, loader: &mut Loader<'_>, check: &Check<'_>) -> Result<(), ImportError> {
        let session = loader.session().await?;
        match check {
            Check::Table { expected, is_analyzed } => {
                // What was added was compared before it was committed: by now others may have written to the table.
                let verify = if self.options.appends { Verify::None } else { self.options.verify };
                check_table(session, expected, verify).await?;
                if *is_analyzed {
                    self.analyze(session, &expected.table).await?;
                }
            }
            Check::LargeObjects(some) => large_objects::check(session, some, self.options.verify).await?,
            Check::Statistics(root) => self.analyze(session, root).await?,
        }
        Ok(())
    }

    /// A server that was restarted under us may have lost what it had confirmed, since the loading sessions do not wait for
    /// the disk: everything that was made must still be written down.
    pub(super) async fn check_ledger(&self, control: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
        self.fence.require(control).await?;
        let recorded = Ledger::recorded(control).await?;
        let before = plan.large_object_entries.iter().chain(&plan.before).map(|place| (*place, self.toc.entries[*place].id.0));
        let parallel = plan.works.iter().filter_map(|work| match work {
            Work::Make(making) => Some((making.place, making.line)),
            _ => None,
        });
        let filled = plan.groups.iter().filter(|_| self.options.is_data_only);
        if let Some(group) = filled.into_iter().find(|group| !recorded.contains(&group.entry.0)) {
            return Err(ImportError::Forgotten { problem: format!("the rows of {} are gone", group.target().table) });
        }
        if let Some(some) = plan.large_objects.iter().find(|some| !recorded.contains(&some.line)) {
            return Err(ImportError::Forgotten { problem: format!("bytes of the large object {} are gone", some.oids[0]) });
        }
        let mut made = before.chain(parallel).map(|(place, line)| (&self.toc.entries[place], line));
        match made.find(|(entry, line)| !entry.create.is_empty() && !recorded.contains(line)) {
            None => Ok(()),
            Some((entry, _)) => Err(ImportError::Forgotten { problem: format!("{} is gone", entry_name(entry)) }),
        }
    }

    /// Gathers statistics. This is not behind the fence: several statements are one transaction, and in one the locks on all
    /// partitions below a root would be held together.
    async fn analyze(&self, session: &mut CopySession, table: &QualifiedName) -> Result<(), ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("ANALYZE ").name(table);
        session.set_prologue(String::new())?;
        let analyzed = session.execute(sql.as_str()).await;
        if !session.is_broken() {
            self.fence.put_before(session)?;
        }
        analyzed
    }
}
