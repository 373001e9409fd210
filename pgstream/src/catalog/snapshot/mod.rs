//! One view of a database that does not change while it is read.
//!
//! The order is what makes it right: tables are listed in a transaction of their own, locked, and only then does the first
//! query of the holding transactions take the snapshot. A snapshot that is older than the locks could show a table that was
//! truncated in between as empty, without an error. The list is read again under the snapshot; whatever differs from what was
//! locked starts the whole thing over.
//!
//! Two [*keepers*](keepers) hold snapshot and locks, so that the loss of one connection is not the loss of the run. Where only
//! one connection can have them, behind a pooler for example, that [one](single) reads everything.

mod attempt;
mod keepers;
mod single;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::MappedMutexGuard;
use tokio::task::JoinHandle;

use crate::connection::{Connection, ConnectionConfig, CopySession, StatementResult};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::QualifiedName;
use crate::progress::Run;
use crate::report::SnapshotKind;

use super::filter::Filter;
use super::read::{self, Catalog};
use super::select::{NameScope, select};
use super::selection::Selection;

use attempt::{Attempt, Outcome};
use keepers::Keepers;
use single::Single;

/// How often the list of tables is read and locked before we give up.
const MAX_ATTEMPTS: u32 = 10;

/// Address translators and balancers forget connections that are silent for minutes.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How a snapshot is taken.
#[derive(Debug, Clone)]
pub struct SnapshotOptions {
    /// How long to wait for the locks on all tables; zero waits without end.
    pub lock_timeout: Duration,
    /// Wait for a moment in which a serializable transaction can read without conflicts.
    pub is_serializable_deferrable: bool,
    /// A pooler is in front of the server: a second session of ours may be lent to others, or never be had.
    pub is_pooled: bool,
    /// The name of a snapshot that another session exported and still holds. Its locks come behind it, then: a table that was
    /// rewritten in between is an error.
    pub given: Option<String>,
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self { lock_timeout: Duration::from_secs(30), is_serializable_deferrable: false, is_pooled: false, given: None }
    }
}

impl SnapshotOptions {
    /// The same, for a server that is or is not behind a pooler.
    #[must_use]
    pub fn through_pooler(mut self, is_pooled: bool) -> Self {
        self.is_pooled = is_pooled;
        self
    }
}

/// Why one connection reads everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OneConnection {
    /// A pooler is in front of the server.
    Pooler,
    /// The server gives the snapshot to no other session.
    NoExport,
}

impl OneConnection {
    fn describe(self) -> &'static str {
        match self {
            Self::Pooler => "a pooler is in front of the server",
            Self::NoExport => "the server does not let its snapshot be shared",
        }
    }
}

/// A held view of a database, and what it contains.
#[derive(Debug)]
pub struct Snapshot {
    held: Held,
    keep_alive: JoinHandle<()>,
}

#[derive(Debug)]
enum Held {
    Exported(Arc<Keepers>),
    Single(Arc<Single>),
}

/// A session that reads in the snapshot: one of its own, or one that holds the snapshot and lends itself.
pub(crate) enum Reader<'a> {
    /// A session of its own.
    Own(Box<CopySession>),
    /// One that holds the locks already. An error would end its transaction, so it reads behind a [savepoint](SAVEPOINT).
    Keeper(MappedMutexGuard<'a, CopySession>),
}

/// What a lent session can come back to after an error.
pub(crate) const SAVEPOINT: &str = "SAVEPOINT pgstream";

/// Ends what [`SAVEPOINT`] began.
pub(crate) const RELEASE: &str = "RELEASE SAVEPOINT pgstream";

/// Takes back what failed behind [`SAVEPOINT`].
const ROLL_BACK: &str = "ROLLBACK TO SAVEPOINT pgstream; RELEASE SAVEPOINT pgstream";

/// How often a cancel request is repeated, as it may hit between two statements.
const CANCEL_AGAIN: Duration = Duration::from_millis(200);

impl Reader<'_> {
    /// The session.
    pub(crate) fn session(&mut self) -> &mut CopySession {
        match self {
            Self::Own(session) => session,
            Self::Keeper(guard) => guard,
        }
    }

    /// Whether the session is lent, and others wait for it.
    pub(crate) fn is_lent(&self) -> bool {
        matches!(self, Self::Keeper(_))
    }

    /// Ends what the session is doing. One of its own is closed then; a lent one keeps its snapshot.
    pub(crate) async fn stop(mut self) {
        let session = self.session();
        let canceller = session.canceller();
        while session.is_busy() {
            if canceller.cancel().await.is_err() {
                break;
            }
            // The answer to the cancel is the error that we asked for.
            let _ = tokio::time::timeout(CANCEL_AGAIN, session.drain()).await;
        }
        self.give_back().await;
    }

    /// Lets an idle session go, after an error or without one.
    pub(crate) async fn give_back(self) {
        match self {
            Self::Own(session) => session.close().await,
            // If that fails, the next one who wants to read is told.
            Self::Keeper(mut session) if session.is_in_failed_transaction() => drop(session.execute(ROLL_BACK).await),
            Self::Keeper(_) => {}
        }
    }
}

