//! The marker that a run leaves in a target: whose it must be, and what it says about a source.

use pgstream::sync::SyncOptions;
use pgstream::{ErrorCode, Proven, Run, TargetState};
use pgstream_tests::database::TestDb;

use crate::syncing::{explain, must_sync, try_sync};

const LEDGER: &str = "create schema pgstream_loading; create table pgstream_loading.ledger (entry integer primary key, \
    seq bigint generated always as identity, object text not null, undo text not null, name text, relation oid, rows bigint)";

async fn one_table() -> TestDb {
    let source = TestDb::new().await;
    source.execute("create table t (a int primary key); insert into t values (1)").await;
    source
}

#[tokio::test]
async fn a_marker_of_somebody_else_is_refused_and_what_it_says_is_not_run() {
    let (source, target) = (one_table().await, TestDb::new().await);
    target.execute(LEDGER).await;
    let plant = "insert into pgstream_loading.ledger (entry, object, undo) values (1, 'x', 'create table public.planted (a int)'); \
                 alter table pgstream_loading.ledger owner to fixture_owner; alter schema pgstream_loading owner to fixture_owner";
    target.execute(plant).await;
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await;
    let told = explain(&failure.expect_err("the marker is not ours"));
    assert!(told.contains("belongs to another role"), "{told}");
    assert_eq!(target.value("select (to_regclass('public.planted') is null)::text").await, "true");
}

#[tokio::test]
async fn a_table_that_somebody_made_anew_is_not_taken_back() {
    let (source, target) = (one_table().await, TestDb::new().await);
    target.execute(LEDGER).await;
    let line = "insert into pgstream_loading.ledger values (1, default, 'TABLE public.kept', 'DROP TABLE public.kept;', 'public.kept', 1, null); \
                create table kept as select 1 as a";
    target.execute(line).await;
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await;
    let told = explain(&failure.expect_err("the table is not the one that the ledger means"));
    assert!(told.contains("public.kept"), "{told}");
    assert_eq!(target.value("select count(*)::text from kept").await, "1");
}

#[tokio::test]
async fn a_source_that_is_itself_being_loaded_is_refused() {
    let (source, target) = (one_table().await, TestDb::new().await);
    source.execute(LEDGER).await;
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await;
    let failure = failure.expect_err("it is not whole");
    assert_eq!((failure.code(), failure.target), (ErrorCode::SourceUnfinished, TargetState::Untouched), "{}", explain(&failure));
}

#[tokio::test]
async fn an_extension_that_was_there_before_stays_when_a_run_fails() {
    let (source, target) = (one_table().await, TestDb::new().await);
    let bad = "create extension citext; create table p (a int primary key); create table c (a int); insert into c values (9)";
    source.execute(bad).await;
    // Rows that the constraint forbids, as a source can hold them: it was added while triggers were off.
    source
        .execute(
            "alter table c add constraint c_fk foreign key (a) references p not valid; \
                    update pg_constraint set convalidated = true where conname = 'c_fk'",
        )
        .await;
    target.execute("create extension citext").await;
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await;
    let failure = failure.expect_err("the rows violate the foreign key");
    assert_eq!(failure.target, TargetState::Restored, "{}", explain(&failure));
    assert_eq!(target.value("select count(*)::text from pg_extension where extname = 'citext'").await, "1");
}

#[tokio::test]
async fn a_schema_without_rows_claims_no_proof() {
    let (source, target) = (one_table().await, TestDb::new().await);
    let mut options = SyncOptions::default();
    options.schema_only = true;
    assert_eq!(must_sync(&source.url(), &target.url(), &options).await.proven, Proven::None);
}
