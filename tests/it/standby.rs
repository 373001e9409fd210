//! A standby as the source: what is different there, and what is not.

use std::sync::Arc;

use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::export::{ExportOptions, export};
use pgstream::storage::Sink;
use pgstream::sync::verify::{Difference, VerifyOptions, VerifyReport, verify};
use pgstream::sync::{SyncOptions, check};
use pgstream::{ErrorCode, Proven, Run, TargetState, Verify};
use pgstream_tests::chaos::{ChaosProxy, Direction, End, Fault, Rule};
use pgstream_tests::cluster::{Cluster, majors};
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;

use crate::syncing::{LARGE, Watched, config, destination, explain, must_sync, shop, try_sync};

fn newest() -> u32 {
    majors().pop().expect("there is a server")
}

/// The oldest and the newest server: each pair of private ones takes a while to start.
fn ends() -> Vec<u32> {
    let mut majors = majors();
    majors.drain(1..majors.len().max(2) - 1);
    majors
}

/// A primary of this test's own.
fn primary(major: u32, settings: &[(&str, &str)]) -> Arc<Cluster> {
    Arc::new(Cluster::private(major, settings))
}

/// A standby that has everything that the primary has.
fn standby_of(primary: &Cluster) -> Cluster {
    let standby = primary.standby();
    standby.wait_until_replayed(primary);
    standby
}

async fn compare(a: &str, b: &str) -> VerifyReport {
    let config = |url: &str| ConnectionConfig::parse(url, &Environment::empty()).expect("the harness gives a good URL");
    let compared = verify(&config(a), &config(b), &VerifyOptions::default(), &Run::new()).await;
    compared.unwrap_or_else(|failure| panic!("{}", explain(&failure)))
}

/// Sequences that go up, down and in steps, each of which has given a few values.
const SEQUENCES: &str = "create sequence up; select nextval('up'), nextval('up'); \
    create sequence down increment by -1; select nextval('down'), nextval('down'); \
    create sequence steps increment by -7; select nextval('steps'); \
    create sequence fresh";

#[tokio::test]
async fn a_sync_from_a_standby_is_proven_and_unlogged_tables_are_made_without_rows() {
    for major in ends() {
        let (primary, cluster) = (primary(major, &[]), Cluster::for_major(major));
        let (db, with_unlogged) = (shop(&primary).await, TestDb::create(&primary).await);
        // The oracle cannot read what is unlogged on a standby either.
        db.execute(&format!("drop table shop.sessions cascade; {SEQUENCES}")).await;
        with_unlogged.execute(UNLOGGED).await;
        let standby = standby_of(&primary);
        // The shop makes the roles that its scripts speak of.
        drop(shop(&cluster).await);
        whole_from_a_standby(&standby.url(db.name()), &TestDb::create(&cluster).await).await;
        let from = (standby.url(with_unlogged.name()), with_unlogged.url());
        unlogged_from_a_standby(from, &TestDb::create(&cluster).await, &TestDb::create(&cluster).await).await;
    }
}

async fn whole_from_a_standby(from: &str, target: &TestDb) {
    let mut options = SyncOptions::default();
    options.verify = Verify::Checksum;
    let report = must_sync(from, &target.url(), &options).await;
    assert_eq!(report.proven, Proven::Content);
    oracle::assert_same(from, &target.url());
    let compared = compare(from, &target.url()).await;
    assert!(compared.is_same && compared.sequences > 4, "{compared:?}");
}

/// An unlogged table, with a sequence that is unlogged from 15 on, beside one that is not.
const UNLOGGED: &str = "create unlogged table u (id serial primary key, a int); insert into u (a) values (1), (2); \
    create table t as table u";

async fn unlogged_from_a_standby((from, primary): (String, String), target: &TestDb, copy: &TestDb) {
    let report = must_sync(&from, &target.url(), &SyncOptions::default()).await;
    let said = |warnings: &[String]| warnings.iter().filter(|w| w.contains("public.u is unlogged")).count();
    assert_eq!(said(&report.warnings), 1, "{:?}", report.warnings);
    assert_eq!((report.proven, report.tables.len(), report.rows), (Proven::Rows, 1, 2), "u is in no list of what was proven");
    assert_eq!(target.value("select (select count(*) from u) || ' ' || (select count(*) from t)").await, "0 2");
    assert_eq!(target.value("select relpersistence from pg_class where relname = 'u'").await, "u");

    for (a, b) in [(&from, &primary), (&primary, &from)] {
        let compared = compare(a, b).await;
        assert!(compared.is_same && said(&compared.warnings) == 1, "{compared:?}");
    }
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    let exported = export(&config(&from), Sink::Path(file.clone()), &ExportOptions::default(), &Run::new()).await;
    assert_eq!(said(&exported.unwrap_or_else(|failure| panic!("{}", explain(&failure))).warnings), 1);
    oracle::psql_load(&copy.url(), &file).expect("psql takes it");
    oracle::assert_same(&copy.url(), &target.url());
}

#[tokio::test]
async fn sequences_of_a_standby_may_be_ahead_in_their_own_direction_and_never_behind() {
    let primary = primary(newest(), &[]);
    let db = TestDb::create(&primary).await;
    // What a standby begins with is as the primary has it: it is ahead in what it replays.
    let standby = standby_of(&primary);
    db.execute(SEQUENCES).await;
    standby.wait_until_replayed(&primary);
    let at = |value: &str| format!("select last_value from {value}");
    let (of_primary, of_standby) = (db.value(&at("down")).await, standby_value(&standby, db.name(), &at("down")));
    assert_ne!(of_primary, of_standby, "the test needs a standby that is ahead");

    assert!(compare(&standby.url(db.name()), &db.url()).await.is_same);
    assert!(compare(&db.url(), &standby.url(db.name())).await.is_same, "whichever is named first");
    let target = TestDb::new().await;
    must_sync(&standby.url(db.name()), &target.url(), &SyncOptions::default()).await;
    target.execute("select setval('up', 40), setval('down', -40), setval('steps', -700)").await;
    let behind = compare(&standby.url(db.name()), &target.url()).await;
    let is_sequence = |difference: &Difference| matches!(difference, Difference::Sequence { .. });
    assert_eq!(behind.differences.iter().filter(|d| is_sequence(d)).count(), 3, "{behind:#?}");
}

