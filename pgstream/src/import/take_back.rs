//! Takes back what a run made: what its ledger names, newest first, never with CASCADE. An object that somebody else made on top
//! of it stops that, by name.
//!
//! Each statement is committed together with the end of its line, so that taking back may break off and go on, too.

use crate::connection::CopySession;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, ImportError};

use super::fence;
use super::ledger::{Ledger, MARKER, PAGE};

/// How many statements are on their way before we wait for the first answer.
const PIPELINE: usize = 64;

/// What an undo may say when what it drops is not there: the run broke off before, or something else took it along.
const ALREADY_GONE: [&str; 6] = ["42P01", "42704", "42883", "3F000", "42703", "42710"];

/// A lock that was not had in time, or in a circle: asked for again.
const LOCKED: [&str; 2] = ["55P03", "40P01"];

/// How often something that is locked is tried, for two seconds each.
const MAX_WAITS: u32 = 5;

/// What was taken back.
#[derive(Debug, Default)]
pub(crate) struct TakenBack {
    /// How many lines of the ledger.
    pub(crate) objects: u64,
    /// Whose rows stay in part, since they were changed by others: `3 of the rows of public.film`.
    pub(crate) kept: Vec<String>,
}

/// A line of the ledger.
struct Line {
    seq: i64,
    object: String,
    undo: String,
    /// How many rows the undo should delete.
    rows: Option<u64>,
}

/// How a pass over the ledger ended.
#[derive(Default)]
struct Pass {
    /// How many lines were taken back.
    done: u64,
    /// Why the first that could not be taken back could not.
    failed: Option<ImportError>,
    /// Whether that was a lock.
    is_locked: bool,
}

/// Takes back the run that the marker is of, and drops the marker. First that run's sessions are ended, if there are any.
///
/// # Errors
/// [`ImportError::CleanUp`] with the object that cannot be dropped, [`ImportError::NotOurs`] with one that somebody made
/// anew since; the marker and the rest of the ledger stay then.
pub(crate) async fn take_back(session: &mut CopySession) -> Result<TakenBack, ImportError> {
    fence::tear_down(session).await?;
    refuse_replaced(session).await?;
    session.execute("SET lock_timeout = '2s'").await?;
    let mut taken = TakenBack::default();
    let mut waits = 0;
    // What cannot be dropped before something older is, an attached key before its table for one, goes in a later pass.
    loop {
        let at_once = if waits == 0 { PIPELINE } else { 1 };
        let pass = take_back_once(session, at_once, &mut taken).await?;
        waits += u32::from(pass.is_locked);
        match pass.failed {
            None => break,
            Some(failed) if waits >= MAX_WAITS || pass.done == 0 && !pass.is_locked => return Err(failed),
            Some(_) => {}
        }
    }
    let mut sql = Ddl::new();
    sql.sql("SET LOCAL synchronous_commit = on").end();
    Ledger::drop_statements(&mut sql);
    session.execute(sql.as_str()).await?;
    session.execute("SET lock_timeout = 0").await?;
    Ok(taken)
}

/// One pass over what is left, up to the first lock that was not had.
async fn take_back_once(session: &mut CopySession, at_once: usize, taken: &mut TakenBack) -> Result<Pass, ImportError> {
    let mut pass = Pass::default();
    let mut before = i64::MAX;
    loop {
        let page = read_page(session, before).await?;
        let Some(oldest) = page.last() else { return Ok(pass) };
        before = oldest.seq;
        for some in page.chunks(at_once) {
            take_back_some(session, some, &mut pass, taken).await?;
            if pass.is_locked {
                return Ok(pass);
            }
        }
    }
}

/// The lines in front of `before`, newest first.
async fn read_page(session: &mut CopySession, before: i64) -> Result<Vec<Line>, ConnectionError> {
    let mut sql = Ddl::new();
    sql.sql("SELECT seq, object, undo, rows FROM ").ident(MARKER).sql(".ledger WHERE undo <> '' AND seq < ").number(before);
    sql.sql(" ORDER BY seq DESC LIMIT ").number(PAGE);
    let answer = session.simple(sql.as_str()).await?;
    let line = |row| {
        let text = |column| answer.first()?.text(row, column);
        let rows = text(3).and_then(|rows| rows.parse().ok());
        Some(Line { seq: text(0)?.parse().ok()?, object: text(1)?.to_owned(), undo: text(2)?.to_owned(), rows })
    };
    let lines = answer.first().map_or(0, |a| a.rows.len());
    (0..lines).map(line).collect::<Option<_>>().ok_or_else(|| ConnectionError::Protocol {
        server: session.describe().to_owned(),
        problem: "the ledger has a line that cannot be read".into(),
    })
}

async fn take_back_some(
    session: &mut CopySession,
    lines: &[Line],
    pass: &mut Pass,
    taken: &mut TakenBack,
) -> Result<(), ImportError> {
    for line in lines {
        let mut sql = Ddl::new();
        sql.deparsed(&line.undo).sql(";\n");
        end_lines(&mut sql, &[line.seq]);
        session.send(sql.as_str())?;
    }
    let (before, mut gone) = (pass.done, Vec::new());
    for line in lines {
        match session.receive().await {
            Ok(results) => {
                let deleted = results.first().and_then(|first| first.affected());
                if let (Some(rows), Some(deleted)) = (line.rows, deleted)
                    && deleted < rows
                {
                    taken.kept.push(format!("{} of {}", rows - deleted, line.object));
                }
                pass.done += 1;
            }
            Err(e) if e.sqlstate().is_some_and(|state| ALREADY_GONE.contains(&state)) => gone.push(line.seq),
            Err(source) if source.sqlstate().is_none() || session.is_broken() => return Err(source.into()),
            Err(source) => {
                pass.is_locked |= source.sqlstate().is_some_and(|state| LOCKED.contains(&state));
                pass.failed.get_or_insert(ImportError::CleanUp { what: line.object.clone(), source });
            }
        }
    }
    if !gone.is_empty() {
        let mut sql = Ddl::new();
        end_lines(&mut sql, &gone);
        session.execute(sql.as_str()).await?;
        pass.done += gone.len() as u64;
    }
    taken.objects += pass.done - before;
    Ok(())
}

/// Appends the statement that ends lines of the ledger.
fn end_lines(sql: &mut Ddl, seqs: &[i64]) {
    sql.sql("DELETE FROM ").ident(MARKER).sql(".ledger WHERE seq IN (");
    for (number, seq) in seqs.iter().enumerate() {
        sql.sql(if number > 0 { ", " } else { "" }).number(*seq);
    }
    sql.sql(")").end();
}

/// Looks before anything is taken back.
async fn refuse_replaced(session: &mut CopySession) -> Result<(), ImportError> {
    let mut sql = Ddl::new();
    sql.sql("SELECT object FROM ")
        .ident(MARKER)
        .sql(".ledger WHERE relation <> pg_catalog.to_regclass(name)::oid ORDER BY seq LIMIT 1");
    let answer = session.simple(sql.as_str()).await?;
    match answer.first().and_then(|a| a.text(0, 0)) {
        None => Ok(()),
        Some(object) => Err(ImportError::NotOurs {
            what: object.to_owned(),
            problem: "somebody dropped what the broken run had made and made another one of that name".into(),
        }),
    }
}
