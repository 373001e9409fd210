//! What a run has made in a target, written down in the target itself.
//!
//! The marker schema is committed before anything else is made and dropped last. While it is there the target is not complete:
//! the next run finds it, and [takes back](super::take_back) what the ledger names. Whose marker it is tells its
//! [fence](super::fence).

use std::collections::HashSet;

use crate::archive::{CopyTarget, TocEntry};
use crate::connection::CopySession;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, ImportError};
use crate::name::QualifiedName;

use super::fence::Fence;

/// The schema that marks a database as being loaded.
pub(crate) const MARKER: &str = crate::catalog::LOADING_MARKER;

/// How many lines of the ledger are read at a time: what bounds the memory that it takes, whatever its length.
pub(super) const PAGE: u32 = 1000;

/// The number of the line about the database's connection limit; entries of an archive have smaller ones.
pub(crate) const CONNECTION_LIMIT: u32 = i32::MAX.unsigned_abs();

/// The ledger in a target's marker schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger;

impl Ledger {
    /// Whether the target has a marker of ours.
    ///
    /// # Errors
    /// [`ImportError::NotOurs`] if somebody else made it or may write to it: what a ledger says is run with our rights.
    pub(crate) async fn exists(session: &mut CopySession) -> Result<bool, ImportError> {
        let mut sql = Ddl::new();
        sql.sql("SELECT n.nspowner = r.oid AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a");
        sql.sql(" WHERE a.grantee <> r.oid AND a.privilege_type = 'CREATE') AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c");
        sql.sql(
            " WHERE c.relnamespace = n.oid AND (c.relowner <> r.oid OR EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) a",
        );
        sql.sql(" WHERE a.grantee <> r.oid AND a.privilege_type IN ('INSERT', 'UPDATE', 'TRIGGER'))))");
        sql.sql(" FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.rolname = current_user WHERE n.nspname = ");
        sql.literal(MARKER);
        let answer = session.simple(sql.as_str()).await?;
        match answer.first().and_then(|a| a.text(0, 0)) {
            None => Ok(false),
            Some("t") => Ok(true),
            Some(_) => Err(ImportError::NotOurs {
                what: format!("the schema {MARKER}"),
                problem: "it belongs to another role, or others may write to it".into(),
            }),
        }
    }

    /// Commits the marker and the run's fence, and waits for the disk: a marker that is gone was never only forgotten.
    pub(crate) async fn create(session: &mut CopySession, note: &str, fence: &Fence) -> Result<(), ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("SET LOCAL synchronous_commit = on").end();
        sql.sql("CREATE SCHEMA ").ident(MARKER).end();
        sql.sql("COMMENT ON SCHEMA ").ident(MARKER).sql(" IS ").literal(note).end();
        sql.sql("CREATE TABLE ").ident(MARKER);
        sql.sql(".ledger (entry integer PRIMARY KEY, seq bigint GENERATED ALWAYS AS IDENTITY, object text NOT NULL, ");
        sql.sql("undo text NOT NULL, name text, relation oid, rows bigint)").end();
        fence.create(&mut sql);
        session.execute(sql.as_str()).await
    }

    /// Appends the statement that writes an entry down; `entry` is a number of the run's own. `relation`: what the statement in
    /// front of it made, if that is a relation, so that another one of that name is never taken for it.
    pub(crate) fn record(sql: &mut Ddl, entry: u32, object: &str, undo: &str, relation: Option<&QualifiedName>) {
        sql.sql("INSERT INTO ").ident(MARKER).sql(".ledger (entry, object, undo, name, relation) VALUES (").number(entry);
        sql.sql(", ").literal(object).sql(", ").literal(undo);
        match relation {
            None => sql.sql(", NULL, NULL)"),
            Some(relation) => {
                let mut name = Ddl::new();
                name.name(relation);
                sql.sql(", ").literal(name.as_str()).sql(", pg_catalog.to_regclass(").literal(name.as_str()).sql(")::oid)")
            }
        };
        sql.end();
    }

    /// Appends the statement that writes an extension down, in front of the one that makes it: what was there before is not ours
    /// to take back.
    pub(crate) fn record_extension(sql: &mut Ddl, entry: u32, name: &str, object: &str, undo: &str) {
        sql.sql("INSERT INTO ")
            .ident(MARKER)
            .sql(".ledger (entry, object, undo) SELECT ")
            .number(entry)
            .sql(", ")
            .literal(object);
        sql.sql(", CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = ").literal(name);
        sql.sql(") THEN '' ELSE ").literal(undo).sql(" END").end();
    }

    /// Appends the statement that writes down that this transaction put `rows` rows into a table which was there. Taking back
    /// deletes the rows that are of this transaction still: those that came later, or were changed since, are somebody else's.
    pub(crate) fn record_rows(sql: &mut Ddl, entry: u32, target: &CopyTarget, rows: u64) {
        let mut delete = Ddl::new();
        delete.sql("DELETE FROM ").sql(if target.is_through_root { "" } else { "ONLY " }).name(&target.table);
        delete.sql(" WHERE xmin = '");
        sql.sql("INSERT INTO ").ident(MARKER).sql(".ledger (entry, object, undo, rows) SELECT ").number(entry).sql(", ");
        sql.literal(&format!("the rows of {}", target.table)).sql(", ").literal(delete.as_str());
        sql.sql(" || (pg_catalog.pg_current_xact_id()::pg_catalog.xid)::text || '''', ").number(rows).end();
    }

    /// Which entries are written down.
    pub(crate) async fn recorded(session: &mut CopySession) -> Result<HashSet<u32>, ConnectionError> {
        let mut recorded = HashSet::new();
        let mut last: i64 = -1;
        loop {
            let mut sql = Ddl::new();
            sql.sql("SELECT entry FROM ").ident(MARKER).sql(".ledger WHERE entry > ").number(last);
            sql.sql(" ORDER BY entry LIMIT ").number(PAGE);
            let answer = session.simple(sql.as_str()).await?;
            let Some(page) = answer.last().filter(|page| !page.rows.is_empty()) else { return Ok(recorded) };
            recorded.extend((0..page.rows.len()).filter_map(|row| page.text(row, 0)?.parse::<u32>().ok()));
            last = page.text(page.rows.len() - 1, 0).and_then(|entry| entry.parse().ok()).unwrap_or(i64::MAX);
        }
    }

    /// Whether one entry is written down.
    pub(crate) async fn is_recorded(session: &mut CopySession, entry: u32) -> Result<bool, ConnectionError> {
        Ok(Self::undo(session, entry).await?.is_some())
    }

    /// The statement that takes an entry back, if it is written down.
    pub(crate) async fn undo(session: &mut CopySession, entry: u32) -> Result<Option<String>, ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("SELECT undo FROM ").ident(MARKER).sql(".ledger WHERE entry = ").number(entry);
        let answer = session.simple(sql.as_str()).await?;
        Ok(answer.last().filter(|a| !a.rows.is_empty()).and_then(|a| a.text(0, 0)).map(str::to_owned))
    }

    /// Appends the statements that end the marker.
    pub(crate) fn drop_statements(sql: &mut Ddl) {
        sql.sql("DROP TABLE ").ident(MARKER).sql(".ledger").end();
        sql.sql("DROP SCHEMA ").ident(MARKER).end();
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
