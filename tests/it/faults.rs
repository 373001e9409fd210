//! What breaks on the way: a run is proven all the same, or fails clearly and works when it is repeated.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use pgstream::sync::{SyncOptions, SyncReport};
use pgstream::{ErrorCode, Failure, Proven, Run, TargetState, Verify};
use pgstream_tests::chaos::{ChaosProxy, ConnectionStats, Direction, End, Fault, Random, Rule, When, Which};
use pgstream_tests::cluster::{Cluster, majors};
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;

use crate::syncing::{
    LARGE, OBJECTS, SLOW_INDEX, Watched, assert_whole_or_marked, config, destination, explain, hold_slow_index, must_sync,
    try_sync, try_sync_into, wait_until, wait_until_gone,
};

/// Sessions at the source that open before the first reader: the one for the catalog, and two keepers.
const BEFORE_READERS: u64 = 3;

/// Bytes per second and reader, so that a COPY of [`LARGE`] takes seconds.
const SLOWLY: u64 = 8 << 20;

/// A source behind a proxy that is slow for its readers, and an empty target.
struct Slow {
    source: TestDb,
    target: TestDb,
    proxy: ChaosProxy,
    watched: Watched,
}

type Running = tokio::task::JoinHandle<Result<SyncReport, Failure>>;

impl Slow {
    async fn new() -> Self {
        Self::with(TestDb::new().await, TestDb::new().await).await
    }

    async fn with(source: TestDb, target: TestDb) -> Self {
        source.execute(LARGE).await;
        let slowly = Rule::new(Which::After(BEFORE_READERS), Fault::Throttle(Direction::Down, SLOWLY));
        let proxy = ChaosProxy::start(source.cluster().address(), 1, vec![slowly]).await;
        Self { source, target, proxy, watched: Watched::new() }
    }

    /// Starts a run and waits until a reader is in the middle of the large table. Connections made later are not slow.
    async fn start(&self, jobs: u32) -> Running {
        let (from, to, run) = (self.source.url_through(self.proxy.address()), self.target.url(), self.watched.run.clone());
        let mut options = SyncOptions::default();
        options.jobs = jobs;
        options.verify = Verify::Checksum;
        let running = tokio::spawn(async move { try_sync(&from, &to, &options, &run).await });
        self.proxy.wait_until(|all| all.iter().any(|c| c.number > BEFORE_READERS && c.bytes_down > 500_000)).await;
        self.proxy.set_rules(Vec::new());
        running
    }

    /// Ends the source's sessions of this run for which `condition` holds.
    async fn end_at_source(&self, condition: &str, count: u32) {
        let mine = format!("application_name = '{}'", self.watched.application());
        end_sessions(self.source.cluster(), &format!("{mine} and {condition}"), count).await;
    }

    async fn end_at_target(&self, condition: &str) {
        let mine = format!("datname = '{}'", self.target.name());
        end_sessions(self.target.cluster(), &format!("{mine} and {condition}"), 1).await;
    }

    /// The run succeeded, and what it says is so.
    async fn assert_proven(&self, running: Running) {
        let report = running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
        assert_eq!((report.proven, report.target), (Proven::Content, TargetState::Replaced));
        oracle::assert_same(&self.source.url(), &self.target.url());
    }

    fn assert_not_begun_anew(&self) {
        assert!(!self.watched.began_anew(), "{:?}", self.watched.messages());
    }
}

/// Ends `count` sessions, as soon as there are so many of them.
async fn end_sessions(cluster: &Cluster, condition: &str, count: u32) {
    let chosen = format!("from pg_stat_activity where pid <> pg_backend_pid() and {condition}");
    let enough = format!("select count(*) >= {count} {chosen}");
    wait_until(condition, async || cluster.admin(&enough)[0][0].as_deref() == Some("t")).await;
    let ended = cluster.admin(&format!("select pg_terminate_backend(pid) {chosen} limit {count}"));
    assert_eq!(ended.len(), count as usize, "{condition}");
}

const READER: &str = "state = 'active' and query like '%COPY %TO STDOUT%'";
const KEEPER: &str = "state = 'idle in transaction' and query = 'SELECT 1'";
const WRITER: &str = "query like '%COPY %FROM STDIN%'";

#[tokio::test]
async fn a_reader_that_is_killed_is_replaced_in_the_same_snapshot() {
    let slow = Slow::new().await;
    let running = slow.start(2).await;
    slow.end_at_source(READER, 1).await;
    slow.source.execute("insert into note select 'behind the snapshot'; delete from large where id % 3 = 0").await;
    let report = running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    let found = (report.rows, slow.target.value("select count(*) from large").await);
    assert_eq!(found, (ROWS, LARGE_ROWS.to_string()), "{:?}", slow.watched.messages());
    assert!(slow.watched.messages().iter().any(|m| m.contains("from where it broke off")), "{:?}", slow.watched.messages());
    slow.assert_not_begun_anew();
}

