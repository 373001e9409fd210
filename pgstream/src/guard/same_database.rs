//! Whether two connections lead to one database.
//!
//! Two kinds of evidence: what the servers say of themselves, and whether a lock that was taken on one connection is seen on the
//! other. [`judge`] decides over both and does no I/O.

use tokio_postgres::types::Type;

use super::identity::DatabaseIdentity;
use crate::connection::Connection;
use crate::error::ConnectionError;

const TAKE: &str = include_str!("lock_take.sql");
const HELD: &str = include_str!("lock_held.sql");

/// What decides, of one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts<'a> {
    pub(crate) system_identifier: Option<&'a str>,
    pub(crate) database_oid: u32,
    pub(crate) is_in_recovery: bool,
}

impl<'a> From<&'a DatabaseIdentity> for Facts<'a> {
    fn from(identity: &'a DatabaseIdentity) -> Self {
        Self {
            system_identifier: identity.system_identifier.as_deref(),
            database_oid: identity.database_oid,
            is_in_recovery: identity.is_in_recovery,
        }
    }
}

/// What came of taking one random lock on both connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LockTest {
    /// The second could not have it while the first held it.
    Seen,
    /// Both held it at one time, each in a session of its own.
    NotSeen,
    /// It proves nothing, because…
    Untrusted(String),
}

/// Whether two connections lead to one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They do, because…
    Same(&'static str),
    /// They do not.
    Different(Difference),
    /// It cannot be told, because…
    Unknown(String),
}

/// In which way two databases are not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// The system identifiers differ.
    OtherCluster,
    /// The system identifiers agree, the databases' oids do not.
    OtherDatabase,
    /// All of that agrees, but the lock told them apart: one began as a copy of the other's files.
    PhysicalClone,
    /// Only the lock told them apart; they may be in one cluster.
    ByLock,
}

/// The decision table. Its rows are the cases of the test below.
pub(crate) fn judge(a: Facts<'_>, b: Facts<'_>, lock: &LockTest) -> Verdict {
    let has_standby = a.is_in_recovery || b.is_in_recovery;
    let is_same_system = match (a.system_identifier, b.system_identifier) {
        (Some(a), Some(b)) => Some(a == b),
        _ => None,
    };
    match (is_same_system, lock) {
        (_, LockTest::Seen) => Verdict::Same("a lock taken on one connection is seen on the other"),
        (Some(false), _) => Verdict::Different(Difference::OtherCluster),
        (Some(true), _) if a.database_oid != b.database_oid => Verdict::Different(Difference::OtherDatabase),
        (Some(true), _) if has_standby => Verdict::Same("system identifier and database agree, and one of the two is a standby"),
        (Some(true), LockTest::NotSeen) => Verdict::Different(Difference::PhysicalClone),
        (Some(true), LockTest::Untrusted(why)) => {
            Verdict::Unknown(format!("system identifier and database agree, and a lock cannot tell them apart: {why}"))
        }
        (None, _) if has_standby => {
            Verdict::Unknown("one of the two is a standby, and the system identifier cannot be read on both".into())
        }
        (None, LockTest::Untrusted(why)) => {
            Verdict::Unknown(format!("the system identifier cannot be read on both, and a lock cannot tell them apart: {why}"))
        }
        (None, LockTest::NotSeen) => Verdict::Different(Difference::ByLock),
    }
}

/// The decision table for a database that is not reachable now, and whose identity was seen earlier.
pub(crate) fn judge_remembered(now: Facts<'_>, earlier: Facts<'_>) -> Verdict {
    match (now.system_identifier, earlier.system_identifier) {
        (Some(a), Some(b)) if a != b => Verdict::Different(Difference::OtherCluster),
        (Some(_), Some(_)) if now.database_oid != earlier.database_oid => Verdict::Different(Difference::OtherDatabase),
        (Some(_), Some(_)) => Verdict::Same("system identifier and database are the remembered ones"),
        _ => Verdict::Unknown("the system identifier cannot be read on both".into()),
    }
}

/// Tries locks of one connection on others. Its transaction stays open until the connection is closed.
pub(crate) struct LockTester<'a> {
    connection: &'a Connection,
}

