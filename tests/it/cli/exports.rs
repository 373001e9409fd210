//! `pgstream export`: files, standard output, and what is left when it fails.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgstream_tests::command::{Outcome, Pgstream, Running};
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

/// A source called `production`, and a folder for what is exported.
struct Source {
    db: TestDb,
    folder: TempDir,
}

impl Source {
    /// With one of most things that belong to tables.
    async fn new() -> Self {
        let db = TestDb::new().await;
        db.execute(
            "create table maker (id int generated always as identity primary key, name text unique); \
             create table film (id int primary key, maker int references maker, title text); \
             create index on film (lower(title)); comment on table film is 'what is shown'; \
             create view titles as select title from film; create sequence ticket; select setval('ticket', 41); \
             insert into maker (name) values ('x'), (E'tab\\tand\\nline'); \
             insert into film select n, n % 2 + 1, 'film ' || n from generate_series(1, 5000) n; \
             select lo_from_bytea(4711, 'large')",
        )
        .await;
        Self { db, folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    /// With more rows than a pipe and all buffers on the way hold.
    async fn large() -> Self {
        let source = Self::new().await;
        source.db.execute("create table large as select n, repeat('row', 100) from generate_series(1, 100000) n").await;
        source
    }

    fn command(&self, words: &str) -> Pgstream {
        let words = words.split_whitespace();
        Pgstream::new(words).env("PRODUCTION_DATABASE_URL", self.db.url()).current_dir(self.folder.path())
    }

    async fn run(&self, words: &str, code: i32) -> Outcome {
        self.command(words).run().await.expect_code(code)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Fails unless psql makes the source of this script.
    async fn assert_loads(&self, script: &Path) {
        let copy = TestDb::new().await;
        oracle::psql_load(&copy.url(), script).unwrap_or_else(|e| panic!("{}: {e}", script.display()));
        oracle::assert_same(&self.db.url(), &copy.url());
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder can be read");
        entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect()
    }
}

/// What the program that belongs to a method makes of a file.
fn unpacked(program: &str, file: &Path) -> Vec<u8> {
    let output = Command::new(program).arg("-dc").arg(file).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[tokio::test]
async fn a_script_in_a_file_makes_the_same_database() {
    let source = Source::new().await;
    let outcome = source.run("export --from production --to ./shop.sql", 0).await;
    assert!(outcome.text().starts_with("export: done, proven by rows"), "{}", outcome.text());
    assert!(outcome.text().contains("5 002 in 2 tables"), "{}", outcome.text());
    assert!(outcome.text().contains("next:    psql -X -v ON_ERROR_STOP=1 -d DATABASE -f ./shop.sql"), "{}", outcome.text());
    source.assert_loads(&source.path("shop.sql")).await;
}

#[tokio::test]
async fn the_name_says_how_a_script_is_compressed() {
    let source = Source::new().await;
    for (name, program) in [("a.sql.gz", "gzip"), ("a.sql.zst", "zstd"), ("a.sql.lz4", "lz4")] {
        let report = source.run(&format!("export --from production --to {name} --json"), 0).await.json();
        let method = report["compression"].as_str().unwrap_or_default().to_owned();
        assert_eq!((method.as_str(), &report["to"]), (program, &name.into()));
        let stored = std::fs::metadata(source.path(name)).expect("the file is there").len();
        assert_eq!(report["stored_bytes"], stored, "{name}");
        let script = source.path(&format!("{name}.sql"));
        std::fs::write(&script, unpacked(program, &source.path(name))).expect("there is room");
        source.assert_loads(&script).await;
    }
}

#[tokio::test]
async fn standard_output_holds_the_script_alone_and_the_report_goes_to_standard_error() {
    let source = Source::new().await;
    for words in ["export --from production --to -", "export --from production --to - --json"] {
        let outcome = source.run(words, 0).await;
        let script = source.path("piped.sql");
        std::fs::write(&script, &outcome.stdout).expect("there is room");
        source.assert_loads(&script).await;
        let last = outcome.stderr.lines().last().unwrap_or_default();
        match words.contains("--json") {
            true => {
                let report: serde_json::Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {last}"));
                assert_eq!((&report["exit_code"], &report["rows"]), (&0.into(), &5002.into()));
            }
            false => assert!(outcome.stderr.contains("export: done, proven by rows"), "{}", outcome.stderr),
        }
    }
}

#[tokio::test]
async fn the_forms_of_pg_dump_compress_as_they_do_there() {
    let source = Source::new().await;
    for (form, compression) in [("-Z0", "none"), ("-Z9", "gzip:9"), ("-Z zstd:level=3", "zstd:3"), ("--compress=lz4", "lz4")] {
        let report = source.run(&format!("export --from production --to ./any --force --json {form}"), 0).await.json();
        assert_eq!(report["compression"], compression, "{form}");
    }
    let outcome = source.run("export --from production --to a.sql.gz -Z zstd", 2).await;
    assert!(outcome.stderr.contains("a.sql.gz says gzip, and --compress says zstd"), "{}", outcome.stderr);
}

#[tokio::test]
async fn an_existing_file_is_replaced_only_by_force_and_only_by_a_whole_one() {
    let source = Source::new().await;
    std::fs::write(source.path("a.sql"), "mine").expect("there is room");
    let content = || std::fs::read_to_string(source.path("a.sql")).expect("the file is there");
    let report = source.run("export --from production --to a.sql --json", 4).await.json();
    assert_eq!((&report["error"]["code"], &report["target"]), (&"output_exists".into(), &"untouched".into()));
    source.run("export --from production --to a.sql --force -t nothing_of_that_name", 4).await;
    assert_eq!((content().as_str(), source.names()), ("mine", vec!["a.sql".to_owned()]));
    source.run("export --from production --to a.sql --force", 0).await;
    source.assert_loads(&source.path("a.sql")).await;
}

#[tokio::test]
async fn a_folder_that_is_missing_or_a_name_that_could_be_a_file_is_told_with_the_way_out() {
    let source = Source::new().await;
    for (to, code, hint) in [
        ("./missing/a.sql", 1, "Create the folder first."),
        ("./", 2, "Write a plain script"),
        ("nightly", 2, "For a file write ./nightly"),
        ("nightly.gz", 2, "For a file write ./nightly.gz"),
        ("a.dump", 2, "Write a plain script"),
        ("production", 2, "use `pgstream sync"),
    ] {
        let outcome = source.run(&format!("export --from production --to {to}"), code).await;
        assert!(outcome.stderr.contains(hint), "{to}: {}", outcome.stderr);
    }
    assert_eq!(source.names(), Vec::<String>::new());
}

#[tokio::test]
async fn an_export_that_fails_before_the_first_byte_leaves_a_pipe_untouched() {
    let source = Source::new().await;
    let outcome = source.run("export --from production --to - --json -t nothing_of_that_name", 4).await;
    let last = outcome.stderr.lines().last().unwrap_or_default();
    let report: serde_json::Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {last}"));
    assert_eq!((&report["target"], outcome.text().as_str()), (&"untouched".into(), ""));
}

/// Starts an export to a pipe, and reads the beginning of the script.
async fn begun(source: &Source) -> Running {
    let mut running = source.command("export --from production --to -").spawn().await;
    let mut head = [0; 1000];
    let stdout = running.child().stdout.as_mut().expect("standard output is a pipe");
    stdout.read_exact(&mut head).await.expect("a script begins");
    running
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_export_with_141_and_without_a_word() {
    let source = Source::large().await;
    let mut running = begun(&source).await;
    drop(running.child().stdout.take());
    let outcome = running.wait().await.expect_code(141);
    assert!(!outcome.stderr.contains("error"), "{}", outcome.stderr);
    // The backends end on their own time; that they end is what counts.
    let alive = "select count(*) from pg_stat_activity where application_name like 'pgstream:%' and datname = current_database()";
    while source.db.value(alive).await != "0" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_reader_that_stopped_reading_does_not_keep_a_cancelled_export_alive() {
    let source = Source::large().await;
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut running = begun(&source).await;
        // Held open and not read: the writer hangs in the pipe.
        let stdout = running.child().stdout.take();
        running.signal(signal).await;
        let outcome = running.wait().await.expect_code(code);
        assert!(outcome.stderr.contains("error: the run was cancelled"), "{signal}: {}", outcome.stderr);
        drop(stdout);
    }
}

#[tokio::test]
async fn a_cancelled_export_leaves_no_file() {
    let source = Source::new().await;
    let client = source.db.client().await;
    client.batch_execute("begin; lock table film in access exclusive mode").await.expect("the lock is free");
    let running = source.command("export --from production --to a.sql --json").spawn().await;
    let waiting = "select count(*) from pg_locks where not granted and relation = 'film'::regclass";
    while source.db.value(waiting).await == "0" {
        tokio::task::yield_now().await;
    }
    running.signal("INT").await;
    let report = running.wait().await.expect_code(130).json();
    assert_eq!((&report["error"]["code"], &report["target"]), (&"cancelled".into(), &"untouched".into()));
    assert_eq!(source.names(), Vec::<String>::new());
}

/// Runs `export` on a file system of 4 MiB that only it sees and that is gone with it; what lies there afterwards is printed. As root
/// that needs nothing; otherwise a user namespace, or sudo where the system has these switched off.
#[cfg(target_os = "linux")]
const ON_A_SMALL_DISK: &str = r#"
    for way in 'unshare -m' 'unshare -rm' 'sudo -n -E unshare -m'; do
        $way mount -t tmpfs -o size=4m tmpfs "$PWD" 2>/dev/null && exec $way sh -c '
            mount -t tmpfs -o size=4m tmpfs "$PWD" && cd "$PWD" && echo old >out.sql || exit 99
            "$0" export --force --from production --to ./out.sql
            code=$?
            ls -A && cat out.sql
            exit $code' "$0"
    done
    echo 'a small file system cannot be mounted here' >&2
    exit 99
"#;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_fails_the_export_and_leaves_an_older_file_as_it_was() {
    let source = Source::large().await;
    let program = pgstream_tests::command::binary("pgstream-cli", "pgstream");
    let shell = Pgstream::program(Path::new("/bin/sh"), [Path::new("-c"), Path::new(ON_A_SMALL_DISK), &program]);
    let shell = shell.env("PRODUCTION_DATABASE_URL", source.db.url()).current_dir(source.folder.path());
    let outcome = shell.run().await.expect_code(1);
    assert!(outcome.text().ends_with("out.sql\nold\n"), "one file, as it was: {}", outcome.text());
    for word in ["could not write", "out.sql", "No space left on device", "hint:"] {
        assert!(outcome.stderr.contains(word), "{word} is not in {}", outcome.stderr);
    }
}
