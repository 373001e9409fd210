//! One transaction where that is possible, and what is told where it is not.

use std::time::Duration;

use pgstream_tests::chaos::{ChaosProxy, Direction, End, Fault, Rule, When, Which};

use super::*;
use crate::syncing::{Watched, destination, wait_until};

#[tokio::test]
async fn transactions_of_the_script_become_part_of_one() {
    let target = TestDb::new().await;
    let script = "begin;\ncreate table a (id int);\ncommit;\nstart transaction;\ninsert into a values (1);\nend;\n\
        savepoint s;\ninsert into a values (2);\nrelease s;\n";
    let report = must_import(script, &target.url(), &ImportOptions::default()).await;
    assert!(report.is_one_transaction && report.warnings.is_empty(), "{report:?}");
    assert_eq!(target.value("select count(distinct xmin::text) + count(*) from a").await, "4");
    let failure =
        try_import("begin;\ncreate table b (id int);\ncommit;\nselect 1/0;\n", &target.url(), &append()).await.unwrap_err();
    assert_eq!(failure.target, TargetState::Restored);
    assert_eq!(target.value("select count(*) from pg_class where relname = 'b'").await, "0");
}

#[tokio::test]
async fn a_statement_that_forbids_a_transaction_is_warned_of_and_run() {
    for forbidding in ["vacuum;", "create index concurrently on t (id);", "begin;\ninsert into t values (9);\nrollback;"] {
        let target = TestDb::new().await;
        let script = format!(
            "create table t (id int);\nbegin;\ninsert into t values (1);\ncommit;\n{forbidding}\ninsert into t values (2);\n"
        );
        let report = must_import(&script, &target.url(), &ImportOptions::default()).await;
        assert!(
            !report.is_one_transaction && report.warnings[0].contains("script cannot be one transaction"),
            "{forbidding}: {report:?}"
        );
        assert_eq!(target.value("select array_agg(id order by id)::text from t").await, "{1,2}", "{forbidding}");

        let failure = try_import(format!("{script}select 1/0;\n"), &TestDb::new().await.url(), &ImportOptions::default())
            .await
            .unwrap_err();
        assert_eq!(failure.target, TargetState::Changed, "{forbidding}");
        let target = TestDb::new().await;
        let piped = try_import_source(stream(script), &target.url(), &ImportOptions::default(), &Run::new()).await;
        assert_untouched(&target, &piped.expect_err("a pipe is one transaction")).await;
    }
}

#[tokio::test]
async fn a_sequence_that_was_there_keeps_its_value_when_the_import_fails() {
    let target = TestDb::new().await;
    target.execute("create sequence public.s; select setval('s', 5)").await;
    let script = "select pg_catalog.setval('public.s', 99, true);\ncreate table t (id int);\n";
    try_import(format!("{script}select 1/0;\n"), &target.url(), &append()).await.unwrap_err();
    assert_eq!(target.value("select last_value from s").await, "5");
    let report = must_import(script, &target.url(), &append()).await;
    assert_eq!((report.sequences, target.value("select last_value from s").await.as_str()), (1, "99"));
}

#[tokio::test]
async fn drops_of_what_is_missing_are_forgiven_and_nothing_else_is() {
    let target = TestDb::new().await;
    let script = "drop table public.absent;\nalter table public.absent drop constraint c;\ndrop schema nothing;\n\
        create schema public;\ncreate table t (id int);\n";
    let report = must_import(script, &target.url(), &ImportOptions::default()).await;
    assert!(report.is_one_transaction && report.warnings.len() == 1, "{report:?}");
    let failure =
        try_import("drop table a, b cascade;\ncomment on table absent is 'x';\n", &target.url(), &append()).await.unwrap_err();
    assert!(failure.to_string().starts_with("line 2 "), "{failure}");
}

#[tokio::test]
async fn a_cancel_ends_the_statement_and_takes_all_back() {
    let target = TestDb::new().await;
    for script in [
        "create table t (id int);\nselect pg_sleep(300);\n",
        "create table t (id int);\nselect pg_sleep(1);\nselect pg_sleep(300);\nselect pg_sleep(300);\n",
    ] {
        let watched = Watched::new();
        let (to, run, file) = (target.url(), watched.run.clone(), ScriptFile::new(script));
        let source = file.source();
        let running = tokio::spawn(async move { try_import_source(source, &to, &ImportOptions::default(), &run).await });
        wait_until("the script sleeps", async || {
            target
                .value("select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'")
                .await
                == "1"
        })
        .await;
        watched.run.cancel();
        let failure = tokio::time::timeout(Duration::from_secs(20), running).await.expect("it ends soon").unwrap().unwrap_err();
        assert_eq!((failure.code(), failure.target), (ErrorCode::Cancelled, TargetState::Restored), "{}", explain(&failure));
        assert_eq!(target.value(OBJECTS).await, "0");
    }
}

#[tokio::test]
async fn a_cancel_ends_the_wait_for_a_pipe() {
    let target = TestDb::new().await;
    let watched = Watched::new();
    let first = futures_util::stream::iter([Ok(bytes::Bytes::from_static(b"create table t (id int);\ncopy t from stdin;\n1\n"))]);
    let source =
        pgstream::storage::Source::Stream(Box::pin(futures_util::StreamExt::chain(first, futures_util::stream::pending())));
    let (to, run) = (target.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_import_source(source, &to, &ImportOptions::default(), &run).await });
    wait_until("the COPY waits", async || {
        target.value("select count(*) from pg_stat_activity where datname = current_database() and query ilike 'copy t%'").await
            == "1"
    })
    .await;
    watched.run.cancel();
    let failure = tokio::time::timeout(Duration::from_secs(20), running).await.expect("it ends soon").unwrap().unwrap_err();
    assert_eq!((failure.code(), failure.target), (ErrorCode::Cancelled, TargetState::Restored), "{}", explain(&failure));
    assert_eq!(target.value(OBJECTS).await, "0");
}

#[tokio::test]
async fn a_lost_connection_leaves_nothing() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("create table t as select i, repeat('x', 500) from generate_series(1, 20000) i").await;
    let script = oracle::pg_dump(&source.url(), &[]).unwrap();
    let cut = Fault::End(When::BytesWithin(Direction::Up, 1_000_000..5_000_000), End::Reset);
    let proxy = ChaosProxy::start(target.cluster().address(), 3, vec![Rule::new(Which::Every, cut)]).await;
    let through = target.url_through(proxy.address());
    let failure = try_import(&script, &through, &ImportOptions::default()).await.unwrap_err();
    assert_eq!(failure.target, TargetState::Restored, "{}", explain(&failure));
    wait_until("the server has rolled back", async || target.value(OBJECTS).await == "0").await;
    must_import(&script, &target.url(), &ImportOptions::default()).await;
}

#[tokio::test]
async fn only_one_run_writes_at_a_time() {
    let target = TestDb::new().await;
    let holder = target.client().await;
    let key = destination(&target.url()).await.lock_key();
    holder.batch_execute(&format!("select pg_advisory_lock({key})")).await.unwrap();
    let failure = try_import("create table t (id int);\n", &target.url(), &ImportOptions::default()).await.unwrap_err();
    assert_eq!((failure.code(), failure.target), (ErrorCode::TargetBusy, TargetState::Untouched));
}
