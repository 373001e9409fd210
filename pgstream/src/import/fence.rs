//! Keeps a run that was given up from writing on.
//!
//! The writer's lock is held by one session, and a run has many. When that one is gone while the run itself is only stopped (a
//! suspended machine, a debugger, a network that came back), another run may take its work back and fill the target; and then the
//! first one wakes up. So each run has a table of its own in the marker schema, its *fence*, and everything that its sessions send
//! first locks that table in the same message: no round trip more, and no statement of a run whose fence is gone.
//!
//! The fence is unlogged and has one row, so it tells one thing more. The loading sessions do not wait for the disk, and unlogged
//! tables lose their rows in a crash: a fence without its row says that the server came back from a crash, or is another one than
//! it was, and that nothing of what was confirmed since the marker may be relied upon.

use crate::connection::CopySession;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, ImportError};
use crate::name::QualifiedName;

use super::ledger::MARKER;

/// How often the fence of a run that is taken back is tried to be dropped. Its sessions are ended before each attempt.
const MAX_ATTEMPTS: u32 = 5;

/// What a relation, or its schema, that is not there gives.
const NOT_THERE: [&str; 2] = ["42P01", "3F000"];

/// The fence of one run.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    table: QualifiedName,
}

/// What became of a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The run may write.
    Stands,
    /// The run may write, but its server crashed since the marker was made.
    Crashed,
    /// It is not there: dropped with the end of the marker, or by who took the run's work back.
    Gone,
}

impl Fence {
    /// A name that no other run has.
    ///
    /// # Errors
    /// [`ConnectionError::Protocol`] if the operating system gives no random number.
    pub(crate) fn new() -> Result<Self, ConnectionError> {
        let number = getrandom::u64().map_err(|e| ConnectionError::Protocol {
            server: "this machine".into(),
            problem: format!("no random number could be had ({e})"),
        })?;
        Ok(Self { table: QualifiedName::new(MARKER, format!("run_{number:016x}")) })
    }

    /// Appends the statement that makes it, in the transaction that makes the marker.
    pub(crate) fn create(&self, sql: &mut Ddl) {
        sql.sql("CREATE UNLOGGED TABLE ").name(&self.table).sql(" USING heap AS SELECT 1 AS alive").end();
    }

    /// Appends the statement that drops it.
    pub(crate) fn drop(&self, sql: &mut Ddl) {
        sql.sql("DROP TABLE ").name(&self.table).end();
    }

