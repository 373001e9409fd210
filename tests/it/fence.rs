//! What a run must not do any more, or may not rely upon: another run has taken its work back, its server crashed, or a server
//! process does not know yet that its client has gone.

use std::sync::Arc;

use pgstream::sync::SyncOptions;
use pgstream::{ErrorCode, Phase, Proven, Run, TargetState, Verify};
use pgstream_tests::chaos::{ChaosProxy, Direction, End, Fault, Rule, Which};
use pgstream_tests::cluster::{Cluster, majors};
use pgstream_tests::command::{Pgstream, Running};
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;

use crate::syncing::{
    LARGE, SLOW_INDEX, Watched, destination, explain, hold_slow_index, must_sync, try_sync, try_sync_into, wait_until,
    wait_until_gone,
};

/// Sessions at the source that open before the first reader.
const BEFORE_READERS: u64 = 4;

/// A run of the command line that is in the middle of a table, and stopped.
struct Stopped {
    source: TestDb,
    target: TestDb,
    running: Running,
    // Its end would end the run's connections.
    _proxy: ChaosProxy,
}

impl Stopped {
    async fn new() -> Self {
        let (source, target) = tokio::join!(TestDb::new(), TestDb::new());
        // A foreign key would keep the large table from being emptied by chance.
        source.execute(LARGE).await;
        source.execute("alter table part drop constraint part_large_fkey").await;
        let slowly = Rule::new(Which::After(BEFORE_READERS), Fault::Throttle(Direction::Down, 4 << 20));
        let proxy = ChaosProxy::start(source.cluster().address(), 1, vec![slowly]).await;
        let words = "sync --from production --to local --jobs 2 --verify checksum --json";
        let running = Pgstream::new(words.split_whitespace())
            .env("PRODUCTION_DATABASE_URL", source.url_through(proxy.address()))
            .env("LOCAL_DATABASE_URL", target.url())
            .spawn()
            .await;
        proxy.wait_until(|all| all.iter().any(|c| c.number > BEFORE_READERS && c.bytes_down > 500_000)).await;
        running.signal("STOP").await;
        Self { source, target, running, _proxy: proxy }
    }

