//! A synced database is the same as its source, by the word of `pg_dump` and of the server's own hashes.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use pgstream::catalog::{Filter, kind_names, queries_for};
use pgstream::sync::SyncOptions;
use pgstream::{ErrorCode, Proven, Run, TargetState, Verify};
use pgstream_tests::cluster::{Cluster, majors};
use pgstream_tests::database::{TestDb, fixtures};
use pgstream_tests::oracle::{self, Contents};
use pgstream_tests::sql;

use crate::snapshots::has_other_words;
use crate::syncing::{OBJECTS, Watched, explain, must_sync, peak_memory, shop, try_sync, wait_until};

/// The fixtures of a kind that a server of this major knows, the general one first.
fn fixtures_of(kind: &str, major: u32) -> Vec<String> {
    let since = (14..=major).map(|since| format!("{kind}.since{since}"));
    let names = std::iter::once(kind.to_owned()).chain(since).map(|name| format!("objects/{name}"));
    names.filter(|name| fixtures().join(format!("{name}.sql")).is_file()).collect()
}

pub(crate) async fn with_fixtures(cluster: &Arc<Cluster>, kind: &str) -> TestDb {
    let mut db = TestDb::create(cluster).await;
    for fixture in fixtures_of(kind, cluster.major()) {
        db = db.with_fixture(&fixture).await;
    }
    db
}

/// What differs, without the end of the test at the first difference.
pub(crate) fn differences(left: &str, right: &str) -> Vec<String> {
    let mut found = oracle::same_schema(left, right).err().unwrap_or_default();
    found.extend(by_root(oracle::contents(left)).differences(&by_root(oracle::contents(right))));
    found
}

/// The partitions by the hash of an enum as one: a value's hash is that of its oid, so rows move between them.
fn by_root(mut contents: Contents) -> Contents {
    let is_part = |name: &String, _: &mut String| name.starts_with("table tables.by_enum_");
    let parts: Vec<(String, String)> = contents.0.extract_if(.., is_part).collect();
    let mut total = (0, 0);
    for (_, fact) in &parts {
        let (rows, hash) = fact.split_once(" rows, hash ").expect("a fact about a table");
        total.0 += rows.parse::<i128>().expect("a number");
        total.1 += hash.parse::<i128>().expect("a number");
    }
    contents.0.insert("table tables.by_enum".into(), format!("{total:?}"));
    contents
}

/// Each kind's fixture into an empty database of the same server, and of the newest where that may make something else of it.
/// Gives what went wrong.
async fn sync_every_kind(cluster: Arc<Cluster>) -> Vec<String> {
    let newest = Cluster::newest();
    let next = majors().into_iter().find(|major| *major > cluster.major());
    let mut problems = Vec::new();
    for kind in kind_names() {
        let source = with_fixtures(&cluster, kind).await;
        let mut what = format!("{kind} on {}", cluster.major());
        problems.extend(sync_kind(&what, &source, &source, &cluster).await);
        // What is written in the words of the next major is tried from there.
        if next.is_some_and(|next| has_other_words(kind, cluster.major(), next)) {
            // The newest server may write the same objects in other words: it is compared with what pg_dump makes there.
            let reference = carried_by_pg_dump(&source, &newest).await;
            what += " to the newest";
            problems.extend(sync_kind(&what, &source, &reference, &newest).await);
        }
    }
    problems
}

/// Syncs `source` to an empty database of `cluster`, which is then to be the same as `reference`. Gives what went wrong.
async fn sync_kind(what: &str, source: &TestDb, reference: &TestDb, cluster: &Arc<Cluster>) -> Vec<String> {
    let target = TestDb::create(cluster).await;
    let mut options = SyncOptions::default();
    options.verify = Verify::Checksum;
    let found = match try_sync(&source.url(), &target.url(), &options, &Run::new()).await {
        Err(failure) => vec![explain(&failure)],
        Ok(_) => {
            let (left, right) = (reference.url(), target.url());
            tokio::task::spawn_blocking(move || differences(&left, &right)).await.expect("the oracle does not panic")
        }
    };
    found.iter().map(|line| format!("{what}: {line}")).collect()
}