/// A connection for questions: one of its own, or the only one.
pub(crate) enum Asker<'a> {
    /// One of its own, which sees what there is now.
    Own(Box<Connection>),
    /// The only one, which sees what the snapshot has.
    Only(MappedMutexGuard<'a, Connection>),
}

impl Deref for Asker<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Own(connection) => connection,
            Self::Only(guard) => guard,
        }
    }
}

impl Asker<'_> {
    /// Says goodbye, unless others go on with the connection.
    pub(crate) async fn close(self) {
        if let Self::Own(connection) = self {
            connection.close().await;
        }
    }
}

impl Snapshot {
    /// Locks what `filter` selects, takes the snapshot, and reads the catalog in it.
    ///
    /// # Errors
    /// [`CatalogError::LockTimeout`] with the blocking session when the locks cannot be had in time; [`CatalogError::Unstable`]
    /// when tables keep changing; [`CatalogError::GivenSnapshot`]; [`CatalogError::FilterMatchesNothing`] from the filter; [`CatalogError::NotSerializable`] on a
    /// standby; [`CatalogError::NotUtf8`]; [`CatalogError::Cancelled`]; whatever a query may give.
    ///
    /// # Cancellation
    /// Dropping the future closes the sessions; the server gives the locks up when it notices.
    pub async fn take(
        config: &ConnectionConfig,
        filter: &Filter,
        options: &SnapshotOptions,
        run: &Run,
    ) -> Result<(Self, Selection, Catalog), CatalogError> {
        let main = open_main(config, options).await?;
        // Before anything is pinned: patterns without a schema mean what they mean to this role.
        let scope = NameScope::read(&main).await?;
        let mut one = options.is_pooled.then_some(OneConnection::Pooler);
        let mut changes = 0;
        loop {
            let listed = select(&main, filter, &scope).await?;
            let attempt = Attempt { config, options, run, main: &main, scope: &scope, listed: &listed };
            let outcome = match one {
                None => attempt.make(filter).await?,
                Some(_) => attempt.make_alone(filter).await?,
            };
            match outcome {
                Outcome::Taken(keepers, selection) => {
                    let catalog = read::read(&main, &selection.oids()).await?;
                    let held = match (keepers, one) {
                        (Some(keepers), _) => {
                            main.close().await;
                            Held::Exported(Arc::new(keepers.on_standby(catalog.database.is_in_recovery)))
                        }
                        (None, why) => Held::single(config, main, why.unwrap_or(OneConnection::NoExport), run),
                    };
                    return Ok((Self::keep(held), *selection, catalog));
                }
                Outcome::NotExportable => one = Some(OneConnection::NoExport),
                Outcome::Stale(relation) => {
                    let problem = format!("{relation} was dropped, renamed, truncated or rewritten since then");
                    return Err(CatalogError::GivenSnapshot { snapshot: options.given.clone().unwrap_or_default(), problem });
                }
                Outcome::Changed(relation) => {
                    changes += 1;
                    if changes >= MAX_ATTEMPTS {
                        return Err(CatalogError::Unstable { relation, attempts: changes });
                    }
                    main.batch("ROLLBACK").await?;
                }
            }
        }
    }

    fn keep(held: Held) -> Self {
        let keep_alive = match &held {
            Held::Exported(keepers) => tokio::spawn(Arc::clone(keepers).keep_alive()),
            Held::Single(single) => tokio::spawn(Arc::clone(single).keep_alive()),
        };
        Self { held, keep_alive }
    }

    /// How the snapshot is held.
    pub fn kind(&self) -> SnapshotKind {
        match self.held {
            Held::Exported(_) => SnapshotKind::Exported,
            Held::Single(_) => SnapshotKind::SingleConnection,
        }
    }

    /// Why one connection reads everything, if one does. When it breaks the snapshot is lost.
    pub fn one_connection(&self) -> Option<OneConnection> {
        match &self.held {
            Held::Exported(_) => None,
            Held::Single(single) => Some(single.why()),
        }
    }

