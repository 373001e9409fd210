//! What counts as proven.

use super::*;

#[tokio::test]
async fn a_schema_alone_is_proven_by_its_end() {
    let target = TestDb::new().await;
    let report = must_import("create table t (id int);\n", &target.url(), &ImportOptions::default()).await;
    assert_eq!((report.proven, report.is_proven(), report.tables.len()), (Proven::None, true, 0), "{report:?}");
}

#[tokio::test]
async fn rows_that_come_or_go_unseen_are_not_called_proven() {
    for (script, is_proven) in [
        ("create table t (id int);\ninsert into t values (1), (2);\nupdate t set id = 3 where id = 2;\n", true),
        ("create table t (id int);\ninsert into t values (1), (2);\ndelete from t where id = 1;\n", false),
        ("create table t (id int);\ninsert into t values (1);\ndo $$ begin insert into t values (2); end $$;\n", false),
        ("create table t (id int);\ninsert into t values (1);\nselect count(*) from t;\n", true),
    ] {
        let target = TestDb::new().await;
        let report = must_import(script, &target.url(), &ImportOptions::default()).await;
        assert_eq!((report.is_proven(), report.proven == Proven::Rows), (is_proven, is_proven), "{script}: {report:?}");
    }
}

#[tokio::test]
async fn a_trigger_that_swallows_rows_is_noticed() {
    let target = TestDb::new().await;
    let swallow = "create table t (id int);\ncreate function f() returns trigger language plpgsql as $$ begin return null; end $$;\n\
        create trigger t before insert on t for each row when (new.id = 2) execute function f();\n";
    let failure = try_import(format!("{swallow}copy t from stdin;\n1\n2\n\\.\n"), &target.url(), &ImportOptions::default())
        .await
        .unwrap_err();
    assert_eq!((failure.code(), failure.target), (ErrorCode::VerificationFailed, TargetState::Restored), "{}", explain(&failure));
    // The tag of an INSERT tells the rows that were really inserted.
    let report =
        must_import(format!("{swallow}insert into t values (1), (2);\n"), &target.url(), &ImportOptions::default()).await;
    assert_eq!((report.rows, report.proven), (1, Proven::Rows));
}

#[tokio::test]
async fn rows_of_others_are_told_from_ours() {
    let target = TestDb::new().await;
    target.execute("create table t (id int); insert into t select generate_series(1, 50)").await;
    let report = must_import("copy t from stdin;\n1\n2\n\\.\ninsert into public.t values (3);\n", &target.url(), &append()).await;
    assert_eq!((report.rows, report.proven, report.tables.len()), (3, Proven::Rows, 1), "{report:?}");
}

#[tokio::test]
async fn rows_sent_to_a_root_and_to_its_partitions_are_counted_together() {
    let target = TestDb::new().await;
    let script = "create table public.p (id int) partition by range (id);\ncreate table public.a partition of public.p for values from (0) to (10);\n\
        create table public.b partition of public.p default;\ncopy public.p (id) from stdin;\n1\n11\n\\.\ncopy public.a (id) from stdin;\n2\n\\.\n";
    let report = must_import(script, &target.url(), &ImportOptions::default()).await;
    assert_eq!((report.rows, report.proven), (3, Proven::Rows), "{report:?}");
}

#[tokio::test]
async fn nothing_is_compared_if_nothing_was_asked_for() {
    let target = TestDb::new().await;
    let options = ImportOptions::default().with_verify(Verify::None);
    let report = must_import("create table t (id int);\ninsert into t values (1);\n", &target.url(), &options).await;
    assert_eq!((report.proven, report.is_proven()), (Proven::None, false), "{report:?}");
}

#[tokio::test]
async fn a_table_that_is_renamed_or_dropped_later_is_no_reason_to_fail() {
    let target = TestDb::new().await;
    let script = "create table a (id int);\ninsert into a values (1);\nalter table a rename to b;\ncreate temp table c (id int);\n\
        copy c from stdin;\n1\n\\.\ndrop table c;\n";
    let report = must_import(script, &target.url(), &ImportOptions::default()).await;
    assert_eq!((report.tables.len(), report.tables[0].name.as_str(), report.proven), (1, "b", Proven::Rows), "{report:?}");
}

#[tokio::test]
async fn a_constraint_that_was_put_off_is_checked_before_the_end() {
    let target = TestDb::new().await;
    let script = "create table a (id int primary key);\ncreate table b (a int references a deferrable initially deferred);\ninsert into b values (1);\n";
    let failure = try_import(script, &target.url(), &ImportOptions::default()).await.unwrap_err();
    assert!(failure.to_report().error.causes.concat().contains("23503"), "{}", explain(&failure));
    assert_untouched(&target, &failure).await;
}
