//! `--mode replace`: what is there gives way to what the source has, in one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use pgstream::catalog::{Filter, kind_names};
use pgstream::import::Reason;
use pgstream::sync::{Mode, SyncOptions, plan};
use pgstream::{ErrorCode, Failure, Proven, Run, TargetState, Verify};
use pgstream_tests::chaos::{ChaosProxy, Direction, End, Fault, Random, Rule, When, Which};
use pgstream_tests::cluster::{Cluster, majors};
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;

use crate::sync::{differences, with_fixtures};
use crate::syncing::{
    LARGE, Watched, config, destination, explain, many_tables, must_sync, shop, try_sync, try_sync_into, wait_until_gone,
};

fn replace() -> SyncOptions {
    let mut options = SyncOptions::default();
    options.mode = Mode::Replace;
    options
}

/// What a database is, by the word of others.
fn state(db: &TestDb) -> (oracle::Contents, Vec<oracle::Block>) {
    (oracle::contents(&db.url()), oracle::dump_schema(&db.url()))
}

/// A refusal that names `what`, and leaves everything as it was.
async fn assert_refused(source: &TestDb, target: &TestDb, options: &SyncOptions, what: &[&str]) {
    let before = state(target);
    let failure = try_sync(&source.url(), &target.url(), options, &Run::new()).await.expect_err("it is refused");
    let told = format!("{} {}", explain(&failure), failure.error.hint());
    assert_eq!((failure.code(), failure.target), (ErrorCode::PreflightFailed, TargetState::Untouched), "{told}");
    for what in what {
        assert!(told.contains(what), "{what} in {told}");
    }
    assert!(before == state(target), "the target was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_older_copy_of_the_shop_becomes_the_shop_on_every_major() {
    for cluster in Cluster::all() {
        let (source, target) = (shop(&cluster).await, shop(&cluster).await);
        target
            .execute(
                "delete from shop.order_lines where order_id % 3 = 0; alter table shop.customers add column left_over text default 'x';
                 comment on table shop.customers is 'old'; comment on schema shop is 'old'; comment on schema public is 'old';
                 grant all on schema public to fixture_writer; grant all on schema shop to fixture_writer with grant option;
                 alter schema shop owner to fixture_reader; alter default privileges grant select on tables to fixture_writer;
                 alter default privileges in schema shop grant execute on functions to fixture_reader;
                 create schema extra; create table extra.t (id serial primary key); create view extra.v as select * from extra.t;
                 create function shop.extra(integer) returns integer language sql as 'select $1';
                 create type shop.extra_type as enum ('a'); create index extra_index on shop.customers (left_over);
                 select lo_from_bytea(0, 'extra')",
            )
            .await;
        let mut options = replace();
        options.prune = true;
        options.verify = Verify::Checksum;
        let report = must_sync(&source.url(), &target.url(), &options).await;
        assert_eq!((report.proven, report.target, report.mode), (Proven::Content, TargetState::Replaced, Mode::Replace));
        let pruned = report.dropped.iter().filter(|dropped| dropped.reason == Reason::Pruned).count();
        assert!(pruned >= 6, "{:?}", report.dropped);
        assert!(report.warnings.iter().any(|w| w.contains("shop.extra_index")), "{:?}", report.warnings);
        oracle::assert_same(&source.url(), &target.url());
    }
}

/// Each kind's fixture over itself, so that all of its dependencies are dropped. Gives what went wrong.
async fn replace_every_kind(cluster: Arc<Cluster>) -> Vec<String> {
    let mut problems = Vec::new();
    for kind in kind_names() {
        let (source, target) = (with_fixtures(&cluster, kind).await, with_fixtures(&cluster, kind).await);
        let mut options = replace();
        options.prune = true;
        match try_sync(&source.url(), &target.url(), &options, &Run::new()).await {
            Err(failure) => problems.push(format!("{} on {}: {}", kind, cluster.major(), explain(&failure))),
            Ok(_) => {
                let (left, right) = (source.url(), target.url());
                let found =
                    tokio::task::spawn_blocking(move || differences(&left, &right)).await.expect("the oracle does not panic");
                problems.extend(found.iter().map(|line| format!("{} on {}: {line}", kind, cluster.major())));
            }
        }
    }
    problems
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_kind_is_replaced_by_itself() {
    let tasks = Cluster::ends().into_iter().map(|cluster| tokio::spawn(replace_every_kind(cluster)));
    let problems: Vec<String> = join_all(tasks).await.into_iter().flat_map(|done| done.expect("no task panics")).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test]
async fn an_empty_target_is_filled() {
    let (source, target) = (shop(&Cluster::newest()).await, TestDb::new().await);
    let report = must_sync(&source.url(), &target.url(), &replace()).await;
    assert_eq!(report.dropped, []);
    oracle::assert_same(&source.url(), &target.url());
}

/// A table and a function that others stand on.
const BASE: &str = "create schema a; create table a.t (id integer primary key, note text); insert into a.t values (1, 'x');
    create function a.f(integer) returns integer language sql immutable as 'select $1'; create type a.e as enum ('x', 'y');
    create sequence a.s; select nextval('a.s')";

/// What stands on [`BASE`] and is no part of it: one thing, and how it is named.
const OUTSIDE: [(&str, &str); 9] = [
    ("create view o.v as select id from a.t", "view o.v depends on table a.t"),
    ("create materialized view o.m as select id from a.t", "materialized view o.m depends on table a.t"),
    ("create table o.child (id integer references a.t)", "table constraint child_id_fkey on o.child depends on table a.t"),
    ("create table o.d (id integer default nextval('a.s'))", "default value for o.d.id depends on sequence a.s"),
    ("create table o.c (id integer, e a.e)", "a column of table o.c depends on type a.e"),
    ("create table o.i (id integer) inherits (a.t)", "table o.i depends on table a.t"),
    ("create table o.x (id integer); create index x_f on o.x (a.f(id))", "index o.x_f depends on function a.f(integer)"),
    ("create function o.g() returns setof a.t language sql as 'select 1, null::text'", "function o.g() depends on table a.t"),
    ("create publication {} for table a.t", "publication relation"),
];

#[tokio::test]
async fn what_stands_outside_and_depends_on_what_goes_is_named_and_goes_only_if_asked() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(BASE).await;
    for (make, named) in OUTSIDE {
        target.execute("drop schema if exists a cascade; drop schema if exists o cascade").await;
        target.execute(BASE).await;
        target.execute("create schema o; create table o.keep as select 7 as kept; insert into a.t values (2, 'old')").await;
        target.execute(&make.replace("{}", target.name())).await;
        let mut options = replace();
        options.filter = Filter::default().schema("a");
        assert_refused(&source, &target, &options, &[named]).await;
        options.cascade = true;
        let report = must_sync(&source.url(), &target.url(), &options).await;
        assert!(report.warnings.iter().any(|w| w.contains(named)), "{named}: {:?}", report.warnings);
        assert_eq!(target.value("select count(*) from a.t").await, "1", "{named}");
        assert_eq!(target.value("select kept from o.keep").await, "7", "{named}");
    }
    // A table of which a part was lost is still there.
    assert_eq!(target.value("select count(*) from pg_publication_rel").await, "0");
    target.execute(&format!("drop publication {}; drop schema o cascade", target.name())).await;
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn what_the_source_lacks_stays_and_is_listed() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(BASE).await;
    target.execute(BASE).await;
    target.execute("create table a.extra as select 1 as n; create schema more; create function more.f() returns int language sql as 'select 1'").await;
    let watched = Watched::new();
    let done = try_sync(&source.url(), &target.url(), &replace(), &watched.run).await;
    done.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert_eq!(target.value("select n + more.f() from a.extra").await, "2");
    let listed = watched.messages().into_iter().find(|m| m.contains("which the source does not have")).unwrap_or_default();
    for name in ["table a.extra", "schema more", "function more.f()"] {
        assert!(listed.contains(name), "{name} in {listed}");
    }
}

#[tokio::test]
async fn a_filter_keeps_what_it_does_not_choose_whatever_is_pruned() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(BASE).await;
    source.execute("create table a.u as select 1 as n; create schema b; create table b.t as select 1 as n").await;
    target.execute(BASE).await;
    target
        .execute(
            "create table a.u as select 2 as n; create schema b; create table b.t as select 2 as n; create table b.extra (n int)",
        )
        .await;
    let cases = [
        (Filter::default().table("a.u"), "1 2 b.extra"),
        (Filter::default().exclude_schema("a"), "1 1 -"),
        (Filter::default().exclude_table("a.u"), "1 1 -"),
    ];
    for (filter, expected) in cases {
        let mut options = replace();
        options.prune = true;
        options.filter = filter;
        must_sync(&source.url(), &target.url(), &options).await;
        let found =
            "select concat_ws(' ', (select n from a.u), (select n from b.t), coalesce(to_regclass('b.extra')::text, '-'))";
        assert_eq!(target.value(found).await, expected, "{:?}", options.filter);
    }
}

