//! Databases without an encoding: their rows are bytes, and stay so.

use std::path::Path;

use pgstream::export::{ExportOptions, export};
use pgstream::storage::Sink;
use pgstream::sync::SyncOptions;
use pgstream::sync::verify::{VerifyOptions, verify};
use pgstream::{ErrorCode, Proven, Run, TargetState, Verify};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;

use crate::syncing::{config, explain, must_sync, try_sync};

/// How a database without an encoding is made.
const SQL_ASCII: &str = "encoding 'SQL_ASCII' locale 'C'";

/// Latin-1, bytes that are text in no encoding, characters that COPY writes in another way, UTF-8, and a definition in UTF-8. The
/// second column keeps the rows from travelling in binary.
const SAMPLE: &str = r"create table t (id int primary key, a text, kind regclass);
    insert into t select i, convert_from(bytes, 'SQL_ASCII'), 'pg_class'
      from (values (1, '\x636166e9'::bytea), (2, '\xff80fe'), (3, '\x095c0a0d08'), (4, 'grün'::bytea)) v (i, bytes);
    create table b (id int primary key, a text); insert into b select id, a from t;
    comment on table t is 'grün'; create table grün (ä text default 'ö')";

/// The bytes of every row.
const BYTES: &str = "select string_agg(id || ' ' || encode(convert_to(a, 'SQL_ASCII'), 'hex'), ',' order by id) from ";

async fn sql_ascii(cluster: &std::sync::Arc<Cluster>) -> TestDb {
    TestDb::create_with(cluster, SQL_ASCII).await
}

async fn assert_same_bytes(source: &TestDb, copy: &TestDb) {
    for table in ["t", "b"] {
        let sql = format!("{BYTES}{table}");
        let (read, written) = (source.value(&sql).await, copy.value(&sql).await);
        assert!(read.contains("636166e9"), "{read}");
        assert_eq!(read, written);
    }
    let comment = "select obj_description('t'::regclass) || (select attname from pg_attribute where attrelid = 'grün'::regclass and attnum = 1)";
    assert_eq!(source.value(comment).await, copy.value(comment).await);
}

#[tokio::test]
async fn a_sync_between_databases_without_an_encoding_keeps_every_byte() {
    for cluster in Cluster::all() {
        let (source, target) = (sql_ascii(&cluster).await, sql_ascii(&cluster).await);
        source.execute(SAMPLE).await;
        let mut options = SyncOptions::default();
        options.verify = Verify::Checksum;
        let report = must_sync(&source.url(), &target.url(), &options).await;
        assert_eq!((report.proven, report.rows), (Proven::Content, 8));
        assert_same_bytes(&source, &target).await;
        let compared = verify(&config(&source.url()), &config(&target.url()), &VerifyOptions::default(), &Run::new()).await;
        assert!(compared.unwrap_or_else(|failure| panic!("{}", explain(&failure))).is_same);
        target.execute(r"update t set a = convert_from('\x636166e8', 'SQL_ASCII') where id = 1").await;
        let compared = verify(&config(&source.url()), &config(&target.url()), &VerifyOptions::default(), &Run::new()).await;
        assert!(!compared.unwrap_or_else(|failure| panic!("{}", explain(&failure))).is_same, "one byte differs");
    }
}

#[tokio::test]
async fn a_script_of_a_database_without_an_encoding_is_loaded_by_psql() {
    for cluster in Cluster::all() {
        let (source, copy) = (sql_ascii(&cluster).await, sql_ascii(&cluster).await);
        source.execute(SAMPLE).await;
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let file = folder.path().join("out.sql");
        must_export(&source.url(), &file).await;
        let script = std::fs::read(&file).expect("it was written");
        let line = b"SET client_encoding = 'SQL_ASCII';";
        assert!(script.windows(line.len()).any(|window| window == line), "{}", script.escape_ascii());
        oracle::psql_load(&copy.url(), &file).expect("psql takes it");
        assert_same_bytes(&source, &copy).await;
    }
}

async fn must_export(url: &str, file: &Path) {
    let done = export(&config(url), Sink::Path(file.to_owned()), &ExportOptions::default(), &Run::new()).await;
    done.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
}

#[tokio::test]
async fn bytes_that_are_no_utf8_do_not_pass_into_an_encoding() {
    let cluster = Cluster::newest();
    let (source, target) = (sql_ascii(&cluster).await, TestDb::create(&cluster).await);
    source.execute(SAMPLE).await;
    let failure =
        try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await.expect_err("café in Latin-1");
    assert_eq!((failure.code(), failure.target), (ErrorCode::CopyIn, TargetState::Restored), "{}", explain(&failure));
    source.execute("delete from t where id < 3; delete from b where id < 3").await;
    must_sync(&source.url(), &target.url(), &SyncOptions::default()).await;
    oracle::assert_same_contents(&source.url(), &target.url());
}

#[tokio::test]
async fn definitions_in_bytes_that_are_no_utf8_are_named() {
    let cluster = Cluster::newest();
    let source = sql_ascii(&cluster).await;
    source
        .execute(
            r"create function run(bytes bytea) returns void language plpgsql as 'begin execute convert_from(bytes, ''SQL_ASCII''); end';
              create table plain (a text);
              select run('comment on table plain is ''caf\351'''::bytea);
              select run('create function f() returns text language sql as ''select text ''''caf\351'''' '''::bytea);
              select run('create type mood as enum (''caf\351'')'::bytea)",
        )
        .await;
    let refused = async |what: &str| {
        let target = sql_ascii(&cluster).await;
        let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await.expect_err("no UTF-8");
        assert_eq!(
            (failure.code(), failure.target),
            (ErrorCode::CatalogEncoding, TargetState::Untouched),
            "{}",
            explain(&failure)
        );
        assert!(failure.to_string().contains(what), "{failure}");
    };
    refused("comment public.plain, enum type public.mood, function public.f").await;
    source.execute(r"select run('create table caf\351 (a int)'::bytea)").await;
    refused(r"public.caf\xe9").await;
}