/// What [`LARGE`] makes.
const LARGE_ROWS: u64 = 40_000;
const ROWS: u64 = LARGE_ROWS + 1000 + 1000;

#[tokio::test]
async fn a_keeper_that_is_killed_is_replaced() {
    let slow = Slow::new().await;
    let running = slow.start(1).await;
    slow.end_at_source(KEEPER, 1).await;
    slow.assert_proven(running).await;
    slow.assert_not_begun_anew();
}

#[tokio::test]
async fn a_run_that_lost_both_keepers_is_begun_anew() {
    let slow = Slow::new().await;
    let running = slow.start(1).await;
    slow.end_at_source(KEEPER, 2).await;
    slow.assert_proven(running).await;
    assert!(slow.watched.began_anew(), "{:?}", slow.watched.messages());
}

#[tokio::test]
async fn a_writer_that_is_killed_in_its_copy_loads_the_table_again() {
    let slow = Slow::new().await;
    let running = slow.start(2).await;
    slow.end_at_target(WRITER).await;
    slow.assert_proven(running).await;
    slow.assert_not_begun_anew();
}

#[tokio::test]
async fn a_writer_that_is_killed_while_it_builds_an_index_builds_it_again() {
    let source = TestDb::new().await;
    source.execute(SLOW_INDEX).await;
    let target = TestDb::new().await;
    let held = hold_slow_index(&target).await;
    let watched = Watched::new();
    let (from, to, run) = (source.url(), target.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    let builder = format!("datname = '{}' and wait_event_type = 'Lock' and query like '%CREATE INDEX%'", target.name());
    end_sessions(target.cluster(), &builder, 1).await;
    drop(held);
    running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    oracle::assert_same(&source.url(), &target.url());
    assert!(!watched.began_anew(), "{:?}", watched.messages());
}

#[tokio::test]
async fn a_run_outlives_a_restart_of_the_source() {
    let cluster = Arc::new(Cluster::private(*majors().last().expect("a server"), &[]));
    let slow = Slow::with(TestDb::create(&cluster).await, TestDb::new().await).await;
    let running = slow.start(2).await;
    let restarted = cluster.clone();
    tokio::task::spawn_blocking(move || restarted.restart()).await.expect("it restarts");
    slow.assert_proven(running).await;
}

#[tokio::test]
async fn a_target_that_crashes_under_a_run_ends_whole_or_is_clean_for_the_next() {
    let cluster = Arc::new(Cluster::private(*majors().last().expect("a server"), &[]));
    let slow = Slow::with(TestDb::new().await, TestDb::create(&cluster).await).await;
    let running = slow.start(2).await;
    let crashed = cluster.clone();
    tokio::task::spawn_blocking(move || {
        crashed.crash();
        crashed.start();
    })
    .await
    .expect("it comes up again");
    if let Err(failure) = running.await.expect("no panic") {
        assert_whole_or_marked(&slow.target, &failure).await;
        must_sync(&slow.source.url(), &slow.target.url(), &SyncOptions::default()).await;
    }
    oracle::assert_same(&slow.source.url(), &slow.target.url());
}

#[tokio::test]
async fn a_change_that_is_queued_behind_our_locks_makes_no_deadlock() {
    let slow = Slow::new().await;
    let running = slow.start(1).await;
    // `note` is smaller and so read later: its reader would have to queue behind this, and this waits for our keepers.
    let change = slow.source.client().await;
    let altered = tokio::spawn(async move { change.batch_execute("alter table note add column late text").await });
    wait_until("the change waits", async || {
        slow.source.value("select count(*) from pg_locks where not granted and relation = 'note'::regclass").await == "1"
    })
    .await;
    let report = running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    altered.await.expect("no panic").expect("it comes through when we have left");
    assert_eq!(report.rows, ROWS);
    slow.assert_not_begun_anew();
}

/// Locks `t`, starts a run, waits until the run waits, does `change` and commits.
async fn change_between_listing_and_locking(change: &str) -> String {
    let source = TestDb::new().await;
    source
        .execute("create table t (id integer); insert into t select generate_series(1, 100); create table u as select 1 as a")
        .await;
    let target = TestDb::new().await;
    let changing = source.client().await;
    changing.batch_execute("begin; lock table t in access exclusive mode").await.expect("nobody holds it");
    let (from, to) = (source.url(), target.url());
    let running = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &Run::new()).await });
    wait_until("the run waits for the lock", async || {
        source.value("select count(*) from pg_locks where not granted and relation = 't'::regclass").await != "0"
    })
    .await;
    changing.batch_execute(&format!("{change}; commit")).await.expect("the session lives");
    running.await.expect("no panic").unwrap_or_else(|failure| panic!("{change}: {}", explain(&failure)));
    oracle::assert_same(&source.url(), &target.url());
    target.value("select count(*) from t").await
}

