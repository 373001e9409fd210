//! A cancelled run ends its server backends at both ends and leaves an empty target.

use pgstream::sync::SyncOptions;
use pgstream::{ErrorCode, Phase, TargetState, Verify};
use pgstream_tests::chaos::{ChaosProxy, Direction, Fault, Rule, Which};
use pgstream_tests::database::TestDb;

use crate::syncing::{
    LARGE, OBJECTS, SLOW_INDEX, Watched, explain, hold_slow_index, must_sync, try_sync, wait_until, wait_until_gone,
};

/// Starts a run from `from`, waits until `is_there`, cancels it, and looks at what is left.
async fn cancel_when(source: &TestDb, target: &TestDb, from: String, phase: Phase, is_there: impl AsyncFnOnce(&Watched)) {
    let watched = Watched::new();
    let (to, run) = (target.url(), watched.run.clone());
    let mut options = SyncOptions::default();
    options.verify = Verify::Checksum;
    // With two, the indexes of small tables begin while the large one is loaded.
    options.jobs = if phase == Phase::Data { 1 } else { 2 };
    let running = tokio::spawn(async move { try_sync(&from, &to, &options, &run).await });
    is_there(&watched).await;
    assert!(!running.is_finished(), "it ended before it was cancelled: {:?}", running.await);
    watched.run.cancel();
    let failure = running.await.expect("no panic").expect_err("it was cancelled");
    let expected = if phase == Phase::Preflight { TargetState::Untouched } else { TargetState::Restored };
    assert_eq!((failure.code(), failure.target, failure.phase), (ErrorCode::Cancelled, expected, phase), "{}", explain(&failure));
    // The engine has waited for its backends; only their own exit may still be under way.
    wait_until_gone(source.cluster(), &format!("application_name = '{}'", watched.application())).await;
    wait_until_gone(target.cluster(), &format!("datname = '{}' and application_name like 'pgstream%'", target.name())).await;
    assert_eq!(target.value(OBJECTS).await, "0");
}

#[tokio::test]
async fn a_cancel_ends_a_run_that_waits_for_a_lock_of_the_source() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("create table t (id integer)").await;
    let blocker = source.client().await;
    blocker.batch_execute("begin; lock table t in access exclusive mode").await.expect("nobody holds it");
    cancel_when(&source, &target, source.url(), Phase::Preflight, async |_| {
        wait_until("the run waits for the lock", async || {
            source.value("select count(*) from pg_locks where not granted and relation = 't'::regclass").await != "0"
        })
        .await;
    })
    .await;
    assert_eq!(source.value("select count(*) from pg_locks where not granted").await, "0");
    drop(blocker);
}

#[tokio::test]
async fn a_cancel_ends_a_run_that_makes_the_schema() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(SLOW_INDEX).await;
    let blocker = target.client().await;
    blocker.batch_execute("begin; lock table pg_catalog.pg_proc in share mode").await.expect("nobody holds it");
    cancel_when(&source, &target, source.url(), Phase::Schema, async |_| {
        wait_until("the run waits to make a function", async || {
            target.value("select count(*) from pg_locks where not granted and relation = 'pg_proc'::regclass").await != "0"
        })
        .await;
    })
    .await;
    drop(blocker);
}

#[tokio::test]
async fn a_cancel_ends_a_run_that_moves_rows() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(LARGE).await;
    let slowly = Rule::new(Which::After(3), Fault::Throttle(Direction::Down, 4 << 20));
    let proxy = ChaosProxy::start(source.cluster().address(), 1, vec![slowly]).await;
    let from = source.url_through(proxy.address());
    cancel_when(&source, &target, from, Phase::Data, async |_| {
        proxy.wait_until(|all| all.iter().any(|c| c.number > 3 && c.bytes_down > 500_000)).await;
    })
    .await;
}

#[tokio::test]
async fn a_cancel_ends_a_run_that_builds_an_index() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(SLOW_INDEX).await;
    let held = hold_slow_index(&target).await;
    cancel_when(&source, &target, source.url(), Phase::Indexes, async |_| wait_until_index_waits(&target).await).await;
    drop(held);
    must_sync(&source.url(), &target.url(), &SyncOptions::default()).await;
}

#[tokio::test]
async fn a_cancel_ends_a_run_that_compares() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(SLOW_INDEX).await;
    let held = hold_slow_index(&target).await;
    let blocker = target.client().await;
    cancel_when(&source, &target, source.url(), Phase::Verify, async |watched| {
        wait_until_index_waits(&target).await;
        // While the index holds the run up, the other table is closed to its reader.
        wait_until("the other table is loaded", async || target.value("select count(*) from other").await == "10").await;
        blocker.batch_execute("begin; lock table other in access exclusive mode").await.expect("nobody holds it");
        drop(held);
        watched.wait_for("the verification", |event| event.phase == Phase::Verify).await;
        wait_until("the comparison waits", async || {
            target.value("select count(*) from pg_locks where not granted and relation = 'other'::regclass").await != "0"
        })
        .await;
        let blocker = &blocker;
        // Taking back needs the table, too: the lock goes as soon as the comparison has been ended.
        let cancelled = watched.run.cancellation().clone();
        let client = target.client().await;
        drop(client);
        blocker.batch_execute("select 1").await.expect("the session lives");
        cancelled.cancel();
        wait_until("the comparison has ended", async || {
            let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%COPY (SELECT%' \
                           and datname = current_database()";
            target.value(waiting).await == "0"
        })
        .await;
        blocker.batch_execute("rollback").await.expect("the session lives");
    })
    .await;
}

async fn wait_until_index_waits(target: &TestDb) {
    wait_until("the index waits", async || {
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%CREATE INDEX%' \
                       and datname = current_database() and pid <> pg_backend_pid()";
        target.value(waiting).await != "0"
    })
    .await;
}

#[tokio::test]
async fn a_run_that_was_cancelled_before_it_began_does_nothing() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(SLOW_INDEX).await;
    let watched = Watched::new();
    watched.run.cancel();
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &watched.run).await.expect_err("cancelled");
    assert_eq!((failure.code(), failure.target), (ErrorCode::Cancelled, TargetState::Untouched));
    assert_eq!(target.value(OBJECTS).await, "0");
}