    /// Opens a session that reads in the snapshot, with everything pinned; or borrows the only one, once it is free.
    ///
    /// # Errors
    /// [`CatalogError::SnapshotLost`] or [`CatalogError::ConnectionLost`] when nobody holds it any more; whatever connecting may
    /// give.
    pub(crate) async fn reader(&self) -> Result<Reader<'_>, CatalogError> {
        match &self.held {
            Held::Exported(keepers) => Ok(Reader::Own(Box::new(keepers.open_reader().await?))),
            Held::Single(single) => Ok(Reader::Keeper(single.reader().await?)),
        }
    }

    /// Borrows a session that holds the locks on all tables. Waits until it is free.
    ///
    /// # Errors
    /// As [`Snapshot::reader`].
    pub(crate) async fn keeper(&self) -> Result<Reader<'_>, CatalogError> {
        match &self.held {
            Held::Exported(keepers) => Ok(Reader::Keeper(keepers.lend().await?)),
            Held::Single(single) => Ok(Reader::Keeper(single.reader().await?)),
        }
    }

    /// A connection for questions, beside the readers or, if there is only one, before the first of them.
    ///
    /// # Errors
    /// Whatever connecting may give.
    pub(crate) async fn asker(&self) -> Result<Asker<'_>, CatalogError> {
        match &self.held {
            Held::Exported(keepers) => Ok(Asker::Own(Box::new(Connection::open(keepers.config()).await?))),
            Held::Single(single) => Ok(Asker::Only(single.asker().await?)),
        }
    }

    /// Whether all that was read is whole: to be asked behind the last row. On a standby, replay may have removed rows from under
    /// a session that joined at the wrong moment; whoever held the snapshot then is gone.
    ///
    /// # Errors
    /// [`CatalogError::SnapshotLost`], [`CatalogError::ConnectionLost`].
    pub(crate) async fn check(&self) -> Result<(), CatalogError> {
        match &self.held {
            Held::Exported(keepers) => keepers.check().await,
            Held::Single(single) => single.reader().await.map(drop),
        }
    }

    /// What `sql` gives outside of the snapshot. Nothing can be read in it afterwards: the only connection ends it for this.
    ///
    /// # Errors
    /// As [`Snapshot::reader`], and what the statement may give.
    pub(crate) async fn ask_now(&self, sql: &str) -> Result<Vec<StatementResult>, CatalogError> {
        match &self.held {
            Held::Exported(keepers) => {
                let mut session = CopySession::open(keepers.config()).await?;
                let answer = session.simple(sql).await;
                session.close().await;
                Ok(answer?)
            }
            Held::Single(single) => {
                let mut session = single.reader().await?;
                session.execute("COMMIT").await?;
                Ok(session.simple(sql).await?)
            }
        }
    }

    /// The snapshot's name, for `SET TRANSACTION SNAPSHOT` in other programs while this lives. `None` if it cannot be shared.
    pub async fn name(&self) -> Option<String> {
        match &self.held {
            Held::Exported(keepers) => Some(keepers.name().await),
            Held::Single(_) => None,
        }
    }

    /// The server processes that hold the snapshot. Through a pooler these are its numbers and not the server's.
    pub async fn keeper_pids(&self) -> Vec<i32> {
        match &self.held {
            Held::Exported(keepers) => keepers.pids().await,
            Held::Single(single) => single.pid().await.into_iter().collect(),
        }
    }

    /// Lets the source go: ends the transactions and the sessions, and waits for it.
    pub async fn release(self) {
        self.keep_alive.abort();
        match &self.held {
            Held::Exported(keepers) => keepers.release().await,
            Held::Single(single) => single.release().await,
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.keep_alive.abort();
    }
}

impl Held {
    fn single(config: &ConnectionConfig, main: Connection, why: OneConnection, run: &Run) -> Self {
        run.warn(format!(
            "everything is read over a single connection, as {}: if that breaks, the run cannot go on where it was",
            why.describe()
        ));
        Self::Single(Arc::new(Single::new(config, main, why)))
    }
}

/// The session that lists and reads the catalog.
async fn open_main(config: &ConnectionConfig, options: &SnapshotOptions) -> Result<Connection, CatalogError> {
    let main = Connection::open(config).await?;
    if options.is_serializable_deferrable {
        let row = main.query_one("SELECT pg_catalog.pg_is_in_recovery()", &[]).await?;
        if row.get(0) {
            return Err(CatalogError::NotSerializable);
        }
    }
    if main.is_sql_ascii() {
        // The server would refuse to send what is no UTF-8; like this it can be named.
        main.batch("SET client_encoding = 'SQL_ASCII'").await?;
    }
    Ok(main)
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
