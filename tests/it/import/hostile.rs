//! Scripts that were cut or changed, and scripts that want more than to be loaded.

use super::*;

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % below
    }
}

async fn small_source() -> TestDb {
    let source = TestDb::new().await;
    source
        .execute(
            "create table film (id int primary key, title text); create index on film (title); \
             insert into film select i, 'film ' || i from generate_series(1, 300) i; \
             create function f() returns text language plpgsql as $$ begin return 'a;b'; end $$; \
             create view v as select * from film; create sequence s; select setval('s', 41); \
             select lo_from_bytea(4711, 'large')",
        )
        .await;
    source
}

#[tokio::test]
async fn a_script_that_was_cut_anywhere_changes_nothing() {
    let (source, target) = (small_source().await, TestDb::new().await);
    let mut numbers = Numbers(7);
    let dump = oracle::pg_dump(&source.url(), &[]).unwrap();
    let inserts = oracle::pg_dump(&source.url(), &["--inserts"]).unwrap();
    for script in [dump, inserts, own_script(&source).await] {
        for round in 0..67 {
            // A dump that was cut behind its last comment is whole but for the end of the restriction.
            let cut = numbers.next(script.len() - 2);
            let failed = match round % 2 {
                0 => try_import(&script[..cut], &target.url(), &ImportOptions::default()).await,
                _ => try_import_source(stream(&script[..cut]), &target.url(), &ImportOptions::default(), &Run::new()).await,
            };
            // So little is left of some that they say nothing of a dump.
            let Err(failure) = failed else {
                assert!(cut < 40, "cut at {cut}");
                continue;
            };
            assert_untouched(&target, &failure).await;
        }
    }
}

#[tokio::test]
async fn a_script_of_ours_with_one_changed_byte_changes_nothing() {
    let (source, target) = (small_source().await, TestDb::new().await);
    let script = own_script(&source).await;
    let mut numbers = Numbers(11);
    for round in 0..200 {
        let mut changed = script.clone();
        let at = numbers.next(script.len());
        changed[at] ^= 1 << numbers.next(7);
        let failed = match round % 2 {
            0 => try_import(&changed, &target.url(), &ImportOptions::default()).await,
            _ => try_import_source(stream(changed), &target.url(), &ImportOptions::default(), &Run::new()).await,
        };
        let failure = failed.expect_err(&format!("changed at {at}"));
        assert_untouched(&target, &failure).await;
    }
}

#[tokio::test]
async fn what_a_script_must_not_do_is_refused_before_anything_is_written() {
    let target = TestDb::new().await;
    for (script, code) in [
        ("create table t (id int);\n\\! touch /tmp/hit\n", ErrorCode::ScriptRefused),
        ("create table t (id int);\n\\copy t from '/etc/passwd'\n", ErrorCode::ScriptRefused),
        ("create table t (id int);\n\\i other.sql\n", ErrorCode::ScriptRefused),
        ("create table t (id text);\ncopy t from program 'id';\n", ErrorCode::PreflightFailed),
        ("create table t (id text);\ncopy t from '/etc/passwd';\n", ErrorCode::PreflightFailed),
        ("create table t (id text);\ncopy t to program 'cat';\n", ErrorCode::PreflightFailed),
        ("create table t (id text);\nselect lo_import('/etc/passwd');\n", ErrorCode::PreflightFailed),
        ("create table t (id int);\ncreate role intruder superuser;\n", ErrorCode::PreflightFailed),
        ("create table t (id int);\nalter system set work_mem = '1MB';\n", ErrorCode::PreflightFailed),
        ("create table t (id int);\n\\connect postgres\n", ErrorCode::GuardRefused),
        ("create table t (id int);\ndrop database postgres;\n", ErrorCode::GuardRefused),
        ("create table t (id int);\n\\connect \"dbname=x host=elsewhere\"\n", ErrorCode::ScriptRefused),
        ("\\restrict a\ncreate table t (id int);\n\\restrict a\n", ErrorCode::ScriptRefused),
        ("\\restrict a\ncreate table t (id int);\n", ErrorCode::ScriptIncomplete),
        ("\\restrict a\ncreate table t (id int);\n\\unrestrict b\n", ErrorCode::ScriptRefused),
        ("create table t (id int);\nselect 'open\n", ErrorCode::ScriptIncomplete),
        ("create table t (id int);\ncopy t from stdin;\n1\n", ErrorCode::ScriptIncomplete),
    ] {
        let failure = try_import(script, &target.url(), &ImportOptions::default()).await.expect_err(script);
        assert_eq!((failure.code(), failure.target), (code, TargetState::Untouched), "{script}: {}", explain(&failure));
        let piped = try_import_source(stream(script), &target.url(), &ImportOptions::default(), &Run::new()).await;
        let failure = piped.expect_err(script);
        assert_untouched(&target, &failure).await;
    }
}

#[tokio::test]
async fn an_error_shows_the_place_and_no_value() {
    let target = TestDb::new().await;
    let script = "create table t (id int primary key, secret text);\ninsert into t values (1, 'hunter2');\n\
        insert into t\n values (1, 'hunter2');\n";
    let failure = try_import(script, &target.url(), &ImportOptions::default()).await.unwrap_err();
    let report = failure.to_report();
    let text = format!("{failure} {failure:?} {report:?}");
    assert!(failure.to_string().starts_with("line 3 of the script failed: insert into t values"), "{text}");
    assert!(!text.contains("hunter2") && text.contains("23505"), "{text}");
    assert_eq!(failure.target, TargetState::Restored);

    let script = "create table t (id int, n int);\ncopy t from stdin;\n1\t2\n2\tx\n\\.\n";
    let failure = try_import(script, &target.url(), &ImportOptions::default()).await.unwrap_err();
    assert!(
        failure.to_string().contains("line 2 of the script failed: copy t") && failure.to_string().contains("line 2, column n"),
        "{failure}"
    );
    assert_untouched(&target, &failure).await;
}

#[tokio::test]
async fn a_statement_that_fails_in_the_midst_of_many_is_the_one_that_is_named() {
    let target = TestDb::new().await;
    let mut script = "create table t (id int check (id <> 700));\n".to_owned();
    (1..2000).for_each(|i| script.push_str(&format!("insert into t values ({i});\n")));
    let failure = try_import(script, &target.url(), &ImportOptions::default()).await.unwrap_err();
    assert!(failure.to_string().starts_with("line 701 "), "{failure}");
    assert_untouched(&target, &failure).await;
}