#[tokio::test]
async fn something_of_another_kind_and_the_same_name_gives_way() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source
        .execute(
            "create view v as select 1 as n; create table t (id serial); create type y as (a int); create table z (n int);
             create function f(integer) returns integer language sql as 'select $1'; create table i (id int);
             create table owner (id int); create sequence owned; create index k on i (id)",
        )
        .await;
    target
        .execute(
            "create table v (n int); create materialized view t as select 1 as n; create table y (n int); create type z as enum ('a');
             create aggregate f(integer) (sfunc = int4pl, stype = integer); create sequence i;
             create table owner (id int); create sequence owned owned by owner.id; create table k (n int)",
        )
        .await;
    must_sync(&source.url(), &target.url(), &replace()).await;
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn a_name_that_something_else_needs_is_in_the_way() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("create schema a; create table a.t (id integer); create index taken on a.t (id)").await;
    target.execute("create schema a; create table a.other (id integer); create index taken on a.other (id)").await;
    assert_refused(&source, &target, &replace(), &["index a.taken belongs to table a.other"]).await;
}

/// Objects that need each other in circles.
const CIRCLES: &str = "create table m (id int primary key, n int); create table n (id int primary key references m);
    alter table m add foreign key (n) references n; insert into m values (1, null); insert into n values (1); update m set n = 1;
    create table r (a int, b int); create function of_r(r) returns int language sql immutable as 'select $1.a';
    create index on r (of_r(r)); alter table r add check (of_r(r) > 0);
    create view w as select 1 as x; create function of_w() returns setof w language sql as 'select 1';
    create or replace view w as select x from of_w(); create domain d as int; create function of_d(d) returns bool language sql as 'select true';
    alter domain d add check (of_d(value)); create table parted (k int) partition by range (k);
    create table part_1 partition of parted for values from (0) to (10); create table self (id serial primary key, up int references self)";