    /// From now on, whatever the session sends first locks the fence.
    ///
    /// Nobody else takes this kind of lock on it, a dump of the whole database neither: who holds it is a session of the run.
    ///
    /// # Errors
    /// As [`CopySession::set_prologue`].
    pub(crate) fn put_before(&self, session: &mut CopySession) -> Result<(), ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("LOCK TABLE ").name(&self.table).sql(" IN ROW SHARE MODE").end();
        session.set_prologue(sql.into_string())
    }

    /// What became of it.
    ///
    /// # Errors
    /// Whatever the statement may give: SQLSTATE 55P03 when somebody is about to drop it.
    pub(crate) async fn standing(&self, session: &mut CopySession) -> Result<Standing, ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("SET LOCAL lock_timeout = '5s'").end();
        sql.sql("SELECT EXISTS (SELECT FROM ").name(&self.table).sql(")").end();
        match session.simple(sql.as_str()).await {
            Ok(answer) if answer.last().and_then(|a| a.text(0, 0)) == Some("t") => Ok(Standing::Stands),
            Ok(_) => Ok(Standing::Crashed),
            Err(e) if e.sqlstate().is_some_and(|state| NOT_THERE.contains(&state)) => Ok(Standing::Gone),
            Err(e) => Err(e),
        }
    }

    /// Asks whether the run may go on over a new session.
    ///
    /// # Errors
    /// [`ImportError::TakenOver`] if the fence is gone, [`ImportError::Forgotten`] if the server crashed.
    pub(crate) async fn require(&self, session: &mut CopySession) -> Result<(), ImportError> {
        match self.standing(session).await? {
            Standing::Stands => Ok(()),
            Standing::Crashed => Err(crashed()),
            Standing::Gone => Err(ImportError::TakenOver { target: session.describe().to_owned() }),
        }
    }

    /// Begins the transaction that drops it, which nobody of the run may disturb: ends what is left of the run's other sessions,
    /// closes the fence, and gives the transaction's number.
    ///
    /// # Errors
    /// [`ImportError::Forgotten`] if the server crashed; whatever the statements may give.
    pub(crate) async fn begin_last(&self, session: &mut CopySession) -> Result<u64, ImportError> {
        end_holders(session).await?;
        let mut sql = Ddl::new();
        sql.sql("SET synchronous_commit = on").end().sql("BEGIN").end().sql("SET LOCAL lock_timeout = '5s'").end();
        sql.sql("LOCK TABLE ").name(&self.table).sql(" IN ACCESS EXCLUSIVE MODE").end();
        sql.sql("SET LOCAL lock_timeout = 0").end();
        sql.sql("SELECT pg_catalog.pg_current_xact_id()::text, EXISTS (SELECT FROM ").name(&self.table).sql(")").end();
        let answer = session.simple(sql.as_str()).await?;
        let text = |column| answer.last().and_then(|a| a.text(0, column));
        match (text(0).and_then(|number| number.parse().ok()), text(1)) {
            (Some(number), Some("t")) => Ok(number),
            (Some(_), _) => Err(crashed()),
            (None, _) => Err(ConnectionError::Protocol {
                server: session.describe().to_owned(),
                problem: "a transaction without a number".into(),
            }
            .into()),
        }
    }
}

fn crashed() -> ImportError {
    ImportError::Forgotten { problem: "its server crashed, or is another one now".into() }
}

/// Drops the fences of a run that is taken back, and ends its sessions, wherever they hang.
///
/// # Errors
/// [`ImportError::CleanUp`] if a session cannot be ended.
pub(crate) async fn tear_down(session: &mut CopySession) -> Result<(), ImportError> {
    let mut sql = Ddl::new();
    sql.sql("SELECT relname FROM pg_catalog.pg_class WHERE relkind = 'r' AND relname ~ '^run_' AND relnamespace = ");
    sql.sql("(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ").literal(MARKER).sql(") ORDER BY relname");
    let answer = session.simple(sql.as_str()).await?;
    let rows = answer.first().map_or(0, |a| a.rows.len());
    let fences: Vec<String> = (0..rows).filter_map(|row| answer.first()?.text(row, 0).map(str::to_owned)).collect();
    for fence in fences {
        let mut sql = Ddl::new();
        sql.sql("SET LOCAL lock_timeout = '2s'").end().sql("DROP TABLE ").ident(MARKER).sql(".").ident(&fence).end();
        for attempt in 1.. {
            end_holders(session).await?;
            match session.execute(sql.as_str()).await {
                Ok(()) => break,
                Err(e) if e.sqlstate() == Some("55P03") && attempt < MAX_ATTEMPTS => {}
                Err(source) if source.sqlstate().is_none() || session.is_broken() => return Err(source.into()),
                Err(source) => return Err(ImportError::CleanUp { what: format!("the fence {fence}"), source }),
            }
        }
    }
    Ok(())
}

/// Ends all other sessions that hold a fence.
async fn end_holders(session: &mut CopySession) -> Result<(), ConnectionError> {
    let mut sql = Ddl::new();
    sql.deparsed(include_str!("fence_holders.sql").trim_end()).sql(" and n.nspname = ").literal(MARKER);
    session.execute(sql.as_str()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_runs_have_one_fence() {
        let names: std::collections::HashSet<String> =
            (0..100).map(|_| Fence::new().expect("random numbers can be had").table.to_string()).collect();
        assert_eq!(names.len(), 100);
    }
}
