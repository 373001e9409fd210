//! One session for questions.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Row, SimpleQueryMessage};

use super::cancel::Canceller;
use super::config::ConnectionConfig;
use super::copy_session::CopySession;
use super::loan::{Facts, Terms};
use super::login::{self, Driver, Login};
use super::notice::{Notices, ServerNotice};
use super::raw::RawSession;
use super::server_version::ServerVersion;
use crate::error::{ConnectionError, ServerError};

/// How long `close` waits for the last message to be written.
const FAREWELL: Duration = Duration::from_secs(2);

/// One session, logged in. Calls that run at the same time are pipelined on it.
///
/// Dropping it closes the socket without waiting: an open transaction is rolled back, but a running statement may go on until it
/// wants to send something; use the [`Canceller`] before.
pub struct Connection {
    client: Client,
    task: DriverTask,
    notices: Arc<Notices>,
    /// Why the session ended, once it has.
    ended: watch::Receiver<Option<String>>,
    facts: Facts,
    /// By which the socket can be had back.
    terms: Arc<Terms>,
    canceller: Canceller,
    version: ServerVersion,
    describe: String,
}

/// Ends the task when dropped.
struct DriverTask(JoinHandle<()>);

impl Drop for DriverTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    /// Connects and logs in. Tries again, with growing pauses, while a server starts, restarts, or has no free connection.
    ///
    /// # Errors
    /// Any [`ConnectionError`] but `Lost`.
    ///
    /// # Cancellation
    /// Dropping the future closes what was opened.
    pub async fn open(config: &ConnectionConfig) -> Result<Self, ConnectionError> {
        let Login { client, driver, terms, canceller, describe } = login::login(config).await?;
        let facts = terms.facts();
        let Some(version) = facts.parameters.get("server_version").and_then(|text| ServerVersion::parse(text)) else {
            let problem = "it does not tell its version".into();
            return Err(ConnectionError::Protocol { server: describe, problem });
        };
        terms.stop_watching();
        let notices = Arc::new(Notices::default());
        let (reason, ended) = watch::channel(None);
        let task = DriverTask(tokio::spawn(drive(driver, Arc::clone(&notices), reason)));
        Ok(Self { client, task, notices, ended, facts, terms, canceller, version, describe })
    }

    /// Asks one question with parameters and their types, and collects the rows: one round trip, no named statement, so it works
    /// through poolers. Columns of types that an extension or a user made cost another round trip: cast them to text.
    ///
    /// # Errors
    /// [`ConnectionError::Server`] if the server refuses; [`ConnectionError::Lost`] if the connection broke.
    ///
    /// # Cancellation
    /// Dropping the future does not end the statement: its rows are read and thrown away.
    pub async fn query(&self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>, ConnectionError> {
        match self.client.query_typed(sql, params).await {
            Ok(rows) => Ok(rows),
            Err(e) => Err(self.error(&e).await),
        }
    }

    /// As [`query`](Self::query), for exactly one row.
    ///
    /// # Errors
    /// As there, and [`ConnectionError::Protocol`] for any other number of rows.
    pub async fn query_one(&self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> Result<Row, ConnectionError> {
        self.query_opt(sql, params).await?.ok_or_else(|| self.protocol("a question that has one answer got none"))
    }

    /// As [`query`](Self::query), for one row or none.
    ///
    /// # Errors
    /// As there, and [`ConnectionError::Protocol`] for more rows.
    pub async fn query_opt(&self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> Result<Option<Row>, ConnectionError> {
        let mut rows = self.query(sql, params).await?;
        match rows.len() {
            0 | 1 => Ok(rows.pop()),
            n => Err(self.protocol(&format!("a question that has one answer got {n}"))),
        }
    }

    /// Runs statements, separated by semicolons, and throws their rows away. Without a BEGIN among them they are one transaction.
    ///
    /// # Errors
    /// As [`query`](Self::query). What stands behind the failed statement has not run.
    pub async fn batch(&self, sql: &str) -> Result<(), ConnectionError> {
        match self.client.batch_execute(sql).await {
            Ok(()) => Ok(()),
            Err(e) => Err(self.error(&e).await),
        }
    }

    /// Runs statements, separated by semicolons, and collects the rows of all of them as text.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    pub async fn simple_query(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ConnectionError> {
        let messages = match self.client.simple_query(sql).await {
            Ok(messages) => messages,
            Err(e) => return Err(self.error(&e).await),
        };
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect()),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// The server's version.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// The server process, as in `pg_stat_activity.pid`.
    pub fn backend_pid(&self) -> i32 {
        self.facts.pid
    }

    /// `user@host:port/database`.
    pub fn describe(&self) -> &str {
        &self.describe
    }

    /// A parameter that the server reports at login, such as `server_version` or `in_hot_standby`, as it was then.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.facts.parameters.get(name).cloned()
    }

    /// Whether the database has no encoding: its bytes travel as they are.
    pub(crate) fn is_sql_ascii(&self) -> bool {
        self.facts.parameters.get("server_encoding").is_some_and(|encoding| encoding == "SQL_ASCII")
    }

    /// What ends the statements of this session.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// The notices since the last call; at most the newest 256.
    pub fn take_notices(&self) -> Vec<ServerNotice> {
        self.notices.take()
    }

    /// Whether the connection is known to be over.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Goes on as a session for COPY, in the transaction that this one is in. Nothing may be waiting for an answer.
    ///
    /// # Errors
    /// [`ConnectionError::Lost`] if the connection broke; [`ConnectionError::Protocol`] if the server said something unasked at
    /// that very moment.
    ///
    /// # Cancellation
    /// Dropping the future closes the socket.
    pub(crate) async fn into_copy_session(self) -> Result<CopySession, ConnectionError> {
        // From now on one message is read at a time, so that behind the next answer nothing has left the socket.
        self.terms.watch();
        self.batch("SELECT 1").await?;
        let Self { client, mut task, terms, facts, canceller, describe, .. } = self;
        task.0.abort();
        let _ = (&mut task.0).await;
        // Only now: a client that goes while the task lives would have it say goodbye.
        drop(client);
        let raw = RawSession::take_back(&terms, facts, canceller, describe)?;
        Ok(CopySession::from_raw(raw))
    }

    /// Says goodbye and closes the socket.
    pub async fn close(self) {
        let Self { client, mut task, .. } = self;
        drop(client);
        // If the last message cannot be written, the socket is closed without it.
        let _ = tokio::time::timeout(FAREWELL, &mut task.0).await;
    }

    /// Why the session ended. The task that knows may be a moment behind.
    async fn reason(&self) -> Option<String> {
        let mut ended = self.ended.clone();
        let reason = tokio::time::timeout(FAREWELL, ended.wait_for(Option::is_some)).await;
        reason.ok()?.ok()?.clone()
    }

    fn protocol(&self, problem: &str) -> ConnectionError {
        ConnectionError::Protocol { server: self.describe.clone(), problem: problem.to_owned() }
    }

    async fn error(&self, e: &tokio_postgres::Error) -> ConnectionError {
        let server = self.describe.clone();
        if let Some(db) = e.as_db_error() {
            return ConnectionError::Server { server, source: Box::new(db.into()) };
        }
        let cause = std::error::Error::source(e).map(|source| format!("{e}: {source}"));
        if e.is_closed() || std::error::Error::source(e).is_some_and(|s| s.is::<std::io::Error>()) {
            let problem = self.reason().await.or(cause).unwrap_or_else(|| "the server closed it".into());
            return ConnectionError::Lost { server, problem };
        }
        ConnectionError::Protocol { server, problem: cause.unwrap_or_else(|| e.to_string()) }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("server", &self.describe).field("pid", &self.facts.pid).finish_non_exhaustive()
    }
}

/// Moves bytes until the session ends, and tells why it did.
async fn drive(mut driver: Driver, notices: Arc<Notices>, reason: watch::Sender<Option<String>>) {
    loop {
        match poll_fn(|cx| driver.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => notices.push(ServerError::from(&notice)),
            Some(Ok(_)) => {}
            Some(Err(e)) => {
                let text = match e.as_db_error() {
                    Some(db) => ServerError::from(db).to_string(),
                    None => std::error::Error::source(&e).map_or_else(|| e.to_string(), |source| source.to_string()),
                };
                reason.send_replace(Some(text));
                return;
            }
            None => return,
        }
    }
}