#[tokio::test]
async fn circles_of_dependencies_are_dropped() {
    for cluster in Cluster::all() {
        let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
        source.execute(CIRCLES).await;
        target.execute(CIRCLES).await;
        must_sync(&source.url(), &target.url(), &replace()).await;
        oracle::assert_same(&source.url(), &target.url());
    }
}

#[tokio::test]
async fn readers_see_the_old_or_the_new_and_nothing_between() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(&many_tables(8)).await;
    target.execute(&many_tables(8)).await;
    source.execute("delete from t3 where id > 500; delete from t5 where id > 500").await;
    let done = Arc::new(AtomicBool::new(false));
    let readers = ["t3", "t5"].map(|table| {
        let (done, client) = (done.clone(), target.client());
        async move {
            let client = client.await;
            let mut seen = std::collections::BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                let row = client.query_one(&format!("select count(*) from {table}"), &[]).await.expect("a reader never fails");
                seen.insert(row.get::<_, i64>(0));
            }
            let last = client.query_one(&format!("select count(*) from {table}"), &[]).await.expect("a reader never fails");
            seen.insert(last.get(0));
            seen
        }
    });
    let work = async {
        must_sync(&source.url(), &target.url(), &replace()).await;
        done.store(true, Ordering::Relaxed);
    };
    let (seen, ()) = futures_util::join!(join_all(readers), work);
    for seen in seen {
        assert_eq!(seen, [500, 2000].into());
    }
}

