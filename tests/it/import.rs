//! Scripts into live databases, judged by what psql makes of the same file.

use std::io::Write;
use std::path::Path;

use pgstream::archive::{Compression, CompressionMethod};
use pgstream::export::{ExportOptions, export};
use pgstream::import::ImportOptions;
use pgstream::storage::{OutputFile, Sink};
use pgstream::{ErrorCode, Failure, Mode, Proven, Run, TargetState, Verify};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::TestDb;
use pgstream_tests::{oracle, servers};

use crate::export::{object_fixtures, with_object_fixture};
use crate::importing::{ScriptFile, must_import, stream, try_import, try_import_source};
use crate::syncing::{OBJECTS, config, explain, must_sync, shop};

mod hostile;
mod proof;
mod replacing;
mod transactions;

/// Loads a script as a person would who does not look at the errors.
fn psql(url: &str, script: &Path) {
    let file = script.to_string_lossy();
    oracle::run("psql", &["-X", "-q", "-d", url, "-f", &file]).unwrap_or_else(|e| panic!("{e}"));
}

/// What the server's own pg_dump makes, or the next newer one: a newer one uses what an older server does not know.
fn pg_dump_of(cluster: &Cluster, url: &str) -> Vec<u8> {
    let mut command = std::process::Command::new(servers::client_program_for("pg_dump", cluster.major()));
    command.args(["-d", url]);
    pgstream_tests::environment::clear(&mut command);
    let output = command.output().expect("it is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let script = String::from_utf8(output.stdout).expect("pg_dump writes the encoding of the database");
    // pg_dump 15 says this of the sequences of older servers, which do not know the word.
    if cluster.major() < 15 { script.replace("\n    LOGGED\n", "\n").into_bytes() } else { script.into_bytes() }
}

fn append() -> ImportOptions {
    ImportOptions::default().with_mode(Mode::Append)
}

/// A script of ours.
async fn own_script(db: &TestDb) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("own.sql");
    export(&config(&db.url()), Sink::Path(path.clone()), &ExportOptions::default(), &Run::new())
        .await
        .expect("it can be exported");
    std::fs::read(path).expect("it is there")
}

/// Nothing was left, and the report says so.
async fn assert_untouched(target: &TestDb, failure: &Failure) {
    assert_eq!(target.value(OBJECTS).await, "0", "after {}", explain(failure));
    assert!(matches!(failure.target, TargetState::Untouched | TargetState::Restored), "{}", explain(failure));
}

#[tokio::test]
async fn a_dump_of_the_shop_arrives_as_psql_would_load_it() {
    for cluster in Cluster::all() {
        let source = TestDb::create(&cluster).await.with_shop(1).await;
        let target = TestDb::create(&cluster).await;
        let script = oracle::pg_dump(&source.url(), &[]).unwrap();
        let report = must_import(script, &target.url(), &ImportOptions::default()).await;
        assert_eq!((report.proven, report.target, report.is_proven()), (Proven::Rows, TargetState::Replaced, true), "{report:?}");
        oracle::assert_same(&source.url(), &target.url());
    }
}

#[tokio::test]
async fn a_dump_of_every_object_fixture_arrives() {
    for cluster in Cluster::ends() {
        for name in object_fixtures() {
            let source = with_object_fixture(&cluster, &name).await;
            let target = TestDb::create(&cluster).await;
            let script = ScriptFile::new(pg_dump_of(&cluster, &source.url()));
            let options = ImportOptions::default();
            let done = try_import_source(script.source(), &target.url(), &options, &Run::new()).await;
            let report = done.unwrap_or_else(|e| panic!("{name} on {}: {}", cluster.major(), explain(&e)));
            assert!(report.is_proven(), "{name} on {}: {:?}", cluster.major(), report.unproven);
            let mut differences = oracle::same_schema(&source.url(), &target.url()).err().unwrap_or_default();
            differences.extend(oracle::contents(&source.url()).differences(&oracle::contents(&target.url())));
            // Hashes of enums depend on oids, so these rows land in other partitions of the same table.
            differences.retain(|line| !line.contains("table tables.by_enum_"));
            assert!(differences.is_empty(), "{name} on {}:\n{}", cluster.major(), differences.join("\n"));
        }
    }
}

#[tokio::test]
async fn dumps_with_every_option_arrive_as_psql_would_load_them() {
    let cases: [&[&str]; 13] = [
        &["--inserts"],
        &["--column-inserts"],
        &["--rows-per-insert=100"],
        &["--clean", "--if-exists"],
        &["--clean"],
        &["-s"],
        &["--section=pre-data"],
        &["-O"],
        &["-x"],
        &["--no-comments"],
        &["--load-via-partition-root"],
        &["--quote-all-identifiers"],
        &["--disable-dollar-quoting"],
    ];
    for cluster in &Cluster::ends() {
        let source = TestDb::create(cluster).await.with_shop(1).await;
        for arguments in cases {
            // This server refuses DEFAULT for a generated column in a row that is not the only one of its INSERT.
            if cluster.major() == 13 && arguments == ["--rows-per-insert=100"] {
                continue;
            }
            let script = ScriptFile::new(oracle::pg_dump(&source.url(), arguments).unwrap());
            let (target, judge) = (TestDb::create(cluster).await, TestDb::create(cluster).await);
            psql(&judge.url(), script.path());
            let done = try_import_source(script.source(), &target.url(), &ImportOptions::default(), &Run::new()).await;
            let report = done.unwrap_or_else(|e| panic!("{arguments:?} on {}: {}", cluster.major(), explain(&e)));
            assert!(report.is_proven(), "{arguments:?} on {}: {:?}", cluster.major(), report.unproven);
            oracle::assert_same(&judge.url(), &target.url());
        }
    }
}

