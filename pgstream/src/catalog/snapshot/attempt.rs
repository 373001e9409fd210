//! One attempt at listing, locking and taking the snapshot.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::keepers::{Held, Keepers, export_snapshot};
use super::{SnapshotOptions, lock_statement, set_snapshot};
use crate::catalog::filter::Filter;
use crate::catalog::select::{NameScope, select};
use crate::catalog::selection::Selection;
use crate::connection::{COUNT_LIMITS, Canceller, Connection, ConnectionConfig, CopySession, pin_settings};
use crate::error::{CatalogError, ConnectionError};
use crate::name::QualifiedName;
use crate::progress::{Run, Waiting};

/// How long we wait for locks before we ask who is in the way.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// How many tables are named that cannot be read.
const EXAMPLES: usize = 10;

/// By what a server says that a snapshot cannot be shared: a right that is missing, a function that is not there, a session that
/// cannot do it.
const NOT_EXPORTABLE: [&str; 4] = ["42501", "42883", "0A000", "25000"];

/// How an attempt ended.
pub(super) enum Outcome {
    /// It is held: by keepers, or by the main session alone.
    Taken(Option<Box<Keepers>>, Box<Selection>),
    /// A relation was made, dropped or rewritten between being listed and being locked.
    Changed(String),
    /// A relation is not any more what it is in the snapshot that was given.
    Stale(String),
    /// The locks could be had, and the snapshot cannot be shared with other sessions.
    NotExportable,
}

/// One attempt at listing, locking and taking the snapshot.
pub(super) struct Attempt<'a> {
    pub(super) config: &'a ConnectionConfig,
    pub(super) options: &'a SnapshotOptions,
    pub(super) run: &'a Run,
    pub(super) main: &'a Connection,
    pub(super) scope: &'a NameScope,
    pub(super) listed: &'a Selection,
}

