//! Gets hold of what is replaced, and drops it, without keeping everybody waiting.
//!
//! Who waits for an exclusive lock keeps all that come later waiting, too. So a lock is waited for in short turns, between which
//! everything is let go, and not longer in all than was allowed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use crate::connection::{Connection, CopySession};
use crate::ddl::Ddl;
use crate::error::{CatalogError, ConnectionError, DataError, ImportError};
use crate::import::target::Target;
use crate::progress::{Phase, Run, Waiting};

use super::drops::DropPlan;
use super::graph::{FoundSchema, Graph};
use super::{Replacing, Statement, run_all, statements};

/// How long others wait behind us at a time.
const TURN: Duration = Duration::from_secs(1);

/// The first pause between two turns; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// How often we begin anew because what there is to drop has changed meanwhile.
const MAX_CHANGES: u32 = 10;

/// Tables locked by one message.
const TOGETHER: usize = 500;

/// How many names an error has.
const SHOWN: usize = 5;

/// SQLSTATE `lock_not_available`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// What a database that is being replaced was like, and what of it is gone.
pub(crate) struct Cleared {
    pub(crate) dropped: DropPlan,
    pub(super) schemas: Vec<FoundSchema>,
}

impl Cleared {
    /// What makes these schemas, where they stayed, like new ones.
    pub(crate) fn resets_of(&self, names: &BTreeSet<String>, replacing: &Replacing) -> String {
        let kept =
            self.schemas.iter().filter(|schema| names.contains(&schema.name) && self.dropped.kept_schemas.contains(&schema.name));
        let resets = kept.flat_map(|schema| {
            [statements::reset_rights(schema, &replacing.reach), statements::reset_comment(schema, &replacing.reach)]
        });
        resets.flatten().collect()
    }
}

/// Makes room for what replaces what is there.
pub(crate) struct Clearing<'a> {
    pub(crate) replacing: &'a Replacing,
    pub(crate) target: &'a Target,
    /// How long to wait for locks in the target in all; zero waits without end.
    pub(crate) lock_timeout: Duration,
    pub(crate) run: &'a Run,
}

/// Why a turn came to nothing.
enum Turn {
    /// Somebody holds a lock on one of these.
    Held(Vec<u32>),
    /// Other things are to be dropped than a moment ago.
    Changed(String),
    /// Nothing to wait for.
    Failed(ImportError),
}

impl<E: Into<ImportError>> From<E> for Turn {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Clearing<'_> {
    /// Begins the transaction, in which everything that the archive replaces is locked and dropped then.
    ///
    /// # Errors
    /// [`ImportError::Locked`] with who is in the way, [`ImportError::InTheWay`], [`ImportError::Unsteady`], whatever a statement may give.
    pub(crate) async fn clear(&self, session: &mut CopySession) -> Result<Cleared, ImportError> {
        let reader = self.open_reader().await?;
        let cleared = self.clear_in_turns(session, &reader).await;
        reader.close().await;
        self.run.set_waiting(None);
        cleared
    }

    /// Asks about the target while our transaction is open: what it asks must not see what is uncommitted, nor end with an error.
    async fn open_reader(&self) -> Result<Connection, ImportError> {
        let destination = self.target.destination();
        let reader = Connection::open(destination.config()).await?;
        let problem = |e: crate::error::GuardError| ImportError::OtherDatabase { problem: e.to_string() };
        destination.verify_session(&reader).await.map_err(problem)?;
        Ok(reader)
    }

