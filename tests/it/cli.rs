//! The command line as a script sees it: exit code, standard output, standard error.

mod backups;
mod comparisons;
mod exports;
mod imports;

use pgstream_tests::chaos::ChaosProxy;
use pgstream_tests::cluster::free_port;
use pgstream_tests::command::{Outcome, Pgstream};
use pgstream_tests::database::TestDb;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

/// Two databases, called `production` and `local`.
struct Two {
    source: TestDb,
    target: TestDb,
}

impl Two {
    /// With three rows in the source.
    async fn with_rows() -> Self {
        let (source, target) = tokio::join!(TestDb::new(), TestDb::new());
        source
            .execute("create table film (id int primary key, title text); insert into film values (1, 'a'), (2, 'b'), (3, 'c')")
            .await;
        Self { source, target }
    }

    fn command(&self, words: &str) -> Pgstream {
        Pgstream::new(words.split_whitespace())
            .env("PRODUCTION_DATABASE_URL", self.source.url())
            .env("LOCAL_DATABASE_URL", self.target.url())
    }

    async fn run(&self, words: &str, code: i32) -> Outcome {
        self.command(words).run().await.expect_code(code)
    }

    async fn tables_in_target(&self) -> String {
        self.target.value("select count(*) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace").await
    }
}

/// Every line of standard error is an event.
fn events(outcome: &Outcome) -> Vec<Value> {
    outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[tokio::test]
async fn a_proven_sync_exits_with_0_and_says_what_was_proven() {
    let two = Two::with_rows().await;
    let outcome = two.run("sync --from production --to local", 0).await;
    assert!(outcome.text().starts_with("sync: done, proven by rows"), "{}", outcome.text());
    assert!(outcome.text().contains("3 in 1 tables") && outcome.text().contains("pgstream verify"), "{}", outcome.text());
    assert_eq!(two.target.value("select count(*) from film").await, "3");
}

#[tokio::test]
async fn json_gives_events_without_a_gap_and_one_report() {
    let two = Two::with_rows().await;
    let outcome = two.run("sync --from production --to local --json --verify checksum", 0).await;
    let report = outcome.json();
    assert_eq!((&report["proven"], &report["target"], &report["rows"]), (&"content".into(), &"replaced".into(), &3.into()));
    assert_eq!((&report["exit_code"], outcome.text().lines().count()), (&0.into(), 1));
    let seqs: Vec<u64> = events(&outcome).iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn nothing_proven_is_no_success_unless_that_was_accepted() {
    let two = Two::with_rows().await;
    let outcome = two.run("sync --from production --to local --verify none", 1).await;
    assert!(outcome.text().contains("NOT proven"), "{}", outcome.text());
    let two = Two::with_rows().await;
    two.run("sync --from production --to local --verify none --accept-unproven", 0).await;
}

#[tokio::test]
async fn a_target_that_is_not_empty_fails_the_preflight_and_stays_as_it_is() {
    let two = Two::with_rows().await;
    two.target.execute("create table mine ()").await;
    let report = two.run("sync --from production --to local --json", 4).await.json();
    assert_eq!((&report["error"]["code"], &report["target"]), (&"target_not_empty".into(), &"untouched".into()));
    assert_eq!(two.tables_in_target().await, "1");
}

#[tokio::test]
async fn a_protected_destination_exits_with_3_in_every_command_that_would_write() {
    let two = Two::with_rows().await;
    for command in ["sync", "sync --plan", "check"] {
        let outcome = two.run(&format!("{command} --from local --to production"), 3).await;
        assert!(outcome.stderr.contains("--confirm production/"), "{command}: {}", outcome.stderr);
    }
}

#[tokio::test]
async fn a_found_env_file_makes_profiles_and_loosens_nothing_while_a_named_one_may() {
    let two = Two::with_rows().await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join(".env");
    let text = format!("STAGING_DATABASE_URL={}\nSTAGING_ALLOW_WRITES=true\n", two.target.url());
    std::fs::write(&file, text).expect("the file can be written");
    let confirm = format!("staging/{}", two.target.name());
    let words = ["sync", "--from", &two.source.url(), "--to", "staging", "--confirm", &confirm];
    let found = Pgstream::new(words).current_dir(folder.path()).run().await.expect_code(3);
    assert!(found.stderr.contains("warning: STAGING_ALLOW_WRITES was found in a .env file and is ignored"), "{}", found.stderr);
    Pgstream::new(words).env("PGSTREAM_PROFILE_OTHER_URL", nowhere()).run().await.expect_code(2);
    let named = words.iter().map(|word| (*word).to_owned()).chain(["--env-file".into(), file.display().to_string()]);
    Pgstream::new(named).run().await.expect_code(0);
}

/// A URL where nobody listens.
fn nowhere() -> String {
    format!("postgresql://postgres@127.0.0.1:{}/postgres", free_port())
}

#[tokio::test]
async fn a_typo_lists_the_profiles_and_writes_nothing() {
    let two = Two::with_rows().await;
    for words in ["sync --from prodution --to local", "sync --from production --to lcal", "export --from production --to lokal"] {
        let outcome = two.run(words, 2).await;
        assert!(outcome.stderr.contains("there are: local, production"), "{words}: {}", outcome.stderr);
    }
    assert_eq!(two.tables_in_target().await, "0");
}

#[tokio::test]
async fn a_password_in_an_argument_is_warned_of_and_shown_nowhere() {
    let source = format!("postgresql://postgres:s3cret@127.0.0.1:{}/shop", free_port());
    for words in [vec!["inspect", "--from", &source], vec!["sync", &source], vec!["export", "--from", "local", "--to", &source]] {
        let outcome = Pgstream::new(&words).env("LOCAL_DATABASE_URL", nowhere()).run().await;
        assert!(!outcome.stderr.contains("s3cret") && !outcome.text().contains("s3cret"), "{words:?}: {}", outcome.stderr);
        assert_ne!(outcome.code, Some(0), "{words:?}");
    }
    let outcome = Pgstream::new(["inspect", "--from", &source]).run().await;
    assert!(outcome.stderr.contains("warning: the password in --from"), "{}", outcome.stderr);
}

#[tokio::test]
async fn what_is_not_supported_exits_with_2_and_says_what_is() {
    for words in [
        "restore --from a.sql --to local",
        "sync --from a --to b --mode swap",
        "export --from a --to s3://b/k",
        "backup list --dir s3://b/k",
    ] {
        let outcome = Pgstream::new(words.split_whitespace()).run().await.expect_code(2);
        assert!(outcome.stderr.contains("not supported") && outcome.stderr.contains("\nhint:  "), "{words}: {}", outcome.stderr);
    }
    for (words, hint) in [
        ("sync production local", "named by --from and --to"),
        ("sync --from a --to b --jobs many", "`pgstream sync --help`"),
        ("inspect --from a --mode=empty", "`pgstream inspect --help`"),
    ] {
        let outcome = Pgstream::new(words.split_whitespace()).run().await.expect_code(2);
        assert!(outcome.stderr.contains(hint), "{words}: {}", outcome.stderr);
    }
    let outcome = Pgstream::new(["sync", "--from", "", "--to", "b"]).run().await.expect_code(2);
    assert!(outcome.stderr.contains("error: --from names nothing"), "{}", outcome.stderr);
    let report = Pgstream::new(["--json", "frob"]).run().await.expect_code(2).json();
    assert_eq!((&report["error"]["code"], &report["exit_code"]), (&"option_invalid".into(), &2.into()));
}

#[tokio::test]
async fn a_signal_while_connecting_ends_the_program_with_its_code() {
    let two = Two::with_rows().await;
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let proxy = ChaosProxy::plain(two.source.cluster().address()).await;
        proxy.pause();
        let url = two.source.url_through(proxy.address());
        let running = two.command("sync --from source --to local --json").env("PGSTREAM_PROFILE_SOURCE_URL", url).spawn().await;
        proxy.wait_until(|connections| !connections.is_empty()).await;
        running.signal(signal).await;
        let report = running.wait().await.expect_code(code).json();
        assert_eq!((&report["error"]["code"], &report["target"]), (&"cancelled".into(), &"untouched".into()), "{signal}");
    }
}

#[tokio::test]
async fn every_command_can_be_cancelled_while_a_server_does_not_answer() {
    let two = Two::with_rows().await;
    let proxy = ChaosProxy::plain(two.source.cluster().address()).await;
    proxy.pause();
    let url = two.source.url_through(proxy.address());
    for words in [
        "export --from source --to ./a.sql",
        "export --from source --to -",
        "verify --from source --to local",
        "verify --from local --to source",
        "check --from source --to local",
        "sync --from source --to local --plan",
        "inspect --from source",
        "profiles test source",
    ] {
        let before = proxy.stats().len();
        let running = two.command(words).env("PGSTREAM_PROFILE_SOURCE_URL", &url).spawn().await;
        proxy.wait_until(|connections| connections.len() > before).await;
        running.signal("INT").await;
        let outcome = running.wait().await.expect_code(130);
        assert!(outcome.stderr.contains("error: ") && outcome.stderr.contains("cancelled"), "{words}: {}", outcome.stderr);
    }
}

#[tokio::test]
async fn a_signal_while_waiting_for_a_lock_leaves_an_empty_target() {
    let two = Two::with_rows().await;
    let client = two.source.client().await;
    client.batch_execute("begin; lock table film in access exclusive mode").await.expect("the lock is free");
    let running = two.command("sync --from production --to local").spawn().await;
    let waiting = "select count(*) from pg_locks where not granted and relation = 'film'::regclass";
    while two.source.value(waiting).await == "0" {
        tokio::task::yield_now().await;
    }
    running.signal("TERM").await;
    let outcome = running.wait().await.expect_code(143);
    assert!(outcome.stderr.contains("error: the run was cancelled"), "{}", outcome.stderr);
    assert_eq!(two.tables_in_target().await, "0");
}

#[tokio::test]
async fn a_second_signal_leaves_at_once_with_the_code_of_the_first() {
    let two = Two::with_rows().await;
    let client = two.source.client().await;
    client.batch_execute("begin; lock table film in access exclusive mode").await.expect("the lock is free");
    let proxy = ChaosProxy::plain(two.source.cluster().address()).await;
    let url = two.source.url_through(proxy.address());
    let mut running = two.command("sync --from source --to local").env("PGSTREAM_PROFILE_SOURCE_URL", url).spawn().await;
    let waiting = "select count(*) from pg_locks where not granted and relation = 'film'::regclass";
    while two.source.value(waiting).await == "0" {
        tokio::task::yield_now().await;
    }
    // Now the source answers nothing, so that a run which ends in good order has to wait for it.
    proxy.pause();
    let mut stderr = BufReader::new(running.child().stderr.take().expect("standard error is a pipe"));
    running.signal("TERM").await;
    let mut line = String::new();
    while !line.starts_with("stopping: ") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).await.expect("lines can be read"), 0, "it ended before it said that it stops");
    }
    running.signal("INT").await;
    let outcome = running.wait().await.expect_code(143);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).await.expect("the rest can be read");
    assert_eq!((rest.contains("error:"), outcome.text().as_str()), (false, ""), "{rest}");
}

