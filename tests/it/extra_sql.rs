//! `--before-sql` and `--after-sql`: statements of the operator's own in the transaction that makes everything visible.

use std::path::PathBuf;

use pgstream::sync::{Mode, SyncOptions};
use pgstream::{ErrorCode, Run, TargetState};
use pgstream_tests::database::TestDb;

use crate::syncing::{OBJECTS, explain, must_sync, try_sync};

const TABLES: &str = "create table parent (id integer primary key, secret text); insert into parent values (1, 'a'), (2, 'b');
    create table child (parent integer references parent on delete cascade); insert into child values (1), (1), (2)";

/// A folder with one file.
fn file(text: &str) -> (tempfile::TempDir, Option<PathBuf>) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("extra.sql");
    std::fs::write(&path, text).expect("there is room for a file");
    (folder, Some(path))
}

fn in_mode(mode: Mode) -> SyncOptions {
    let mut options = SyncOptions::default();
    options.mode = mode;
    options
}

#[tokio::test]
async fn statements_run_on_the_whole_copy_as_psql_would_run_them() {
    let source = TestDb::new().await;
    source.execute(TABLES).await;
    for mode in [Mode::Empty, Mode::Replace] {
        let target = TestDb::new().await;
        let mut options = in_mode(mode);
        let (_after, after) = file("-- masked\nupdate parent set secret = null;\ndelete from parent where id = 1;\n");
        let (_before, before) = file(
            "create schema before; create table before.seen as select count(*) as n from pg_class where relname = 'parent';",
        );
        options.after_sql = after;
        options.before_sql = before.filter(|_| mode == Mode::Replace);
        must_sync(&source.url(), &target.url(), &options).await;
        let found = "select concat_ws(' ', (select count(*) from parent), (select count(secret) from parent), (select count(*) from child))";
        assert_eq!(target.value(found).await, "1 0 1", "{mode:?}");
        if mode == Mode::Replace {
            assert_eq!(target.value("select n from before.seen").await, "0");
        }
    }
}

#[tokio::test]
async fn one_that_fails_takes_everything_back_and_is_named_by_its_line() {
    let source = TestDb::new().await;
    source.execute(TABLES).await;
    let (_folder, after) = file("update parent set secret = null;\n\nselect 1 / count(*)\n  from parent where false;\n");
    for mode in [Mode::Empty, Mode::Replace] {
        let target = TestDb::new().await;
        if mode == Mode::Replace {
            target.execute("create table parent as select 'old' as old").await;
        }
        let mut options = in_mode(mode);
        options.after_sql.clone_from(&after);
        let failure = try_sync(&source.url(), &target.url(), &options, &Run::new()).await.expect_err("it divides by nothing");
        let told = explain(&failure);
        assert_eq!((failure.code(), failure.target), (ErrorCode::ApplyFailed, TargetState::Restored), "{told}");
        assert!(told.contains("line 3 of extra.sql"), "{told}");
        match mode {
            Mode::Replace => assert_eq!(target.value("select old from parent").await, "old"),
            _ => assert_eq!(target.value(OBJECTS).await, "0"),
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_is_refused_before_anything_is_written() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(TABLES).await;
    for (text, what) in [("commit;", "line 1"), ("select 1;\n\\i x.sql\n", "line 2"), ("select 'a", "line 1")] {
        let (_folder, after) = file(text);
        let mut options = in_mode(Mode::Empty);
        options.after_sql = after;
        let failure = try_sync(&source.url(), &target.url(), &options, &Run::new()).await.expect_err(text);
        let told = explain(&failure);
        assert_eq!((failure.code(), failure.target), (ErrorCode::OptionInvalid, TargetState::Untouched), "{told}");
        assert!(told.contains(what), "{told}");
    }
    let mut options = in_mode(Mode::Empty);
    options.after_sql = Some("/nowhere/to/be/found.sql".into());
    let failure = try_sync(&source.url(), &target.url(), &options, &Run::new()).await.expect_err("there is no file");
    assert_eq!(failure.code(), ErrorCode::OptionInvalid, "{}", explain(&failure));
    assert_eq!(target.value(OBJECTS).await, "0");
}
