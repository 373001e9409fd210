//! What is done over the control session, one after the other, and how that survives a broken connection.

use std::time::Duration;

use crate::archive::TocEntry;
use crate::connection::CopySession;
use crate::data::SequenceValue;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, DataError, ImportError, Retry};

use super::super::large_objects;
use super::super::ledger::{CONNECTION_LIMIT, Ledger, entry_name};
use super::super::load::is_worth_repeating;
use super::super::plan::LoadPlan;
use super::super::target::{Stopped, receive_or_end};
use super::statement::{with_defaults, with_owner};
use super::{Apply, MAX_ATTEMPTS, PAUSE, PIPELINE};

/// What the last transaction is called in errors.
const LAST: &str = "the last transaction";

/// How long we ask whether the last transaction was committed.
const ASK_WITHIN: Duration = Duration::from_secs(30);

/// What is done over the control session, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    LargeObjects,
    Before,
    Sequences(&'a [SequenceValue]),
    CheckLedger,
    Owners,
    After,
}

impl Apply<'_> {
    /// Does a step over a new control session when the connection breaks under it. Every step can be repeated: what makes
    /// something asks the ledger first.
    pub(super) async fn surviving(&self, control: &mut CopySession, plan: &LoadPlan, step: Step<'_>) -> Result<(), ImportError> {
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
            Step::LargeObjects => self.make_large_objects(control, &plan.large_object_entries).await,
            Step::Before => self.make_in_order(control, &plan.before, with_defaults).await,
            Step::Sequences(values) => self.set_sequences(control, plan, values).await,
            Step::CheckLedger => self.check_ledger(control, plan).await,
            // Owners are given to what is in the ledger already, and giving one twice does no harm.
            Step::Owners => self.apply_in_order(control, &plan.owners, |place| self.toc.entries[place].set_owner.clone()).await,
            Step::After => self.make_in_order(control, &plan.after, with_owner).await,
        }
    }

    /// A new control session, with the lock that the broken one held.
    async fn reopen(&self, control: &mut CopySession) -> Result<(), ImportError> {
        let former = control.backend_pid();
        for attempt in 1.. {
            let mut session = self.target.session().await?;
            // Its server may not know yet that our session broke.
            self.target.end_former(&mut session, former).await?;
            self.fence.require(&mut session).await?;
            match self.target.lock(&mut session).await {
                Ok(()) => {
                    self.fence.put_before(&mut session)?;
                    *control = session;
                    return Ok(());
                }
                Err(ImportError::Busy { .. }) if attempt < MAX_ATTEMPTS => {
                    session.close().await;
                    tokio::time::sleep(Duration::from_millis(200) * attempt).await;
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop above returns")
    }

    /// Makes large objects, less those that the ledger has.
    async fn make_large_objects(&self, control: &mut CopySession, places: &[usize]) -> Result<(), ImportError> {
        if places.is_empty() {
            return Ok(());
        }
        let recorded = Ledger::recorded(control).await?;
        let entries = places.iter().map(|place| &self.toc.entries[*place]);
        let open: Vec<&TocEntry> = entries.filter(|entry| !recorded.contains(&entry.id.0)).collect();
        large_objects::make(control, &open, self.run).await
    }

    /// Makes entries one after the other, less those that the ledger has.
    async fn make_in_order(
        &self,
        control: &mut CopySession,
        places: &[usize],
        sql_of: impl Fn(&TocEntry) -> String,
    ) -> Result<(), ImportError> {
        let recorded = Ledger::recorded(control).await?;
        let open: Vec<usize> = places.iter().copied().filter(|p| !recorded.contains(&self.toc.entries[*p].id.0)).collect();
        let make = |place: usize| self.with_ledger(place, &sql_of(&self.toc.entries[place]));
        self.apply_in_order(control, &open, make).await
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
                match self.receive(session).await {
                    Ok(()) => {}
                    // Those behind it have been ended, too.
                    Err(Stopped::Cancelled) => return Err(DataError::Cancelled.into()),
                    Err(error) => drop(failed.get_or_insert(error.into_apply(entry_name(&self.toc.entries[*place])))),
                }
            }
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
        Ok(())
    }

    /// Waits for one answer; a cancel ends everything that the session has been sent.
    pub(super) async fn receive(&self, session: &mut CopySession) -> Result<(), Stopped> {
        receive_or_end(self.run, session).await
    }

    /// The last transaction, over a new session when the connection breaks under it.
    pub(super) async fn end(&self, control: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
        for attempt in 1.. {
            let Err(error) = self.try_end(control, plan).await else { return Ok(()) };
            if attempt >= MAX_ATTEMPTS || !is_worth_repeating(&error) || self.run.is_cancelled() {
                return Err(error);
            }
            self.run.log(format!("going on over a new connection to the target: {error}"));
            self.reopen(control).await?;
        }
        unreachable!("the loop above returns")
    }

    /// What was there before us is changed, the marker goes, and the disk is waited for.
    async fn try_end(&self, control: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
        if self.run.is_cancelled() {
            return Err(DataError::Cancelled.into());
        }
        let mut sql = Ddl::new();
        for place in &plan.last {
            let entry = &self.toc.entries[*place];
            sql.deparsed(&entry.create).deparsed(&entry.set_owner);
        }
        if let Some(undo) = Ledger::undo(control, CONNECTION_LIMIT).await? {
            sql.deparsed(&undo);
        }
        self.fence.drop(&mut sql);
        Ledger::drop_statements(&mut sql);
        sql.sql("COMMIT").end();
        let transaction = self.fence.begin_last(control).await?;
        for (what, statement) in self.after_sql.framed(self.target.silences_triggers()) {
            control.send(&statement)?;
            self.receive(control).await.map_err(|stopped| stopped.into_run(what))?;
        }
        control.send(sql.as_str())?;
        let stopped = match self.receive(control).await {
            Ok(()) => return Ok(()),
            Err(stopped) => stopped,
        };
        let source = match stopped {
            Stopped::Failed(source) if source.retry() != Retry::Now => {
                return Err(ImportError::Apply { what: LAST.into(), source });
            }
            Stopped::Failed(source) => Some(source),
            // The order to end it may have come too late.
            Stopped::Cancelled => None,
        };
        let lost = || ConnectionError::Lost { server: control.describe().to_owned(), problem: "the run was cancelled".into() };
        match self.is_committed(control.backend_pid(), transaction).await {
            Some(true) => Ok(()),
            Some(false) => {
                Err(source.map_or(DataError::Cancelled.into(), |source| ImportError::Apply { what: LAST.into(), source }))
            }
            None => Err(ImportError::Unconfirmed { transaction, source: source.unwrap_or_else(lost) }),
        }
    }

    /// Whether a transaction of the session `former`, of which we lost sight, was committed. `None`: nobody answered in time.
    async fn is_committed(&self, former: i32, transaction: u64) -> Option<bool> {
        let ask = async {
            loop {
                match self.target.is_committed(former, transaction, self.fence).await {
                    Ok(Some(is_committed)) => return Some(is_committed),
                    Ok(None) => {}
                    Err(e) if e.retry() == Retry::Now => {}
                    Err(_) => return None,
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(ASK_WITHIN, ask).await.ok().flatten()
    }
}
