//! A source behind pgbouncer in transaction mode: one connection reads everything, in one transaction.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgstream::export::{ExportOptions, ExportReport, export};
use pgstream::report::SnapshotKind;
use pgstream::storage::Sink;
use pgstream::sync::SyncOptions;
use pgstream::sync::verify::{VerifyOptions, verify};
use pgstream::{ErrorCode, Failure, Phase, Proven, Retry, Run, TargetState, Verify};
use pgstream_tests::chaos::{ChaosProxy, End};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::{TestDb, unique_name};
use pgstream_tests::oracle;
use pgstream_tests::pgbouncer::Pgbouncer;

use crate::syncing::{LARGE, Watched, config, explain, shop, try_sync, wait_until, wait_until_gone};

/// Gives one session of the server to all of its clients together, and knows no parameter that it does not have to know.
fn narrow(cluster: &Cluster) -> Pgbouncer {
    let settings = [("pool_mode", "transaction"), ("default_pool_size", "1"), ("ignore_startup_parameters", "")];
    Pgbouncer::start(cluster, &settings)
}

async fn export_to(url: &str, file: &Path, options: &ExportOptions) -> Result<ExportReport, Failure> {
    export(&config(url), Sink::Path(file.to_owned()), options, &Run::new()).await
}

/// The shop with what is read in other ways than its tables.
async fn shop_and_more(cluster: &Arc<Cluster>) -> TestDb {
    let db = shop(cluster).await;
    db.execute(
        "select lo_from_bytea(4711, decode(repeat('00ff7f', 200000), 'hex')); select lo_from_bytea(4712, 'small');
         create sequence down increment by -3; select nextval('down'), nextval('down')",
    )
    .await;
    db
}

#[tokio::test]
async fn an_export_needs_one_session_of_the_server() {
    for cluster in Cluster::all() {
        let db = shop_and_more(&cluster).await;
        let pooler = narrow(&cluster);
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let file = folder.path().join("out.sql");
        let report = export_to(&db.url_through(&pooler.address()), &file, &ExportOptions::default()).await;
        let report = report.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
        assert_eq!((report.snapshot, report.proven), (SnapshotKind::SingleConnection, Proven::Rows));
        assert!(report.warnings.iter().any(|w| w.contains("single connection")), "{:?}", report.warnings);
        let copy = TestDb::create(&cluster).await;
        oracle::psql_load(&copy.url(), &file).expect("psql takes it");
        oracle::assert_same(&db.url(), &copy.url());
    }
}

#[tokio::test]
async fn a_sync_reads_over_one_session_and_is_proven() {
    for cluster in Cluster::all() {
        let (db, target) = (shop_and_more(&cluster).await, TestDb::create(&cluster).await);
        let pooler = narrow(&cluster);
        let from = db.url_through(&pooler.address());
        let mut options = SyncOptions::default();
        options.verify = Verify::Checksum;
        let report = try_sync(&from, &target.url(), &options, &Run::new()).await;
        let report = report.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
        assert_eq!((report.snapshot, report.proven), (SnapshotKind::SingleConnection, Proven::Content));
        assert_eq!(serde_json::to_value(&report).expect("it is data")["snapshot"], "single connection");
        oracle::assert_same(&db.url(), &target.url());
        let compared = verify(&config(&from), &config(&target.url()), &VerifyOptions::default(), &Run::new()).await;
        let compared = compared.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
        assert!(compared.is_same && compared.large_objects > 2 && compared.sequences > 1, "{compared:?}");
    }
}

