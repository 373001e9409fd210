//! What is done over the control session, one after the other, and how that survives a broken connection.

use std::collections::HashSet;
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
use super::statement::with_defaults;
use super::{Apply, MAX_ATTEMPTS, PAUSE, PIPELINE};

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

/// Why a statement did not come to its end.
pub(super) enum Stopped {
    Cancelled,
    Failed(ConnectionError),
}

impl Stopped {
    pub(super) fn into_apply(self, what: String) -> ImportError {
        match self {
            Self::Cancelled => DataError::Cancelled.into(),
            Self::Failed(source) => ImportError::Apply { what, source },
        }
    }
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
            Step::Before => self.make_in_order(control, &plan.before).await,
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

    /// Makes large objects, less those that the ledger has.
    async fn make_large_objects(&self, control: &mut CopySession, places: &[usize]) -> Result<(), ImportError> {
        if places.is_empty() {
            return Ok(());
        }
        let recorded: HashSet<u32> = Ledger::recorded(control).await?.into_iter().collect();
        let entries = places.iter().map(|place| &self.toc.entries[*place]);
        let open: Vec<&TocEntry> = entries.filter(|entry| !recorded.contains(&entry.id.0)).collect();
        large_objects::make(control, &open, self.run).await
    }

    /// Makes entries one after the other, less those that the ledger has.
    async fn make_in_order(&self, control: &mut CopySession, places: &[usize]) -> Result<(), ImportError> {
        let recorded: HashSet<u32> = Ledger::recorded(control).await?.into_iter().collect();
        let open: Vec<usize> = places.iter().copied().filter(|p| !recorded.contains(&self.toc.entries[*p].id.0)).collect();
        let make =
            |place: usize| self.with_ledger(place, &with_defaults(&self.toc.entries[place], &self.toc.entries[place].create));
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
    pub(super) async fn receive(&self, session: &mut CopySession) -> Result<(), Stopped> {
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

    /// The last transaction: what was there before us is changed, the marker goes, and the disk is waited for.
    pub(super) async fn end(&self, control: &mut CopySession, plan: &LoadPlan) -> Result<(), ImportError> {
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
