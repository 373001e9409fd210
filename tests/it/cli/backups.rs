//! `pgstream backup`, as a script sees it.

use std::path::{Path, PathBuf};

use pgstream_tests::command::{Outcome, Pgstream};
use pgstream_tests::database::TestDb;
use serde_json::Value;
use tempfile::TempDir;

/// A source called `production`, and a folder of backups.
struct Source {
    db: TestDb,
    folder: TempDir,
}

impl Source {
    async fn new() -> Self {
        let db = TestDb::new().await;
        db.execute("create table film (id int primary key, title text); insert into film select n, 'film ' || n from generate_series(1, 1000) n").await;
        Self { db, folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    fn command(&self, words: &str) -> Pgstream {
        let command = Pgstream::new(words.split_whitespace()).env("PRODUCTION_DATABASE_URL", self.db.url());
        command.env("BACKUP_DIRECTORY", self.folder.path().join("backups"))
    }

    async fn run(&self, words: &str, code: i32) -> Outcome {
        self.command(words).run().await.expect_code(code)
    }

    /// Makes a backup and gives its name and folder.
    async fn create(&self) -> (String, PathBuf) {
        let report = self.run("backup create --from production --json", 0).await.json();
        let text = |field: &str| report[field].as_str().unwrap_or_else(|| panic!("{field}: {report}")).to_owned();
        (text("id"), PathBuf::from(text("to")))
    }
}

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).expect("it is there");
    bytes[at] ^= 0x10;
    std::fs::write(file, bytes).expect("it can be written");
}