    async fn clear_in_turns(&self, session: &mut CopySession, reader: &Connection) -> Result<Cleared, ImportError> {
        let started = Instant::now();
        let (mut pause, mut changes) = (FIRST_PAUSE, 0);
        loop {
            let turn = match self.clear_once(session, reader).await {
                Ok(cleared) => return Ok(cleared),
                Err(turn) => turn,
            };
            if !session.is_broken() {
                session.execute("ROLLBACK").await?;
            }
            match turn {
                Turn::Failed(error) => return Err(error),
                Turn::Changed(what) => {
                    changes += 1;
                    if changes > MAX_CHANGES {
                        return Err(ImportError::Unsteady { what });
                    }
                    self.run.log(format!("looking at the target again: {what}"));
                }
                Turn::Held(relations) => {
                    let limit = self.lock_timeout;
                    let (blockers, pid) = holders(reader, &relations, session.backend_pid()).await?;
                    if !limit.is_zero() && started.elapsed() >= limit {
                        let seconds = limit.as_secs();
                        return Err(ImportError::Locked { target: reader.describe().to_owned(), blockers, seconds });
                    }
                    self.run.log(format!("waiting for locks in the target held by {blockers}"));
                    self.run.set_waiting(Some(Waiting { why: format!("locks in the target held by {blockers}"), pid }));
                }
            }
            tokio::select! {
                biased;
                () = self.run.cancellation().cancelled() => return Err(DataError::Cancelled.into()),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    async fn clear_once(&self, session: &mut CopySession, reader: &Connection) -> Result<Cleared, Turn> {
        let planned = self.plan_drops(reader).await?.dropped;
        let relations: Vec<u32> = planned.tables.iter().map(|(oid, _)| *oid).collect();
        let held = |error: ImportError| match &error {
            ImportError::Apply { source, .. } if source.sqlstate() == Some(LOCK_NOT_AVAILABLE) => Turn::Held(relations.clone()),
            _ => Turn::Failed(error),
        };
        run_all(self.run, session, &self.begin(&planned))
            .await
            .map_err(|e| gone_or(&e).map_or_else(|| held(e), Turn::Changed))?;
        // Now nobody can make anything on top of these tables any more.
        let cleared = self.plan_drops(reader).await?;
        if cleared.dropped.tables != planned.tables {
            return Err(Turn::Changed("the tables that are to be dropped are others now".into()));
        }
        self.run.enter(Phase::Schema);
        let drops: Vec<Statement> = cleared.dropped.statements.iter().map(|sql| Statement::new(what(sql), sql.clone())).collect();
        run_all(self.run, session, &drops).await.map_err(held)?;
        self.check_standing(session, reader, &cleared.dropped).await?;
        let mut sql = Ddl::new();
        sql.sql("SET LOCAL lock_timeout = ").number(self.lock_timeout.as_millis().min(i32::MAX as u128) as i128).end();
        session.execute(sql.as_str()).await.map_err(ImportError::from)?;
        Ok(cleared)
    }

    async fn plan_drops(&self, reader: &Connection) -> Result<Cleared, ImportError> {
        let graph = Graph::read(reader).await.map_err(|e| into_connection(reader, e))?;
        let dropped = DropPlan::new(&graph, self.replacing);
        let outside = if self.replacing.reach.cascade { &[][..] } else { &dropped.outside };
        let problems: Vec<&String> = dropped.in_the_way.iter().chain(outside).collect();
        match problems.len() {
            0 => Ok(Cleared { dropped, schemas: graph.schemas }),
            count => {
                let examples = problems.into_iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
                Err(ImportError::InTheWay { target: reader.describe().to_owned(), count, examples })
            }
        }
    }

    /// The transaction's beginning, and the locks.
    fn begin(&self, planned: &DropPlan) -> Vec<Statement> {
        let mut sql = Ddl::new();
        sql.sql("BEGIN").end().sql("SET LOCAL lock_timeout = ").number(TURN.as_millis() as i128).end();
        let mut statements = vec![Statement::new("the transaction", sql.into_string())];
        for some in planned.tables.chunks(TOGETHER) {
            let mut sql = Ddl::new();
            sql.sql("LOCK TABLE ");
            for (place, (_, identity)) in some.iter().enumerate() {
                sql.sql(if place > 0 { ", ONLY " } else { "ONLY " }).deparsed(identity);
            }
            sql.sql(" IN ACCESS EXCLUSIVE MODE").end();
            statements.push(Statement::new("the locks on what is replaced", sql.into_string()));
        }
        statements
    }

    /// Nothing may be gone but what was meant to go: what the server took along on its own would be lost without a word.
    async fn check_standing(&self, session: &mut CopySession, reader: &Connection, plan: &DropPlan) -> Result<(), Turn> {
        let sql = include_str!("standing.sql");
        let before = reader.simple_query(sql).await?;
        let mut copy = Ddl::new();
        copy.sql("COPY (").deparsed(sql.trim_end()).sql(") TO STDOUT");
        let mut text = Vec::new();
        let mut after = std::collections::HashSet::new();
        let mut out = session.copy_out(copy.as_str()).await?;
        while let Some(frames) = out.next().await? {
            for piece in frames.pieces() {
                text.extend_from_slice(piece.bytes);
                if piece.ends_row {
                    after.extend(address(&text));
                    text.clear();
                }
            }
        }
        let pairs =
            before.iter().filter_map(|row| Some((row.first()?.as_ref()?.parse().ok()?, row.get(1)?.as_ref()?.parse().ok()?)));
        let before: std::collections::HashSet<(u32, u32)> = pairs.collect();
        match plan.standing.iter().find(|address| before.contains(address) && !after.contains(address)) {
            None => Ok(()),
            Some((class, oid)) => Err(Turn::Changed(format!(
                "the object {oid} of the catalog {class} went with what was dropped and was not meant to"
            ))),
        }
    }
}

/// The two numbers of a line.
fn address(line: &[u8]) -> Option<(u32, u32)> {
    let (class, oid) = std::str::from_utf8(line).ok()?.trim_end().split_once('\t')?;
    Some((class.parse().ok()?, oid.parse().ok()?))
}

/// What an error calls a statement that drops: its beginning.
fn what(sql: &str) -> String {
    sql.split(',').next().unwrap_or_default().trim_end().trim_end_matches(';').to_owned()
}

/// A table that was there when we looked and is not any more.
fn gone_or(error: &ImportError) -> Option<String> {
    match error {
        ImportError::Apply { source, .. } if matches!(source.sqlstate(), Some("42P01" | "3F000" | "42809")) => {
            Some(format!("{error}: {source}"))
        }
        _ => None,
    }
}

async fn holders(reader: &Connection, relations: &[u32], own: i32) -> Result<(String, Option<i32>), ConnectionError> {
    let rows = reader.query(include_str!("holders.sql"), &[(&relations, Type::OID_ARRAY), (&own, Type::INT4)]).await?;
    let names: Vec<String> = rows.iter().filter_map(|row| row.get::<_, Option<String>>("what")).collect();
    let pid = rows.first().and_then(|row| row.get("pid"));
    match names.is_empty() {
        true => Ok(("a session that is gone by now".into(), None)),
        false => Ok((names.join(", "), pid)),
    }
}

pub(super) fn into_connection(reader: &Connection, error: CatalogError) -> ImportError {
    match error {
        CatalogError::Connection(e) => ImportError::Connection(e),
        e => ImportError::Connection(ConnectionError::Protocol { server: reader.describe().to_owned(), problem: e.to_string() }),
    }
}
