//! `--mode append`: rows are added to those that are there, once and provably, and taken out again if the run fails.

use pgstream::sync::{Mode, SyncOptions};
use pgstream::{ErrorCode, Proven, Run, TargetState, Verify};
use pgstream_tests::chaos::{ChaosProxy, Direction, End, Fault, Rule, When, Which};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::TestDb;

use crate::syncing::{Watched, destination, explain, must_sync, try_sync, try_sync_into};

fn append(verify: Verify) -> SyncOptions {
    let mut options = SyncOptions::default();
    options.mode = Mode::Append;
    options.verify = verify;
    options
}

/// Tables with a key in between, one of which is loaded through its root, and sequences of both directions.
const TABLES: &str = "create table parent (id integer primary key, note text);
    create table child (id serial primary key, parent integer references parent, double integer generated always as (parent * 2) stored);
    create type mood as enum ('a', 'b', 'c'); create table by_mood (mood mood, n integer) partition by hash (mood);
    create table by_mood_0 partition of by_mood for values with (modulus 2, remainder 0);
    create table by_mood_1 partition of by_mood for values with (modulus 2, remainder 1);
    create sequence down increment by -1; create sequence up;";

/// Rows from one number to another.
fn rows(first: u32, last: u32) -> String {
    format!(
        "insert into parent select i, repeat('n', i % 50) from generate_series({first}, {last}) i;
         insert into child (id, parent) select i, i from generate_series({first}, {last}) i; select setval('child_id_seq', {last});
         insert into by_mood select (array['a', 'b', 'c']::mood[])[1 + i % 3], i from generate_series({first}, {last}) i;"
    )
}

/// How many rows and what they add up to, and where the sequences stand.
const SUMS: &str = "select concat_ws(' ', (select count(*) || '/' || sum(id) from parent), (select count(*) || '/' || sum(double) from child),
    (select count(*) || '/' || sum(n) from by_mood), (select last_value from child_id_seq), (select last_value from down), (select last_value from up))";

async fn pair(cluster: &std::sync::Arc<Cluster>) -> (TestDb, TestDb) {
    let (source, target) = (TestDb::create(cluster).await, TestDb::create(cluster).await);
    source.execute(TABLES).await;
    target.execute(TABLES).await;
    source.execute(&rows(1001, 1600)).await;
    target.execute(&rows(1, 400)).await;
    source.execute("select setval('down', -50); select setval('up', 7)").await;
    target.execute("select setval('down', -20); select setval('up', 99)").await;
    (source, target)
}

#[tokio::test]
async fn rows_are_added_to_those_that_are_there_on_every_major() {
    for cluster in Cluster::all() {
        for (verify, proven) in [(Verify::Rows, Proven::Rows), (Verify::Checksum, Proven::Content)] {
            let (source, target) = pair(&cluster).await;
            let report = must_sync(&source.url(), &target.url(), &append(verify)).await;
            assert_eq!((report.proven, report.rows, report.target), (proven, 1800, TargetState::Changed));
            assert_eq!(target.value(SUMS).await, "1000/860500 1000/1721000 1000/860500 1600 -50 99");
        }
    }
}

#[tokio::test]
async fn a_table_that_is_not_there_is_told_before_the_first_byte() {
    let (source, target) = pair(&Cluster::newest()).await;
    target.execute("drop table child").await;
    let before = target.value("select count(*) from parent").await;
    let failure =
        try_sync(&source.url(), &target.url(), &append(Verify::Rows), &Run::new()).await.expect_err("there is no child");
    let told = explain(&failure);
    assert_eq!((failure.code(), failure.target), (ErrorCode::PreflightFailed, TargetState::Untouched), "{told}");
    assert!(told.contains("public.child"), "{told}");
    assert_eq!(target.value("select count(*) from parent").await, before);
}

#[tokio::test]
async fn only_our_rows_are_taken_out_when_a_later_table_fails() {
    let (source, target) = pair(&Cluster::newest()).await;
    // What is there has one of the source's keys.
    target.execute("insert into child (id, parent) values (1500, 1)").await;
    let before = target.value(SUMS).await;
    let failure =
        try_sync(&source.url(), &target.url(), &append(Verify::Rows), &Run::new()).await.expect_err("a key is there twice");
    assert_eq!((failure.code(), failure.target), (ErrorCode::CopyIn, TargetState::Restored), "{}", explain(&failure));
    assert_eq!(target.value(SUMS).await, before);
    assert_eq!(target.value("select count(*) from pg_namespace where nspname = 'pgstream_loading'").await, "0");
}

#[tokio::test]
async fn what_a_rule_of_the_target_swallows_is_noticed_before_it_is_committed() {
    let (source, target) = pair(&Cluster::newest()).await;
    // A trigger that even replica sessions fire.
    target
        .execute(
            "create function swallow() returns trigger language plpgsql as $$ begin if new.id % 7 = 0 then delete from public.parent where id = 1; end if; return new; end $$;
             create trigger swallow before insert on parent for each row execute function swallow(); alter table parent disable trigger swallow",
        )
        .await;
    let (from, to) = (source.url(), target.url());
    let watched = Watched::new();
    // It comes behind the check, which would have found it.
    let holder = target.client().await;
    holder.batch_execute("begin; lock table parent in share mode").await.expect("nobody writes");
    let run = watched.run.clone();
    let running = tokio::spawn(async move { try_sync(&from, &to, &append(Verify::Rows), &run).await });
    crate::syncing::wait_until("the load waits", async || {
        target.value("select count(*) from pg_locks where not granted and relation = 'parent'::regclass").await != "0"
    })
    .await;
    holder.batch_execute("alter table parent enable always trigger swallow; commit").await.expect("it holds the lock");
    let failure = running.await.expect("no panic").expect_err("a row of the target is gone");
    let told = explain(&failure);
    assert_eq!((failure.code(), failure.target), (ErrorCode::VerificationFailed, TargetState::Restored), "{told}");
    assert_eq!(target.value("select count(*) from parent").await, "400", "{told}");
}

/// Connections to the target, after those of the guard: the check, the one that holds the lock, the one that loads.
const LOADING: u64 = 3;

#[tokio::test]
async fn rows_are_added_once_whatever_becomes_of_the_answer() {
    let mut whole = None;
    for before_end in [0_u64, 3, 6, 10, 20, 36, 60, 120] {
        let (source, target) = pair(&Cluster::newest()).await;
        let proxy = ChaosProxy::plain(target.cluster().address()).await;
        let to = format!("{}?sslmode=disable", target.url_through(proxy.address()));
        let admitted = destination(&to).await;
        let loading = proxy.stats().len() as u64 + LOADING;
        if let Some(bytes) = whole {
            let cut = Fault::End(When::Bytes(Direction::Down, bytes - before_end), End::Reset);
            proxy.set_rules(vec![Rule::new(Which::Number(loading), cut)]);
        }
        let ended = try_sync_into(&source.url(), admitted, &append(Verify::Checksum), &Run::new()).await;
        let report = ended.unwrap_or_else(|failure| panic!("{before_end}: {}", explain(&failure)));
        assert_eq!((report.proven, report.rows), (Proven::Content, 1800), "{before_end}");
        assert_eq!(target.value(SUMS).await, "1000/860500 1000/1721000 1000/860500 1600 -50 99", "{before_end}");
        whole = whole.or_else(|| proxy.stats().iter().find(|c| c.number == loading).map(|c| c.bytes_down));
    }
}
