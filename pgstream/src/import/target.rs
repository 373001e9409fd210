//! Sessions that write.

use crate::catalog::TableData;
use crate::connection::{CopySession, ServerVersion};

use crate::data::CopyFormat;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, DataError, ImportError};
use crate::guard::Destination;
use crate::progress::Run;

use super::fence::{Fence, Standing};
use super::plan::LoadGroup;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// For every session that loads. Nothing here outlives the session.
///
/// `synchronous_commit`: what is lost in a crash is loaded again; the commit that ends a run waits for the disk, and so for
/// everything before it.
const SETTINGS: &str = "SET search_path = ''; SET client_encoding = 'UTF8'; SET check_function_bodies = off; \
    SET client_min_messages = warning; SET xmloption = content; SET row_security = off; SET default_tablespace = ''; \
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; \
    SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET synchronous_commit = off; SET statement_timeout = 0; \
    SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; ";

/// The most memory for one build, in bytes: beyond it an index hardly gains.
const MAX_BUILD_MEMORY: u32 = 1 << 30;

/// The part of what the server says it can cache that all builds together may take, as its denominator.
const CACHE_SHARE: u32 = 8;

/// Sets the memory of a session that builds indexes, which in memory are several times faster: what the server is set to, or,
/// if that is more, the session's share of what the server says it can cache.
fn build_memory(jobs: usize) -> String {
    let mut sql = Ddl::new();
    sql.sql("SELECT pg_catalog.set_config('maintenance_work_mem', greatest(");
    sql.sql("pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')), least(").number(MAX_BUILD_MEMORY);
    sql.sql(", pg_catalog.pg_size_bytes(pg_catalog.current_setting('effective_cache_size')) / ").number(CACHE_SHARE);
    sql.sql(" / ").number(jobs as i128).sql(")) / 1024 || 'kB', false); ");
    sql.into_string()
}

/// When the server process of this session began.
const STARTED: &str = "SELECT backend_start::text FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid(); ";

/// A destination, and what its server allows.
#[derive(Debug)]
pub(crate) struct Target {
    destination: Destination,
    /// How many sessions build at the same time.
    jobs: usize,
    /// Cleared by the first session that is not allowed to switch triggers off.
    silences_triggers: AtomicBool,
    /// The units of work that each server process of ours is at.
    at_work: Mutex<HashMap<i32, u64>>,
    /// When each server process of ours began: its number alone may be somebody else's later.
    started: Mutex<HashMap<i32, String>>,
}

/// Whether a table's rows travel in binary: where every type allows it and the target is not older than the source, whose newer
/// special values it could not read.
pub(crate) fn is_binary(source: &TableData, destination: &Destination, source_major: u32) -> bool {
    let version = ServerVersion::parse(&destination.identity().server_version);
    source.is_binary_safe && version.is_some_and(|v| v.major() >= source_major)
}

/// A session that writes to the target.
pub(crate) type TargetSession = CopySession;

impl Target {
    /// Sessions to `destination`, which the guard has let pass; `jobs` of them build at the same time.
    pub(crate) fn new(destination: Destination, jobs: usize) -> Self {
        Self {
            destination,
            jobs: jobs.max(1),
            silences_triggers: AtomicBool::new(true),
            at_work: Mutex::default(),
            started: Mutex::default(),
        }
    }

    /// The `application_name` of our sessions there.
    pub(crate) fn application_name(&self) -> &str {
        self.destination.config().application_name()
    }

    /// A server process begins something that takes `units` of work, or ended it (0).
    pub(crate) fn set_at_work(&self, pid: i32, units: u64) {
        let mut at_work = self.at_work.lock().expect("no holder panics");
        match units {
            0 => at_work.remove(&pid),
            units => at_work.insert(pid, units),
        };
    }

    /// The units of work that a server process is at.
    pub(crate) fn units_at(&self, pid: i32) -> u64 {
        self.at_work.lock().expect("no holder panics").get(&pid).copied().unwrap_or_default()
    }

    /// The proof of the guard.
    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// How the rows of a group travel, if nothing speaks against it.
    pub(crate) fn format_for(&self, group: &LoadGroup, source_major: u32) -> CopyFormat {
        match group.members.iter().all(|(source, _)| is_binary(source, &self.destination, source_major)) {
            true => CopyFormat::Binary,
            false => CopyFormat::Text,
        }
    }

