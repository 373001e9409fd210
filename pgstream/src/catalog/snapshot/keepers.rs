//! Two sessions that hold a snapshot which any number of others join.
//!
//! On a standby a lost keeper is not replaced. Replay that removes what the snapshot sees ends every session that had it when
//! it looked, one after the other: a keeper that came later would outlive that, and read tables without the removed rows. As it
//! is, both keepers are gone then, and whoever [checks](Keepers::check) at the end is told.
//!
//! A keeper also lends itself as a reader where a lock cannot be had any more, because another session is queued behind ours.

use std::sync::Arc;

use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::attempt::time_limited;
use super::{KEEP_ALIVE, lock_statement, set_snapshot};
use crate::connection::{COUNT_LIMITS, ConnectionConfig, CopySession};
use crate::error::{CatalogError, ConnectionError};
use crate::name::QualifiedName;

/// What a successful attempt has: two sessions under one snapshot, with all locks.
pub(super) struct Held {
    pub(super) first: CopySession,
    pub(super) second: CopySession,
    pub(super) name: String,
    pub(super) pins: String,
    pub(super) lock_tables: Vec<QualifiedName>,
}

/// The two keepers.
#[derive(Debug)]
pub(super) struct Keepers {
    config: ConnectionConfig,
    pins: String,
    lock_tables: Vec<QualifiedName>,
    is_standby: bool,
    /// The snapshot's name, as `pg_export_snapshot()` gave it last.
    name: Mutex<String>,
    keepers: [Mutex<Option<CopySession>>; 2],
}

impl Keepers {
    pub(super) fn new(config: ConnectionConfig, held: Held) -> Self {
        let Held { first, second, name, pins, lock_tables } = held;
        let keepers = [Mutex::new(Some(first)), Mutex::new(Some(second))];
        Self { config, pins, lock_tables, is_standby: false, name: Mutex::new(name), keepers }
    }

    /// The same, of a server that is or is not a standby.
    pub(super) fn on_standby(self, is_standby: bool) -> Self {
        Self { is_standby, ..self }
    }

    pub(super) fn config(&self) -> &ConnectionConfig {
        &self.config
    }

    pub(super) async fn name(&self) -> String {
        self.name.lock().await.clone()
    }

    pub(super) async fn pids(&self) -> Vec<i32> {
        let mut pids = Vec::new();
        for keeper in &self.keepers {
            pids.extend(keeper.lock().await.as_ref().map(CopySession::backend_pid));
        }
        pids
    }

    pub(super) async fn release(&self) {
        for keeper in &self.keepers {
            if let Some(session) = keeper.lock().await.take() {
                session.close().await;
            }
        }
    }

    /// Lends a keeper that lives, once it is free.
    pub(super) async fn lend(&self) -> Result<MappedMutexGuard<'_, CopySession>, CatalogError> {
        self.mend().await?;
        for keeper in self.keepers.iter().rev() {
            if let Ok(lent) = MutexGuard::try_map(keeper.lock().await, Option::as_mut) {
                return Ok(lent);
            }
        }
        Err(self.all_lost(None))
    }

    /// Whether everything that was read was there to be read: on a standby, a keeper must have lived through it all.
    pub(super) async fn check(&self) -> Result<(), CatalogError> {
        match self.is_standby {
            true => self.mend().await,
            false => Ok(()),
        }
    }

    /// A session of its own in the snapshot.
    pub(super) async fn open_reader(&self) -> Result<CopySession, CatalogError> {
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
            _ => Err(time_limited(session.describe())),
        }
    }

    /// Keeps the keepers' connections from falling silent, for ever.
    pub(super) async fn keep_alive(self: Arc<Self>) {
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
        if !self.is_standby {
            *empty = self.replace_keeper().await;
        }
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

/// Gives the session's snapshot a name by which others can join it.
pub(super) async fn export_snapshot(session: &mut CopySession) -> Result<String, ConnectionError> {
    let answer = session.simple("SELECT pg_catalog.pg_export_snapshot()").await?;
    answer.first().and_then(|result| result.text(0, 0)).map(str::to_owned).ok_or_else(|| ConnectionError::Protocol {
        server: session.describe().to_owned(),
        problem: "pg_export_snapshot() gave nothing".into(),
    })
}
