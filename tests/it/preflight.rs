//! The check before a run: what is wrong is named, and no byte is written.

use std::sync::Arc;

use pgstream::archive::{DumpId, EntryData, Pass, Toc, TocEntry};
use pgstream::catalog::{ObjectId, Section, SequenceData, TableData};
use pgstream::connection::{Connection, ConnectionConfig, Environment};
use pgstream::import::contents;
use pgstream::import::preflight::{PreflightReport, RunShape, Severity, Wanted, preflight, rule_words};
use pgstream::import::script_rule_words;
use pgstream::sync::SyncOptions;
use pgstream::{ErrorCode, QualifiedName, Run, TargetState};
use pgstream_tests::cluster::{Cluster, majors};
use pgstream_tests::command::workspace;
use pgstream_tests::database::{TestDb, unique_name};
use pgstream_tests::oracle;
use pgstream_tests::pgbouncer::Pgbouncer;

use crate::syncing::{explain, try_sync};

async fn open(url: &str) -> Connection {
    let config = ConnectionConfig::parse(url, &Environment::empty()).expect("the harness makes good URLs");
    Connection::open(&config).await.unwrap_or_else(|e| panic!("{e}"))
}

fn entry(desc: &'static str, tag: &str, sql: &str) -> TocEntry {
    TocEntry {
        id: DumpId(1),
        object: ObjectId::relation(1),
        desc,
        tag: tag.into(),
        schema: Some("public".into()),
        owner: None,
        section: Section::PreData,
        pass: Pass::Main,
        create: sql.into(),
        steps: Vec::new(),
        drop: String::new(),
        set_owner: String::new(),
        tablespace: None,
        access_method: None,
        dependencies: Vec::new(),
        data: None,
    }
}

/// An archive of one entry.
fn wants(entry: TocEntry) -> Wanted {
    Wanted::new(&Toc { entries: vec![entry] }, RunShape::default())
}

/// An archive of the rows of `table`, which is in the schema `public`.
async fn wants_rows(source: &TestDb, table: &str) -> Wanted {
    let relation = source.value(&format!("select '{table}'::regclass::oid")).await.parse().expect("an oid");
    let is_unlogged = source.value(&format!("select relpersistence = 'u' from pg_class where oid = {relation}")).await == "t";
    let name = QualifiedName::new("public", table);
    let rows = TableData {
        relation,
        name: name.clone(),
        columns: vec!["a".into()],
        pages: 1,
        bytes: 8192,
        is_binary_safe: false,
        relkind: 'r',
        is_unlogged,
        load_through: None,
    };
    let target = pgstream::archive::CopyTarget { table: name, columns: vec!["a".into()], is_through_root: false };
    let data = Some(EntryData::Table { source: rows, target });
    wants(TocEntry { section: Section::Data, data, ..entry("TABLE DATA", table, "") })
}

/// Checks, and sees to it that the target is what it was.
async fn check(source: &str, target: &TestDb, target_url: &str, wanted: &Wanted) -> PreflightReport {
    let before = catalog_state(target).await;
    let (source, connection) = (open(source).await, open(target_url).await);
    let report = preflight(Some(&source), &connection, wanted).await.unwrap_or_else(|e| panic!("{e}: {e:?}"));
    assert_eq!(catalog_state(target).await, before, "the check wrote");
    report
}

/// What is in the target's catalogs, with the transactions that wrote it. That no question needs to write at all is shown by
/// `a_read_only_database_is_no_target`, where the server would refuse.
async fn catalog_state(db: &TestDb) -> String {
    let catalogs = [
        "pg_class",
        "pg_attribute",
        "pg_proc",
        "pg_type",
        "pg_namespace",
        "pg_constraint",
        "pg_depend",
        "pg_description",
        "pg_extension",
        "pg_largeobject_metadata",
        "pg_default_acl",
        "pg_cast",
        "pg_publication",
        "pg_event_trigger",
    ];
    let state = |catalog| format!("(select concat(count(*), ':', max(xmin::text::bigint)) from {catalog})");
    db.value(&format!("select concat_ws('|', {})", catalogs.map(state).join(", "))).await
}

