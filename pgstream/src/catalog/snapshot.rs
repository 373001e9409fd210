//! One view of a database that does not change while it is read, held by two sessions.
//!
//! The order is what makes it right: tables are listed in a transaction of their own, locked, and only then does the first
//! query of the holding transactions take the snapshot. A snapshot that is older than the locks could show a table that was
//! truncated in between as empty, without an error. The list is read again under the snapshot; whatever differs from what was
//! locked starts the whole thing over.
//!
//! Two *keepers* hold snapshot and locks, so that the loss of one connection is not the loss of the run. A keeper also lends
//! itself as a reader where a lock cannot be had any more, because another session is queued behind ours.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;

use crate::connection::{COUNT_LIMITS, Connection, ConnectionConfig, CopySession, pin_settings};
use crate::ddl::Ddl;
use crate::error::{CatalogError, ConnectionError};
use crate::name::QualifiedName;
use crate::progress::{Run, Waiting};

use super::filter::Filter;
use super::read::{self, Catalog};
use super::select::{NameScope, select};
use super::selection::Selection;

/// How often the list of tables is read and locked before we give up.
const MAX_ATTEMPTS: u32 = 10;

/// Address translators and balancers forget connections that are silent for minutes.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long we wait for locks before we ask who is in the way.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// How many tables are named that cannot be read.
const EXAMPLES: usize = 10;

/// How a snapshot is taken.
#[derive(Debug, Clone)]
pub struct SnapshotOptions {
    /// How long to wait for the locks on all tables; zero waits without end.
    pub lock_timeout: Duration,
    /// Wait for a moment in which a serializable transaction can read without conflicts.
    pub is_serializable_deferrable: bool,
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self { lock_timeout: Duration::from_secs(30), is_serializable_deferrable: false }
    }
}

/// A held view of a database, and what it contains.
#[derive(Debug)]
pub struct Snapshot {
    holder: Arc<Holder>,
    keep_alive: JoinHandle<()>,
}

#[derive(Debug)]
struct Holder {
    config: ConnectionConfig,
    pins: String,
    lock_tables: Vec<QualifiedName>,
    /// The snapshot's name, as `pg_export_snapshot()` gave it last.
    name: Mutex<String>,
    keepers: [Mutex<Option<CopySession>>; 2],
}

/// A session that reads in the snapshot: one of its own, or a keeper that lends itself.
pub(crate) enum Reader<'a> {
    /// A session of its own.
    Own(Box<CopySession>),
    /// A keeper: it holds the locks already.
    Keeper(MutexGuard<'a, Option<CopySession>>),
}

impl Reader<'_> {
    /// The session.
    pub(crate) fn session(&mut self) -> &mut CopySession {
        match self {
            Self::Own(session) => session,
            Self::Keeper(guard) => guard.as_mut().expect("a keeper is lent only while it lives"),
        }
    }
}

impl Snapshot {
    /// Locks what `filter` selects, takes the snapshot, and reads the catalog in it.
    ///
    /// # Errors
    /// [`CatalogError::LockTimeout`] with the blocking session when the locks cannot be had in time; [`CatalogError::Unstable`]
    /// when tables keep changing; [`CatalogError::FilterMatchesNothing`] from the filter; [`CatalogError::Cancelled`]; whatever
    /// a query may give.
    ///
    /// # Cancellation
    /// Dropping the future closes the sessions; the server gives the locks up when it notices.
    pub async fn take(
        config: &ConnectionConfig,
        filter: &Filter,
        options: &SnapshotOptions,
        run: &Run,
    ) -> Result<(Self, Selection, Catalog), CatalogError> {
        let main = Connection::open(config).await?;
        // Before anything is pinned: patterns without a schema mean what they mean to this role.
        let scope = NameScope::read(&main).await?;
        for attempt in 1.. {
            let listed = select(&main, filter, &scope).await?;
            let taken = Attempt { config, options, run, main: &main, scope: &scope, listed: &listed }.make(filter).await?;
            match taken {
                Ok((holder, selection)) => {
                    let relations: Vec<u32> = selection.relations.iter().map(|r| r.oid).collect();
                    let catalog = read::read(&main, &relations).await?;
                    main.close().await;
                    return Ok((Self::keep(holder), selection, catalog));
                }
                Err(Changed(relation)) if attempt >= MAX_ATTEMPTS => {
                    return Err(CatalogError::Unstable { relation, attempts: attempt });
                }
                Err(Changed(_)) => main.batch("ROLLBACK").await?,
            }
        }
        unreachable!("the loop above returns")
    }

