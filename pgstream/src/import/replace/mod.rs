//! Puts an archive in the place of what is there, in one transaction over one connection.
//!
//! Nobody sees a mixture: readers of replaced tables wait from the first drop to the commit, and see the new ones then. Nothing
//! has to be taken back either: whatever fails, the server rolls back. The price is that one connection does everything, and that
//! one transaction holds the locks of all that is dropped and made.
//!
//! What is dropped decides [`drops`], from the target's own dependencies; `lock` gets hold of it without keeping everybody
//! waiting, `fill` does the rest, `commit` finds out how it ended.

mod archive;
mod commit;
mod drops;
mod fill;
mod graph;
mod lock;
mod script;
mod statements;

use std::time::Duration;

use crate::archive::Toc;
use crate::catalog::Snapshot;
use crate::connection::CopySession;
use crate::data::{LargeObjectContent, SequenceValue};
use crate::error::{DataError, ImportError};
use crate::progress::Run;
use crate::report::Verify;

use super::extra_sql::ExtraSql;
use super::ledger::entry_name;
use super::load::Loaded;
use super::plan::LoadPlan;
use super::target::{Stopped, Target, receive_or_end};

pub use archive::{Reach, Replacing};
pub use drops::{DropPlan, Dropped, Reason};
pub(crate) use graph::Graph;
pub(crate) use lock::{Cleared, Clearing};
pub(crate) use script::{Made, of_script};

/// How many statements are on their way before we wait for the first answer.
const PIPELINE: usize = 64;

/// How an archive replaces what is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplaceOptions {
    /// What is compared, before the commit.
    pub(crate) verify: Verify,
    /// The major version of the server that the rows come from.
    pub(crate) source_major: u32,
    /// How long to wait for locks in the target in all; zero waits without end.
    pub(crate) lock_timeout: Duration,
}

/// One run against one target.
pub(crate) struct Replace<'a> {
    /// What is made.
    pub(crate) toc: &'a Toc,
    /// What it replaces.
    pub(crate) replacing: &'a Replacing,
    /// Where the rows come from.
    pub(crate) snapshot: &'a Snapshot,
    /// Where everything goes.
    pub(crate) target: &'a Target,
    /// How.
    pub(crate) options: ReplaceOptions,
    /// Statements of the operator's own: behind the drops, and before the commit.
    pub(crate) before_sql: &'a ExtraSql,
    pub(crate) after_sql: &'a ExtraSql,
    /// The run.
    pub(crate) run: &'a Run,
}

/// What is in the open transaction, complete but for what must not be done before it is proven.
#[derive(Debug)]
pub(crate) struct Replacement {
    plan: LoadPlan,
    loaded: Vec<Loaded>,
    large_objects: Vec<LargeObjectContent>,
    values: Vec<SequenceValue>,
    dropped: DropPlan,
    resets: Vec<String>,
}

impl Replace<'_> {
    async fn clear(&self, session: &mut CopySession) -> Result<Cleared, ImportError> {
        let Self { replacing, target, run, .. } = *self;
        Clearing { replacing, target, lock_timeout: self.options.lock_timeout, run }.clear(session).await
    }

    async fn run_all(&self, session: &mut CopySession, statements: &[Statement]) -> Result<(), ImportError> {
        run_all(self.run, session, statements).await
    }

    /// Runs statements of the operator's own.
    async fn run_extra(&self, session: &mut CopySession, extra: &ExtraSql) -> Result<(), ImportError> {
        let framed = extra.framed(self.target.silences_triggers()).into_iter();
        let statements: Vec<Statement> = framed.map(|(what, sql)| Statement::new(what, sql)).collect();
        self.run_all(session, &statements).await.map_err(|error| match error {
            ImportError::Apply { what, source } => ImportError::Run { what, source },
            other => other,
        })
    }
}

/// Runs statements one behind the other without waiting for each answer; `what` names them in errors. A cancel ends the one that the
/// server is at, and with it the transaction.
async fn run_all(run: &Run, session: &mut CopySession, statements: &[Statement]) -> Result<(), ImportError> {
    for some in statements.chunks(PIPELINE) {
        if run.is_cancelled() {
            return Err(DataError::Cancelled.into());
        }
        for statement in some {
            session.send(&statement.sql)?;
        }
        let mut failed = None;
        for statement in some {
            match receive_or_end(run, session).await {
                Ok(()) => {}
                Err(Stopped::Cancelled) => return Err(DataError::Cancelled.into()),
                // The first one tells: behind it everything in the transaction fails.
                Err(Stopped::Failed(source)) if failed.is_none() => {
                    failed = Some(ImportError::Apply { what: statement.what.clone(), source });
                }
                Err(Stopped::Failed(_)) => {}
            }
        }
        if let Some(failed) = failed {
            return Err(failed);
        }
    }
    Ok(())
}

/// One statement, and what errors call it.
#[derive(Debug, Clone)]
struct Statement {
    what: String,
    sql: String,
}

impl Statement {
    fn new(what: impl Into<String>, sql: String) -> Self {
        Self { what: what.into(), sql }
    }

    /// SQL about an entry of the archive.
    fn of(toc: &Toc, place: usize, sql: String) -> Self {
        Self::new(entry_name(&toc.entries[place]), sql)
    }
}