fn found<'a>(report: &'a PreflightReport, rule: &str) -> Vec<(Severity, &'a str)> {
    report.findings.iter().filter(|f| f.rule == rule).map(|f| (f.severity, f.what.as_str())).collect()
}

/// Asserts that `rule` finds an error that names `what`, and that the report is an error.
fn assert_error(report: &PreflightReport, rule: &str, what: &str) {
    let found = found(report, rule);
    assert!(found.iter().any(|(severity, said)| *severity == Severity::Error && said.contains(what)), "{rule}: {report:#?}");
    let error = report.clone().into_result().expect_err("it has an error");
    assert!(error.to_string().contains(what), "{error}");
}

/// Asserts that `rule` finds a warning or a note that names `what`.
fn assert_said(report: &PreflightReport, rule: &str, severity: Severity, what: &str) {
    let found = found(report, rule);
    assert!(found.iter().any(|(s, said)| *s == severity && said.contains(what)), "{rule}: {report:#?}");
}

pub(crate) fn role(cluster: &Arc<Cluster>, options: &str) -> Role {
    let name = unique_name();
    cluster.admin(&format!("create role {name} login {options}"));
    Role { name, cluster: cluster.clone() }
}

/// A role that is dropped with the value. What it was granted in a database goes with that.
pub(crate) struct Role {
    pub(crate) name: String,
    cluster: Arc<Cluster>,
}

impl Role {
    pub(crate) fn url(&self, db: &TestDb) -> String {
        self.cluster.url_as(&self.name, None, db.name())
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.cluster.admin(&format!("drop role {}", self.name));
    }
}

#[tokio::test]
async fn two_good_ends_have_no_error_on_every_version() {
    for cluster in Cluster::all() {
        let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
        source.execute("create table t (a int primary key); insert into t select generate_series(1, 5000)").await;
        let wanted = wants_rows(&source, "t").await;
        let report = check(&source.url(), &target, &target.url(), &wanted).await;
        assert_eq!(report.errors().collect::<Vec<_>>(), Vec::<&_>::new(), "{}", cluster.major());
        assert!(report.estimated_bytes > 8192, "the index counts: {report:?}");
        assert_eq!(found(&report, "disk").len(), 1, "{report:?}");
    }
}

#[tokio::test]
async fn everything_that_is_missing_is_said_at_once() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    let entries = vec![
        TocEntry {
            owner: Some("no_such_owner".into()),
            set_owner: "ALTER TABLE public.t OWNER TO no_such_owner;\n".into(),
            tablespace: Some("no_such_space".into()),
            access_method: Some("no_such_method".into()),
            ..entry("TABLE", "t", "CREATE TABLE public.t (a text COLLATE pg_catalog.\"no-such-x-icu\");\n")
        },
        entry("ACL", "TABLE t", "GRANT SELECT ON TABLE public.t TO fixture_reader, no_such_reader;\n"),
        entry("FUNCTION", "f()", "CREATE FUNCTION public.f() RETURNS integer LANGUAGE no_such_language AS $$ x $$;\n"),
        entry("EXTENSION", "no_such_extension", "CREATE EXTENSION IF NOT EXISTS no_such_extension WITH SCHEMA public;\n"),
    ];
    let report = check(&source.url(), &target, &target.url(), &Wanted::new(&Toc { entries }, RunShape::default())).await;
    assert_error(
        &report,
        "role_missing",
        "2 roles do not exist in the target: no_such_owner (owner), no_such_reader (privileges)",
    );
    assert_error(&report, "tablespace_missing", "no_such_space");
    assert_error(&report, "access_method_missing", "no_such_method");
    assert_error(&report, "language_missing", "no_such_language");
    assert_error(&report, "collation_missing", "no-such-x-icu");
    assert_error(&report, "extension_missing", "no_such_extension");
    let error = report.into_result().expect_err("six errors");
    assert_eq!((error.code(), error.to_string().lines().count()), (ErrorCode::PreflightFailed, 7), "{error}");
    assert!(error.hint().contains("--no-owner --no-privileges"), "{}", error.hint());
}

