//! What a run has made in a target, written down in the target itself.
//!
//! The marker schema is committed before anything else is made and dropped last. While it is there the target is not complete:
//! the next run finds it, and takes back what the ledger names, newest first, never with CASCADE. An object that somebody else
//! made on top of it stops that, by name.

use crate::archive::TocEntry;
use crate::connection::CopySession;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, ImportError};
use crate::name::QualifiedName;

/// The schema that marks a database as being loaded.
pub(crate) const MARKER: &str = crate::catalog::LOADING_MARKER;

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

    /// Commits the marker.
    pub(crate) async fn create(session: &mut CopySession, note: &str) -> Result<(), ConnectionError> {
        let mut sql = Ddl::new();
        sql.sql("CREATE SCHEMA ").ident(MARKER).end();
        sql.sql("COMMENT ON SCHEMA ").ident(MARKER).sql(" IS ").literal(note).end();
        sql.sql("CREATE TABLE ").ident(MARKER);
        sql.sql(".ledger (entry integer PRIMARY KEY, seq bigint GENERATED ALWAYS AS IDENTITY, object text NOT NULL, undo text NOT NULL, name text, relation oid)");
        sql.end();
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

    /// As [`record`](Self::record), for at least one of what are no relations.
    pub(crate) fn record_all<'a>(sql: &mut Ddl, lines: impl Iterator<Item = (u32, String, &'a str)>) {
        sql.sql("INSERT INTO ").ident(MARKER).sql(".ledger (entry, object, undo) VALUES ");
        for (place, (entry, object, undo)) in lines.enumerate() {
            sql.sql(if place > 0 { ", (" } else { "(" }).number(entry);
            sql.sql(", ").literal(&object).sql(", ").literal(undo).sql(")");
        }
        sql.end();
    }

    /// Appends the statement that writes down what needs no taking back and may be done twice.
    pub(crate) fn record_once(sql: &mut Ddl, entry: u32, object: &str) {
        sql.sql("INSERT INTO ").ident(MARKER).sql(".ledger (entry, object, undo) VALUES (").number(entry).sql(", ");
        sql.literal(object).sql(", '') ON CONFLICT (entry) DO NOTHING");
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
    /// [`ImportError::CleanUp`] with the object that cannot be dropped, [`ImportError::NotOurs`] with one that somebody made
    /// anew since; the marker and the ledger stay then.
    pub(crate) async fn take_back(session: &mut CopySession) -> Result<u64, ImportError> {
        Self::refuse_replaced(session).await?;
        let mut sql = Ddl::new();
        sql.sql("SELECT object, undo FROM ").ident(MARKER).sql(".ledger WHERE undo <> '' ORDER BY seq DESC");
        let answer = session.simple(sql.as_str()).await?;
        let lines: Vec<(String, String)> = (0..answer.first().map_or(0, |a| a.rows.len()))
            .filter_map(|row| Some((answer.first()?.text(row, 0)?.to_owned(), answer.first()?.text(row, 1)?.to_owned())))
            .collect();
        drop(answer);
        let all = lines.len() as u64;
        let mut open = lines;
        // What cannot be dropped before something older is, an attached key before its table for one, goes in a later pass.
        while !open.is_empty() {
            let before = open.len();
            let (left, failed) = Self::take_back_once(session, open).await?;
            match failed {
                Some(failed) if left.len() == before => return Err(failed),
                _ => open = left,
            }
        }
        let mut sql = Ddl::new();
        sql.sql("SET synchronous_commit = on").end();
        Self::drop_statements(&mut sql);
        session.execute(sql.as_str()).await?;
        Ok(all)
    }

    /// One pass over what is left: gives what could not be taken back, and why the first of it could not.
    async fn take_back_once(
        session: &mut CopySession,
        lines: Vec<(String, String)>,
    ) -> Result<(Vec<(String, String)>, Option<ImportError>), ImportError> {
        let (mut left, mut first) = (Vec::new(), None);
        for some in lines.chunks(PIPELINE) {
            for (_, undo) in some {
                session.send(undo)?;
            }
            for line in some {
                match session.receive().await {
                    Ok(_) => {}
                    Err(e) if e.sqlstate().is_some_and(|state| ALREADY_GONE.contains(&state)) => {}
                    Err(source) if source.sqlstate().is_none() || session.is_broken() => return Err(source.into()),
                    Err(source) => {
                        first.get_or_insert(ImportError::CleanUp { what: line.0.clone(), source });
                        left.push(line.clone());
                    }
                }
            }
        }
        Ok((left, first))
    }
}

/// Looks before anything is taken back.
impl Ledger {
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
}

/// How an entry is called in the ledger, in errors and in progress: `TABLE public.film`.
pub(crate) fn entry_name(entry: &TocEntry) -> String {
    let tag = crate::name::display_part(&entry.tag);
    match &entry.schema {
        Some(schema) => format!("{} {}.{tag}", entry.desc, crate::name::display_part(schema)),
        None => format!("{} {tag}", entry.desc),
    }
}