#[tokio::test]
async fn a_table_that_changes_between_being_listed_and_locked_is_read_as_it_is_then() {
    let cases = [
        ("truncate t; insert into t values (1), (2)", "2"),
        ("drop table t; create table t (other text); insert into t values ('x')", "1"),
        ("alter table t alter id type bigint", "100"),
        ("alter table t add column b text default 'b'", "100"),
        ("create table v as select 1 as a", "100"),
    ];
    for (change, expected) in cases {
        assert_eq!(change_between_listing_and_locking(change).await, expected, "{change}");
    }
}

#[tokio::test]
async fn a_run_that_was_dropped_is_taken_back_by_the_next() {
    let slow = Slow::new().await;
    let running = slow.start(2).await;
    running.abort();
    assert!(running.await.expect_err("it was aborted").is_cancelled());
    let target = slow.target.name();
    wait_until_gone(slow.target.cluster(), &format!("datname = '{target}' and application_name like 'pgstream%'")).await;
    assert_eq!(slow.target.value("select count(*) from pg_namespace where nspname = 'pgstream_loading'").await, "1");
    let report = must_sync(&slow.source.url(), &slow.target.url(), &SyncOptions::default()).await;
    assert!(report.warnings.iter().any(|w| w.contains("took back")), "{:?}", report.warnings);
    oracle::assert_same(&slow.source.url(), &slow.target.url());
}

#[tokio::test]
async fn an_object_of_somebody_else_stops_the_cleaning_by_name() {
    let slow = Slow::new().await;
    let running = slow.start(2).await;
    running.abort();
    let _ = running.await;
    let target = slow.target.name();
    wait_until_gone(slow.target.cluster(), &format!("datname = '{target}' and application_name like 'pgstream%'")).await;
    slow.target.execute("create view mine as select count(*) from large").await;
    let again = async || try_sync(&slow.source.url(), &slow.target.url(), &SyncOptions::default(), &Run::new()).await;
    let failure = again().await.expect_err("a view depends on a table of the broken run");
    assert_eq!(failure.code(), ErrorCode::ApplyFailed, "{}", explain(&failure));
    let told = explain(&failure);
    assert!(told.contains("public.large") && told.contains("mine"), "{told}");
    assert_eq!(slow.target.value("select count(*) from mine").await, "0");
    slow.target.execute("drop view mine").await;
    again().await.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    oracle::assert_same(&slow.source.url(), &slow.target.url());
}

// Chaos ------------------------------------------------------------------------------------------------------------------

/// How many schedules there are, and how many run at the same time.
const SEEDS: u64 = 30;
const AT_ONCE: usize = 5;

/// How a run under a schedule ended.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Ended {
    Proven,
    ProvenAnew,
    Failed,
}

/// Cuts, resets, delays and throttles for about a third of the connections that come after the first `spared`.
fn worker_faults(seed: u64, spared: u64, direction: Direction) -> Vec<Rule> {
    let hit = move |share: u64, salt: u64| {
        Which::Where(Arc::new(move |c: &ConnectionStats| {
            c.number > spared && Random::new(seed ^ (c.number << 20) ^ (salt << 40)).below(100) < share
        }))
    };
    let end = if seed.is_multiple_of(2) { End::Reset } else { End::Close };
    vec![
        Rule::new(hit(35, 1), Fault::End(When::BytesWithin(direction, 0..1_500_000), end)),
        Rule::new(hit(30, 2), Fault::Delay(direction, Duration::from_millis(seed % 20))),
        Rule::new(hit(30, 3), Fault::Throttle(direction, 4 << 20)),
    ]
}

/// One run with faults at the source (by seed), the target, or both.
async fn run_under_chaos(source: &TestDb, seed: u64) -> Ended {
    let target = TestDb::create(source.cluster()).await;
    let from = ChaosProxy::plain(source.cluster().address()).await;
    let to = ChaosProxy::plain(target.cluster().address()).await;
    let admitted = destination(&target.url_through(to.address())).await;
    if seed % 3 != 1 {
        from.set_rules(worker_faults(seed, BEFORE_READERS, Direction::Down));
    }
    if !seed.is_multiple_of(3) {
        // Behind the guard's sessions come the one with the writer's lock, and a look at what is there.
        to.set_rules(worker_faults(seed, to.stats().len() as u64 + 2, Direction::Up));
    }
    let watched = Watched::new();
    let mut options = SyncOptions::default();
    options.jobs = 2;
    options.verify = if seed.is_multiple_of(2) { Verify::Rows } else { Verify::Checksum };
    let ended = try_sync_into(&source.url_through(from.address()), admitted, &options, &watched.run).await;
    judge(source, &target, ended, &watched, &format!("seed {seed}")).await
}