#[tokio::test]
async fn a_weak_role_at_the_target_is_told_what_it_may_not_do() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    let loader = role(&cluster, "");
    let table = TocEntry {
        owner: Some("fixture_owner".into()),
        set_owner: "ALTER TABLE public.t OWNER TO fixture_owner;\n".into(),
        ..entry("TABLE", "t", "CREATE TABLE public.t ();\n")
    };
    let extension = entry("EXTENSION", "file_fdw", "CREATE EXTENSION IF NOT EXISTS file_fdw WITH SCHEMA public;\n");
    let wanted = Wanted::new(&Toc { entries: vec![table, extension] }, RunShape::default());
    let report = check(&source.url(), &target, &loader.url(&target), &wanted).await;
    assert_error(&report, "role_membership", "fixture_owner");
    assert_error(&report, "target_create", "may not create schemas in the target");
    assert_error(&report, "target_create", "may not create in the schema public");
    // Contrib modules are not packaged everywhere; without them the extension is missing instead.
    let has_module = target.value("select exists (select from pg_available_extensions where name = 'file_fdw')").await == "t";
    assert_error(&report, if has_module { "extension_rights" } else { "extension_missing" }, "file_fdw");
}

#[tokio::test]
async fn what_the_source_role_cannot_read_is_named() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    let reader = role(&cluster, "");
    source
        .execute(&format!(
            "create table secret (a int); create table filtered (a int); create sequence hidden; \
             alter table filtered enable row level security; grant select on filtered to {}",
            reader.name
        ))
        .await;
    let mut entries = Vec::new();
    let relation = source.value("select 'hidden'::regclass::oid").await.parse().expect("an oid");
    let hidden = SequenceData { relation, name: QualifiedName::new("public", "hidden") };
    entries.push(TocEntry { data: Some(EntryData::Sequence(hidden)), ..entry("SEQUENCE SET", "hidden", "") });
    let mut wanted = Wanted::new(&Toc { entries }, RunShape::default());
    for table in ["secret", "filtered"] {
        wanted.tables.extend(wants_rows(&source, table).await.tables);
    }
    let report = check(&reader.url(&source), &target, &target.url(), &wanted).await;
    assert_error(&report, "source_select", "2 relations: public.hidden, public.secret");
    assert_error(&report, "row_security", "1 table: public.filtered");
    source.execute(&format!("drop owned by {}", reader.name)).await;
}

#[tokio::test]
async fn a_large_object_that_cannot_be_read_is_counted() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    source.execute("select lo_create(4711)").await;
    let reader = role(&cluster, "");
    let wanted = wants(TocEntry { data: Some(EntryData::LargeObject(4711)), ..entry("BLOBS", "4711", "") });
    let report = check(&reader.url(&source), &target, &target.url(), &wanted).await;
    assert_error(&report, "source_select", "1 large object");
    let report = check(&source.url(), &target, &target.url(), &wanted).await;
    assert_eq!(found(&report, "source_select"), []);
}

#[tokio::test]
async fn a_target_that_holds_something_is_described() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    for (sql, expected) in [
        ("create table t (a serial)", "1 sequence (public.t_a_seq), 1 table (public.t)"),
        ("drop table t; create schema s", "1 schema (s)"),
        ("drop schema s; select lo_create(4712)", "1 large object (4712)"),
        ("select lo_unlink(4712); create publication p", "1 publication (p)"),
        ("drop publication p; create cast (text as int) with inout", "1 cast (text to integer)"),
        (
            "drop cast (text as int); alter default privileges grant select on tables to public",
            "1 default privileges (of postgres)",
        ),
        (
            "alter default privileges revoke select on tables from public; create type e as enum (); create domain d as int",
            "2 types (public.d, public.e)",
        ),
        ("drop type e; drop domain d; create type r as range (subtype = text)", "(public.r"),
        (
            "drop type r; create function f() returns event_trigger language plpgsql as 'begin end'; \
             create event trigger et on ddl_command_end execute function f(); alter event trigger et disable",
            "1 event trigger (et), 1 function (public.f)",
        ),
    ] {
        target.execute(sql).await;
        let report = check(&source.url(), &target, &target.url(), &Wanted::default()).await;
        assert_error(&report, "target_not_empty", expected);
    }
    target.execute("drop event trigger et; drop function f()").await;
    let report = check(&source.url(), &target, &target.url(), &Wanted::default()).await;
    assert_eq!(found(&report, "target_not_empty"), []);
    let connection = open(&target.url()).await;
    assert_eq!(contents(&connection).await.unwrap_or_else(|e| panic!("{e}")).count(), 0);
}

