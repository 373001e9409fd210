//! The session that holds the writer's lock: how a run comes into a target, and what it leaves there when it fails.

use std::time::{Duration, Instant};

use crate::connection::CopySession;
use crate::error::{Error, ImportError, Retry};
use crate::import::{Fence, Ledger, Standing, hide, refuse_if_not_empty, take_back};
use crate::progress::Phase;
use crate::report::{Failure, TargetState};

use super::{Attempt, PAUSE};

/// How long taking back is tried, while the target's server restarts or still ends a session of ours.
const CLEAN_UP_WITHIN: Duration = Duration::from_secs(30);

/// How often a statement that prepares the target is told to end when the run is cancelled.
const CANCEL_AGAIN: Duration = Duration::from_millis(250);

/// What is known when nobody tells what became of the last transaction.
const MAY_BE_COMPLETE: &str = "the run may have come to its end: if the schema pgstream_loading is not in the target, it has";

/// A target that is ours to write to.
pub(super) struct Control {
    /// Holds the writer's lock.
    pub(super) session: CopySession,
    /// What all sessions of this attempt stand behind.
    pub(super) fence: Fence,
}

/// How far the preparation came.
struct Prepared {
    /// What the target is, apart from our marker.
    target: TargetState,
    /// Whether our marker may be there.
    is_marked: bool,
}

/// What a failed run found of its own.
enum Found {
    /// It took everything back.
    Ours(Standing),
    /// Its marker is not there.
    Nothing,
}