/// After a success both are the same; after a failure the target is empty or marked, and the same command works.
async fn judge(source: &TestDb, target: &TestDb, ended: Result<SyncReport, Failure>, watched: &Watched, what: &str) -> Ended {
    let result = match ended {
        Ok(report) => {
            assert_ne!(report.proven, Proven::None, "{what}");
            if watched.began_anew() { Ended::ProvenAnew } else { Ended::Proven }
        }
        Err(failure) => {
            println!("{what}: {} {:?}", explain(&failure), watched.messages());
            assert_whole_or_marked(target, &failure).await;
            must_sync(&source.url(), &target.url(), &SyncOptions::default()).await;
            Ended::Failed
        }
    };
    if result == Ended::ProvenAnew {
        println!("{what}: {:?}", watched.messages());
    }
    let (left, right) = (source.url(), target.url());
    tokio::task::spawn_blocking(move || oracle::assert_same(&left, &right)).await.unwrap_or_else(|e| panic!("{what}: {e}"));
    result
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_are_cut_delayed_and_reset_do_not_fail_a_run() {
    let source = TestDb::new().await;
    source.execute(&crate::syncing::many_tables(12)).await;
    let source = &source;
    let results: Vec<Ended> =
        stream::iter(0..SEEDS).map(|seed| run_under_chaos(source, seed)).buffer_unordered(AT_ONCE).collect().await;
    let proven = results.iter().filter(|r| **r == Ended::Proven).count();
    println!("{proven} of {SEEDS} runs were proven without being begun anew");
    assert!(proven * 100 >= results.len() * 95, "{results:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_keeper_or_a_restarted_target_does_not_fail_a_run() {
    let cluster = Arc::new(Cluster::private(*majors().last().expect("a server"), &[]));
    let mut results = Vec::new();
    for number in 0..10u64 {
        let target = if number.is_multiple_of(2) { TestDb::new().await } else { TestDb::create(&cluster).await };
        let slow = Slow::with(TestDb::new().await, target).await;
        let running = slow.start(2).await;
        if number.is_multiple_of(2) {
            slow.end_at_source(KEEPER, 1).await;
            slow.proxy.cut(End::Reset, |c| c.number > BEFORE_READERS);
        } else {
            let restarted = cluster.clone();
            tokio::task::spawn_blocking(move || restarted.restart()).await.expect("it restarts");
        }
        let ended = running.await.expect("no panic");
        results.push(judge(&slow.source, &slow.target, ended, &slow.watched, &format!("run {number}")).await);
    }
    let proven = results.iter().filter(|r| **r != Ended::Failed).count();
    println!("{proven} of {} runs were proven", results.len());
    assert!(proven * 100 >= results.len() * 80, "{results:?}");
}

#[tokio::test]
async fn any_connection_may_be_cut_and_the_next_run_succeeds() {
    let source = TestDb::new().await;
    source.execute(&crate::syncing::many_tables(3)).await;
    for number in 1..=12u64 {
        for at_source in [true, false] {
            let target = TestDb::create(source.cluster()).await;
            let proxy = ChaosProxy::plain(source.cluster().address()).await;
            let (from, to) = match at_source {
                true => (source.url_through(proxy.address()), target.url()),
                false => (source.url(), target.url_through(proxy.address())),
            };
            let admitted = destination(&to).await;
            let spared = proxy.stats().len() as u64;
            // Somewhere in its answers: early in one, in the middle of another.
            let cut = Fault::End(When::BytesWithin(Direction::Down, 100..20_000), End::Reset);
            proxy.set_rules(vec![Rule::new(Which::Number(spared + number), cut)]);
            let watched = Watched::new();
            let ended = try_sync_into(&from, admitted, &SyncOptions::default(), &watched.run).await;
            judge(&source, &target, ended, &watched, &format!("connection {number}, at the source: {at_source}")).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_nobody_answers_for_is_an_error_and_not_a_wait() {
    let nowhere = format!("postgresql://postgres@127.0.0.1:{}/postgres", pgstream_tests::cluster::free_port());
    let target = TestDb::new().await;
    let admitted = destination(&target.url()).await;
    let failure = try_sync_into(&nowhere, admitted, &SyncOptions::default(), &Run::new()).await.expect_err("nobody listens");
    assert_eq!((failure.code(), failure.target), (ErrorCode::ConnectionUnreachable, TargetState::Untouched));
    assert_eq!(target.value(OBJECTS).await, "0");
    assert!(!explain(&failure).contains(&config(&target.url()).to_string()), "it names the end that failed");
}