    /// Ends sessions of the stopped run in the target, as an administrator would.
    async fn end_sessions(&self, condition: &str) {
        let mine = format!("datname = '{}' and application_name like 'pgstream%' and {condition}", self.target.name());
        let ended = self.target.cluster().admin(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {mine}"));
        assert!(!ended.is_empty(), "{condition}");
        wait_until_gone(self.target.cluster(), &mine).await;
    }

    /// The source changes, another run comes, and this one wakes up: it must fail, and the target be what the other one made.
    async fn assert_taken_over(self) {
        let Self { source, target, running, _proxy } = self;
        source.execute("insert into large select i, 'later' from generate_series(100001, 100100) i; delete from note").await;
        let mut options = SyncOptions::default();
        options.verify = Verify::Checksum;
        let report = must_sync(&source.url(), &target.url(), &options).await;
        assert!(report.warnings.iter().any(|w| w.contains("took back")), "{:?}", report.warnings);
        running.signal("CONT").await;
        let outcome = running.wait().await.expect_code(4);
        let report = outcome.json();
        assert_eq!((&report["error"]["code"], &report["target"]), (&"target_busy".into(), &"changed".into()), "{report}");
        assert!(report["error"]["message"].as_str().is_some_and(|m| m.contains("another run")), "{report}");
        oracle::assert_same(&source.url(), &target.url());
    }
}

const HOLDS_WRITERS_LOCK: &str = "pid in (select pid from pg_locks where locktype = 'advisory' and granted)";

#[tokio::test]
async fn a_run_that_wakes_up_after_it_was_taken_back_changes_nothing() {
    let stopped = Stopped::new().await;
    // Its other sessions hang in the middle of their tables: the next run ends them.
    stopped.end_sessions(HOLDS_WRITERS_LOCK).await;
    stopped.assert_taken_over().await;
}

#[tokio::test]
async fn a_run_that_lost_all_sessions_while_it_stood_still_does_not_begin_its_tables_again() {
    let stopped = Stopped::new().await;
    stopped.end_sessions("true").await;
    stopped.assert_taken_over().await;
}

#[tokio::test]
async fn unlogged_rows_that_a_crash_took_after_they_were_compared_are_loaded_again() {
    let cluster = Arc::new(Cluster::private(*majors().last().expect("a server"), &[]));
    let (source, target) = (TestDb::new().await, TestDb::create(&cluster).await);
    source.execute(SLOW_INDEX).await;
    source.execute("create unlogged table fleeting as select i, repeat('x', 100) as x from generate_series(1, 20000) i").await;
    // Compared after `fleeting`, the larger one.
    source.execute("insert into other select generate_series(11, 5000)").await;
    let held = hold_slow_index(&target).await;
    let watched = Watched::new();
    let (from, to, run) = (source.url(), target.url(), watched.run.clone());
    let mut options = SyncOptions::default();
    options.jobs = 2;
    let running = tokio::spawn(async move { try_sync(&from, &to, &options, &run).await });
    wait_until("both tables are loaded", async || {
        let there = "select (to_regclass('fleeting') is not null and to_regclass('other') is not null \
                     and to_regclass('slow') is not null)::text";
        target.value(there).await == "true"
            && target.value("select (select count(*) from fleeting) || ' ' || (select count(*) from other)").await == "20000 5000"
    })
    .await;
    let blocker = target.client().await;
    blocker.batch_execute("begin; lock table other in access exclusive mode").await.expect("nobody holds it");
    drop(held);
    watched.wait_for("the verification", |event| event.phase == Phase::Verify).await;
    wait_until("all but one are compared", async || {
        let ours = "from pg_stat_activity where datname = current_database() and application_name like 'pgstream%'";
        target.value(&format!("select count(*) {ours} and wait_event_type = 'Lock' and query like '%count(*)%other%'")).await
            == "1"
            // One comparison comes after the other, and statistics behind each.
            && target.value("select (pg_stat_get_last_analyze_time('slow'::regclass) is not null)::text").await == "true"
    })
    .await;
    target.execute("checkpoint").await;
    let crashed = cluster.clone();
    tokio::task::spawn_blocking(move || {
        crashed.crash();
        crashed.start();
    })
    .await
    .expect("it comes up again");
    running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert_eq!(target.value("select count(*) from fleeting").await, "20000");
    oracle::assert_same(&source.url(), &target.url());
    assert!(watched.began_anew(), "{:?}", watched.messages());
}

#[tokio::test]
async fn a_server_process_that_does_not_know_that_we_left_is_not_waited_for_when_a_table_is_loaded_again() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(LARGE).await;
    let slowly = Rule::new(Which::After(BEFORE_READERS), Fault::Throttle(Direction::Down, 8 << 20));
    let from = ChaosProxy::start(source.cluster().address(), 1, vec![slowly]).await;
    let to = ChaosProxy::plain(target.cluster().address()).await;
    let admitted = destination(&target.url_through(to.address())).await;
    let watched = Watched::new();
    let (url, run) = (source.url_through(from.address()), watched.run.clone());
    let running = tokio::spawn(async move { try_sync_into(&url, admitted, &SyncOptions::default(), &run).await });
    to.wait_until(|all| all.iter().any(|c| c.bytes_up > 1_000_000)).await;
    from.set_rules(Vec::new());
    // All of them: the writer's lock is held by such a one, too.
    assert!(to.cut(End::HalfOpen, |_| true) > 1);
    running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert!(watched.messages().iter().any(|m| m.starts_with("loading ")), "{:?}", watched.messages());
    assert!(!watched.began_anew(), "{:?}", watched.messages());
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn a_server_process_that_does_not_know_that_we_left_is_not_waited_for_when_an_index_is_built_again() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(SLOW_INDEX).await;
    let to = ChaosProxy::plain(target.cluster().address()).await;
    let admitted = destination(&target.url_through(to.address())).await;
    let held = hold_slow_index(&target).await;
    let watched = Watched::new();
    let (url, run) = (source.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync_into(&url, admitted, &SyncOptions::default(), &run).await });
    let builders = "select string_agg(pid::text, ' ') from pg_stat_activity where datname = current_database() \
                    and wait_event_type = 'Lock' and query like '%CREATE INDEX%'";
    wait_until("the index waits", async || target.query_text(builders).await[0][0].is_some()).await;
    let first = target.value(builders).await;
    assert!(to.cut(End::HalfOpen, |_| true) > 1);
    wait_until("another one waits in its place", async || {
        target.query_text(builders).await[0][0].as_ref().is_some_and(|pid| *pid != first && !pid.contains(' '))
    })
    .await;
    drop(held);
    running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert!(!watched.began_anew(), "{:?}", watched.messages());
    oracle::assert_same(&source.url(), &target.url());
}

/// Holds up the last transaction of a run into `target` from now on; the marker must be there.
async fn hold_last_transaction(target: &TestDb) -> tokio_postgres::Client {
    let client = target.client().await;
    client.batch_execute("begin; lock table pgstream_loading.ledger in access share mode").await.expect("it is there");
    client
}