    /// Whether our sessions keep triggers from firing.
    pub(crate) fn silences_triggers(&self) -> bool {
        self.silences_triggers.load(Ordering::Relaxed)
    }

    /// Opens a session that writes: first it proves that it came to the database that was admitted.
    ///
    /// # Errors
    /// [`ImportError::OtherDatabase`] if it did not; whatever connecting may give.
    pub(crate) async fn session(&self) -> Result<TargetSession, ImportError> {
        let mut session = self.checked_session(SETTINGS).await?;
        let version = session.parameter("server_version").and_then(ServerVersion::parse);
        self.silence_triggers(&mut session, version).await?;
        Ok(session)
    }

    /// Opens a session for a script, with the settings that a new session has: it proves first that it came to the database that was
    /// admitted.
    ///
    /// # Errors
    /// As of [`session`](Self::session).
    pub(crate) async fn script_session(&self) -> Result<TargetSession, ImportError> {
        self.checked_session("").await
    }

    async fn checked_session(&self, settings: &str) -> Result<TargetSession, ImportError> {
        let mut session = CopySession::open(self.destination.config()).await?;
        let mut sql = String::from(settings);
        if !settings.is_empty() && session.parameter("server_encoding") == Some("SQL_ASCII") {
            // It takes any bytes, and must get those that the source has.
            sql.push_str("SET client_encoding = 'SQL_ASCII'; ");
        }
        let version = session.parameter("server_version").and_then(ServerVersion::parse);
        if version.is_some_and(ServerVersion::has_idle_session_timeout) {
            sql.push_str("SET idle_session_timeout = 0; ");
        }
        if version.is_some_and(ServerVersion::has_transaction_timeout) {
            sql.push_str("SET transaction_timeout = 0; ");
        }
        if !settings.is_empty() {
            sql.push_str(&build_memory(self.jobs));
        }
        sql.push_str(STARTED);
        sql.push_str(self.destination.session_check_sql());
        let answer = session.simple(&sql).await?;
        let last = answer.last().filter(|a| !a.rows.is_empty());
        let row: Vec<Option<&str>> = last.map_or(Vec::new(), |a| (0..a.rows[0].len()).map(|column| a.text(0, column)).collect());
        self.destination.check_session_answer(&row).map_err(|e| ImportError::OtherDatabase { problem: e.to_string() })?;
        let started = answer.len().checked_sub(2).and_then(|before_last| answer[before_last].text(0, 0));
        if let Some(started) = started {
            self.started.lock().expect("no holder panics").insert(session.backend_pid(), started.to_owned());
        }
        Ok(session)
    }

    /// Event triggers of the target would fire on what we make. Not every role may switch them off.
    async fn silence_triggers(&self, session: &mut TargetSession, version: Option<ServerVersion>) -> Result<(), ConnectionError> {
        if !self.silences_triggers.load(Ordering::Relaxed) {
            return Ok(());
        }
        let sql = match version.is_some_and(ServerVersion::has_event_triggers_setting) {
            true => "SET event_triggers = off; SET session_replication_role = replica",
            false => "SET session_replication_role = replica",
        };
        match session.execute(sql).await {
            Err(e) if e.sqlstate() == Some("42501") => {
                self.silences_triggers.store(false, Ordering::Relaxed);
                Ok(())
            }
            other => other,
        }
    }

    /// Takes the writer's lock, which the session then holds to its end.
    ///
    /// # Errors
    /// [`ImportError::Busy`] if another run holds it.
    pub(crate) async fn lock(&self, session: &mut TargetSession) -> Result<(), ImportError> {
        let key = self.destination.lock_key();
        let answer = session.simple(&format!("SELECT pg_catalog.pg_try_advisory_lock({key})")).await?;
        if answer.first().and_then(|a| a.text(0, 0)) == Some("t") {
            return Ok(());
        }
        let holder = session.simple(include_str!("lock_holder.sql")).await?;
        let by = holder.first().and_then(|a| a.text(0, 0)).map(|what| format!(": {what}")).unwrap_or_default();
        Err(ImportError::Busy { target: self.destination.config().to_string(), by })
    }