impl<'a> LockTester<'a> {
    /// Begins the transaction in which the locks are held.
    pub(crate) async fn begin(connection: &'a Connection) -> Result<Self, String> {
        connection.batch("begin").await.map_err(|e| describe(&e))?;
        Ok(Self { connection })
    }

    /// Takes a random lock here and tries it on another connection. Leaves no transaction open there.
    ///
    /// Several tests may run at one time. Each has a lock of its own: two of the others may be one database.
    pub(crate) async fn test(&self, other: &Connection) -> LockTest {
        let test = self.try_both(other).await.unwrap_or_else(LockTest::Untrusted);
        // If it fails, the connection is of no more use, and whoever uses it next will see that.
        let _ = other.batch("rollback").await;
        test
    }

    async fn try_both(&self, other: &Connection) -> Result<LockTest, String> {
        let key = getrandom::u64().map_err(|e| format!("no random number could be had ({e})"))?.cast_signed();
        let (ours, begun) = tokio::join!(try_lock(self.connection, key), other.batch("begin"));
        begun.map_err(|e| describe(&e))?;
        let (true, our_pid) = ours.map_err(|e| describe(&e))? else {
            return Err("a random lock could not be taken".into());
        };
        // A transaction keeps a pooler from giving the session to somebody else.
        let (is_free, their_pid) = try_lock(other, key).await.map_err(|e| describe(&e))?;
        if !is_free {
            return Ok(LockTest::Seen);
        }
        let (ours, theirs) = tokio::join!(holds(self.connection, key), holds(other, key));
        still_holds(ours, our_pid)?;
        still_holds(theirs, their_pid)?;
        Ok(LockTest::NotSeen)
    }
}

/// The session must still be the one that took the lock, and must see it itself.
fn still_holds(held: Result<(bool, i32), ConnectionError>, pid: i32) -> Result<(), String> {
    let (is_held, pid_now) = held.map_err(|e| describe(&e))?;
    if pid != pid_now {
        return Err("a pooler changes the session within a transaction".into());
    }
    if is_held { Ok(()) } else { Err("a session does not see the lock that it took itself".into()) }
}

/// What failed, without the server's long words.
fn describe(e: &ConnectionError) -> String {
    match e.server_error() {
        Some(server) => format!("the test failed with {server}"),
        None => format!("the test failed: {e}"),
    }
}

async fn try_lock(connection: &Connection, key: i64) -> Result<(bool, i32), ConnectionError> {
    let row = connection.query_one(TAKE, &[(&key, Type::INT8)]).await?;
    Ok((column(connection, &row, 0)?, column(connection, &row, 1)?))
}

async fn holds(connection: &Connection, key: i64) -> Result<(bool, i32), ConnectionError> {
    let row = connection.query_one(HELD, &[(&key, Type::INT8)]).await?;
    Ok((column(connection, &row, 1)?, column(connection, &row, 0)?))
}