const LAST_TRANSACTION: &str = "select count(*) from pg_stat_activity where datname = current_database() \
    and wait_event_type = 'Lock' and query like '%DROP TABLE pgstream_loading.ledger%'";

#[tokio::test]
async fn a_last_answer_that_is_lost_for_long_is_not_called_restored() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(SLOW_INDEX).await;
    let to = ChaosProxy::plain(target.cluster().address()).await;
    let admitted = destination(&target.url_through(to.address())).await;
    let held = hold_slow_index(&target).await;
    let watched = Watched::new();
    let (url, run) = (source.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync_into(&url, admitted, &SyncOptions::default(), &run).await });
    watched.wait_for("the index", |event| event.phase == Phase::Indexes).await;
    let last = hold_last_transaction(&target).await;
    drop(held);
    wait_until("the last transaction", async || target.value(LAST_TRANSACTION).await == "1").await;
    to.refuse(true);
    to.cut_all(End::Reset);
    drop(last);
    wait_until("it is committed", async || {
        target.value("select (to_regnamespace('pgstream_loading') is null)::text").await == "true"
    })
    .await;
    // Nobody answers the question what became of it, until the run has given up asking.
    watched.wait_for("the end of asking", |event| event.phase == Phase::Cleanup).await;
    to.refuse(false);
    let failure = running.await.expect("no panic").expect_err("its end was not confirmed");
    assert_eq!(failure.target, TargetState::Changed, "{}", explain(&failure));
    assert!(failure.to_string().contains("whether it was committed is not known"), "{}", explain(&failure));
    assert!(failure.warnings.iter().any(|w| w.contains("was committed: the target is complete")), "{:?}", failure.warnings);
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn a_last_answer_that_is_lost_for_a_moment_is_asked_for() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(SLOW_INDEX).await;
    let to = ChaosProxy::plain(target.cluster().address()).await;
    let admitted = destination(&target.url_through(to.address())).await;
    let held = hold_slow_index(&target).await;
    let watched = Watched::new();
    let (url, run) = (source.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync_into(&url, admitted, &SyncOptions::default(), &run).await });
    watched.wait_for("the index", |event| event.phase == Phase::Indexes).await;
    let last = hold_last_transaction(&target).await;
    drop(held);
    wait_until("the last transaction", async || target.value(LAST_TRANSACTION).await == "1").await;
    let first = target.value("select max(pid)::text from pg_locks where not granted and locktype = 'relation'").await;
    // The transaction is still open and holds its locks: it is ended, and the last step done again.
    to.cut_all(End::HalfOpen);
    wait_until("another one waits in its place", async || {
        target.value(LAST_TRANSACTION).await == "1"
            && target.value("select max(pid)::text from pg_locks where not granted and locktype = 'relation'").await != first
    })
    .await;
    drop(last);
    running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert!(!watched.began_anew(), "{:?}", watched.messages());
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn rows_of_others_stay_when_ours_are_taken_back() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    let tables = "create table plain (id integer primary key, note text); create table tree (id integer) partition by range (id);
                  create table tree_1 partition of tree for values from (0) to (1000);";
    source.execute(tables).await;
    target.execute(tables).await;
    source
        .execute(
            "insert into plain select i, 'ours' from generate_series(1, 100) i; insert into tree select generate_series(1, 200)",
        )
        .await;
    target.execute("alter table tree_1 set (autovacuum_enabled = off)").await;
    let first = target.client().await;
    first.batch_execute("begin; lock table plain, tree_1 in share update exclusive mode").await.expect("nobody holds them");
    let watched = Watched::new();
    let (from, to, run) = (source.url(), target.url(), watched.run.clone());
    let mut options = SyncOptions::default();
    options.data_only = true;
    let running = tokio::spawn(async move { try_sync(&from, &to, &options, &run).await });
    let marked = "select (to_regclass('pgstream_loading.ledger') is not null)::text";
    wait_until("the marker", async || target.value(marked).await == "true").await;
    let _last = hold_last_transaction(&target).await;
    drop(first);
    wait_until("the last transaction", async || target.value(LAST_TRANSACTION).await == "1").await;
    target.execute("insert into plain values (1001, 'theirs'); update plain set note = 'changed' where id = 7; insert into tree values (900)").await;
    target
        .execute(
            "select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        )
        .await;
    drop(_last);
    let failure = running.await.expect("no panic").expect_err("the last transaction was ended");
    assert_eq!(failure.target, TargetState::Restored, "{}", explain(&failure));
    let left = target
        .value("select string_agg(id || note, ' ' order by id) || (select string_agg(id::text, ' ') from tree) from plain")
        .await;
    assert_eq!(left, "7changed 1001theirs900");
    let told = failure.warnings.iter().filter(|w| w.contains("1 of the rows of public.plain stay")).count();
    assert_eq!(told, 1, "{:?}", failure.warnings);
}