#[tokio::test]
async fn a_reader_that_stays_is_named_and_others_are_not_kept_waiting_behind_us() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(BASE).await;
    target.execute(BASE).await;
    let stays = target.client().await;
    stays.batch_execute("begin; select * from a.t").await.expect("it is there");
    let pid: i32 = stays.query_one("select pg_backend_pid()", &[]).await.expect("it lives").get(0);
    let watched = Watched::new();
    let (from, to, run) = (source.url(), target.url(), watched.run.clone());
    let mut options = replace();
    options.lock_timeout = Some(3);
    let running = tokio::spawn(async move { try_sync(&from, &to, &options, &run).await });
    watched.wait_for("the blocker is named", |e| e.message.as_ref().is_some_and(|m| m.contains(&format!("pid {pid}")))).await;
    // It comes through although an exclusive lock is being waited for.
    assert_eq!(target.value("select count(*) from a.t").await, "1");
    let failure = running.await.expect("no panic").expect_err("the reader stays");
    assert_eq!((failure.code(), failure.target), (ErrorCode::LockTimeout, TargetState::Untouched), "{}", explain(&failure));
    assert!(failure.to_string().contains(&format!("pid {pid}")), "{failure}");
    stays.batch_execute("commit").await.expect("it lives");
    must_sync(&source.url(), &target.url(), &replace()).await;
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn more_locks_than_there_are_is_refused_before_the_first_byte() {
    let settings = [("max_locks_per_transaction", "10"), ("max_connections", "20"), ("max_prepared_transactions", "0")];
    let small = Arc::new(Cluster::private(*majors().last().expect("a server"), &settings));
    let (source, target) = (TestDb::new().await, TestDb::create(&small).await);
    let tables = |first: u32, last: u32| {
        (first..last).map(|i| format!("create table t{i} (id serial primary key, n text);")).collect::<String>()
    };
    for first in [0, 20] {
        target.execute(&tables(first, first + 20)).await;
    }
    source.execute(&tables(0, 10)).await;
    must_sync(&source.url(), &target.url(), &replace()).await;
    source.execute(&tables(10, 40)).await;
    assert_refused(&source, &target, &replace(), &["one transaction would hold about", "max_locks_per_transaction"]).await;
}

#[tokio::test]
async fn a_plan_tells_what_goes_and_who_waits_and_writes_nothing() {
    let (source, target) = (shop(&Cluster::newest()).await, shop(&Cluster::newest()).await);
    target.execute("create table shop.extra (n int)").await;
    let before = state(&target);
    let mut options = replace();
    options.prune = true;
    let plan =
        plan(&config(&source.url()), &destination(&target.url()).await, &options, &Run::new()).await.expect("it can be planned");
    let find = |name: &str| plan.drops.iter().find(|dropped| dropped.name == name).map(|dropped| dropped.reason);
    assert_eq!((find("shop.customers"), find("shop.extra")), (Some(Reason::Replaced), Some(Reason::Pruned)), "{:?}", plan.drops);
    assert!(plan.findings.iter().any(|finding| finding.rule == "replace_readers"), "{:?}", plan.findings);
    assert!(before == state(&target), "the target was changed");
}