#[tokio::test]
async fn members_of_extensions_do_not_count_as_contents() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    // An extension that every server has; re-creating it gives its members oids of users' objects.
    target.execute("drop extension plpgsql; create extension plpgsql").await;
    let report = check(&source.url(), &target, &target.url(), &Wanted::default()).await;
    assert_eq!(found(&report, "target_not_empty"), []);
}

#[tokio::test]
async fn what_a_broken_run_left_is_a_note() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    target.execute("create schema pgstream_loading; create table pgstream_loading.ledger (a int); create table t ()").await;
    let report = check(&source.url(), &target, &target.url(), &Wanted::default()).await;
    assert_said(&report, "broken_run", Severity::Note, "1 object is there");
    assert_eq!(found(&report, "target_not_empty"), []);
}

#[tokio::test]
async fn event_triggers_count_if_they_would_fire() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    target
        .execute(
            "create function f() returns event_trigger language plpgsql as 'begin end'; \
             create event trigger guardian on ddl_command_end execute function f()",
        )
        .await;
    let loader = role(&cluster, "");
    let mut wanted = Wanted::default();
    let report = check(&source.url(), &target, &loader.url(&target), &wanted).await;
    assert_error(&report, "event_triggers", "guardian");
    wanted.shape.allow_event_triggers = true;
    let report = check(&source.url(), &target, &loader.url(&target), &wanted).await;
    assert_said(&report, "event_triggers", Severity::Note, "guardian");
    let report = check(&source.url(), &target, &target.url(), &wanted).await;
    assert_eq!(found(&report, "event_triggers"), [], "a superuser switches them off");
}

#[tokio::test]
async fn encodings_and_locales_are_compared() {
    let cluster = Cluster::newest();
    let source = TestDb::create(&cluster).await;
    let target = TestDb::create_with(&cluster, "encoding 'LATIN1' locale 'C'").await;
    let report = check(&source.url(), &target, &target.url(), &Wanted::default()).await;
    assert_error(&report, "encoding", "UTF8 and the target in LATIN1");
    let source = TestDb::create_with(&cluster, "encoding 'SQL_ASCII' locale 'C'").await;
    let target = TestDb::create_with(&cluster, "encoding 'UTF8' locale 'C'").await;
    let report = check(&source.url(), &target, &target.url(), &Wanted::default()).await;
    assert_said(&report, "encoding", Severity::Warning, "SQL_ASCII");
    assert_eq!(found(&report, "locale"), []);
    let icu = "encoding 'UTF8' locale_provider icu icu_locale 'de' locale 'C'";
    let target = TestDb::create_with(&cluster, icu).await;
    let report = check(&source.url(), &target, &target.url(), &Wanted::default()).await;
    assert_said(&report, "locale", Severity::Warning, "icu de, C");
}

#[tokio::test]
async fn connections_that_a_role_or_database_may_not_have_are_missed() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    let loader = role(&cluster, "connection limit 2");
    let mut wanted = Wanted::default();
    wanted.shape.jobs = 3;
    let report = check(&source.url(), &target, &loader.url(&target), &wanted).await;
    assert_error(&report, "connections", "the role's CONNECTION LIMIT");
    wanted.shape.jobs = 100_000;
    let report = check(&source.url(), &target, &target.url(), &wanted).await;
    assert_error(&report, "connections", "max_connections");
}

#[tokio::test]
async fn a_run_that_needs_more_locks_than_there_are_is_refused() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    let mut wanted = Wanted::default();
    wanted.shape.is_one_transaction = true;
    (wanted.source_locks, wanted.target_locks) = (10_000_000, 10_000_000);
    let report = check(&source.url(), &target, &target.url(), &wanted).await;
    assert_error(&report, "locks_source", "10000000 tables");
    assert_error(&report, "locks_target", "10000000 locks");
}

