//! A sync that replaces what is in the target.

use std::time::{Duration, Instant};

use crate::connection::CopySession;
use crate::error::{Error, ImportError, Retry};
use crate::import::{Ledger, Replace, ReplaceOptions, Replacing, take_back};
use crate::progress::Phase;
use crate::report::{Failure, Proven, TargetState};

use super::survey::Survey;
use super::{Attempt, Done, PAUSE};

/// How long we wait for the target's server to end a session of ours that broke.
const END_WITHIN: Duration = Duration::from_secs(30);

impl Attempt<'_> {
    /// Replaces what is there, in one transaction.
    pub(super) async fn replace(&self, survey: &Survey, replacing: &Replacing) -> Result<Done, Failure> {
        let untouched = |error: Error| Failure::new(self.cause(error), TargetState::Untouched, self.run);
        let mut session = self.open_writer().await.map_err(untouched)?;
        let inner = self.run.child();
        let options = ReplaceOptions {
            verify: self.options.verify,
            source_major: survey.catalog.database.major,
            lock_timeout: self.options.snapshot_options().lock_timeout,
        };
        let replace = Replace {
            toc: &survey.toc,
            replacing,
            snapshot: &survey.snapshot,
            target: self.target,
            options,
            before_sql: &survey.before_sql,
            after_sql: &survey.after_sql,
            run: &inner,
        };
        let work = async {
            let filled = Box::pin(replace.fill(&mut session)).await?;
            self.or_cancelled(survey.check_unchanged(self.options, self.run)).await??;
            Ok(Box::pin(replace.finish(&mut session, filled)).await?)
        };
        match self.watched(survey, &inner, work).await {
            Ok(mut applied) => {
                session.close().await;
                if self.options.schema_only {
                    // There were no rows to compare.
                    applied.proven = Proven::None;
                }
                Ok(self.done(applied, survey))
            }
            Err(error) => Err(self.roll_back(session, error).await),
        }
    }

    /// The session that holds the writer's lock, in a target without the remains of a run that broke off.
    async fn open_writer(&self) -> Result<CopySession, Error> {
        let mut session = self.or_cancelled(self.target.session()).await??;
        let prepare = async {
            self.target.lock(&mut session).await?;
            if Ledger::exists(&mut session).await? {
                let taken = take_back(&mut session).await?;
                self.run.warn(format!("took back {} objects that a run which broke off had made", taken.objects));
                self.warn_of(&taken.kept);
            }
            Ok::<(), ImportError>(())
        };
        match self.or_cancelled(prepare).await {
            Ok(Ok(())) => Ok(session),
            Ok(Err(error)) => {
                session.close().await;
                Err(error.into())
            }
            Err(cancelled) => Err(cancelled),
        }
    }

    /// After a failure: the server rolls back, and nobody has seen anything. We wait until it has, since its locks keep others
    /// waiting, and the writer's lock ourselves.
    async fn roll_back(&self, mut session: CopySession, error: Error) -> Failure {
        let state = match &error {
            Error::Import(ImportError::Unconfirmed { .. }) => TargetState::Changed,
            _ if self.run.phase() == Phase::Preflight => TargetState::Untouched,
            _ => TargetState::Restored,
        };
        let failure = Failure::new(self.cause(error), state, self.run);
        self.run.enter(Phase::Cleanup);
        let former = session.backend_pid();
        let is_rolled_back = !session.is_broken() && session.execute("ROLLBACK").await.is_ok();
        session.close().await;
        let started = Instant::now();
        while !is_rolled_back && started.elapsed() < END_WITHIN {
            match self.end_former(former).await {
                Err(error) if error.retry() == Retry::Now => tokio::time::sleep(PAUSE / 4).await,
                _ => break,
            }
        }
        failure
    }

    /// Ends our session that broke, if its server process does not know yet that we left.
    async fn end_former(&self, former: i32) -> Result<(), ImportError> {
        let mut session = self.target.session().await?;
        let ended = async {
            if let Err(busy) = self.target.lock(&mut session).await {
                self.target.end_former(&mut session, former).await?;
                return Err(busy);
            }
            Ok(())
        };
        let ended = ended.await;
        session.close().await;
        ended
    }
}
