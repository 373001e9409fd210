//! Rows that are larger than our memory is to become, and those beyond what COPY text can hold.

use pgstream::export::{ExportOptions, export};
use pgstream::storage::Sink;
use pgstream::sync::SyncOptions;
use pgstream::{ErrorCode, Proven, Run, TargetState};
use pgstream_tests::cluster::{Cluster, majors};
use pgstream_tests::database::TestDb;

use pgstream_tests::oracle;

use crate::syncing::{config, explain, must_sync, peak_memory, try_sync};

/// What a run may take, whatever the size of a row.
const BOUND: u64 = 60 << 20;

#[tokio::test]
async fn memory_stays_bounded_by_a_row_of_more_than_100_mb() {
    let source = TestDb::new().await;
    // In one format and in the other: `regclass` travels as text.
    source
        .execute(
            "create table as_binary (a text); insert into as_binary select repeat('0123456789', 12000000);
             create table as_text (a text, kind regclass); insert into as_text select repeat('abcdefghij', 12000000), 'pg_class'",
        )
        .await;
    let target = TestDb::new().await;
    let synced = peak_memory(&["sync", "--from", &source.url(), "--to", &target.url(), "-j", "2"]).await;
    let lengths = "select length(b.a) || ' ' || length(t.a) from as_binary b, as_text t";
    assert_eq!(target.value(lengths).await, "120000000 120000000");

    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    let to = format!("file:{}", file.display());
    let exported = peak_memory(&["export", "--from", &source.url(), "--to", &to]).await;
    let copy = TestDb::new().await;
    oracle::psql_load(&copy.url(), &file).expect("psql takes it");
    assert_eq!(copy.value(lengths).await, "120000000 120000000");
    for peak in [synced, exported] {
        assert!((1 << 20..BOUND).contains(&peak), "{} MB for the sync, {} MB for the export", synced >> 20, exported >> 20);
    }
}

#[tokio::test]
async fn a_value_of_600_mb_travels_in_binary_and_is_named_where_only_text_is_possible() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    // Compressed it is small; its text would have 1.2 GB.
    source
        .execute(
            "create table vast (id int, bytes bytea); insert into vast values (1, 'small');
             insert into vast select 2, convert_to(repeat('pgstream', 75000000), 'UTF8')",
        )
        .await;
    let report = must_sync(&source.url(), &target.url(), &SyncOptions::default()).await;
    assert_eq!((report.proven, report.rows, report.tables[0].domain.as_str()), (Proven::Rows, 2, "binary-v1"));
    assert_eq!(target.value("select sum(length(bytes)) from vast").await, "600000005");

    let named = |failure: pgstream::Failure, state| {
        assert_eq!((failure.code(), failure.target), (ErrorCode::RowTooLarge, state), "{}", explain(&failure));
        assert!(failure.to_string().contains("public.vast"), "{failure}");
        assert!(failure.error.hint().contains("--exclude-table-data"), "{}", failure.error.hint());
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    let exported = export(&config(&source.url()), Sink::Path(file.clone()), &ExportOptions::default(), &Run::new()).await;
    named(exported.expect_err("a script is text"), TargetState::Untouched);
    assert!(!file.exists());

    // An older target is sent text, unless that cannot be had.
    if let Some(older) = majors().into_iter().rev().nth(1) {
        let target = TestDb::create(&Cluster::for_major(older)).await;
        let report = must_sync(&source.url(), &target.url(), &SyncOptions::default()).await;
        assert_eq!(report.tables[0].domain, "binary-v1");
        assert_eq!(target.value("select sum(length(bytes)) from vast").await, "600000005");
    }

    source.execute("alter table vast add kind regclass").await;
    let other = TestDb::create(&cluster).await;
    let failure = try_sync(&source.url(), &other.url(), &SyncOptions::default(), &Run::new()).await;
    named(failure.expect_err("regclass travels as text"), TargetState::Restored);
}
