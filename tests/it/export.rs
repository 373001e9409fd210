//! Exports: what psql makes of them is what was exported.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use pgstream::archive::OutputOptions;
use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::error::ErrorCode;
use pgstream::export::{ExportOptions, ExportReport, ExportRequest, export, export_stream, inspect};
use pgstream::storage::Sink;
use pgstream::{Failure, Proven, Run, TargetState};
use pgstream_tests::chaos::{ChaosProxy, End};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::{TestDb, fixtures};
use pgstream_tests::oracle;

fn config(url: &str) -> ConnectionConfig {
    ConnectionConfig::parse(url, &Environment::empty()).expect("the harness gives a good URL")
}

/// The same key each time, so that scripts can be compared.
pub(crate) fn options() -> ExportOptions {
    let mut options = ExportOptions::default();
    options.restrict_key = Some("key".into());
    options
}

pub(crate) async fn export_to(url: &str, file: &Path, options: &ExportOptions) -> Result<ExportReport, Failure> {
    export(&config(url), Sink::Path(file.to_owned()), options, &Run::new()).await
}

/// The script without its manifest, which holds a time.
pub(crate) fn script_of(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("the export wrote a file");
    let end = text.find("-- pgstream manifest: ").expect("the export wrote a manifest");
    text[..end].to_owned()
}

/// Exports a database, loads the script with psql into an empty one, lets the oracle compare them, and exports the copy again:
/// that gives the same script.
async fn round_trip(db: &TestDb) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    let report = export_to(&db.url(), &file, &options()).await.map_err(|e| format!("{:?}", e.to_report()))?;
    assert_eq!((report.proven, report.target), (Proven::Rows, TargetState::Replaced));
    let copy = TestDb::create(db.cluster()).await;
    oracle::psql_load(&copy.url(), &file)?;
    let mut differences = oracle::same_schema(&db.url(), &copy.url()).err().unwrap_or_default();
    let contents = oracle::contents(&db.url()).differences(&oracle::contents(&copy.url()));
    // Hashes of enums depend on oids, so these rows land in other partitions of the same table.
    differences.extend(contents.into_iter().filter(|line| !line.contains("table tables.by_enum_")));
    let again = folder.path().join("again.sql");
    export_to(&copy.url(), &again, &options()).await.map_err(|e| format!("{:?}", e.to_report()))?;
    if without_rows_by_enum(&script_of(&file)) != without_rows_by_enum(&script_of(&again)) {
        let lines = oracle::same_scripts(&script_of(&file), &script_of(&again)).err();
        differences.push(format!("the copy's script is another: {}", lines.map_or("in order".into(), |l| l.join("\n"))));
    }
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}

/// A script without the rows of the partitions by the hash of an enum, which move between them.
fn without_rows_by_enum(script: &str) -> String {
    let parts = script.split("\n--\n-- Data for Name: ");
    parts.filter(|part| !part.starts_with("by_enum_")).collect::<Vec<_>>().join("\n")
}

/// The fixtures of object kinds, each with those of its `.sinceNN` parts that a major knows.
pub(crate) fn object_fixtures() -> Vec<String> {
    let folder = fixtures().join("objects");
    let names = std::fs::read_dir(folder).expect("there are fixtures").map(|entry| entry.expect("it can be read").path());
    let names = names.map(|path: PathBuf| path.file_stem().expect("a file has a name").to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.contains(".since")).collect();
    names.sort();
    names
}

pub(crate) async fn with_object_fixture(cluster: &Arc<Cluster>, name: &str) -> TestDb {
    let mut db = TestDb::create(cluster).await.with_fixture(&format!("objects/{name}")).await;
    for since in 14..=cluster.major() {
        let part = format!("objects/{name}.since{since}");
        if fixtures().join(format!("{part}.sql")).exists() {
            db = db.with_fixture(&part).await;
        }
    }
    db
}