#[tokio::test]
async fn a_table_that_somebody_holds_is_named_and_does_not_stop_the_check() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("create table t (a int primary key)").await;
    let holder = source.client().await;
    holder.batch_execute("begin; lock table t; reindex table t").await.expect("nobody else holds it");
    let report = check(&source.url(), &target, &target.url(), &wants_rows(&source, "t").await).await;
    assert_said(&report, "tables_locked", Severity::Warning, "public.t (by pid");
}

#[tokio::test]
async fn prepared_transactions_are_found_at_both_ends() {
    let cluster = Arc::new(Cluster::private(newest(), &[("max_prepared_transactions", "4")]));
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    source.execute("create table t (a int)").await;
    let wanted = wants_rows(&source, "t").await;
    source.client().await.batch_execute("begin; lock table t; prepare transaction 'at_source'").await.expect("it is allowed");
    target.client().await.batch_execute("begin; prepare transaction 'at_target'").await.expect("it is allowed");
    let report = check(&source.url(), &target, &target.url(), &wanted).await;
    for (db, name) in [(&source, "at_source"), (&target, "at_target")] {
        db.client().await.batch_execute(&format!("rollback prepared '{name}'")).await.expect("it is there");
    }
    assert_error(&report, "tables_locked", "public.t");
    assert_said(&report, "prepared_transactions", Severity::Warning, "at_target");
}

#[tokio::test]
async fn a_standby_is_no_target_and_a_source_with_a_warning() {
    let primary = Arc::new(Cluster::private(newest(), &[]));
    let db = TestDb::create(&primary).await;
    db.execute("create unlogged table u (a int)").await;
    let standby = Arc::new(primary.standby());
    standby.wait_until_replayed(&primary);
    let other = TestDb::new().await;
    let url = standby.url(db.name());
    let report = check(&url, &other, &other.url(), &wants_rows(&db, "u").await).await;
    assert_said(&report, "standby_source", Severity::Warning, "hot_standby_feedback is off");
    assert_said(&report, "unlogged_on_standby", Severity::Warning, "public.u");
    let report = check(&other.url(), &db, &url, &Wanted::default()).await;
    assert_error(&report, "target_read_only", "standby");
}

#[tokio::test]
async fn a_read_only_database_is_no_target() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    target.execute(&format!("alter database {} set default_transaction_read_only = on", target.name())).await;
    let report = check(&source.url(), &target, &target.url(), &Wanted::default()).await;
    assert_error(&report, "target_read_only", "default_transaction_read_only");
}

#[tokio::test]
async fn a_pooler_is_seen_at_either_end() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    let pooler = Pgbouncer::transaction_mode(&cluster);
    let report = check(&source.url_through(&pooler.address()), &target, &target.url(), &Wanted::default()).await;
    assert_error(&report, "pooler", "the source");
    let report = check(&source.url(), &target, &target.url_through(&pooler.address()), &Wanted::default()).await;
    assert_error(&report, "pooler", "the target");
}

#[tokio::test]
async fn an_older_target_is_told_what_it_cannot_hold() {
    let (oldest, newest) = (*majors().first().expect("a server"), newest());
    let (old, new) = (Cluster::for_major(oldest), Cluster::for_major(newest));
    let (source, target) = (TestDb::create(&new).await, TestDb::create(&old).await);
    let sql = "CREATE TABLE public.t (a int, EXCLUDE USING gist (a WITH =)); ALTER TABLE t ADD UNIQUE (a WITHOUT OVERLAPS);";
    let wanted = wants(entry("CONSTRAINT", "k", sql));
    let report = check(&source.url(), &target, &target.url(), &wanted).await;
    if oldest < 18 {
        assert_error(&report, "older_target", "without overlaps");
    }
    let is_older = found(&report, "older_target").iter().any(|(severity, _)| *severity == Severity::Warning);
    assert_eq!(is_older, oldest < newest, "{report:?}");
}

#[tokio::test]
async fn versions_of_extensions_and_outbound_objects_are_notes() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("update pg_extension set extversion = '0.9' where extname = 'plpgsql'").await;
    let extension = entry("EXTENSION", "plpgsql", "CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;\n");
    let subscription = entry("SUBSCRIPTION", "s", "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p;\n");
    let wanted = Wanted::new(&Toc { entries: vec![extension, subscription] }, RunShape::default());
    let report = check(&source.url(), &target, &target.url(), &wanted).await;
    assert_said(&report, "extension_version", Severity::Note, "plpgsql 0.9 → 1.0");
    assert_said(&report, "outbound", Severity::Note, "1 subscription");
}