#[tokio::test]
async fn what_needs_more_than_one_session_is_refused_with_the_direct_address_as_the_hint() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    source.execute("create table t (a int)").await;
    let pooler = narrow(&cluster);
    let (from, to) = (source.url_through(&pooler.address()), target.url_through(&pooler.address()));
    let refused = |failure: Failure| {
        assert_eq!(
            (failure.code(), failure.target),
            (ErrorCode::PreflightFailed, TargetState::Untouched),
            "{}",
            explain(&failure)
        );
        format!("{}: {}", failure, failure.error.hint())
    };
    let mut options = SyncOptions::default();
    let said = refused(try_sync(&source.url(), &to, &options, &Run::new()).await.expect_err("a target behind a pooler"));
    assert!(said.contains("the target goes through a pooler") && said.contains("the server's own address"), "{said}");
    options.jobs = 2;
    let said = refused(try_sync(&from, &target.url(), &options, &Run::new()).await.expect_err("two jobs"));
    assert!(said.contains("2 jobs were asked for") && said.contains("the server's own address"), "{said}");
    options.jobs = 1;
    options.yield_to_ddl = Some(5);
    let said = refused(try_sync(&from, &target.url(), &options, &Run::new()).await.expect_err("nobody is seen to wait"));
    assert!(said.contains("--yield-to-ddl"), "{said}");

    let folder = tempfile::tempdir().expect("there is room for a folder");
    let mut options = ExportOptions::default();
    options.jobs = 3;
    let said = refused(export_to(&from, &folder.path().join("out.sql"), &options).await.expect_err("three jobs"));
    assert!(said.contains("3 jobs were asked for") && said.contains("the server's own address"), "{said}");
}

#[tokio::test]
async fn a_broken_connection_ends_an_export_and_the_next_one_succeeds() {
    let cluster = Cluster::newest();
    let db = TestDb::create(&cluster).await;
    db.execute(LARGE).await;
    let pooler = narrow(&cluster);
    let proxy = ChaosProxy::plain(pooler.address()).await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    let (from, to) = (db.url_through(proxy.address()), file.clone());
    let running = tokio::spawn(async move { export_to(&from, &to, &ExportOptions::default()).await });
    proxy.wait_until(|stats| stats.iter().any(|s| s.bytes_down > 5_000_000)).await;
    proxy.cut_all(End::Reset);
    let failure = running.await.expect("no panic").expect_err("its only connection broke");
    assert_eq!((failure.code(), failure.phase, failure.target), (ErrorCode::SnapshotLost, Phase::Data, TargetState::Untouched));
    assert_eq!(failure.error.retry(), Retry::Now);
    assert!(explain(&failure).contains("the only connection"), "{}", explain(&failure));
    assert!(!file.exists());

    let report = export_to(&db.url_through(proxy.address()), &file, &ExportOptions::default()).await.expect("nothing breaks now");
    assert_eq!(report.rows, 42_000);
}