async fn shop(cluster: &Arc<Cluster>) -> TestDb {
    TestDb::create(cluster).await.with_shop(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_comes_back_from_its_script_on_every_major() {
    for cluster in Cluster::all() {
        let db = shop(&cluster).await;
        assert_eq!(round_trip(&db).await, Ok(()), "{}", cluster.major());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_fixture_comes_back_from_its_script_on_every_major() {
    let mut problems = Vec::new();
    for cluster in Cluster::all() {
        for name in object_fixtures() {
            eprintln!("{name} on {}", cluster.major());
            if let Err(problem) = round_trip(&with_object_fixture(&cluster, &name).await).await {
                problems.push(format!("{name} on {}: {problem}", cluster.major()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// What differs between our script and `pg_dump`'s.
async fn script_differences(db: &TestDb) -> Vec<String> {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    export_to(&db.url(), &file, &options()).await.expect("nothing is in its way");
    let theirs = oracle::pg_dump_script(&db.url()).expect("pg_dump works");
    let differences = oracle::same_scripts(&theirs, &script_of(&file)).err().unwrap_or_default();
    // A pg_dump of 18 writes not-null marks in a syntax that only 18 reads, and says LOGGED of sequences of servers before 15,
    // which do not know the word; ours loads into the version that it came from.
    let major = db.cluster().major();
    let is_known = |line: &String| {
        (major < 15 && line.trim_start_matches('-').trim() == "LOGGED")
            || ["-     NOT NULL c", "+ ALTER TABLE ONLY tables.separate_default ALTER COLUMN c SET NOT NULL;"]
                .contains(&line.as_str())
    };
    differences.into_iter().filter(|line| !is_known(line)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_script_has_the_statements_of_pg_dump_on_every_major() {
    let mut problems = Vec::new();
    for cluster in Cluster::all() {
        for name in object_fixtures() {
            for line in script_differences(&with_object_fixture(&cluster, &name).await).await {
                problems.push(format!("{name} on {}: {line}", cluster.major()));
            }
        }
        for line in script_differences(&shop(&cluster).await).await {
            problems.push(format!("shop on {}: {line}", cluster.major()));
        }
    }
    assert!(problems.is_empty(), "- pg_dump, + pgstream:\n{}", problems.join("\n"));
}

/// A table of about 40 MB: more than all buffers between the server and a reader that has stopped reading.
async fn large_table() -> TestDb {
    let db = TestDb::new().await;
    db.execute("create table large as select i, repeat(md5(i::text), 6) as text from generate_series(1, 200000) i").await;
    db
}

fn request(url: &str, options: ExportOptions) -> ExportRequest {
    ExportRequest::new(config(url)).with_options(options)
}

/// Through a proxy, without asking for encryption first: one connection per session.
fn unencrypted(db: &TestDb, proxy: &ChaosProxy) -> String {
    format!("{}?sslmode=disable", db.url_through(proxy.address()))
}

/// Waits until no session but the asking one is in the database.
async fn assert_no_backends(db: &TestDb) {
    let others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    let until = Instant::now() + Duration::from_secs(10);
    while db.value(others).await != "0" {
        assert!(Instant::now() < until, "backends were left behind");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_reader_changes_no_byte_of_the_script() {
    let db = large_table().await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("undisturbed.sql");
    export_to(&db.url(), &file, &options()).await.expect("nothing is in its way");

    let (mut stream, handle) = export_stream(request(&db.url(), options()), Run::new());
    let mut text = stream.next().await.expect("it begins").expect("it begins").to_vec();
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                 where datname = current_database() and pid <> pg_backend_pid() and query like '%COPY public.large %'";
    let until = Instant::now() + Duration::from_secs(10);
    while db.value(kill).await == "0" {
        assert!(Instant::now() < until, "no backend was seen to read the table");
    }
    while let Some(block) = stream.next().await {
        text.extend_from_slice(&block.expect("the export goes on"));
    }
    let report = handle.wait().await.expect("the export goes on");
    assert_eq!(report.rows, 200_000);
    let text = String::from_utf8(text).expect("a script is UTF-8");
    let end = text.find("-- pgstream manifest: ").expect("there is a manifest");
    assert!(text[..end] == script_of(&file), "the scripts differ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_export_leaves_no_backend_and_no_file() {
    let db = large_table().await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let token = Arc::new(std::sync::OnceLock::<Run>::new());
    let seen = token.clone();
    let run = Run::named("cancelled", move |event: &pgstream::Event| {
        if event.phase == pgstream::Phase::Data {
            seen.get().expect("it is set before the run starts").cancel();
        }
    });
    token.set(run.clone()).expect("it is set once");
    let failure = export(&config(&db.url()), Sink::Path(folder.path().join("out.sql")), &options(), &run).await.unwrap_err();
    assert_eq!((failure.code(), failure.target), (ErrorCode::Cancelled, TargetState::Untouched));
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
    assert_no_backends(&db).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_stream_ends_with_an_error_and_leaves_no_backend() {
    let db = large_table().await;
    let run = Run::new();
    let (mut stream, handle) = export_stream(request(&db.url(), options()), run.clone());
    stream.next().await.expect("it begins").expect("it begins");
    run.cancel();
    assert_eq!(handle.wait().await.unwrap_err().code(), ErrorCode::Cancelled);
    assert!(stream.any(|block| async move { block.is_err() }).await, "a truncated stream must not end well");
    assert_no_backends(&db).await;
}

/// How many sessions wait for a lock in this database.
const WAITING: &str = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

async fn until_it_waits_for_a_lock(db: &TestDb) {
    let until = Instant::now() + Duration::from_secs(10);
    while db.value(WAITING).await == "0" {
        assert!(Instant::now() < until, "the export never waited for the lock");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_waits_for_a_lock_can_be_cancelled() {
    let db = TestDb::new().await;
    db.execute("create table held (a int)").await;
    let holder = db.client().await;
    holder.batch_execute("begin; lock table held").await.expect("nobody else holds it");
    let run = Run::new();
    let (_stream, handle) = export_stream(request(&db.url(), options()), run.clone());
    until_it_waits_for_a_lock(&db).await;
    run.cancel();
    assert_eq!(handle.wait().await.unwrap_err().code(), ErrorCode::Cancelled);
    drop(holder);
    assert_no_backends(&db).await;
}

#[tokio::test]
async fn an_output_that_exists_is_refused_and_stays() {
    let db = TestDb::new().await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    std::fs::write(&file, "mine").expect("it can be written");
    let failure = export_to(&db.url(), &file, &options()).await.unwrap_err();
    assert_eq!((failure.code(), failure.target), (ErrorCode::OutputExists, TargetState::Untouched));
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
    let mut forced = options();
    forced.force = true;
    export_to(&db.url(), &file, &forced).await.expect("it may be replaced");
    assert!(script_of(&file).starts_with("--\n-- PostgreSQL database dump"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_a_closed_pipe() {
    let db = large_table().await;
    let (mut stream, handle) = export_stream(request(&db.url(), options()), Run::new());
    stream.next().await.expect("it begins").expect("it begins");
    drop(stream);
    assert_eq!(handle.wait().await.unwrap_err().code(), ErrorCode::ClosedPipe);
    assert_no_backends(&db).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_distant_database_of_500_tables_costs_40_round_trips() {
    let db = TestDb::new().await;
    let tables = "do $$ begin for i in 1..500 loop \
                   execute format('create table t%s (id serial primary key, a text); insert into t%s (a) values (1), (2)', i, i); \
                  end loop; end $$";
    db.execute(tables).await;
    let proxy = ChaosProxy::plain(db.cluster().address()).await;
    proxy.set_latency(Duration::from_millis(20));
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    let report = export_to(&unencrypted(&db, &proxy), &file, &options()).await.expect("it is only slow");
    assert_eq!((report.tables.len(), report.rows, report.sequences), (500, 1000, 500));
    assert!(proxy.round_trips() <= 40, "{} round trips: {:#?}", proxy.round_trips(), proxy.stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_of_every_kind_but_both_keepers_is_survived() {
    let db = large_table().await;
    let proxy = ChaosProxy::plain(db.cluster().address()).await;
    let (mut stream, handle) = export_stream(request(&unencrypted(&db, &proxy), options()), Run::new());
    stream.next().await.expect("it begins").expect("it begins");
    // The sessions in the order in which they were made: identity, catalog, two keepers, the reader.
    proxy.cut(End::Reset, |connection| connection.number != 3);
    while let Some(block) = stream.next().await {
        block.expect("the export goes on");
    }
    assert_eq!(handle.wait().await.expect("the export goes on").rows, 200_000);
}

#[tokio::test]
async fn what_changed_while_it_was_read_is_named() {
    let db = large_table().await;
    db.execute("create function f() returns int language sql as 'select 1'").await;
    for is_strict in [false, true] {
        let mut options = options();
        options.strict = is_strict;
        let (mut stream, handle) = export_stream(request(&db.url(), options), Run::new());
        stream.next().await.expect("it begins").expect("it begins");
        db.execute("create or replace function f() returns int language sql as 'select 2'").await;
        while let Some(Ok(_)) = stream.next().await {}
        match (is_strict, handle.wait().await) {
            (false, Ok(report)) => assert!(report.warnings.iter().any(|w| w.contains("function f()")), "{:?}", report.warnings),
            (true, Err(failure)) => assert_eq!(failure.code(), ErrorCode::CatalogUnstable),
            (_, other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn rows_alone_come_in_the_order_of_foreign_keys() {
    let db = TestDb::new().await;
    db.execute(
        "create table a_child (id int primary key); create table z_parent (id int primary key); \
         alter table a_child add foreign key (id) references z_parent; \
         create table loop_1 (id int primary key); create table loop_2 (id int primary key references loop_1); \
         alter table loop_1 add foreign key (id) references loop_2; \
         insert into z_parent values (1); insert into a_child values (1)",
    )
    .await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    let mut output = OutputOptions::default();
    output.data_only = true;
    let report = export_to(&db.url(), &file, &options().with_output(output)).await.expect("nothing is in its way");
    let script = script_of(&file);
    let position = |text: &str| script.find(text).unwrap_or_else(|| panic!("{text} is missing:\n{script}"));
    assert!(position("COPY public.z_parent") < position("COPY public.a_child"), "{script}");
    assert!(!script.contains("CREATE TABLE"));
    assert!(report.warnings.iter().any(|w| w.contains("loop_1") && w.contains("loop_2")), "{:?}", report.warnings);
}

#[tokio::test]
async fn an_inspection_tells_what_there_is_and_what_cannot_be_read() {
    let db = shop(&Cluster::newest()).await;
    let role = pgstream_tests::database::unique_name();
    let url = db.cluster().create_plain_role(&role, db.name());
    let filter = pgstream::catalog::Filter::default();
    let ours = inspect(&config(&db.url()), &filter, &Run::new()).await.expect("it can be looked at");
    assert_eq!(ours.problems, Vec::<String>::new());
    assert!(ours.expected_export_bytes > 0 && ours.bytes > ours.expected_export_bytes);
    assert!(ours.kinds.iter().any(|kind| kind.kind == "TABLE" && kind.count > 3), "{:?}", ours.kinds);
    let theirs = inspect(&config(&url), &filter, &Run::new()).await.expect("catalogs are for everybody");
    assert!(theirs.problems.len() >= theirs.tables.len(), "{:?}", theirs.problems);
}

/// A transaction that holds a snapshot, and the snapshot's name.
async fn given_snapshot(db: &TestDb) -> (tokio_postgres::Client, String) {
    let holder = db.client().await;
    holder.batch_execute("begin isolation level repeatable read").await.expect("it can begin");
    let name = holder.query_one("select pg_export_snapshot()", &[]).await.expect("it can export").get(0);
    (holder, name)
}

#[tokio::test]
async fn what_a_given_snapshot_shows_is_read() {
    for cluster in Cluster::ends() {
        let db = TestDb::create(&cluster).await;
        db.execute("create table t (id serial, a int); insert into t (a) select generate_series(1, 5)").await;
        let (holder, name) = given_snapshot(&db).await;
        db.execute("insert into t (a) values (6); delete from t where a = 1; create table later (a int)").await;
        let mut given = options();
        given.snapshot = Some(name.clone());
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let report = export_to(&db.url(), &folder.path().join("a.sql"), &given).await.expect("it is held");
        assert_eq!((report.rows, report.tables.len()), (5, 1), "{report:?}");

        let file = folder.path().join("b.sql");
        let renamed = "alter table t rename to u; create table t (id int, a int)";
        for change in [renamed, "drop table t; alter table u rename to t; truncate t"] {
            db.execute(change).await;
            let failure = export_to(&db.url(), &file, &given).await.expect_err("its rows are not what t has");
            let told = format!("{change}: {:?}", failure.error);
            assert!(failure.code() == ErrorCode::PreflightFailed && failure.error.to_string().contains("public.t"), "{told}");
        }
        drop(holder);
        for name in [name.as_str(), "nonsense"] {
            given.snapshot = Some(name.to_owned());
            let until = Instant::now() + Duration::from_secs(10);
            // The server may take a moment to see that the holder is gone.
            let failure = loop {
                let failure = export_to(&db.url(), &file, &given).await.expect_err("nobody holds it");
                if !failure.error.to_string().contains("public.t") || Instant::now() > until {
                    break failure;
                }
            };
            let told = failure.error.to_string();
            assert!(failure.code() == ErrorCode::PreflightFailed && told.contains("cannot read in the snapshot"), "{told}");
            assert!(failure.error.hint().contains("pg_export_snapshot"), "{}", failure.error.hint());
        }
        assert!(!file.exists());
    }
}

#[tokio::test]
async fn whoever_cancels_can_wait_until_nothing_is_left() {
    let db = TestDb::new().await;
    db.execute("create table held (a int)").await;
    let holder = db.client().await;
    holder.batch_execute("begin; lock table held").await.expect("nobody else holds it");
    let run = Run::new();
    let (_stream, handle) = export_stream(request(&db.url(), options()), run.clone());
    until_it_waits_for_a_lock(&db).await;
    run.cancel().await;
    assert_eq!(db.value(WAITING).await, "0");
    // The engine has returned; its task may be told so a moment later.
    let ended = tokio::time::timeout(Duration::from_millis(500), handle.wait()).await;
    assert_eq!(ended.expect("the export had not ended").expect_err("it was cancelled").code(), ErrorCode::Cancelled);
    Run::new().cancel().await;
}