#[tokio::test]
async fn the_version_of_a_collation_is_compared_with_the_systems() {
    let cluster = Cluster::newest();
    let source = TestDb::create_with(&cluster, "encoding 'UTF8' locale_provider icu icu_locale 'de' locale 'C'").await;
    let target = TestDb::create(&cluster).await;
    source.execute(&format!("update pg_database set datcollversion = '1.0' where datname = '{}'", source.name())).await;
    let report = check(&source.url(), &target, &target.url(), &Wanted::default()).await;
    assert_said(&report, "collation_version", Severity::Warning, "the source was made with version 1.0 of its collation");
}

#[tokio::test]
async fn names_that_the_target_would_cut_off_are_refused() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    let name = "n".repeat(100);
    let report = check(&source.url(), &target, &target.url(), &wants(entry("TABLE", &name, "CREATE TABLE public.n ();\n"))).await;
    assert_error(&report, "identifier_length", "has 100");
}

#[tokio::test]
async fn the_disk_of_a_server_on_this_machine_is_measured() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    let mut wanted = Wanted::default();
    wanted.data_bytes = u64::MAX / 2;
    let report = check(&source.url(), &target, &target.url(), &wanted).await;
    match report.target_free_bytes {
        Some(_) => assert_error(&report, "disk", "are free at the target"),
        // The server runs elsewhere, or its folder belongs to somebody else.
        None => assert_said(&report, "disk", Severity::Note, "cannot be seen from here"),
    }
}

#[tokio::test]
async fn tables_that_do_not_fit_the_rows_are_named() {
    let cluster = Cluster::newest();
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    source.execute("create table missing (a int); create table filled (a int); create table fires (a int)").await;
    target
        .execute(
            "create table filled (a int); insert into filled values (1); create table fires (a int); \
             create function f() returns trigger language plpgsql as 'begin return null; end'; \
             create trigger eater before insert on fires for each row execute function f()",
        )
        .await;
    let loader = role(&cluster, "");
    target.execute("grant select, insert, delete on filled to public").await;
    let mut wanted = wants_rows(&source, "missing").await;
    wanted.shape.fills_existing = true;
    for table in ["missing", "filled", "fires"] {
        wanted.existing.insert(("public".into(), table.into()), vec!["a".into()]);
    }
    let before = oracle::contents(&target.url());
    let report = check(&source.url(), &target, &loader.url(&target), &wanted).await;
    assert_error(&report, "tables_missing", "public.missing");
    assert_error(&report, "tables_filled", "public.filled");
    assert_error(&report, "tables_rights", "public.fires");
    assert_error(&report, "tables_triggers", "eater on public.fires");
    assert_eq!(oracle::contents(&target.url()), before);
}

#[test]
fn the_documentation_lists_every_rule() {
    let text = std::fs::read_to_string(workspace().join("docs/preflight.md")).expect("docs/preflight.md is there");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let rules = [rule_words(), script_rule_words()].concat();
    assert_eq!(rows.collect::<Vec<_>>(), rules, "left: rows of docs/preflight.md, right: the rules");
}

/// Rules that are judged by facts, beside themselves: those that no server which tests can have breaks, and those whose runs have
/// tests of their own (`replace.rs`, `pooler.rs`).
const JUDGED_BY_FACTS: [(&str, &str, &str); 8] = [
    ("not_postgresql", "servers.rs", "not_postgresql"),
    ("version_unsupported", "servers.rs", "version_unsupported"),
    ("one_connection", "servers.rs", "find(one_connection)"),
    ("replace_in_the_way", "replacing.rs", "find(in_the_way)"),
    ("replace_dependents", "replacing.rs", "find(dependents)"),
    ("replace_extra", "replacing.rs", "find(extra)"),
    ("replace_rights", "replacing.rs", "find(rights)"),
    ("replace_readers", "replacing.rs", "find(readers_wait)"),
];

