//! Comparisons of two databases: each difference is named, and nothing else is.

use std::time::{Duration, Instant};

use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::error::ErrorCode;
use pgstream::export::{ExportOptions, export};
use pgstream::storage::Sink;
use pgstream::sync::verify::{Difference, VerifyOptions, VerifyReport, verify};
use pgstream::{Failure, Run};
use pgstream_tests::chaos::{ChaosProxy, End};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;

fn config(url: &str) -> ConnectionConfig {
    ConnectionConfig::parse(url, &Environment::empty()).expect("the harness gives a good URL")
}

async fn compare(a: &TestDb, b: &TestDb, run: &Run) -> Result<VerifyReport, Failure> {
    verify(&config(&a.url()), &config(&b.url()), &VerifyOptions::default(), run).await
}

/// A little of everything that is compared.
const SAMPLE: &str = "create table plain (id int primary key, text text); insert into plain select i, 'row ' || i from generate_series(1, 1000) i; \
    create table computed (a int, twice int generated always as (a * 2) stored); insert into computed values (1), (2); \
    create table split (a int, b text) partition by hash (a); \
    create table split_0 partition of split for values with (modulus 2, remainder 0); \
    create table split_1 partition of split for values with (modulus 2, remainder 1); \
    insert into split select i, 'x' from generate_series(1, 100) i; \
    create materialized view seen as select count(*) from plain; \
    create sequence counter; select setval('counter', 42); \
    select lo_from_bytea(4711, decode(repeat('00ff', 100000), 'hex')); select lo_from_bytea(4712, 'small')";

/// Two databases with the sample, the second one changed.
async fn pair(change: &str) -> (TestDb, TestDb) {
    let (a, b) = (TestDb::new().await, TestDb::new().await);
    a.execute(SAMPLE).await;
    b.execute(SAMPLE).await;
    b.execute(change).await;
    (a, b)
}

/// What is said about a pair whose second one was changed.
async fn differences(change: &str) -> Vec<String> {
    let (a, b) = pair(change).await;
    let report = compare(&a, &b, &Run::new()).await.expect("both can be read");
    assert_eq!(report.is_same, report.differences.is_empty());
    report.differences.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn equal_databases_are_equal() {
    let (a, b) = pair("select 1").await;
    let report = compare(&a, &b, &Run::new()).await.expect("both can be read");
    assert!(report.is_same && report.stale.is_empty(), "{report:#?}");
    assert_eq!((report.tables, report.rows, report.sequences, report.large_objects), (4, 1102, 1, 2));
}

#[tokio::test]
async fn every_difference_is_named() {
    for (change, expected) in [
        ("update plain set text = 'other' where id = 7", "public.plain has 1000 rows in both, with other contents"),
        ("delete from plain where id = 7", "public.plain has 1000 rows in A and 999 in B"),
        ("create table more (a int)", "public.more is missing in A"),
        ("drop table computed", "public.computed is missing in B"),
        ("alter table computed add c int", "public.computed has other columns: only in A [], only in B [c]"),
        ("update split set b = 'y' where a = 5", "public.split has 100 rows in both, with other contents"),
        ("select setval('counter', 41)", "sequence public.counter stands at 42 in A and at 41 in B"),
        ("drop sequence counter", "sequence public.counter is missing in B"),
        ("select lo_put(4711, 150000, 'x')", "large object 4711 has other bytes"),
        ("select lo_unlink(4712)", "large object 4712 is missing in B"),
    ] {
        assert_eq!(differences(change).await, [expected], "{change}");
    }
}

#[tokio::test]
async fn generated_columns_are_compared_when_the_others_are_equal() {
    let change = "alter table computed drop column twice; \
                  alter table computed add twice int generated always as (a * 3) stored";
    assert_eq!(differences(change).await, ["public.computed has other values in generated columns"]);
}

#[tokio::test]
async fn rows_in_another_partition_and_columns_in_another_order_are_no_difference() {
    let change = "drop table split; create table split (b text, a int) partition by range (a); \
                  create table split_low partition of split for values from (0) to (7); \
                  create table split_high (a int, b text); \
                  alter table split attach partition split_high for values from (7) to (1000); \
                  insert into split (a, b) select i, 'x' from generate_series(1, 100) i";
    assert_eq!(differences(change).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_view_that_was_not_refreshed_is_stale_and_no_difference() {
    let change = "insert into plain values (0, 'for the view'); refresh materialized view seen; delete from plain where id = 0";
    let (a, b) = pair(change).await;
    let report = compare(&a, &b, &Run::new()).await.expect("both can be read");
    assert!(report.is_same, "{report:#?}");
    assert!(report.stale.iter().any(|line| line.contains("public.seen")), "{:?}", report.stale);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_is_the_same_after_a_move_to_the_newest_major() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let mut options = ExportOptions::default();
    options.skip_unsupported = true;
    // The shop makes the roles that its scripts speak of.
    drop(TestDb::new().await.with_shop(1).await);
    for cluster in Cluster::all() {
        let (old, new) = (TestDb::create(&cluster).await.with_shop(1).await, TestDb::new().await);
        let file = folder.path().join(format!("{}.sql", cluster.major()));
        export(&config(&old.url()), Sink::Path(file.clone()), &options, &Run::new()).await.expect("it can be exported");
        oracle::psql_load(&new.url(), &file).expect("a newer server takes the script");
        let report = compare(&old, &new, &Run::new()).await.expect("both can be read");
        assert!(report.is_same && report.large_objects > 0, "{}: {report:#?}", cluster.major());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_on_both_sides_are_survived() {
    let (a, b) = (TestDb::new().await, TestDb::new().await);
    let large = "create table large as select i, repeat(md5(i::text), 6) as text from generate_series(1, 100000) i";
    a.execute(large).await;
    b.execute(large).await;
    let proxy = ChaosProxy::plain(b.cluster().address()).await;
    let through = config(&format!("{}?sslmode=disable", b.url_through(proxy.address())));
    let a = config(&a.url());
    let options = VerifyOptions::default();
    let run = Run::new();
    let compared = verify(&a, &through, &options, &run);
    let cut = async {
        // Identity, catalog and two keepers have carried little; whoever carries this much reads the table.
        proxy.wait_until(|all| all.iter().skip(4).any(|connection| connection.bytes_down > 2_000_000)).await;
        proxy.cut(End::Reset, |connection| connection.number > 4)
    };
    let (report, cut) = tokio::join!(compared, cut);
    let report = report.expect("it goes on");
    assert!(cut > 0 && report.is_same && report.rows == 100_000, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_comparison_leaves_no_backend() {
    let (a, b) = pair("select 1").await;
    let token = std::sync::Arc::new(std::sync::OnceLock::<Run>::new());
    let seen = token.clone();
    let run = Run::named("cancelled", move |event: &pgstream::Event| {
        if event.phase == pgstream::Phase::Verify {
            seen.get().expect("it is set before the run starts").cancel();
        }
    });
    token.set(run.clone()).expect("it is set once");
    assert_eq!(compare(&a, &b, &run).await.unwrap_err().code(), ErrorCode::Cancelled);
    for db in [&a, &b] {
        let others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
        let until = Instant::now() + Duration::from_secs(10);
        while db.value(others).await != "0" {
            assert!(Instant::now() < until, "backends were left behind");
        }
    }
}

#[test]
fn a_difference_is_json_with_its_kind() {
    let json = serde_json::to_value(Difference::Extra { table: "public.t".into() }).expect("it has a form in JSON");
    assert_eq!(json, serde_json::json!({"kind": "extra", "table": "public.t"}));
}