    fn keep(holder: Holder) -> Self {
        let holder = Arc::new(holder);
        let keep_alive = tokio::spawn(Arc::clone(&holder).keep_alive());
        Self { holder, keep_alive }
    }

    /// Opens a session that reads in the snapshot, with everything pinned.
    ///
    /// # Errors
    /// [`CatalogError::SnapshotLost`] when no keeper is left; whatever connecting may give.
    pub(crate) async fn reader(&self) -> Result<Reader<'_>, CatalogError> {
        Ok(Reader::Own(Box::new(self.holder.open_reader().await?)))
    }

    /// Borrows a keeper, which holds the locks on all tables. Waits until it is free.
    ///
    /// # Errors
    /// [`CatalogError::SnapshotLost`] when no keeper is left.
    pub(crate) async fn keeper(&self) -> Result<Reader<'_>, CatalogError> {
        self.holder.mend().await?;
        let guard = self.holder.keepers[1].lock().await;
        match guard.is_some() {
            true => Ok(Reader::Keeper(guard)),
            false => Ok(Reader::Keeper(self.holder.keepers[0].lock().await)),
        }
    }

    /// The snapshot's name, for `SET TRANSACTION SNAPSHOT` in other programs while this lives.
    pub async fn name(&self) -> String {
        self.holder.name.lock().await.clone()
    }

    /// The server processes that hold the snapshot.
    pub async fn keeper_pids(&self) -> Vec<i32> {
        let mut pids = Vec::new();
        for keeper in &self.holder.keepers {
            pids.extend(keeper.lock().await.as_ref().map(CopySession::backend_pid));
        }
        pids
    }

    /// Lets the source go: ends the transactions and the sessions, and waits for it.
    pub async fn release(self) {
        self.keep_alive.abort();
        for keeper in &self.holder.keepers {
            if let Some(session) = keeper.lock().await.take() {
                session.close().await;
            }
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.keep_alive.abort();
    }
}

/// A relation was made, dropped or rewritten between being listed and being locked.
struct Changed(String);

/// What the keepers hold.
struct Held {
    first: CopySession,
    second: CopySession,
    name: String,
    pins: String,
    lock_tables: Vec<QualifiedName>,
}

/// One attempt at listing, locking and taking the snapshot.
struct Attempt<'a> {
    config: &'a ConnectionConfig,
    options: &'a SnapshotOptions,
    run: &'a Run,
    main: &'a Connection,
    scope: &'a NameScope,
    listed: &'a Selection,
}