/// Every rule has a situation above that breaks it and in which [`check`] sees that nothing was written.
#[test]
fn every_rule_is_broken_by_a_test() {
    let text = include_str!("preflight.rs");
    let asserted = ["assert_error(", "assert_said("].into_iter().flat_map(|call| text.split(call).skip(1));
    let mut broken: Vec<&str> = asserted.filter_map(|rest| rest.split('"').nth(1)).collect();
    for (rule, file, judged) in JUDGED_BY_FACTS {
        let path = workspace().join("pgstream/src/import/preflight/rules").join(file);
        let text = std::fs::read_to_string(path).expect("the rules are there");
        let tests = text.split("#[cfg(test)]").nth(1).expect("it has tests");
        assert!(tests.contains(judged), "{rule} is not tested in {file}");
        broken.push(rule);
    }
    let untested: Vec<&str> = rule_words().into_iter().filter(|word| !broken.contains(word)).collect();
    assert_eq!(untested, Vec::<&str>::new());
}

/// Whole runs, not the check alone: each is refused by a rule, and leaves both ends as they were.
#[tokio::test]
async fn a_run_that_the_check_refuses_writes_no_byte() {
    let cluster = Cluster::newest();
    let weak = role(&cluster, "");
    let limited = role(&cluster, "connection limit 2");
    let pooler = Pgbouncer::transaction_mode(&cluster);
    let data_only = {
        let mut options = SyncOptions::default();
        options.data_only = true;
        options
    };
    struct Case<'a> {
        rule: &'a str,
        source: &'a str,
        target: &'a str,
        from: &'a dyn Fn(&TestDb) -> String,
        to: &'a dyn Fn(&TestDb) -> String,
        options: SyncOptions,
    }
    let (url, by_weak, by_limited) = (|db: &TestDb| db.url(), |db: &TestDb| weak.url(db), |db: &TestDb| limited.url(db));
    let pooled = |db: &TestDb| db.url_through(&pooler.address());
    let case = |rule: &'static str| Case { rule, source: "", target: "", from: &url, to: &url, options: SyncOptions::default() };
    let open = "do $$ begin execute format('grant create on database %I to public', current_database()); end $$; \
        grant create on schema public to public";
    let read_only =
        "do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$";
    let trigger = "create function f() returns event_trigger language plpgsql as 'begin end'; \
        create event trigger guardian on ddl_command_end execute function f()";
    let cases = [
        Case { target: "create table mine as select 1 as a", ..case("target_not_empty") },
        Case { target: read_only, ..case("target_read_only") },
        Case { to: &by_weak, ..case("target_create") },
        Case { target: trigger, to: &by_weak, ..case("event_triggers") },
        Case { source: "create table theirs (a int)", from: &by_weak, ..case("source_select") },
        Case { target: open, to: &by_limited, ..case("connections") },
        Case { to: &pooled, ..case("pooler") },
        Case {
            source: "grant select on t to public; alter table t enable row level security",
            from: &by_weak,
            ..case("row_security")
        },
        Case { source: "create table filled (a int)", options: data_only.clone(), ..case("tables_missing") },
        Case {
            source: "create table filled (a int)",
            target: "create table filled (a int); insert into filled values (1)",
            options: data_only.clone(),
            ..case("tables_filled")
        },
    ];
    for Case { rule, source: at_source, target: at_target, from, to, options } in cases {
        let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
        source.execute("create table t (a int primary key); insert into t values (1)").await;
        if options.data_only {
            target.execute("create table t (a int primary key)").await;
        }
        source.execute(at_source).await;
        target.execute(at_target).await;
        let state = || (oracle::contents(&target.url()), oracle::dump_schema(&target.url()));
        let (before, catalogs) = (state(), catalog_state(&target).await);
        let failure = try_sync(&from(&source), &to(&target), &options, &Run::new()).await.expect_err(rule);
        let said = format!("{rule}: {}", explain(&failure));
        let refused = matches!(failure.code(), ErrorCode::PreflightFailed | ErrorCode::TargetNotEmpty);
        assert_eq!((refused, failure.target), (true, TargetState::Untouched), "{said}");
        assert_eq!((state(), catalog_state(&target).await), (before, catalogs), "{said}");
    }
}

fn newest() -> u32 {
    majors().into_iter().max().expect("a server")
}