#[tokio::test]
async fn what_was_taken_back_before_a_refusal_is_not_called_untouched() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("create table t (a int primary key)").await;
    let broken = "create schema pgstream_loading; create table pgstream_loading.ledger (entry integer primary key, \
        seq bigint generated always as identity, object text not null, undo text not null, name text, relation oid, rows bigint); \
        create table of_the_broken_run (a int); insert into pgstream_loading.ledger (entry, object, undo) \
        values (1, 'TABLE public.of_the_broken_run', 'DROP TABLE public.of_the_broken_run;'); create table mine (a int)";
    target.execute(broken).await;
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await;
    let failure = failure.expect_err("there is a table of somebody else");
    assert_eq!((failure.code(), failure.target), (ErrorCode::TargetNotEmpty, TargetState::Restored), "{}", explain(&failure));
    assert_eq!(target.value("select (to_regclass('of_the_broken_run') is null)::text").await, "true");
}

#[tokio::test]
async fn a_table_that_somebody_reads_is_not_waited_for_for_ever_when_it_is_to_be_taken_back() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("create table t (a int primary key)").await;
    let broken = "create schema pgstream_loading; create table pgstream_loading.ledger (entry integer primary key, \
        seq bigint generated always as identity, object text not null, undo text not null, name text, relation oid, rows bigint); \
        create table of_the_broken_run (a int); insert into pgstream_loading.ledger (entry, object, undo) \
        values (1, 'TABLE public.of_the_broken_run', 'DROP TABLE public.of_the_broken_run;')";
    target.execute(broken).await;
    let reader = target.client().await;
    reader.batch_execute("begin; table of_the_broken_run").await.expect("it is there");
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await;
    let failure = failure.expect_err("somebody reads it");
    assert_eq!((failure.code(), failure.target), (ErrorCode::ApplyFailed, TargetState::Changed), "{}", explain(&failure));
    assert!(failure.error.hint().contains("holds a lock"), "{}", failure.error.hint());
    drop(reader);
    must_sync(&source.url(), &target.url(), &SyncOptions::default()).await;
}

/// More than a page of the ledger holds.
const MANY: u32 = 2500;

#[tokio::test]
async fn a_ledger_of_many_lines_is_read_and_taken_back_in_pages() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    let domains = "do $$ begin for i in 1..{n} loop execute format('create domain d%s as integer', i); end loop; end $$";
    source.execute(&domains.replace("{n}", &MANY.to_string())).await;
    source.execute("create table p (a int primary key); create table c (a int); insert into c values (9)").await;
    source
        .execute(
            "alter table c add constraint c_fk foreign key (a) references p not valid; \
             update pg_constraint set convalidated = true where conname = 'c_fk'",
        )
        .await;
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await;
    let failure = failure.expect_err("the rows violate the foreign key");
    assert_eq!(failure.target, TargetState::Restored, "{}", explain(&failure));
    assert_eq!(target.value(crate::syncing::OBJECTS).await, "0");
    source.execute("delete from c").await;
    let report = must_sync(&source.url(), &target.url(), &SyncOptions::default()).await;
    assert_eq!(report.proven, Proven::Rows);
    assert_eq!(target.value("select count(*) from pg_type where typtype = 'd' and typnamespace = 2200").await, MANY.to_string());
}

#[tokio::test]
async fn a_cancel_ends_all_statements_that_are_on_their_way() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(SLOW_INDEX).await;
    let views: String = (1..=20).map(|i| format!("create materialized view m{i} as select slow({i}) as s;")).collect();
    source.execute(&format!("drop index slow_index; {views}")).await;
    let held = hold_slow_index(&target).await;
    let watched = Watched::new();
    let (from, to, run) = (source.url(), target.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' \
                   and query like '%MATERIALIZED VIEW%'";
    wait_until("a view waits", async || target.value(waiting).await == "1").await;
    let cancelled = std::time::Instant::now();
    watched.run.cancel();
    let failure = running.await.expect("no panic").expect_err("it was cancelled");
    let took = cancelled.elapsed();
    drop(held);
    assert_eq!((failure.code(), failure.target), (ErrorCode::Cancelled, TargetState::Restored), "{}", explain(&failure));
    assert!(took < std::time::Duration::from_secs(15), "it took {took:?}");
}