#[tokio::test]
async fn a_backup_is_made_listed_shown_verified_and_pruned() {
    let source = Source::new().await;
    let made = source.run("backup create --from production --label reason=release --label by=me", 0).await;
    assert!(made.text().starts_with("backup create: done, proven by rows"), "{}", made.text());
    assert!(made.text().contains("next:    pgstream backup verify 2"), "{}", made.text());
    let list = source.run("backup list", 0).await.text();
    assert!(list.starts_with("NAME ") && list.contains(source.db.name()) && list.contains("by=me reason=release"), "{list}");
    let show = source.run("backup show latest", 0).await.text();
    assert!(show.contains("rows:       1 000 in 1 tables") && show.contains("public.film"), "{show}");
    let verified = source.run("backup verify --all --level 2", 0).await.text();
    assert!(verified.contains(": good (level 2, "), "{verified}");
    let (second, _) = source.create().await;
    let dry = source.run("backup prune --keep-last 1 --dry-run", 0).await.text();
    assert!(dry.contains("would remove  2") && dry.contains(&format!("would keep    {second}")), "{dry}");
    source.run("backup prune --keep-last 1", 0).await;
    let left = source.run("backup list --json", 0).await.json();
    assert_eq!(left["backups"].as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!((&left["backups"][0]["id"], &left["command"]), (&Value::from(second), &"backup list".into()));
}

#[tokio::test]
async fn a_flipped_byte_exits_with_5_and_names_file_and_place() {
    let source = Source::new().await;
    let (id, folder) = source.create().await;
    source.run(&format!("backup verify {id}"), 0).await;
    flip(&folder.join("database.sql.zst"), 100);
    for words in ["backup verify latest", "backup verify --all --level 2"] {
        let outcome = source.run(words, 5).await;
        assert!(outcome.text().contains("DAMAGED\n  database.sql.zst, from byte 0 on: it was changed"), "{}", outcome.text());
    }
    let report = source.run("backup verify latest --json", 5).await.json();
    assert_eq!((&report["is_good"], &report["exit_code"]), (&false.into(), &5.into()));
    assert_eq!(report["backups"][0]["findings"][0]["file"], "database.sql.zst");
    let list = source.run("backup list", 0).await.text();
    assert!(list.contains("DAMAGED"), "{list}");
}

#[tokio::test]
async fn a_name_that_means_none_or_several_exits_with_2() {
    let source = Source::new().await;
    source.run("backup verify latest", 2).await;
    for _ in 0..2 {
        source.create().await;
    }
    for words in ["backup show 2", "backup verify nothing", "backup show ../x"] {
        let outcome = source.run(words, 2).await;
        assert!(outcome.stderr.contains("hint:  "), "{words}: {}", outcome.stderr);
    }
    for words in
        ["backup", "backup verify", "backup prune", "backup prune --keep-last 0", "backup create --from production --label x"]
    {
        source.run(words, 2).await;
    }
}

#[tokio::test]
async fn the_folder_is_the_one_that_is_named_or_that_the_environment_means() {
    let source = Source::new().await;
    let elsewhere = source.folder.path().join("elsewhere");
    source.run(&format!("backup create --from production --dir {}", elsewhere.display()), 0).await;
    assert_eq!(
        source.run("backup list", 0).await.text(),
        format!("There are no backups in {}.\n", source.folder.path().join("backups").display())
    );
    let file = source.folder.path().join("variables");
    std::fs::write(&file, format!("BACKUP_DIRECTORY={}\n", elsewhere.display())).expect("there is room");
    let words = format!("backup list --json --env-file {}", file.display());
    let report = Pgstream::new(words.split_whitespace()).run().await.expect_code(0).json();
    assert_eq!(report["backups"].as_array().map(Vec::len), Some(1), "{report}");
    let command = Pgstream::new(["backup", "list", "--json"]);
    let data = command.home().join("data/pgstream/backups").display().to_string();
    assert_eq!(command.run().await.expect_code(0).json()["directory"], data);
}

#[tokio::test]
async fn a_cancelled_backup_exits_with_130_and_leaves_nothing() {
    let source = Source::new().await;
    let client = source.db.client().await;
    client.batch_execute("begin; lock table film in access exclusive mode").await.expect("the lock is free");
    let running = source.command("backup create --from production --json").spawn().await;
    while source.db.value("select count(*) from pg_locks where not granted and relation = 'film'::regclass").await == "0" {
        tokio::task::yield_now().await;
    }
    assert_eq!(source.run("backup list", 0).await.text().lines().count(), 1, "what is being made is not listed");
    let all = source.run("backup list --all", 0).await.text();
    assert!(all.contains("being made"), "{all}");
    running.signal("INT").await;
    running.wait().await.expect_code(130);
    assert_eq!(source.run("backup list --all --json", 0).await.json()["backups"].as_array().map(Vec::len), Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_fails_the_backup_and_leaves_nothing_of_it() {
    let source = Source::new().await;
    source
        .db
        .execute("create table large as select n, md5(n::text) || md5((n + 1)::text) as noise from generate_series(1, 40000) n")
        .await;
    let program = pgstream_tests::command::binary("pgstream-cli", "pgstream");
    let disk = source.folder.path().join("disk");
    std::fs::create_dir(&disk).expect("there is room");
    // A small disk of its own, which is gone with the command; what is left on it is told at the end of standard error.
    let script = "mount -t tmpfs -o size=512k tmpfs \"$1\" || exit 99; \"$2\" backup create --from production --dir \"$1/b\"; code=$?; \
                  echo \"left:$(ls \"$1/b\")\" >&2; exit $code";
    let arguments = ["-rm", "sh", "-c", script, "sh", &disk.to_string_lossy(), &program.to_string_lossy()];
    let command = Pgstream::program(Path::new("unshare"), arguments).env("PRODUCTION_DATABASE_URL", source.db.url());
    let outcome = command.run().await.expect_code(1);
    assert!(
        outcome.stderr.contains("error: could not write ") && outcome.stderr.contains("hint:  Make room"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.ends_with("\nleft:\n"), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_backup_comes_back_proven_and_a_damaged_one_does_not_begin_to() {
    let source = Source::new().await;
    let (_, folder) = source.create().await;
    let (target, other) = (TestDb::new().await, TestDb::new().await);
    let restore = |words: &str, to: &TestDb| source.command(words).env("LOCAL_DATABASE_URL", to.url()).run();
    let outcome = restore("backup restore latest --to local --verify checksum", &target).await.expect_code(0);
    assert!(outcome.text().starts_with("backup restore: done, proven by content"), "{}", outcome.text());
    pgstream_tests::oracle::assert_same(&source.db.url(), &target.url());
    let report = restore("backup restore latest --to local --json", &target).await.expect_code(4).json();
    assert_eq!((&report["error"]["code"], &report["target"]), (&"target_not_empty".into(), &"untouched".into()));
    flip(&folder.join("globals.sql.zst"), 20);
    let report = restore("backup restore latest --to local --json", &other).await.expect_code(5).json();
    assert_eq!((&report["error"]["code"], &report["target"]), (&"verification_failed".into(), &"untouched".into()));
    assert_eq!(other.value("select count(*) from pg_class where relname = 'film'").await, "0");
}

#[tokio::test]
async fn a_restore_into_production_is_refused() {
    let source = Source::new().await;
    source.create().await;
    for words in ["backup restore latest --to production", "backup restore latest --to production --globals"] {
        let outcome = source.run(words, 3).await;
        assert!(outcome.stderr.contains("--confirm production/"), "{words}: {}", outcome.stderr);
    }
    assert_eq!(source.db.value("select count(*) from film").await, "1000");
}

#[tokio::test]
async fn what_a_target_holds_is_saved_before_something_is_added_unless_that_is_not_wanted() {
    let source = Source::new().await;
    let target = TestDb::new().await;
    target.execute("create table film (id int, title text); insert into film values (0, 'mine')").await;
    let file = source.folder.path().join("more.sql");
    std::fs::write(&file, "COPY public.film (id, title) FROM stdin;\n1\tone\n\\.\n").expect("there is room");
    let words = format!("import --from {} --to local --mode append --accept-unproven", file.display());
    let import = |more: &str| source.command(&format!("{words}{more}")).env("LOCAL_DATABASE_URL", target.url()).run();
    let report = import(" --no-backup --json").await.expect_code(0).json();
    assert_eq!(report["safety_backup"], Value::Null);
    let report = import(" --json").await.expect_code(0).json();
    let saved = |report: &Value, field: &str| report["safety_backup"][field].as_str().expect("it was saved").to_owned();
    let (id, directory) = (saved(&report, "id"), saved(&report, "directory"));
    assert!(Path::new(&directory).starts_with(source.folder.path().join("backups/safety")), "{directory}");
    let rows = source.run(&format!("backup show {id} --dir {directory} --json"), 0).await.json();
    assert_eq!(rows["backup"]["rows"], 2, "what was there before, with what was not saved");
    for _ in 0..2 {
        let outcome = import("").await.expect_code(0);
        assert!(outcome.text().contains("before:  backup 2"), "{}", outcome.text());
    }
    let left = source.run(&format!("backup list --dir {directory} --json"), 0).await.json();
    let left: Vec<_> = left["backups"].as_array().expect("a list").iter().map(|backup| backup["rows"].clone()).collect();
    assert_eq!(left, [3, 4], "the last two are kept");
    assert_eq!(source.run("backup list --all --json", 0).await.json()["backups"], serde_json::json!([]));
}