impl Attempt<'_> {
    async fn make(&self, filter: &Filter) -> Result<Result<(Holder, Selection), Changed>, CatalogError> {
        let version = self.main.version();
        let is_sql_ascii = self.main.parameter("server_encoding").as_deref() == Some("SQL_ASCII");
        let pins = pin_settings(version, is_sql_ascii);
        let lock_tables: Vec<QualifiedName> =
            self.listed.relations.iter().filter(|r| matches!(r.relkind, 'r' | 'p')).map(|r| r.name.clone()).collect();

        let mut first = match self.lock(self.begin(true), &pins, &lock_tables).await? {
            Ok(session) => session,
            Err(changed) => return Ok(Err(changed)),
        };
        let name = self.unless_cancelled(&mut first, async |session| export_snapshot(session).await).await?;
        match self.join(&name, &pins, &lock_tables).await {
            Ok(second) => self.look_again(filter, Held { first, second, name, pins, lock_tables }).await,
            // Somebody is queued for a stronger lock behind the first session, and would be waited for without end.
            Err(e) if matches!(e.sqlstate(), Some("55P03" | "42P01" | "3F000")) => {
                first.close().await;
                Ok(Err(Changed("a table that another session is waiting to change".into())))
            }
            Err(e) => Err(e.into()),
        }
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

    async fn look_again(&self, filter: &Filter, held: Held) -> Result<Result<(Holder, Selection), Changed>, CatalogError> {
        let Held { first, second, name, pins, lock_tables } = held;

        let selection = select(self.main, filter, self.scope).await?;
        if let Some(changed) = self.find_changed(&selection).await? {
            return Ok(Err(Changed(changed)));
        }
        let keepers = [Mutex::new(Some(first)), Mutex::new(Some(second))];
        let holder = Holder { config: self.config.clone(), pins, lock_tables, name: Mutex::new(name), keepers };
        Ok(Ok((holder, selection)))
    }

    /// What `work` gives; a cancel of the run ends the statement that it waits for.
    async fn unless_cancelled<T>(
        &self,
        session: &mut CopySession,
        work: impl AsyncFnOnce(&mut CopySession) -> Result<T, ConnectionError>,
    ) -> Result<T, ConnectionError> {
        let canceller = session.canceller();
        let work = work(session);
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

    fn begin(&self, is_exporter: bool) -> &'static str {
        match is_exporter && self.options.is_serializable_deferrable {
            true => "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
            false => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        }
    }

    /// Opens a session and takes all locks in it. A table that is gone meanwhile is a change, not an error.
    async fn lock(
        &self,
        begin: &str,
        pins: &str,
        tables: &[QualifiedName],
    ) -> Result<Result<CopySession, Changed>, CatalogError> {
        let mut session = CopySession::open(self.config).await?;
        let pid = session.backend_pid();
        let limit = self.options.lock_timeout.as_millis();
        let sql =
            format!("{begin}; {pins} SET LOCAL lock_timeout = {limit}; {}SET LOCAL lock_timeout = 0", lock_statement(tables, ""));
        let canceller = session.canceller();
        let mut blockers = String::from("no session was seen to hold a conflicting lock");
        let locked = {
            let lock = self.unless_cancelled(&mut session, async |session| session.execute(&sql).await);
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
            Err(e) if e.sqlstate() == Some("55P03") => {
                let relations = format!("{} tables", tables.len());
                Err(CatalogError::LockTimeout { relations, blockers })
            }
            Err(e) if matches!(e.sqlstate(), Some("42P01" | "3F000")) => Ok(Err(Changed(e.to_string()))),
            Err(e) if e.sqlstate() == Some("42501") => Err(self.find_unreadable().await?.unwrap_or_else(|| e.into())),
            Err(e) => Err(e.into()),
        }
    }

    /// All tables that the role may not read, where the server names the first.
    async fn find_unreadable(&self) -> Result<Option<CatalogError>, CatalogError> {
        const SQL: &str = include_str!("unreadable.sql");
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
        const SQL: &str = include_str!("blockers.sql");
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
        let oids: Vec<u32> = self.listed.relations.iter().map(|r| r.oid).collect();
        const SQL: &str = include_str!("rewritten.sql");
        let changed = self.main.query_opt(SQL, &[(&oids, Type::OID_ARRAY)]).await?;
        Ok(changed.map(|row| {
            let oid: u32 = row.get("oid");
            self.listed.relations.iter().find(|r| r.oid == oid).map_or_else(|| oid.to_string(), |r| r.name.to_string())
        }))
    }
}