impl Attempt<'_> {
    /// Two keepers hold the snapshot, and the main session joins it.
    pub(super) async fn make(&self, filter: &Filter) -> Result<Outcome, CatalogError> {
        let pins = self.pins();
        let lock_tables = self.lock_tables();
        let mut first = match self.lock(&self.begin(true), &pins, &lock_tables).await? {
            Ok(session) => session,
            Err(changed) => return Ok(changed),
        };
        let canceller = first.canceller();
        let name = match self.unless_cancelled(&canceller, export_snapshot(&mut first)).await {
            Ok(name) => name,
            Err(e) if e.sqlstate().is_some_and(|state| NOT_EXPORTABLE.contains(&state)) => {
                first.close().await;
                return Ok(Outcome::NotExportable);
            }
            Err(e) => return Err(e.into()),
        };
        match self.join(&name, &pins, &lock_tables).await {
            Ok(second) => self.look_again(filter, Some(Held { first, second, name, pins, lock_tables })).await,
            // Somebody is queued for a stronger lock behind the first session, and would be waited for without end.
            Err(e) if matches!(e.sqlstate(), Some("55P03" | "42P01" | "3F000")) => {
                first.close().await;
                Ok(Outcome::Changed("a table that another session is waiting to change".into()))
            }
            Err(e) => Err(e.into()),
        }
    }

    /// The main session holds everything, in one transaction: locks first, then the snapshot.
    pub(super) async fn make_alone(&self, filter: &Filter) -> Result<Outcome, CatalogError> {
        let lock_tables = self.lock_tables();
        let sql = self.lock_sql(&self.begin(true), &self.pins(), &lock_tables);
        match self.unless_cancelled(&self.main.canceller(), self.main.batch(&sql)).await {
            _ if self.run.is_cancelled() => return Err(CatalogError::Cancelled),
            Ok(()) => {}
            Err(e) => {
                let blockers = "who holds them cannot be seen over a single connection".into();
                return not_locked(e, lock_tables.len(), blockers).map_err(|e| self.explain_given(e));
            }
        }
        let limits = self.unless_cancelled(&self.main.canceller(), self.main.simple_query(COUNT_LIMITS)).await?;
        if limits.first().and_then(|row| row.first()?.as_deref()) != Some("0") {
            return Err(time_limited(self.main.describe()).into());
        }
        self.look_again(filter, None).await
    }

    fn pins(&self) -> String {
        pin_settings(self.main.version(), self.main.is_sql_ascii())
    }

    fn lock_tables(&self) -> Vec<QualifiedName> {
        self.listed.relations.iter().filter(|r| matches!(r.relkind, 'r' | 'p')).map(|r| r.name.clone()).collect()
    }

    /// The second keeper, and the session that reads the catalog: deparsing takes locks as well.
    async fn join(&self, name: &str, pins: &str, tables: &[QualifiedName]) -> Result<CopySession, ConnectionError> {
        let begin = self.begin(false);
        let lock = lock_statement(tables, " NOWAIT");
        let sql = format!("{begin}; {}; {pins} {lock}", set_snapshot(name));
        let mut second = CopySession::open(self.config).await?;
        second.execute(&sql).await?;
        self.main.batch(&sql).await?;
        Ok(second)
    }

    async fn look_again(&self, filter: &Filter, held: Option<Held>) -> Result<Outcome, CatalogError> {
        let selection = select(self.main, filter, self.scope).await?;
        match self.find_changed(&selection).await? {
            Some(changed) if self.options.given.is_some() => return Ok(Outcome::Stale(changed)),
            Some(changed) => return Ok(Outcome::Changed(changed)),
            None => {}
        }
        Ok(Outcome::Taken(held.map(|held| Box::new(Keepers::new(self.config.clone(), held))), Box::new(selection)))
    }

    /// What `work` gives; a cancel of the run ends the statement that it waits for.
    async fn unless_cancelled<T>(
        &self,
        canceller: &Canceller,
        work: impl Future<Output = Result<T, ConnectionError>>,
    ) -> Result<T, ConnectionError> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => {
                let _ = canceller.cancel().await;
                work.await
            }
            done = &mut work => done,
        }
    }

    fn begin(&self, is_exporter: bool) -> String {
        let begin = match is_exporter && self.options.is_serializable_deferrable {
            true => "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
            false => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        };
        match &self.options.given {
            Some(name) if is_exporter => format!("{begin}; {}", set_snapshot(name)),
            _ => begin.to_owned(),
        }
    }

    /// Why a snapshot that was given cannot be read.
    fn explain_given(&self, error: CatalogError) -> CatalogError {
        let CatalogError::Connection(ConnectionError::Server { source, .. }) = &error else { return error };
        match &self.options.given {
            // No such name, or not of this database: the words differ between versions.
            Some(snapshot) if matches!(source.sqlstate.as_str(), "22023" | "42704" | "0A000" | "55000") => {
                CatalogError::GivenSnapshot { snapshot: snapshot.clone(), problem: source.message.clone() }
            }
            _ => error,
        }
    }

    /// Opens a session and takes all locks in it. A table that is gone meanwhile is a change, not an error.
    async fn lock(
        &self,
        begin: &str,
        pins: &str,
        tables: &[QualifiedName],
    ) -> Result<Result<CopySession, Outcome>, CatalogError> {
        let mut session = CopySession::open(self.config).await?;
        let pid = session.backend_pid();
        let sql = self.lock_sql(begin, pins, tables);
        let canceller = session.canceller();
        let mut blockers = String::from("no session was seen to hold a conflicting lock");
        let locked = {
            let lock = self.unless_cancelled(&canceller, session.execute(&sql));
            tokio::pin!(lock);
            loop {
                tokio::select! {
                    biased;
                    done = &mut lock => break done,
                    () = self.run.cancellation().cancelled() => {
                        // A session that waits for a lock would not notice that we are gone.
                        let _ = canceller.cancel().await;
                        let _ = lock.await;
                        return Err(CatalogError::Cancelled);
                    }
                    () = tokio::time::sleep(LOOK_AROUND) => blockers = self.describe_blockers(pid).await.unwrap_or(blockers),
                }
            }
        };
        self.run.set_waiting(None);
        match locked {
            Ok(()) => Ok(Ok(session)),
            Err(e) if e.sqlstate() == Some("42501") => Err(self.find_unreadable().await?.unwrap_or_else(|| e.into())),
            Err(e) => not_locked(e, tables.len(), blockers).map(Err).map_err(|e| self.explain_given(e)),
        }
    }

    fn lock_sql(&self, begin: &str, pins: &str, tables: &[QualifiedName]) -> String {
        let limit = self.options.lock_timeout.as_millis();
        format!("{begin}; {pins} SET LOCAL lock_timeout = {limit}; {}SET LOCAL lock_timeout = 0", lock_statement(tables, ""))
    }

    /// All tables that the role may not read, where the server names the first.
    async fn find_unreadable(&self) -> Result<Option<CatalogError>, CatalogError> {
        const SQL: &str = include_str!("../unreadable.sql");
        let tables = self.listed.relations.iter().filter(|r| matches!(r.relkind, 'r' | 'p'));
        let oids: Vec<u32> = tables.map(|r| r.oid).collect();
        let problem = |e: tokio_postgres::Error| CatalogError::Decode {
            query: "unreadable.sql",
            column: "role, schema or name",
            problem: e.to_string(),
        };
        let (mut names, mut role) = (Vec::new(), String::new());
        let rows = self.main.query(SQL, &[(&oids, Type::OID_ARRAY)]).await?;
        for row in rows.iter().take(EXAMPLES) {
            role = row.try_get("role").map_err(problem)?;
            let (schema, name): (String, String) =
                (row.try_get("schema").map_err(problem)?, row.try_get("name").map_err(problem)?);
            names.push(QualifiedName::new(schema, name).to_string());
        }
        if rows.len() > EXAMPLES {
            names.push("…".into());
        }
        Ok((!names.is_empty()).then(|| CatalogError::Unreadable { count: rows.len(), examples: names.join(", "), role }))
    }

    /// Who is in the way of `pid`, also as an event.
    async fn describe_blockers(&self, pid: i32) -> Option<String> {
        const SQL: &str = include_str!("../blockers.sql");
        let row = self.main.query_opt(SQL, &[(&pid, Type::INT4)]).await.ok()??;
        let (blocker, what): (i32, String) = (row.try_get("pid").ok()?, row.try_get("what").ok()?);
        self.run.set_waiting(Some(Waiting { why: format!("a lock held by {what}"), pid: Some(blocker) }));
        Some(what)
    }

    /// A relation that is new, gone, or has other storage in the snapshot than it has now.
    async fn find_changed(&self, selection: &Selection) -> Result<Option<String>, CatalogError> {
        let known: std::collections::HashSet<u32> = self.listed.relations.iter().map(|r| r.oid).collect();
        if let Some(new) = selection.relations.iter().find(|r| !known.contains(&r.oid)) {
            return Ok(Some(new.name.to_string()));
        }
        // What was made behind a snapshot that was given is not in it, and need not be.
        let listed = if self.options.given.is_some() { &selection.relations } else { &self.listed.relations };
        let oids: Vec<u32> = listed.iter().map(|r| r.oid).collect();
        const SQL: &str = include_str!("../rewritten.sql");
        let changed = self.main.query_opt(SQL, &[(&oids, Type::OID_ARRAY)]).await?;
        Ok(changed.map(|row| {
            let oid: u32 = row.get("oid");
            listed.iter().find(|r| r.oid == oid).map_or_else(|| oid.to_string(), |r| r.name.to_string())
        }))
    }
}

/// Why the locks were not had. A table that is gone meanwhile is a change, not an error.
fn not_locked(error: ConnectionError, tables: usize, blockers: String) -> Result<Outcome, CatalogError> {
    match error.sqlstate() {
        Some("55P03") => Err(CatalogError::LockTimeout { relations: format!("{tables} tables"), blockers }),
        Some("42P01" | "3F000") => Ok(Outcome::Changed(error.to_string())),
        _ => Err(error.into()),
    }
}

/// A limit of time still applies, though every one that we know was lifted.
pub(super) fn time_limited(server: &str) -> ConnectionError {
    let problem = "a time limit of the server or of something in front of it cannot be switched off".into();
    ConnectionError::Protocol { server: server.to_owned(), problem }
}