#[tokio::test]
async fn a_broken_connection_begins_a_sync_anew() {
    let cluster = Cluster::newest();
    let (db, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    db.execute(LARGE).await;
    let pooler = narrow(&cluster);
    let proxy = ChaosProxy::plain(pooler.address()).await;
    let watched = Watched::new();
    let (from, to, run) = (db.url_through(proxy.address()), target.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    proxy.wait_until(|stats| stats.iter().any(|s| s.bytes_down > 5_000_000)).await;
    proxy.cut_all(End::Reset);
    let report = running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert!(watched.began_anew(), "{:?}", watched.messages());
    assert_eq!(report.proven, Proven::Rows);
    oracle::assert_same(&db.url(), &target.url());
}

#[tokio::test]
async fn a_broken_target_does_not_cost_the_snapshot() {
    let cluster = Cluster::newest();
    let (db, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    db.execute(LARGE).await;
    let pooler = narrow(&cluster);
    let proxy = ChaosProxy::plain(cluster.address()).await;
    let watched = Watched::new();
    let (from, to, run) = (db.url_through(&pooler.address()), target.url_through(proxy.address()), watched.run.clone());
    let running = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    proxy.wait_until(|stats| stats.iter().any(|s| s.bytes_up > 5_000_000)).await;
    proxy.cut(End::Reset, |s| s.bytes_up > 5_000_000);
    running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    let messages = watched.messages();
    assert!(messages.iter().any(|m| m.contains("loading public.large again")) && !watched.began_anew(), "{messages:?}");
    oracle::assert_same(&db.url(), &target.url());
}

#[tokio::test]
async fn a_cancel_ends_the_session_behind_the_pooler() {
    let cluster = Cluster::newest();
    let (db, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    db.execute(LARGE).await;
    let pooler = narrow(&cluster);
    let proxy = ChaosProxy::plain(pooler.address()).await;
    let watched = Watched::new();
    let (from, to, run) = (db.url_through(proxy.address()), target.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    proxy.wait_until(|stats| stats.iter().any(|s| s.bytes_down > 5_000_000)).await;
    watched.run.cancel();
    let failure = running.await.expect("no panic").expect_err("it was cancelled");
    assert_eq!((failure.code(), failure.target), (ErrorCode::Cancelled, TargetState::Restored), "{}", explain(&failure));
    wait_until_gone(&cluster, &format!("datname = '{}' and state <> 'idle'", db.name())).await;
}

#[tokio::test]
async fn a_parameter_that_the_pooler_does_not_know_is_named_at_once() {
    let db = TestDb::new().await;
    let pooler = narrow(db.cluster());
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let from = format!("{}?options=-c%20work_mem%3D8MB", db.url_through(&pooler.address()));
    let started = Instant::now();
    let failure = export_to(&from, &folder.path().join("out.sql"), &ExportOptions::default()).await.expect_err("it is refused");
    assert_eq!((failure.code(), failure.error.retry()), (ErrorCode::ConnectionRefused, Retry::AfterOperator));
    assert!(failure.error.hint().contains("leave options out"), "{}", explain(&failure));
    assert!(started.elapsed() < Duration::from_secs(5), "it was tried again and again");
}

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_is_waited_for_and_given_up() {
    let cluster = Cluster::newest();
    let db = TestDb::create(&cluster).await;
    db.execute("create table t (a int)").await;
    let holder = db.client().await;
    holder.batch_execute("begin; lock table t in access exclusive mode").await.expect("nobody holds it");
    let pooler = narrow(&cluster);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let mut options = ExportOptions::default();
    options.lock_timeout = Some(1);
    let failure = export_to(&db.url_through(&pooler.address()), &folder.path().join("out.sql"), &options).await;
    let failure = failure.expect_err("somebody holds it");
    assert_eq!((failure.code(), failure.target), (ErrorCode::LockTimeout, TargetState::Untouched), "{}", explain(&failure));
}

#[tokio::test]
async fn a_table_that_is_emptied_before_the_lock_is_read_as_it_is_then() {
    let cluster = Cluster::newest();
    let db = TestDb::create(&cluster).await;
    db.execute("create table t (a int); insert into t select generate_series(1, 1000)").await;
    let holder = db.client().await;
    holder.batch_execute("begin; lock table t in access exclusive mode").await.expect("nobody holds it");
    let pooler = narrow(&cluster);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (from, to) = (db.url_through(&pooler.address()), folder.path().join("out.sql"));
    let running = tokio::spawn(async move { export_to(&from, &to, &ExportOptions::default()).await });
    wait_until("the export waits for the lock", async || {
        db.value("select count(*) from pg_locks where not granted and relation = 't'::regclass").await != "0"
    })
    .await;
    holder.batch_execute("truncate t; insert into t values (1), (2); commit").await.expect("the session lives");
    let report = running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert_eq!(report.rows, 2);
}

#[tokio::test]
async fn a_server_that_shares_no_snapshot_is_read_over_one_connection() {
    let cluster = Cluster::newest();
    let (db, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    let role = unique_name();
    let from = cluster.create_plain_role(&role, db.name());
    db.execute(&format!(
        "revoke execute on function pg_catalog.pg_export_snapshot() from public;
         create table t (id serial, note text); insert into t (note) select 'n' || i from generate_series(1, 1000) i;
         grant select on all tables in schema public to {role}; grant select on all sequences in schema public to {role}"
    ))
    .await;
    let mut options = SyncOptions::default();
    (options.skip_unsupported, options.no_privileges) = (true, true);
    let done = try_sync(&from, &target.url(), &options, &Run::new()).await;
    options.jobs = 2;
    let other = TestDb::create(&cluster).await;
    let refused = try_sync(&from, &other.url(), &options, &Run::new()).await;
    db.execute(&format!("drop owned by {role}")).await;
    cluster.admin(&format!("drop role {role}"));
    let report = done.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert_eq!((report.snapshot, report.rows), (SnapshotKind::SingleConnection, 1000));
    assert!(report.warnings.iter().any(|w| w.contains("does not let its snapshot be shared")), "{:?}", report.warnings);
    oracle::assert_same_contents(&db.url(), &target.url());
    let failure = refused.expect_err("two jobs were asked for");
    assert_eq!(failure.code(), ErrorCode::PreflightFailed, "{}", explain(&failure));
}
