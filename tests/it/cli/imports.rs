//! `pgstream import`: what it says, and how it ends.

use pgstream_tests::command::Pgstream;
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;
use tempfile::TempDir;

/// A target called `local`, and a folder with scripts.
struct Target {
    db: TestDb,
    folder: TempDir,
}

impl Target {
    async fn with_script(script: &str) -> Self {
        let target = Self { db: TestDb::new().await, folder: tempfile::tempdir().expect("a folder can be made") };
        std::fs::write(target.folder.path().join("a.sql"), script).expect("it can be written");
        target
    }

    fn command(&self, words: &str) -> Pgstream {
        Pgstream::new(words.split_whitespace())
            .env("LOCAL_DATABASE_URL", self.db.url())
            .env("PRODUCTION_DATABASE_URL", self.db.url())
            .current_dir(self.folder.path())
    }
}

const SCRIPT: &str = "create table film (id int);\ncopy film from stdin;\n1\n2\n\\.\n";

#[tokio::test]
async fn a_proven_import_exits_with_0_and_says_what_was_proven() {
    let target = Target::with_script(SCRIPT).await;
    target.db.execute("comment on schema public is 'x'").await;
    let only_local = Pgstream::new("import --from a.sql --to local".split_whitespace())
        .env("LOCAL_DATABASE_URL", target.db.url())
        .current_dir(target.folder.path());
    let outcome = only_local.run().await.expect_code(0);
    assert!(outcome.text().starts_with("import: done, proven by rows"), "{}", outcome.text());
    assert!(outcome.text().contains("2 in 1 tables"), "{}", outcome.text());
    assert_eq!(target.db.value("select count(*) from film").await, "2");
}

#[tokio::test]
async fn a_script_comes_through_a_pipe() {
    let source = TestDb::new().await;
    source.execute("create table film as select i from generate_series(1, 30000) i").await;
    let target = TestDb::new().await;
    let script = oracle::pg_dump(&source.url(), &[]).unwrap();
    let outcome = Pgstream::new("import --from - --to local --json".split_whitespace())
        .env("LOCAL_DATABASE_URL", target.url())
        .input(script)
        .run()
        .await
        .expect_code(0);
    let report = outcome.json();
    assert_eq!((&report["proven"], &report["rows"], &report["target"]), (&"rows".into(), &30000.into(), &"replaced".into()));
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn a_plan_tells_what_a_script_holds_and_writes_nothing() {
    let target = Target::with_script(&format!("{SCRIPT}alter table film owner to nobody_at_all;\nvacuum;\n")).await;
    let words = "import --from a.sql --to local --plan";
    let plan = |words: &str| {
        Pgstream::new(words.split_whitespace()).env("LOCAL_DATABASE_URL", target.db.url()).current_dir(target.folder.path())
    };
    let outcome = plan(words).run().await.expect_code(4);
    for part in ["NOT ready", "nobody_at_all", "script_transactions", "film"] {
        assert!(outcome.text().contains(part), "{part}: {}", outcome.text());
    }
    let report = plan(&format!("{words} --json --no-owner")).run().await.expect_code(0).json();
    assert_eq!((&report["tables"][0]["rows"], &report["is_one_transaction"]), (&2.into(), &false.into()));
    assert_eq!(target.db.value("select count(*) from pg_class where relname = 'film'").await, "0");
}

#[tokio::test]
async fn production_is_refused_and_a_bad_script_changes_nothing() {
    let target = Target::with_script(SCRIPT).await;
    let outcome = target.command("import --from a.sql --to production").run().await.expect_code(3);
    assert!(outcome.stderr.contains("error:"), "{}", outcome.stderr);
    std::fs::write(target.folder.path().join("b.sql"), format!("{SCRIPT}copy film from stdin;\nx\n\\.\n")).unwrap();
    let failed = Pgstream::new("import --from b.sql --to local".split_whitespace())
        .env("LOCAL_DATABASE_URL", target.db.url())
        .current_dir(target.folder.path());
    let outcome = failed.run().await.expect_code(1);
    assert!(
        outcome.stderr.contains("line 6 of the script failed") && outcome.stderr.contains("state: restored"),
        "{}",
        outcome.stderr
    );
    assert_eq!(target.db.value("select count(*) from pg_class where relname = 'film'").await, "0");
}

#[tokio::test]
async fn what_is_not_proven_is_no_success_unless_that_was_accepted() {
    for (options, code) in [("--verify none", 1), ("--verify none --accept-unproven", 0)] {
        let target = Target::with_script(SCRIPT).await;
        let words = format!("import --from a.sql --to local {options}");
        let command =
            Pgstream::new(words.split_whitespace()).env("LOCAL_DATABASE_URL", target.db.url()).current_dir(target.folder.path());
        command.run().await.expect_code(code);
    }
}