#[test]
fn every_kind_has_a_fixture() {
    let missing: Vec<&str> = kind_names().filter(|kind| fixtures_of(kind, 18).is_empty()).collect();
    assert_eq!(missing, Vec::<&str>::new(), "write tests/fixtures/objects/<kind>.sql");
    let kinds: BTreeSet<&str> = kind_names().collect();
    let files = std::fs::read_dir(fixtures().join("objects")).expect("there is such a folder");
    let names = files.map(|file| file.expect("it can be read").file_name().to_string_lossy().into_owned());
    let unknown: Vec<String> = names.filter(|name| !kinds.contains(name.split('.').next().unwrap_or_default())).collect();
    assert_eq!(unknown, Vec::<String>::new(), "no kind has this name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_kind_has_a_fixture_and_survives_a_round_trip() {
    let tasks = Cluster::all().into_iter().map(|cluster| tokio::spawn(sync_every_kind(cluster)));
    let results = join_all(tasks).await;
    let problems: Vec<String> = results.into_iter().flat_map(|result| result.expect("no task panics")).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// What `pg_dump | psql` makes of a database on a server, which may write the same objects in other words.
pub(crate) async fn carried_by_pg_dump(source: &TestDb, cluster: &Arc<Cluster>) -> TestDb {
    let copy = TestDb::create(cluster).await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let script = folder.path().join("reference.sql");
    let text = oracle::pg_dump_script(&source.url()).expect("pg_dump reads it");
    // pg_dump spells out what ALL meant before 17; we say what the source says (docs/formats.md).
    let text = text.replace("SELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE ON TABLE", "ALL ON TABLE");
    std::fs::write(&script, text).expect("the disk has room");
    oracle::psql_load(&copy.url(), &script).expect("psql loads it");
    copy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_sample_shop_arrives_whole_on_every_major_and_on_the_newest() {
    let newest = Cluster::newest();
    // Roles belong to a whole server: a shop of its own gives the newest those that the others' shops name.
    shop(&newest).await;
    for cluster in Cluster::all() {
        let source = shop(&cluster).await;
        let mut options = SyncOptions::default();
        options.verify = Verify::Checksum;
        for target in [TestDb::create(&cluster).await, TestDb::create(&newest).await] {
            let report = must_sync(&source.url(), &target.url(), &options).await;
            let found = (report.proven, report.target, report.rows);
            let rows = report.tables.iter().map(|t| t.rows).sum();
            assert_eq!(found, (Proven::Content, TargetState::Replaced, rows), "{:?}", report.warnings);
            if target.cluster().major() == cluster.major() {
                oracle::assert_same(&source.url(), &target.url());
            } else {
                oracle::assert_same(&carried_by_pg_dump(&source, &newest).await.url(), &target.url());
                oracle::assert_same_contents(&source.url(), &target.url());
            }
        }
    }
}

#[tokio::test]
async fn every_query_prepares_on_every_server() {
    let mut problems = Vec::new();
    for cluster in Cluster::all() {
        let client = sql::connect(&cluster.url("postgres")).await.expect("the server is up");
        for (name, text) in queries_for(cluster.major()) {
            if let Err(e) = client.prepare(&text).await {
                problems.push(format!("{name} on {}: {}", cluster.major(), sql::describe(&e)));
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}

#[tokio::test]
async fn any_number_of_jobs_gives_the_same_database() {
    let source = shop(&Cluster::newest()).await;
    for jobs in 1..=4 {
        let target = TestDb::new().await;
        let mut options = SyncOptions::default();
        options.jobs = jobs;
        must_sync(&source.url(), &target.url(), &options).await;
        oracle::assert_same(&source.url(), &target.url());
    }
}

#[tokio::test]
async fn a_schema_without_rows_is_the_same_schema() {
    let source = shop(&Cluster::newest()).await;
    let target = TestDb::new().await;
    let mut options = SyncOptions::default();
    options.schema_only = true;
    let report = must_sync(&source.url(), &target.url(), &options).await;
    assert_eq!((report.rows, report.sequences, report.large_objects), (0, 0, 0));
    oracle::assert_same_schema(&source.url(), &target.url());
    assert_eq!(target.value("select count(*) from shop.customers").await, "0");
}

/// Two schemas, and what is asked of them.
const SMALL: &str = "create schema a; create schema b;
    create table a.one (id integer primary key); insert into a.one select generate_series(1, 10);
    create table a.two (id integer references a.one); insert into a.two select generate_series(1, 5);
    create table b.three (id serial, note text); insert into b.three (note) values ('x'), ('y');
    create function b.f() returns int language sql as 'select 1'; alter table a.one owner to fixture_owner;
    grant select on a.one to fixture_reader; grant usage on schema b to fixture_reader; comment on table b.three is 'third'";

const TABLES: &str = "select coalesce(string_agg(format('%s.%s:%s', n.nspname, c.relname, \
    (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from %I.%I', n.nspname, c.relname), true, true, '')))[1]), ' ' \
    order by n.nspname, c.relname), '') from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('a', 'b')";

#[tokio::test]
async fn a_filter_chooses_what_comes() {
    let source = TestDb::new().await;
    source.execute(SMALL).await;
    let none = Filter::default;
    let cases = [
        ("one schema", none().schema("b"), "", "b.three:2"),
        ("all but one schema", none().exclude_schema("b"), "", "a.one:10 a.two:5"),
        ("one table", none().table("b.three"), "create schema b", "b.three:2"),
        ("all but one table", none().exclude_table("a.two"), "", "a.one:10 b.three:2"),
        ("no rows of one", none().exclude_data_of("a.two"), "", "a.one:10 a.two:0 b.three:2"),
        ("everything", none(), "", "a.one:10 a.two:5 b.three:2"),
    ];
    for (name, filter, before, expected) in cases {
        let target = TestDb::new().await;
        let mut options = SyncOptions::default();
        options.filter = filter;
        if !before.is_empty() {
            // A table brings no schema along, and a schema that is there makes the target not empty.
            let failure = try_sync(&source.url(), &target.url(), &options, &Run::new()).await.expect_err(name);
            assert_eq!(
                (failure.code(), failure.target),
                (ErrorCode::ApplyFailed, TargetState::Restored),
                "{name}: {}",
                explain(&failure)
            );
            continue;
        }
        must_sync(&source.url(), &target.url(), &options).await;
        assert_eq!(target.value(TABLES).await, expected, "{name}");
    }
}

#[tokio::test]
async fn owners_privileges_and_comments_stay_behind_when_asked() {
    let source = TestDb::new().await;
    source.execute(SMALL).await;
    let facts = "select concat_ws(' ', r.rolname, c.relacl is null, n.nspacl is null, obj_description('b.three'::regclass)) \
        from pg_class c join pg_roles r on r.oid = c.relowner, pg_namespace n where c.oid = 'a.one'::regclass and n.nspname = 'b'";
    let mut no_owner = SyncOptions::default();
    no_owner.no_owner = true;
    let mut no_privileges = SyncOptions::default();
    no_privileges.no_privileges = true;
    let mut no_comments = SyncOptions::default();
    no_comments.no_comments = true;
    let cases = [
        ("all", SyncOptions::default(), "fixture_owner f f third"),
        ("no owner", no_owner, "postgres f f third"),
        ("no privileges", no_privileges, "fixture_owner t t third"),
        ("no comments", no_comments, "fixture_owner f f"),
    ];
    for (name, options, expected) in cases {
        let target = TestDb::new().await;
        must_sync(&source.url(), &target.url(), &options).await;
        assert_eq!(target.value(facts).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_report_claims_what_was_compared_and_no_more() {
    let source = TestDb::new().await;
    source.execute(SMALL).await;
    for (verify, proven) in [(Verify::None, Proven::None), (Verify::Rows, Proven::Rows), (Verify::Checksum, Proven::Content)] {
        let target = TestDb::new().await;
        let mut options = SyncOptions::default();
        options.verify = verify;
        let report = must_sync(&source.url(), &target.url(), &options).await;
        let of_tables: BTreeSet<String> = report.tables.iter().map(|t| format!("{:?}", t.proven)).collect();
        assert_eq!((report.proven, of_tables), (proven, [format!("{proven:?}")].into()));
    }
}

#[tokio::test]
async fn what_cannot_be_carried_is_an_error_or_named() {
    let source = TestDb::new().await;
    source.execute(SMALL).await;
    source.execute("create type b.guess").await;
    let target = TestDb::new().await;
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await.expect_err("unsupported");
    assert_eq!((failure.code(), failure.target), (ErrorCode::CatalogUnsupportedObject, TargetState::Untouched));
    assert!(failure.to_string().contains("b.guess"), "{failure}");
    assert_eq!(target.value(OBJECTS).await, "0");
    let mut options = SyncOptions::default();
    options.skip_unsupported = true;
    let report = must_sync(&source.url(), &target.url(), &options).await;
    assert!(report.warnings.iter().any(|w| w.contains("b.guess")), "{:?}", report.warnings);
}

#[tokio::test]
async fn a_target_that_holds_objects_is_refused_by_name_and_not_touched() {
    let source = TestDb::new().await;
    source.execute(SMALL).await;
    for (what, made) in
        [("keep", "create table keep as select 1 as a"), ("4711", "select lo_create(4711)"), ("sp", "create schema sp")]
    {
        let target = TestDb::new().await;
        target.execute(made).await;
        let before = (oracle::contents(&target.url()), oracle::dump_schema(&target.url()));
        let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await.expect_err(what);
        assert_eq!(
            (failure.code(), failure.target),
            (ErrorCode::TargetNotEmpty, TargetState::Untouched),
            "{}",
            explain(&failure)
        );
        assert!(failure.to_string().contains(what), "{failure}");
        assert_eq!((oracle::contents(&target.url()), oracle::dump_schema(&target.url())), before);
    }
}

#[tokio::test]
async fn the_second_of_two_runs_is_told_that_the_target_is_busy_and_the_first_goes_on() {
    let source = shop(&Cluster::newest()).await;
    let target = TestDb::new().await;
    // The first waits in its schema phase for a lock that the test holds, on a catalog of the target.
    let blocker = target.client().await;
    blocker.batch_execute("begin; lock table pg_catalog.pg_proc in share mode").await.expect("the target is idle");
    let watched = Watched::new();
    let (from, to, run) = (source.url(), target.url(), watched.run.clone());
    let first = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    wait_until("the first run waits for the lock", async || {
        target.value("select count(*) from pg_locks where not granted and relation = 'pg_proc'::regclass").await != "0"
    })
    .await;
    let second = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await.expect_err("busy");
    assert_eq!((second.code(), second.target), (ErrorCode::TargetBusy, TargetState::Untouched), "{}", explain(&second));
    blocker.batch_execute("rollback").await.expect("the session lives");
    first.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn what_is_written_while_a_run_reads_is_not_seen_and_sequences_are_never_behind() {
    let source = TestDb::new().await;
    source.execute("create table t (id bigserial primary key, note text); insert into t (note) select 'n' from generate_series(1, 20000)").await;
    let target = TestDb::new().await;
    let watched = Watched::new();
    let blocker = target.client().await;
    blocker.batch_execute("begin; lock table pg_catalog.pg_class in share mode").await.expect("the target is idle");
    let (from, to, run) = (source.url(), target.url(), watched.run.clone());
    let running = tokio::spawn(async move { try_sync(&from, &to, &SyncOptions::default(), &run).await });
    // The snapshot is taken before the target is written.
    wait_until("the run waits for the target", async || {
        target.value("select count(*) from pg_locks where not granted and relation = 'pg_class'::regclass").await != "0"
    })
    .await;
    source.execute("insert into t (note) select 'later' from generate_series(1, 100); delete from t where id < 50; update t set note = 'u' where id < 500").await;
    blocker.batch_execute("rollback").await.expect("the session lives");
    running.await.expect("no panic").unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    let seen = "select concat_ws(' ', count(*), count(distinct note), max(id), min(id)) from t";
    assert_eq!(target.value(seen).await, "20000 1 20000 1");
    let next: i64 = target.value("select nextval('t_id_seq')").await.parse().expect("a number");
    assert!(next > 20_000, "{next}");
}

#[tokio::test]
async fn a_source_that_was_read_is_as_it_was() {
    let source = shop(&Cluster::newest()).await;
    let before = (oracle::contents(&source.url()), oracle::dump_schema(&source.url()));
    let target = TestDb::new().await;
    must_sync(&source.url(), &target.url(), &SyncOptions::default()).await;
    assert_eq!((oracle::contents(&source.url()), oracle::dump_schema(&source.url())), before);
}

#[tokio::test]
async fn memory_does_not_follow_the_size_of_rows_and_large_objects() {
    let source = TestDb::new().await;
    source
        .execute(
            "create table wide (id integer primary key, payload text, bytes bytea); alter table wide alter payload set storage external;
             insert into wide select i, repeat(md5(i::text), 983040), decode(repeat('00ff7f27', 500000), 'hex') from generate_series(1, 2) i;
             select lo_from_bytea(4711, convert_to(repeat(md5('x'), 1966080), 'UTF8'))",
        )
        .await;
    let target = TestDb::new().await;
    let peak = peak_memory(&["sync", "--from", &source.url(), "--to", &target.url(), "-j", "2", "--verify", "checksum"]).await;
    oracle::assert_same(&source.url(), &target.url());
    assert!((1 << 20..60 << 20).contains(&peak), "{} MB", peak >> 20);
}
