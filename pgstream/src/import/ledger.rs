//! What a run has made in a target, written down in the target itself.
//!
//! The marker schema is committed before anything else is made and dropped last. While it is there the target is not complete:
//! the next run finds it, and takes back what the ledger names, newest first, never with CASCADE. An object that somebody else
//! made on top of it stops that, by name.

use crate::archive::TocEntry;
use crate::connection::CopySession;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, ImportError};

/// The schema that marks a database as being loaded.
pub(crate) const MARKER: &str = "pgstream_loading";

/// How many statements are on their way before we wait for the first answer.
const PIPELINE: usize = 64;

/// What an undo may say when what it drops is not there: the run broke off before, or something else took it along.
const ALREADY_GONE: [&str; 6] = ["42P01", "42704", "42883", "3F000", "42703", "42710"];

/// The number of the line about the database's connection limit; entries of an archive have smaller ones.
pub(crate) const CONNECTION_LIMIT: u32 = i32::MAX.unsigned_abs();

/// The ledger in a target's marker schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger;

impl Ledger {
    /// Whether the target has a marker.
    pub(crate) async fn exists(session: &mut CopySession) -> Result<bool, ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = ").literal(MARKER);
        let answer = session.simple(sql.as_str()).await?;
        Ok(answer.first().and_then(|a| a.text(0, 0)) == Some("1"))
    }

    /// Commits the marker.
    pub(crate) async fn create(session: &mut CopySession, note: &str) -> Result<(), ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("CREATE SCHEMA ").ident(MARKER).end();
        sql.sql("COMMENT ON SCHEMA ").ident(MARKER).sql(" IS ").literal(note).end();
        sql.sql("CREATE TABLE ").ident(MARKER);
        sql.sql(".ledger (entry integer PRIMARY KEY, seq bigint GENERATED ALWAYS AS IDENTITY, object text NOT NULL, undo text NOT NULL)");
        sql.end();
        session.execute(sql.as_str()).await
    }

    /// Appends the statement that writes an entry down; `entry` is a number of the run's own.
    pub(crate) fn record(sql: &mut Ddl, entry: u32, object: &str, undo: &str) {
        sql.sql("INSERT INTO ").ident(MARKER).sql(".ledger (entry, object, undo) VALUES (").number(entry).sql(", ");
        sql.literal(object).sql(", ").literal(undo).sql(")").end();
    }

    /// Which entries are written down.
    pub(crate) async fn recorded(session: &mut CopySession) -> Result<Vec<u32>, ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("SELECT entry FROM ").ident(MARKER).sql(".ledger ORDER BY entry");
        let answer = session.simple(sql.as_str()).await?;
        let rows = answer.first().map_or(0, |a| a.rows.len());
        Ok((0..rows).filter_map(|row| answer.first()?.text(row, 0)?.parse().ok()).collect())
    }

    /// The statement that takes an entry back, if it is written down.
    pub(crate) async fn undo(session: &mut CopySession, entry: u32) -> Result<Option<String>, ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("SELECT undo FROM ").ident(MARKER).sql(".ledger WHERE entry = ").number(entry);
        let answer = session.simple(sql.as_str()).await?;
        Ok(answer.first().filter(|a| !a.rows.is_empty()).and_then(|a| a.text(0, 0)).map(str::to_owned))
    }

    /// Appends the statements that end the marker.
    pub(crate) fn drop_statements(sql: &mut Ddl) {
        sql.sql("DROP TABLE ").ident(MARKER).sql(".ledger").end();
        sql.sql("DROP SCHEMA ").ident(MARKER).end();
    }

    /// Takes back what the ledger names, newest first, and drops the marker.
    ///
    /// # Errors
    /// [`ImportError::CleanUp`] with the object that cannot be dropped; the marker and the ledger stay then.
    pub(crate) async fn take_back(session: &mut CopySession) -> Result<u64, ImportError> {
        let mut sql = Ddl::new();
        sql.sql("SELECT object, undo FROM ").ident(MARKER).sql(".ledger WHERE undo <> '' ORDER BY seq DESC");
        let answer = session.simple(sql.as_str()).await?;
        let lines: Vec<(String, String)> = (0..answer.first().map_or(0, |a| a.rows.len()))
            .filter_map(|row| Some((answer.first()?.text(row, 0)?.to_owned(), answer.first()?.text(row, 1)?.to_owned())))
            .collect();
        drop(answer);
        for some in lines.chunks(PIPELINE) {
            for (_, undo) in some {
                session.send(undo)?;
            }
            let mut failed = None;
            for (object, _) in some {
                match session.receive().await {
                    Ok(_) => {}
                    Err(e) if e.sqlstate().is_some_and(|state| ALREADY_GONE.contains(&state)) => {}
                    Err(source) if failed.is_none() => failed = Some(ImportError::CleanUp { what: object.clone(), source }),
                    Err(_) => {}
                }
            }
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
        let mut sql = Ddl::new();
        sql.sql("SET synchronous_commit = on").end();
        Self::drop_statements(&mut sql);
        session.execute(sql.as_str()).await?;
        Ok(lines.len() as u64)
    }
}

/// How an entry is called in the ledger, in errors and in progress: `TABLE public.film`.
pub(crate) fn entry_name(entry: &TocEntry) -> String {
    let tag = crate::name::display_part(&entry.tag);
    match &entry.schema {
        Some(schema) => format!("{} {}.{tag}", entry.desc, crate::name::display_part(schema)),
        None => format!("{} {tag}", entry.desc),
    }
}
