//! Watches what our hold on a source does to others.
//!
//! The locks of a run let everybody read and write, but not change tables; and whoever asks for a table behind such a change
//! waits, too. The snapshot keeps vacuum from cleaning up. Both are said while they last, and can be given a limit.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use crate::connection::{Connection, ConnectionConfig};
use crate::error::{CatalogError, ConnectionError};
use crate::progress::Run;
use crate::report::SnapshotKind;

/// How often the source is asked.
const EVERY: Duration = Duration::from_secs(2);

/// How often the age of the snapshot is said.
const TELL_AGE_EVERY: Duration = Duration::from_secs(300);

/// What ends a run for the sake of others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// How old the snapshot may become.
    pub(crate) max_age: Option<Duration>,
    /// How long a session may wait for a lock of ours.
    pub(crate) yield_after: Option<Duration>,
}

/// Watches until a limit is passed, and gives the error for it. `config` has the `application_name` of the run's sessions.
///
/// Where only one connection can be had, it is busy reading: the age of the snapshot is all that is watched then.
pub(crate) async fn watch(config: &ConnectionConfig, snapshot: SnapshotKind, limits: Limits, run: &Run) -> CatalogError {
    let mut watch =
        Watch { config, limits, run, since: Instant::now(), told: Instant::now(), known: HashSet::new(), connection: None };
    // A short run needs no connection for this.
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + EVERY, EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Some(age) = limits.max_age.filter(|age| watch.since.elapsed() > *age) {
            return CatalogError::SnapshotTooOld { seconds: age.as_secs() };
        }
        if snapshot == SnapshotKind::SingleConnection {
            continue;
        }
        match watch.look().await {
            Ok(None) => {}
            Ok(Some(error)) => return error,
            // Watching is a courtesy: the run goes on without it, and it is tried again.
            Err(_) => watch.connection = None,
        }
    }
}

struct Watch<'a> {
    config: &'a ConnectionConfig,
    limits: Limits,
    run: &'a Run,
    since: Instant,
    told: Instant,
    /// Sessions that were named already.
    known: HashSet<i32>,
    connection: Option<Connection>,
}

impl Watch<'_> {
    async fn look(&mut self) -> Result<Option<CatalogError>, ConnectionError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.config).await?,
        };
        let found = self.ask(&connection).await?;
        self.connection = Some(connection);
        Ok(found)
    }

    async fn ask(&mut self, connection: &Connection) -> Result<Option<CatalogError>, ConnectionError> {
        let ours = self.config.application_name();
        let waiting = connection.query(include_str!("waiting_for_us.sql"), &[(&ours, Type::TEXT)]).await?;
        for row in &waiting {
            let (pid, what, seconds): (i32, String, i64) = (row.get("pid"), row.get("what"), row.get("seconds"));
            if self.known.insert(pid) {
                self.run.warn(format!("{what} waits for a lock of this run at the source, and others may queue behind it"));
            }
            if self.limits.yield_after.is_some_and(|limit| seconds.unsigned_abs() > limit.as_secs()) {
                return Ok(Some(CatalogError::Yielded { waiting: what, seconds: seconds.unsigned_abs() }));
            }
        }
        if self.told.elapsed() > TELL_AGE_EVERY {
            self.told = Instant::now();
            let row = connection.query_one(include_str!("snapshot_age.sql"), &[(&ours, Type::TEXT)]).await?;
            let transactions: i64 = row.get("transactions");
            let minutes = self.since.elapsed().as_secs() / 60;
            self.run.log(format!("the snapshot is {minutes} minutes old and holds back vacuum by {transactions} transactions"));
        }
        Ok(None)
    }
}
