//! Compares what was made with what was read, and with what the ledger says.

use std::collections::HashSet;
use std::sync::Mutex;

use futures_util::future::join_all;

use crate::connection::CopySession;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, DataError, ImportError};
use crate::progress::Run;
use crate::report::{Proven, Verify};

use super::super::check_rows::{Expectation, check_table, expectations};
use super::super::ledger::{Ledger, entry_name};
use super::super::load::{Loaded, Loader, is_worth_repeating};
use super::super::plan::{LoadPlan, Work, units};
use super::parallel::first_failure;
use super::{Apply, MAX_ATTEMPTS};

impl Apply<'_> {
    /// Compares all tables, and gathers their statistics, on several connections.
    pub(super) async fn verify(&self, plan: &LoadPlan, loaded: &[Loaded]) -> Result<Proven, ImportError> {
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
            let mut loader = Loader::new(self.snapshot, self.target, self.fence, self.options.source_major, &run);
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
        // What was added was compared before it was committed: by now others may have written to the table.
        let verify = if self.options.appends { Verify::None } else { self.options.verify };
        let take = || open.lock().expect("no holder panics").pop();
        while let Some(expected) = take() {
            let _shown = self.run.working_on(expected.table.to_string());
            let mut attempt = 1;
            loop {
                let check = async {
                    let session = loader.session().await?;
                    check_table(session, &expected, verify).await?;
                    if !leaves.contains(&expected.table.to_string()) && !expected.is_root {
                        self.analyze(session, &expected.table).await?;
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
                let analyzed = async { self.analyze(loader.session().await?, &root).await.map_err(ImportError::from) };
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
    pub(super) async fn check_ledger(&self, control: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
        self.fence.require(control).await?;
        let recorded = Ledger::recorded(control).await?;
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

    /// Gathers statistics. This is not behind the fence: several statements are one transaction, and in one the locks on all
    /// partitions below a root would be held together.
    async fn analyze(&self, session: &mut CopySession, table: &crate::QualifiedName) -> Result<(), ConnectionError> {
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