fn lock_statement(tables: &[QualifiedName], suffix: &'static str) -> String {
    if tables.is_empty() {
        return String::new();
    }
    let mut ddl = Ddl::new();
    ddl.sql("LOCK TABLE ");
    for (i, table) in tables.iter().enumerate() {
        ddl.sql(if i == 0 { "ONLY " } else { ", ONLY " }).name(table);
    }
    ddl.sql(" IN ACCESS SHARE MODE").sql(suffix).sql("; ");
    ddl.into_string()
}

fn set_snapshot(name: &str) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("SET TRANSACTION SNAPSHOT ").literal(name);
    ddl.into_string()
}

async fn export_snapshot(session: &mut CopySession) -> Result<String, ConnectionError> {
    let answer = session.simple("SELECT pg_catalog.pg_export_snapshot()").await?;
    answer.first().and_then(|result| result.text(0, 0)).map(str::to_owned).ok_or_else(|| ConnectionError::Protocol {
        server: session.describe().to_owned(),
        problem: "pg_export_snapshot() gave nothing".into(),
    })
}

impl Holder {
    async fn open_reader(&self) -> Result<CopySession, CatalogError> {
        match self.try_open_reader().await {
            // The exporter is gone and its name with it: another keeper exports the same snapshot again.
            Err(e) if matches!(e.sqlstate(), Some("22023" | "55000" | "42704")) => {
                self.mend().await?;
                Ok(self.try_open_reader().await?)
            }
            other => Ok(other?),
        }
    }

    async fn try_open_reader(&self) -> Result<CopySession, ConnectionError> {
        let mut session = CopySession::open(&self.config).await?;
        let name = self.name.lock().await.clone();
        let sql =
            format!("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {}; {}{COUNT_LIMITS}", set_snapshot(&name), self.pins);
        let answer = session.simple(&sql).await?;
        match answer.last().and_then(|result| result.text(0, 0)) {
            Some("0") => Ok(session),
            _ => {
                let problem = "a time limit of the server or of something in front of it cannot be switched off".into();
                Err(ConnectionError::Protocol { server: session.describe().to_owned(), problem })
            }
        }
    }

    async fn keep_alive(self: Arc<Self>) {
        let mut interval = tokio::time::interval(KEEP_ALIVE);
        loop {
            interval.tick().await;
            // The loss of both is reported to whoever reads next.
            let _ = self.mend().await;
        }
    }

    /// Makes sure that both keepers live: asks each, and replaces a lost one by means of the other.
    async fn mend(&self) -> Result<(), CatalogError> {
        let mut lost = None;
        for keeper in &self.keepers {
            let mut guard = keeper.lock().await;
            if let Some(session) = guard.as_mut()
                && let Err(e) = session.execute("SELECT 1").await
            {
                *guard = None;
                lost = Some(e);
            }
        }
        let [first, second] = &self.keepers;
        let (mut first, mut second) = (first.lock().await, second.lock().await);
        let (survivor, empty) = match (first.is_some(), second.is_some()) {
            (true, true) => return Ok(()),
            (true, false) => (&mut *first, &mut *second),
            (false, true) => (&mut *second, &mut *first),
            (false, false) => return Err(self.all_lost(lost)),
        };
        let session = survivor.as_mut().expect("matched as present");
        let name = export_snapshot(session).await?;
        *self.name.lock().await = name;
        *empty = self.replace_keeper().await;
        Ok(())
    }

    /// A new keeper. Where another session is queued for a lock on one of our tables, the locks cannot be had twice: the
    /// survivor goes on alone until the next try.
    async fn replace_keeper(&self) -> Option<CopySession> {
        let mut session = self.try_open_reader().await.ok()?;
        session.execute(&lock_statement(&self.lock_tables, " NOWAIT")).await.ok()?;
        Some(session)
    }

    fn all_lost(&self, lost: Option<ConnectionError>) -> CatalogError {
        let server = self.config.to_string();
        let source = lost.unwrap_or(ConnectionError::Lost { server, problem: "both sessions ended".into() });
        CatalogError::SnapshotLost { source }
    }
}