    /// Ends a session of this run that we have lost sight of: behind a gateway that forgot the connection it may hold its locks
    /// for hours.
    ///
    /// # Errors
    /// Whatever the statement may give; a session that is not there is none.
    pub(crate) async fn end_former(&self, session: &mut CopySession, pid: i32) -> Result<(), ConnectionError> {
        let Some(started) = self.started.lock().expect("no holder panics").get(&pid).cloned() else { return Ok(()) };
        let mut sql = Ddl::new();
        sql.deparsed(include_str!("end_former.sql").trim_end());
        sql.sql(" and a.pid = ").number(pid).sql(" and a.backend_start = ").literal(&started);
        sql.sql("::pg_catalog.timestamptz");
        session.execute(sql.as_str()).await
    }
}

/// What became of a transaction.
impl Target {
    /// Whether a transaction that ends the marker of the run with this fence was committed; `former` is the session that had it.
    /// `None`: it is not over.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub(crate) async fn is_committed(&self, former: i32, transaction: u64, fence: &Fence) -> Result<Option<bool>, ImportError> {
        let mut session = self.session().await?;
        let is_committed = match self.outcome(&mut session, former, transaction).await? {
            Some(true) => Some(fence.standing(&mut session).await? == Standing::Gone),
            other => other,
        };
        session.close().await;
        Ok(is_committed)
    }

    /// Whether a transaction of the session `former`, which is ended if it is still there, was committed. `None`: it is not over.
    ///
    /// # Errors
    /// Whatever the statements may give.
    pub(crate) async fn outcome(
        &self,
        session: &mut CopySession,
        former: i32,
        transaction: u64,
    ) -> Result<Option<bool>, ConnectionError> {
        self.end_former(session, former).await?;
        let mut sql = Ddl::new();
        sql.sql("SELECT pg_catalog.pg_xact_status('").number(transaction).sql("'::pg_catalog.xid8)");
        let status = match session.simple(sql.as_str()).await {
            Ok(answer) => answer.first().and_then(|a| a.text(0, 0)).map(str::to_owned),
            // "In the future": the server crashed and forgot that it had begun.
            Err(e) if e.sqlstate() == Some("22023") => Some("aborted".to_owned()),
            Err(e) => return Err(e),
        };
        Ok(match status.as_deref() {
            Some("committed") => Some(true),
            Some("aborted") => Some(false),
            _ => None,
        })
    }
}

/// How often a cancel is asked for again: one that comes between two statements has no effect.
const CANCEL_AGAIN: Duration = Duration::from_millis(250);

/// Why a statement did not come to its end.
pub(crate) enum Stopped {
    Cancelled,
    Failed(ConnectionError),
}

impl Stopped {
    /// For a statement of the operator's own.
    pub(crate) fn into_run(self, what: String) -> ImportError {
        match self {
            Self::Cancelled => DataError::Cancelled.into(),
            Self::Failed(source) => ImportError::Run { what, source },
        }
    }

    pub(crate) fn into_apply(self, what: String) -> ImportError {
        match self {
            Self::Cancelled => DataError::Cancelled.into(),
            Self::Failed(source) => ImportError::Apply { what, source },
        }
    }
}

/// Waits for one answer; a cancel of the run ends everything that the session has been sent.
pub(crate) async fn receive_or_end(run: &Run, session: &mut CopySession) -> Result<(), Stopped> {
    let answer = tokio::select! {
        biased;
        () = run.cancellation().cancelled() => None,
        answer = session.receive() => Some(answer),
    };
    match answer {
        Some(answer) => answer.map(drop).map_err(Stopped::Failed),
        None => {
            end_work(session).await;
            Err(Stopped::Cancelled)
        }
    }
}

/// How long a session is given to end what it is at.
const CANCEL_WITHIN: Duration = Duration::from_secs(20);

/// Ends everything that a session has been sent. One that does not come to its end in time is left as it is: it is to be closed.
pub(crate) async fn end_work(session: &mut CopySession) {
    let canceller = session.canceller();
    let ended = async {
        // The answers to the cancels are the errors that we asked for.
        let drained = session.drain();
        tokio::pin!(drained);
        loop {
            let _ = canceller.cancel().await;
            tokio::select! {
                biased;
                _ = &mut drained => return,
                () = tokio::time::sleep(CANCEL_AGAIN) => {}
            }
        }
    };
    let _ = tokio::time::timeout(CANCEL_WITHIN, ended).await;
}