#[tokio::test]
async fn a_cancelled_run_leaves_everything_as_it_was() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(LARGE).await;
    target.execute(LARGE).await;
    target.execute("delete from part where id > 10").await;
    let before = state(&target);
    let slowly = Rule::new(Which::Every, Fault::Throttle(Direction::Down, 4 << 20));
    let proxy = ChaosProxy::start(source.cluster().address(), 1, vec![slowly]).await;
    let watched = Watched::new();
    let (from, to, run) = (source.url_through(proxy.address()), target.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync(&from, &to, &replace(), &run).await });
    watched.wait_for("rows are on their way", |e| e.bytes.done > 1_000_000).await;
    watched.run.cancel();
    let failure = running.await.expect("no panic").expect_err("it was cancelled");
    assert_eq!((failure.code(), failure.target), (ErrorCode::Cancelled, TargetState::Restored), "{}", explain(&failure));
    assert!(before == state(&target), "the target was changed");
}

#[tokio::test]
async fn a_broken_connection_to_the_source_is_survived() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(LARGE).await;
    target.execute(LARGE).await;
    target.execute("delete from large where id > 10000; delete from part").await;
    let slowly = Rule::new(Which::Every, Fault::Throttle(Direction::Down, 4 << 20));
    let proxy = ChaosProxy::start(source.cluster().address(), 1, vec![slowly]).await;
    let watched = Watched::new();
    let (from, to, run) = (source.url_through(proxy.address()), target.url(), watched.run.clone());
    let mut options = replace();
    options.verify = Verify::Checksum;
    let running = tokio::spawn(async move { try_sync(&from, &to, &options, &run).await });
    proxy.wait_until(|all| all.iter().any(|c| c.bytes_down > 2_000_000)).await;
    proxy.set_rules(Vec::new());
    assert_eq!(proxy.cut(End::Reset, |c| c.bytes_down > 2_000_000), 1);
    let report = running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert_eq!((report.proven, watched.began_anew()), (Proven::Content, false), "{:?}", watched.messages());
    assert!(watched.messages().iter().any(|m| m.contains("from where it broke off")), "{:?}", watched.messages());
    oracle::assert_same(&source.url(), &target.url());
}