#[tokio::test]
async fn rows_alone_go_into_tables_that_are_there() {
    let cases: [&[&str]; 4] = [&["-a"], &["-a", "--disable-triggers"], &["--section=data"], &["-a", "--inserts"]];
    for cluster in Cluster::all() {
        let source = TestDb::create(&cluster).await;
        let tables = "create table a (id serial primary key, t text); create table b (id int references a, n numeric) partition by list (id); \
            create table b1 partition of b for values in (1, 2); create table b2 partition of b default;";
        source.execute(tables).await;
        source
            .execute("insert into a (t) select 'x' || i from generate_series(1, 500) i; insert into b select id, id from a")
            .await;
        for arguments in cases {
            let script = ScriptFile::new(oracle::pg_dump(&source.url(), arguments).unwrap());
            let (target, judge) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
            target.execute(tables).await;
            judge.execute(tables).await;
            psql(&judge.url(), script.path());
            let done = try_import_source(script.source(), &target.url(), &append(), &Run::new()).await;
            let report = done.unwrap_or_else(|e| panic!("{arguments:?} on {}: {}", cluster.major(), explain(&e)));
            assert_eq!((report.proven, report.rows), (Proven::Rows, 1000), "{arguments:?}: {report:?}");
            assert_eq!(report.target, TargetState::Changed);
            oracle::assert_same(&judge.url(), &target.url());
        }
    }
}

#[tokio::test]
async fn scripts_in_other_encodings_arrive() {
    for (encoding, text) in [
        ("LATIN1", "Z\u{fc}rich \\ caf\u{e9}"),
        ("SJIS", "\u{8868}\u{30bd}\u{5341}\\n'\u{80fd}"),
        ("GB18030", "\u{4e2d}\u{6587} \u{4e57}"),
    ] {
        let cluster = Cluster::newest();
        let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
        let text = text.replace('\'', "''");
        source.execute(&format!("create table \"T {text}\" (t text default '{text}'); insert into \"T {text}\" values ('{text}'), (repeat('{text}', 9)); \
            create function f() returns text language sql as $$ select '{text}' $$; comment on function f() is '{text}'")).await;
        for arguments in [&["-E", encoding][..], &["-E", encoding, "--inserts"]] {
            let script = oracle::pg_dump(&source.url(), arguments).unwrap();
            let target = if arguments.len() == 2 { &target } else { &TestDb::create(&cluster).await };
            let report = must_import(script, &target.url(), &ImportOptions::default()).await;
            assert_eq!((report.proven, report.rows), (Proven::Rows, 2), "{encoding}");
            oracle::assert_same(&source.url(), &target.url());
        }
    }
}

#[tokio::test]
async fn a_compressed_script_is_recognised_by_its_content() {
    let source = TestDb::new().await;
    source.execute("create table t as select i, md5(i::text) as m from generate_series(1, 20000) i").await;
    let script = oracle::pg_dump(&source.url(), &[]).unwrap();
    for method in [CompressionMethod::Gzip, CompressionMethod::Zstd, CompressionMethod::Lz4] {
        let target = TestDb::new().await;
        let file = ScriptFile::named("unpacked", "");
        let packed = file.path().with_file_name("a.sql");
        let mut encoder = Compression::new(method).encode(Box::new(OutputFile::create(&packed, false).unwrap())).unwrap();
        encoder.write_all(&script).unwrap();
        encoder.finish().unwrap();
        let packed = std::fs::read(packed).unwrap();
        must_import(&packed, &target.url(), &ImportOptions::default()).await;
        oracle::assert_same(&source.url(), &target.url());
        let target = TestDb::new().await;
        for cut in [packed.len() / 3, packed.len() - 3] {
            let failure = try_import(&packed[..cut], &target.url(), &ImportOptions::default()).await.unwrap_err();
            assert_untouched(&target, &failure).await;
        }
        let mut changed = packed.clone();
        changed[packed.len() / 2] ^= 4;
        let failure =
            try_import_source(stream(changed), &target.url(), &ImportOptions::default(), &Run::new()).await.unwrap_err();
        assert_untouched(&target, &failure).await;
    }
}

#[tokio::test]
async fn a_script_by_hand_runs_with_the_settings_that_psql_has() {
    let target = TestDb::new().await;
    let script = "create table t (id int, at date);\ninsert into t values (1, '02/03/2024');\n\\echo done\n\\set ON_ERROR_STOP on\n\
        create view v as select id from t;\nselect 'text' as \"a;b\";\n";
    let report = must_import(script, &target.url(), &ImportOptions::default()).await;
    assert_eq!((report.proven, report.rows, report.statements), (Proven::Rows, 1, 4), "{report:?}");
    assert_eq!(target.value("select at::text from public.t").await, "2024-02-03");
}