/// The one value of a query on a standby.
fn standby_value(standby: &Cluster, database: &str, sql: &str) -> String {
    let rows = pgstream_tests::sql::run_blocking(&standby.url(database), sql).expect("it can be read");
    rows[0][0].clone().expect("it is not null")
}

/// A proxy that lets a table of 40 MB through in no less than ten seconds, so that it is still on its way when others act.
async fn slow_proxy(standby: &Cluster) -> ChaosProxy {
    let slowly = Fault::Throttle(Direction::Down, 4_000_000);
    ChaosProxy::start(standby.address(), 7, vec![Rule::every(slowly)]).await
}

#[tokio::test]
async fn a_read_that_replay_cancels_is_begun_anew() {
    let settings = [("max_standby_streaming_delay", "0"), ("hot_standby_feedback", "off")];
    let primary = primary(newest(), &settings);
    let db = TestDb::create(&primary).await;
    db.execute(LARGE).await;
    let standby = standby_of(&primary);
    let target = TestDb::new().await;
    let proxy = slow_proxy(&standby).await;
    let watched = Watched::new();
    let (from, to, run) = (standby.url_through(proxy.address(), db.name()), target.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    proxy.wait_until(|stats| stats.iter().any(|s| s.bytes_down > 5_000_000)).await;
    // What the snapshot still sees is removed, and the standby may not wait.
    db.execute("delete from large where id > 1000").await;
    db.execute("vacuum large").await;
    // The second time may be fast.
    proxy.set_rules(Vec::new());
    let report = running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert!(watched.began_anew(), "{:?}", watched.messages());
    assert_eq!((report.proven, target.value("select count(*) from large").await.as_str()), (Proven::Rows, "1000"));
    oracle::assert_same(&standby.url(db.name()), &target.url());
}

#[tokio::test]
async fn a_keeper_that_a_standby_ended_is_not_replaced_by_one_that_replay_does_not_know() {
    let primary = primary(newest(), &[]);
    let db = TestDb::create(&primary).await;
    db.execute(LARGE).await;
    let standby = standby_of(&primary);
    let target = TestDb::new().await;
    let proxy = slow_proxy(&standby).await;
    let watched = Watched::new();
    let (from, to, run) = (standby.url_through(proxy.address(), db.name()), target.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    proxy.wait_until(|stats| stats.iter().any(|s| s.bytes_down > 5_000_000)).await;
    let ours = format!("application_name = '{}' and state = 'idle in transaction'", watched.application());
    let end_first = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid = \
           (select pid from pg_stat_activity where {ours} and query !~* 'copy' order by backend_start limit 1)"
    );
    let keepers =
        || standby.admin(&format!("select count(*) from pg_stat_activity where {ours} and query !~* 'copy'"))[0][0].clone();
    assert_eq!(keepers().as_deref(), Some("2"));
    standby.admin(&end_first);
    // Whoever reads on finds that the keeper is gone.
    assert!(proxy.cut(End::Reset, |s| s.bytes_down > 5_000_000) > 0);
    let before = proxy.stats().len() as u64;
    proxy.wait_until(|stats| stats.iter().any(|s| s.number > before && s.bytes_down > 5_000_000)).await;
    assert_eq!(keepers().as_deref(), Some("1"));
    running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert!(!watched.began_anew(), "the other keeper held the snapshot: {:?}", watched.messages());
    oracle::assert_same(&standby.url(db.name()), &target.url());
}

#[tokio::test]
async fn a_serializable_snapshot_is_refused_on_a_standby() {
    let primary = primary(newest(), &[]);
    let db = TestDb::create(&primary).await;
    db.execute("create table t (a int)").await;
    let standby = standby_of(&primary);
    let target = TestDb::new().await;
    let mut options = SyncOptions::default();
    options.serializable_deferrable = true;
    must_sync(&db.url(), &target.url(), &options).await;
    let other = TestDb::new().await;
    let failure = try_sync(&standby.url(db.name()), &other.url(), &options, &Run::new()).await.expect_err("it has none");
    assert_eq!((failure.code(), failure.target), (ErrorCode::PreflightFailed, TargetState::Untouched), "{}", explain(&failure));
    assert!(failure.error.hint().contains("--serializable-deferrable"), "{}", failure.error.hint());
}

#[tokio::test]
async fn the_check_tells_what_a_standby_may_do_to_a_long_read() {
    let primary = primary(newest(), &[("hot_standby_feedback", "on"), ("max_standby_streaming_delay", "5min")]);
    let db = TestDb::create(&primary).await;
    db.execute("create table t (a int)").await;
    let standby = standby_of(&primary);
    let target = TestDb::new().await;
    let destination = destination(&target.url()).await;
    let report = check(&config(&standby.url(db.name())), &destination, &SyncOptions::default(), &Run::new()).await;
    let report = report.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    let said: Vec<&str> = report.findings.iter().filter(|f| f.rule == "standby_source").map(|f| f.what.as_str()).collect();
    assert_eq!(said, ["the source is a standby (hot_standby_feedback is on, max_standby_streaming_delay is 5min)"]);
    assert!(report.is_ready, "{:?}", report.findings);
}