/// After any end the target is as it was, or the proven copy.
fn assert_old_or_new(ended: &Result<pgstream::sync::SyncReport, Failure>, is_old: bool, is_new: bool, seed: u64) {
    match ended {
        Ok(report) => assert!(is_new && report.proven == Proven::Content, "{seed}: said to be replaced"),
        Err(failure) if failure.target == TargetState::Changed => assert!(is_old || is_new, "{seed}: {}", explain(failure)),
        Err(failure) => assert!(is_old, "{seed}: {}", explain(failure)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_target_whose_sessions_are_killed_at_any_moment_is_the_old_or_the_new() {
    const SEEDS: u64 = 6;
    let source = shop(&Cluster::newest()).await;
    let new = oracle::contents(&source.url());
    let mut proven = 0;
    for seed in 0..SEEDS {
        let target = shop(&Cluster::newest()).await;
        target.execute("delete from shop.order_lines where order_id % 2 = 0").await;
        let old = oracle::contents(&target.url());
        let (from, to) = (source.url(), target.url());
        let mut options = replace();
        // Each shop has large objects of its own.
        (options.verify, options.prune) = (Verify::Checksum, true);
        let again = options.clone();
        let running = tokio::spawn(async move { try_sync(&from, &to, &options, &Run::new()).await });
        let killer = target.client().await;
        let mut random = Random::new(seed);
        let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database()
            and application_name like 'pgstream%' and pid <> pg_backend_pid()";
        let mut longest = 700;
        while !running.is_finished() {
            // How long it lives is the point: this waits for nothing. Each life may be longer, so that one is long enough.
            tokio::time::sleep(Duration::from_millis(20 + random.below(longest))).await;
            longest *= 2;
            killer.query(kill, &[]).await.expect("a superuser may");
        }
        let ended = running.await.expect("no panic");
        proven += u64::from(ended.is_ok());
        let found = oracle::contents(&target.url());
        assert_old_or_new(&ended, found == old, found == new, seed);
        must_sync(&source.url(), &target.url(), &again).await;
        oracle::assert_same(&source.url(), &target.url());
    }
    assert!(proven > 0, "no run came to its end in {SEEDS}");
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_out() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(BASE).await;
    let mut whole = None;
    for before_end in [0_u64, 1, 5, 8, 13, 21, 34] {
        target.execute("drop schema if exists a cascade").await;
        target.execute(BASE).await;
        target.execute("insert into a.t values (2, 'old')").await;
        let proxy = ChaosProxy::plain(target.cluster().address()).await;
        let to = format!("{}?sslmode=disable", target.url_through(proxy.address()));
        let admitted = destination(&to).await;
        // The check, then the one that writes.
        let writing = proxy.stats().len() as u64 + 2;
        if let Some(bytes) = whole {
            let cut = Fault::End(When::Bytes(Direction::Down, bytes - before_end), End::Reset);
            proxy.set_rules(vec![Rule::new(Which::Number(writing), cut)]);
        }
        let watched = Watched::new();
        let ended = try_sync_into(&source.url(), admitted, &replace(), &watched.run).await;
        let report = ended.unwrap_or_else(|failure| panic!("{before_end}: {}", explain(&failure)));
        assert_eq!((report.proven, report.rows), (Proven::Rows, 1), "{before_end}");
        whole = whole.or_else(|| proxy.stats().iter().find(|c| c.number == writing).map(|c| c.bytes_down));
        oracle::assert_same(&source.url(), &target.url());
    }
}

#[tokio::test]
async fn what_a_broken_run_into_an_empty_target_left_is_taken_back_first() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(LARGE).await;
    let slowly = Rule::new(Which::Every, Fault::Throttle(Direction::Down, 4 << 20));
    let proxy = ChaosProxy::start(source.cluster().address(), 1, vec![slowly]).await;
    let watched = Watched::new();
    let (from, to, run) = (source.url_through(proxy.address()), target.url(), watched.run.clone());
    let broken = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    watched.wait_for("rows are on their way", |e| e.bytes.done > 1_000_000).await;
    broken.abort();
    assert!(broken.await.expect_err("it was aborted").is_cancelled());
    let ours = format!("datname = '{}' and application_name like 'pgstream%'", target.name());
    wait_until_gone(target.cluster(), &ours).await;
    assert_eq!(target.value("select count(*) from pg_namespace where nspname = 'pgstream_loading'").await, "1");
    let report = must_sync(&source.url(), &target.url(), &replace()).await;
    assert!(report.warnings.iter().any(|w| w.contains("took back")), "{:?}", report.warnings);
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn a_role_that_may_not_drop_what_is_there_is_told_before() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(BASE).await;
    target.execute(BASE).await;
    let role = pgstream_tests::database::unique_name();
    let to = target.cluster().create_plain_role(&role, target.name());
    let mut options = replace();
    (options.no_owner, options.no_privileges) = (true, true);
    let failure = try_sync(&source.url(), &to, &options, &Run::new()).await.expect_err("it owns nothing");
    let told = explain(&failure);
    assert_eq!((failure.code(), failure.target), (ErrorCode::PreflightFailed, TargetState::Untouched), "{told}");
    assert!(told.contains("may not drop") && told.contains("table a.t"), "{told}");
    target.execute(&format!("drop owned by {role}")).await;
    target.cluster().admin(&format!("drop role {role}"));
}

#[tokio::test]
async fn options_that_exclude_each_other_are_refused() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    let change = |change: fn(&mut SyncOptions)| {
        let mut options = SyncOptions::default();
        change(&mut options);
        options
    };
    let cases = [
        change(|o| (o.mode, o.data_only) = (Mode::Replace, true)),
        change(|o| (o.mode, o.hide) = (Mode::Replace, true)),
        change(|o| o.cascade = true),
        change(|o| o.prune = true),
    ];
    for options in cases {
        let failure = try_sync(&source.url(), &target.url(), &options, &Run::new()).await.expect_err("it makes no sense");
        assert_eq!((failure.code(), failure.target), (ErrorCode::OptionInvalid, TargetState::Untouched), "{}", explain(&failure));
    }
}