impl Attempt<'_> {
    /// Takes the writer's lock in a target, which is empty and marked then.
    pub(super) async fn open_control(&self) -> Result<Control, Failure> {
        let untouched = |error: Error| Failure::new(self.cause(error), TargetState::Untouched, self.run);
        let fence = Fence::new().map_err(|e| untouched(ImportError::from(e).into()))?;
        let session = self.or_cancelled(self.target.session()).await.map_err(untouched)?;
        let mut control = Control { session: session.map_err(|e| untouched(e.into()))?, fence };
        let mut prepared = Prepared { target: TargetState::Untouched, is_marked: false };
        let Err(error) = self.prepare_unless_cancelled(&mut control, &mut prepared).await else { return Ok(control) };
        if prepared.is_marked {
            return Err(self.take_back(control, error.into(), Some(prepared.target)).await);
        }
        control.session.close().await;
        Err(Failure::new(self.cause(error.into()), prepared.target, self.run))
    }

    async fn prepare_unless_cancelled(&self, control: &mut Control, prepared: &mut Prepared) -> Result<(), ImportError> {
        let canceller = control.session.canceller();
        let prepare = self.prepare(control, prepared);
        tokio::pin!(prepare);
        tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => {}
            done = &mut prepare => return done,
        }
        loop {
            // One that comes between two statements has no effect.
            let _ = canceller.cancel().await;
            tokio::select! {
                biased;
                done = &mut prepare => return done,
                () = tokio::time::sleep(CANCEL_AGAIN) => {}
            }
        }
    }

    /// Takes back what an earlier run left, refuses a target that is not empty, and marks it.
    async fn prepare(&self, control: &mut Control, prepared: &mut Prepared) -> Result<(), ImportError> {
        let Control { session, fence } = control;
        self.target.lock(session).await?;
        if Ledger::exists(session).await? {
            prepared.target = TargetState::Changed;
            let taken = take_back(session).await?;
            prepared.target = TargetState::Restored;
            self.run.warn(format!("took back {} objects that a run which broke off had made", taken.objects));
            self.warn_of(&taken.kept);
        }
        if !self.options.fills_existing() {
            refuse_if_not_empty(self.target.destination().config()).await?;
        }
        let note = format!("pgstream is loading this database (run {})", self.run.job());
        prepared.is_marked = true;
        Ledger::create(session, &note, fence).await?;
        fence.put_before(session)?;
        if self.options.hide && !hide(session).await? {
            self.run.warn("the target is visible while it is loaded: a connection limit of 0 would keep out all but superusers");
        }
        Ok(())
    }

    pub(super) fn warn_of(&self, kept: &[String]) {
        for rows in kept {
            self.run.warn(format!("{rows} stay in the target: others changed or deleted them since they were loaded"));
        }
    }

    /// After a failure: drops what was made. `unmarked`: what the target is if the marker was never made, where that is not known.
    pub(super) async fn take_back(&self, control: Control, error: Error, unmarked: Option<TargetState>) -> Failure {
        let unconfirmed = match &error {
            Error::Import(ImportError::Unconfirmed { transaction, .. }) => Some(*transaction),
            _ => None,
        };
        let mut failure = Failure::new(self.cause(error), TargetState::Changed, self.run);
        self.run.enter(Phase::Cleanup);
        let Control { session, fence } = control;
        let former = session.backend_pid();
        session.close().await;
        match (self.take_back_patiently(former, &fence).await, unmarked, unconfirmed) {
            (Ok(Found::Ours(standing)), ..) => {
                failure.target = TargetState::Restored;
                self.explain_restored(&mut failure, standing);
            }
            (Ok(Found::Nothing), Some(state), _) => failure.target = state,
            (Ok(Found::Nothing), None, Some(transaction)) => match self.target.is_committed(former, transaction, &fence).await {
                Ok(Some(true)) => {
                    self.run.warn("the last transaction was committed: the target is complete, and had been compared")
                }
                Ok(Some(false)) => self.explain_taken_over(&mut failure),
                Ok(None) | Err(_) => self.run.warn(MAY_BE_COMPLETE),
            },
            (Ok(Found::Nothing), None, None) => self.explain_taken_over(&mut failure),
            (Err(error), _, Some(_)) => self.run.warn(format!("{error}; {MAY_BE_COMPLETE}")),
            (Err(error), _, None) => self.run.warn(format!("{error}; the next run will try again")),
        }
        failure.warnings = self.run.warnings();
        failure
    }

    async fn take_back_patiently(&self, former: i32, fence: &Fence) -> Result<Found, ImportError> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(100);
        loop {
            match self.try_take_back(former, fence).await {
                Err(error) if error.retry() == Retry::Now && started.elapsed() < CLEAN_UP_WITHIN => {}
                done => return done,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE);
        }
    }

    /// `former`: our own session that held the writer's lock. Its server process may not know yet that we left.
    async fn try_take_back(&self, former: i32, fence: &Fence) -> Result<Found, ImportError> {
        let mut session = self.target.session().await?;
        let cleaned = async {
            self.target.end_former(&mut session, former).await?;
            // Who took our work back may be at work for hours: that is no reason to wait for the lock.
            if fence.standing(&mut session).await? == Standing::Gone {
                return Ok(Found::Nothing);
            }
            self.target.lock(&mut session).await?;
            let standing = fence.standing(&mut session).await?;
            if standing == Standing::Gone || !Ledger::exists(&mut session).await? {
                return Ok(Found::Nothing);
            }
            let taken = take_back(&mut session).await?;
            self.warn_of(&taken.kept);
            Ok(Found::Ours(standing))
        };
        let cleaned = cleaned.await;
        session.close().await;
        cleaned
    }

    /// Now that all is taken back, more is known of why it had to be.
    fn explain_restored(&self, failure: &mut Failure, standing: Standing) {
        let error = match &failure.error {
            Error::Import(ImportError::Unconfirmed { source, .. }) => {
                ImportError::Apply { what: "the last transaction".into(), source: source.clone() }
            }
            Error::Cancelled => return,
            _ if standing == Standing::Crashed => {
                ImportError::Forgotten { problem: "its server crashed, or is another one now".into() }
            }
            _ => return,
        };
        self.run.log(format!("{} was found to mean: {error}", super::with_causes(&failure.error)));
        failure.error = error.into();
    }

    /// The marker is gone, and we did not take it away.
    fn explain_taken_over(&self, failure: &mut Failure) {
        let error = ImportError::TakenOver { target: self.target.destination().config().to_string() };
        match failure.error {
            Error::Cancelled => self.run.warn(error.to_string()),
            _ => {
                self.run.log(format!("{} was found to mean: {error}", super::with_causes(&failure.error)));
                failure.error = error.into();
            }
        }
    }
}