#[tokio::test]
async fn new_tables_are_written_frozen() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("create table t as select i from generate_series(1, 5000) i").await;
    let script = oracle::pg_dump(&source.url(), &[]).unwrap();
    must_import(script, &target.url(), &ImportOptions::default()).await;
    let pages = target
        .query_text("select relallvisible > 0, relallvisible * 2 > relpages, reltuples from pg_class where oid = 't'::regclass")
        .await;
    assert_eq!(pages[0].iter().flatten().collect::<Vec<_>>(), ["t", "t", "5000"]);
}

#[tokio::test]
async fn a_target_that_is_not_empty_is_refused_unless_it_is_appended_to() {
    let target = TestDb::new().await;
    target.execute("create table mine (id int)").await;
    let script = "create table other (id int);\n";
    let failure = try_import(script, &target.url(), &ImportOptions::default()).await.unwrap_err();
    assert_eq!((failure.code(), failure.target), (ErrorCode::TargetNotEmpty, TargetState::Untouched), "{}", explain(&failure));
    must_import(script, &target.url(), &append()).await;
}

#[tokio::test]
async fn owners_privileges_and_comments_can_be_left_out() {
    let source = TestDb::new().await;
    source.execute("create table t (id int); alter table t owner to fixture_owner; grant select on t to fixture_reader; comment on table t is 'x'").await;
    let script = oracle::pg_dump(&source.url(), &[]).unwrap();
    let target = TestDb::new().await;
    let options = ImportOptions::default().with_no_owner(true).with_no_privileges(true).with_no_comments(true);
    let report = must_import(script, &target.url(), &options).await;
    assert!(report.skipped >= 3, "{report:?}");
    let found = target
        .query_text(
            "select relowner = (select oid from pg_roles where rolname = current_user), relacl is null, \
        obj_description('t'::regclass) is null from pg_class where oid = 't'::regclass",
        )
        .await;
    assert_eq!(found[0].iter().flatten().collect::<Vec<_>>(), ["t", "t", "t"]);
}

#[tokio::test]
async fn what_is_missing_is_said_at_once_and_before_anything_is_written() {
    let target = TestDb::new().await;
    let script = "create table t (id int);\nalter table t owner to nobody_at_all;\ncreate extension no_such_extension;\n\
        set default_tablespace = nowhere;\ncreate table u (id int);\n";
    let failure = try_import(script, &target.url(), &ImportOptions::default()).await.unwrap_err();
    let text = failure.to_string();
    for rule in ["role_missing", "extension_missing", "tablespace_missing"] {
        assert!(text.contains(rule), "{rule}: {text}");
    }
    assert_eq!((failure.code(), failure.target), (ErrorCode::PreflightFailed, TargetState::Untouched));
}

#[tokio::test]
async fn an_archive_with_its_own_database_goes_into_that_database_only() {
    let cluster = Cluster::newest();
    let source = TestDb::create(&cluster).await;
    source.execute("create table t as select 1 as id").await;
    source.execute(&format!("alter database \"{}\" set work_mem = '5MB'", source.name())).await;
    let script = oracle::pg_dump(&source.url(), &["--create"]).unwrap();
    let other = TestDb::create(&cluster).await;
    let failure = try_import(&script, &other.url(), &ImportOptions::default()).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::GuardRefused, "{}", explain(&failure));
    assert_untouched(&other, &failure).await;
    let renamed = String::from_utf8(script).unwrap().replace(source.name(), other.name());
    let report = must_import(renamed, &other.url(), &ImportOptions::default()).await;
    assert_eq!(report.rows, 1);
    let setting = format!(
        "select setconfig::text from pg_db_role_setting join pg_database d on d.oid = setdatabase where datname = '{}'",
        other.name()
    );
    assert_eq!(other.value(&setting).await, "{work_mem=5MB}");
}

#[tokio::test]
async fn a_sync_after_an_import_finds_nothing_left_behind() {
    let cluster = Cluster::newest();
    let (source, target) = (shop(&cluster).await, TestDb::create(&cluster).await);
    let failure =
        try_import("create table t (id int);\nselect 1/0;\n", &target.url(), &ImportOptions::default()).await.unwrap_err();
    assert_untouched(&target, &failure).await;
    must_sync(&source.url(), &target.url(), &Default::default()).await;
}

#[tokio::test]
async fn counted_and_hashed_a_script_of_ours_is_proven_by_content() {
    for cluster in Cluster::all() {
        let source = shop(&cluster).await;
        let target = TestDb::create(&cluster).await;
        let options = ImportOptions::default().with_verify(Verify::Checksum);
        let report = must_import(own_script(&source).await, &target.url(), &options).await;
        assert_eq!(report.proven, Proven::Content, "{report:?}");
        oracle::assert_same(&source.url(), &target.url());
    }
}