#[tokio::test]
async fn a_password_from_a_profile_is_shown_by_no_command_and_stands_in_no_file() {
    const PASSWORD: &str = "Tr0ub4dor&3 %x";
    let two = Two::with_rows().await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let cluster = two.source.cluster();
    let role = format!("{}_secret", two.source.name());
    let source = cluster.create_password_role(&role, PASSWORD, two.source.name());
    cluster.admin(&format!("alter role {role} superuser"));
    let target = cluster.url_as(&role, Some(PASSWORD), two.target.name());
    let wrong = cluster.url_as(&role, Some(&format!("{PASSWORD}!")), two.target.name());
    let encoded = source.split([':', '@']).nth(2).expect("the URL has a password").to_owned();
    let calls = [
        ("profiles list", 0),
        ("profiles test", 1),
        ("inspect --from production", 0),
        ("check --from production --to local", 0),
        ("sync --from production --to local --plan", 0),
        ("export --from production --to ./a.sql", 0),
        ("export --from production --to ./b.sql --strict-names -t nothing", 4),
        ("sync --from production --to local", 0),
        ("sync --from production --to local", 4),
        ("verify --from production --to local", 0),
        ("verify --from production --to wrong", 1),
        ("sync --from local --to production", 3),
        ("sync --from production --to wrong", 1),
        ("sync --from production --to nobody", 2),
    ];
    for (words, code) in calls {
        for json in ["", " --json"] {
            // The same call gives something else the second time where it writes.
            let is_writing = code == 0 && (words.starts_with("sync --from production --to local") || words.starts_with("export"));
            let code = if is_writing && !json.is_empty() && !words.contains("--plan") { 4 } else { code };
            let command = Pgstream::new(format!("{words}{json}").split_whitespace()).current_dir(folder.path());
            let command = command.env("PRODUCTION_DATABASE_URL", &source).env("LOCAL_DATABASE_URL", &target);
            let outcome = command.env("PGSTREAM_PROFILE_WRONG_URL", &wrong).run().await.expect_code(code);
            let told = format!("{}{}", outcome.text(), outcome.stderr);
            assert!(!told.contains(PASSWORD) && !told.contains(&encoded) && !told.is_empty(), "{words}: {told}");
        }
    }
    let script = std::fs::read_to_string(folder.path().join("a.sql")).expect("the script was written");
    assert!(!script.contains(PASSWORD) && !script.contains(&encoded));
    cluster.admin(&format!("drop role {role}"));
}

#[tokio::test]
async fn profiles_are_listed_without_urls_tested_and_forgotten() {
    let two = Two::with_rows().await;
    let list = two.run("profiles list --json", 0).await;
    assert!(!list.text().contains("postgres") && list.json()["profiles"][1]["writes"] == "never", "{}", list.text());
    let state = tempfile::tempdir().expect("a temporary folder can be made");
    let command = |words| two.command(words).env("PGSTREAM_STATE_DIRECTORY", state.path());
    command("profiles test").run().await.expect_code(0);
    command("profiles forget production").run().await.expect_code(0);
    command("profiles forget production").run().await.expect_code(2);
    let outcome = command("profiles test production local").env("LOCAL_DATABASE_URL", nowhere()).run().await.expect_code(1);
    assert!(outcome.text().contains("could not connect") || outcome.text().contains("could not identify"), "{}", outcome.text());
}

#[tokio::test]
async fn completions_and_manual_pages_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(Pgstream::new(["completions", shell]).run().await.expect_code(0).text().contains("pgstream"), "{shell}");
    }
    assert!(Pgstream::new(["man", "sync"]).run().await.expect_code(0).text().contains("pgstream\\-sync"));
    Pgstream::new(["man", "frob"]).run().await.expect_code(2);
}