fn column<'r, T: tokio_postgres::types::FromSql<'r>>(
    connection: &Connection,
    row: &'r tokio_postgres::Row,
    index: usize,
) -> Result<T, ConnectionError> {
    row.try_get(index).map_err(|e| ConnectionError::Protocol {
        server: connection.describe().to_owned(),
        problem: format!("the answer to the lock test cannot be read: {e}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Short {
        Same,
        Unknown,
        OtherCluster,
        OtherDatabase,
        PhysicalClone,
        ByLock,
    }
    use Short::{ByLock, OtherCluster, OtherDatabase, PhysicalClone, Same, Unknown};

    fn short(verdict: Verdict) -> Short {
        match verdict {
            Verdict::Same(_) => Same,
            Verdict::Unknown(_) => Unknown,
            Verdict::Different(Difference::OtherCluster) => OtherCluster,
            Verdict::Different(Difference::OtherDatabase) => OtherDatabase,
            Verdict::Different(Difference::PhysicalClone) => PhysicalClone,
            Verdict::Different(Difference::ByLock) => ByLock,
        }
    }

    const fn facts(system_identifier: Option<&'static str>, database_oid: u32, is_in_recovery: bool) -> Facts<'static> {
        Facts { system_identifier, database_oid, is_in_recovery }
    }

    const PRIMARY: Facts<'static> = facts(Some("1"), 5, false);
    const STANDBY: Facts<'static> = facts(Some("1"), 5, true);
    const OTHER: Facts<'static> = facts(Some("2"), 5, false);
    const OTHER_STANDBY: Facts<'static> = facts(Some("2"), 5, true);
    const SIBLING: Facts<'static> = facts(Some("1"), 6, false);
    const SIBLING_STANDBY: Facts<'static> = facts(Some("1"), 6, true);
    const SILENT: Facts<'static> = facts(None, 5, false);
    const SILENT_SIBLING: Facts<'static> = facts(None, 6, false);
    const SILENT_STANDBY: Facts<'static> = facts(None, 5, true);

    #[test]
    fn every_row_of_the_decision_table_holds_from_both_ends() {
        let seen = || LockTest::Seen;
        let not_seen = || LockTest::NotSeen;
        let untrusted = || LockTest::Untrusted("a pooler".into());
        let rows = [
            ("a tunnel or an alias: the lock is seen", PRIMARY, PRIMARY, seen(), Same),
            ("the lock is seen, and nobody may read the system identifier", SILENT, SILENT, seen(), Same),
            ("the lock is seen, one end may read the system identifier", PRIMARY, SILENT, seen(), Same),
            ("another cluster", PRIMARY, OTHER, not_seen(), OtherCluster),
            ("another cluster, through a pooler", PRIMARY, OTHER, untrusted(), OtherCluster),
            ("another cluster's standby", PRIMARY, OTHER_STANDBY, not_seen(), OtherCluster),
            ("another database of the cluster", PRIMARY, SIBLING, not_seen(), OtherDatabase),
            ("another database of the cluster, through a pooler", PRIMARY, SIBLING, untrusted(), OtherDatabase),
            ("another database of the cluster, on a standby", PRIMARY, SIBLING_STANDBY, not_seen(), OtherDatabase),
            ("a replica", PRIMARY, STANDBY, not_seen(), Same),
            ("a replica, through a pooler", PRIMARY, STANDBY, untrusted(), Same),
            ("two replicas of one primary", STANDBY, STANDBY, not_seen(), Same),
            ("a physical clone that lives by itself", PRIMARY, PRIMARY, not_seen(), PhysicalClone),
            ("a clone, or the same through a pooler", PRIMARY, PRIMARY, untrusted(), Unknown),
            ("no system identifier, the lock is not seen", SILENT, SILENT, not_seen(), ByLock),
            ("no system identifier, other oids, the lock is not seen", SILENT, SILENT_SIBLING, not_seen(), ByLock),
            ("one system identifier, the lock is not seen", PRIMARY, SILENT, not_seen(), ByLock),
            ("no system identifier, through a pooler", SILENT, SILENT, untrusted(), Unknown),
            ("one system identifier, through a pooler", PRIMARY, SILENT, untrusted(), Unknown),
            ("no system identifier, one is a standby", SILENT, SILENT_STANDBY, not_seen(), Unknown),
            ("one system identifier, the other is a standby", PRIMARY, SILENT_STANDBY, not_seen(), Unknown),
            ("no system identifier, a standby, through a pooler", SILENT, SILENT_STANDBY, untrusted(), Unknown),
        ];
        for (name, a, b, lock, expected) in rows {
            assert_eq!(short(judge(a, b, &lock)), expected, "{name}");
            assert_eq!(short(judge(b, a, &lock)), expected, "{name}, the other way round");
        }
    }

    #[test]
    fn a_remembered_identity_refuses_what_is_equal_and_what_cannot_be_told() {
        let rows = [
            ("equal", PRIMARY, PRIMARY, Same),
            ("equal, the target is a standby", STANDBY, PRIMARY, Same),
            ("another cluster", PRIMARY, OTHER, OtherCluster),
            ("another database of the cluster", SIBLING, PRIMARY, OtherDatabase),
            ("the target does not tell", SILENT, PRIMARY, Unknown),
            ("it did not tell then", PRIMARY, SILENT, Unknown),
            ("neither tells, even with other oids", SILENT, SILENT_SIBLING, Unknown),
        ];
        for (name, now, earlier, expected) in rows {
            assert_eq!(short(judge_remembered(now, earlier)), expected, "{name}");
        }
    }
}
