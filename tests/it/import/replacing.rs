//! `pgstream import --mode replace`: what a script fills gives way to it, in one transaction.

use super::*;
use pgstream::import::Reason;
use pgstream_tests::command::Pgstream;

fn replacing() -> ImportOptions {
    ImportOptions::default().replacing()
}

/// A refusal before anything was written.
async fn refused(script: &str, target: &TestDb, options: &ImportOptions) -> Failure {
    let before = (oracle::contents(&target.url()), oracle::dump_schema(&target.url()));
    let script = ScriptFile::new(script);
    let failure = try_import_source(script.source(), &target.url(), options, &Run::new()).await.expect_err("it is refused");
    assert_eq!(failure.target, TargetState::Untouched, "{}", explain(&failure));
    assert!(before == (oracle::contents(&target.url()), oracle::dump_schema(&target.url())), "the target was changed");
    failure
}

#[tokio::test]
async fn an_older_copy_of_the_shop_becomes_what_the_script_holds() {
    for cluster in Cluster::ends() {
        let (source, target) = (shop(&cluster).await, shop(&cluster).await);
        target
            .execute(
                "delete from shop.order_lines where order_id % 3 = 0; alter table shop.customers add column left_over text;
                 create function shop.f(integer) returns integer language sql as 'select $1'; comment on schema shop is 'old';
                 create table public.stays (id serial); select lo_from_bytea(0, 'old')",
            )
            .await;
        let script = ScriptFile::new(pg_dump_of(&cluster, &source.url()));
        let done = try_import_source(script.source(), &target.url(), &replacing(), &Run::new()).await;
        let report = done.unwrap_or_else(|failure| panic!("{}: {}", cluster.major(), explain(&failure)));
        assert_eq!((report.proven, report.target), (Proven::Rows, TargetState::Replaced), "{:?}", report.unproven);
        let is_pruned = |name: &str| report.dropped.iter().any(|d| d.name == name && d.reason == Reason::Pruned);
        // Nothing of the script is in public.
        assert!(is_pruned("shop.f(integer)") && !is_pruned("public.stays"), "{:?}", report.dropped);
        target.execute("drop table public.stays").await;
        oracle::assert_same(&source.url(), &target.url());
    }
}

#[tokio::test]
async fn a_script_that_fails_leaves_what_was_there() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute("create schema a; create table a.t (id int primary key); insert into a.t values (1), (2)").await;
    target
        .execute("create schema a; create table a.t (id int, note text); insert into a.t values (7, 'old'); create table a.u ()")
        .await;
    let before = (oracle::contents(&target.url()), oracle::dump_schema(&target.url()));
    let mut text = String::from_utf8(oracle::pg_dump(&source.url(), &[]).unwrap()).expect("it is UTF-8");
    text = text.replace("ADD CONSTRAINT t_pkey PRIMARY KEY (id)", "ADD CONSTRAINT t_pkey PRIMARY KEY (missing)");
    let script = ScriptFile::new(text.into_bytes());
    let failure = try_import_source(script.source(), &target.url(), &replacing(), &Run::new()).await.expect_err("it cannot");
    assert_eq!((failure.code(), failure.target), (ErrorCode::ApplyFailed, TargetState::Restored), "{}", explain(&failure));
    assert!(before == (oracle::contents(&target.url()), oracle::dump_schema(&target.url())), "the target was changed");
}

#[tokio::test]
async fn what_cannot_be_replaced_is_refused_with_what_to_do() {
    let target = TestDb::new().await;
    let has = "create schema a; create table a.t (id int); create schema o; create view o.v as select id from a.t";
    target.execute(has).await;
    let make = "CREATE SCHEMA a;\nCREATE TABLE a.t (id integer);\n";
    let without_prune = ImportOptions::default().with_mode(Mode::Replace);
    let cases = [
        (make, &without_prune, "--prune"),
        ("INSERT INTO a.t VALUES (1);\n", &replacing(), "--mode append"),
        ("CREATE TABLE a.t (id integer);\nVACUUM;\n", &replacing(), "one transaction"),
        ("CREATE TABLE t (id integer);\n", &replacing(), "without naming its schema"),
        (make, &replacing(), "view o.v depends on table a.t"),
    ];
    for (script, options, told) in cases {
        let failure = refused(script, &target, options).await;
        let words = format!("{} {}", explain(&failure), failure.error.hint());
        assert!(words.contains(told), "{told} in {words}");
    }
    let piped = try_import_source(stream(make), &target.url(), &replacing(), &Run::new()).await;
    let failure = piped.expect_err("a pipe is read once");
    assert_eq!((failure.code(), failure.target), (ErrorCode::OptionInvalid, TargetState::Untouched), "{}", explain(&failure));

    let (mut cascade, script) = (replacing(), ScriptFile::new(make));
    cascade.cascade = true;
    let report = try_import_source(script.source(), &target.url(), &cascade, &Run::new()).await;
    let report = report.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    assert!(report.warnings.iter().any(|w| w.contains("view o.v")), "{:?}", report.warnings);
    assert_eq!(target.value("select count(*) from pg_class where relname = 'v'").await, "0");
}

#[tokio::test]
async fn event_triggers_go_first_and_what_is_not_the_scripts_stays() {
    for cluster in Cluster::ends() {
        let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
        let make =
            "create schema a; create extension hstore with schema a; create table a.t (id serial primary key, tags a.hstore);
            create domain a.d as text; create type a.e as enum ('x'); create cast (a.e as a.d) with inout;
            create function a.fires() returns event_trigger language plpgsql as 'begin raise exception ''fired''; end'";
        let trigger = "create event trigger fires on ddl_command_start execute function a.fires()";
        source.execute(make).await;
        source.execute(trigger).await;
        target.execute(make).await;
        target
            .execute(
                "comment on schema a is 'old'; grant usage on schema a to fixture_writer; create view a.v as table a.t;
                 grant create on schema public to fixture_writer; create table public.stays (id int); select lo_create(4711)",
            )
            .await;
        target.execute(trigger).await;
        let script = ScriptFile::new(pg_dump_of(&cluster, &source.url()));
        let done = try_import_source(script.source(), &target.url(), &replacing(), &Run::new()).await;
        let report = done.unwrap_or_else(|failure| panic!("{}: {}", cluster.major(), explain(&failure)));
        assert_eq!(report.dropped[0].kind, "event trigger", "{:?}", report.dropped);
        let granted =
            "select has_schema_privilege('fixture_writer', 'public', 'create') and to_regclass('public.stays') is not null
            and exists (select from pg_largeobject_metadata where oid = 4711)";
        assert_eq!(target.value(granted).await, "t");
        target.execute("alter event trigger fires disable").await;
        target
            .execute("drop table public.stays; select lo_unlink(4711); revoke create on schema public from fixture_writer")
            .await;
        target.execute("alter event trigger fires enable").await;
        oracle::assert_same(&source.url(), &target.url());
    }
}

/// Each kind's fixture over itself: what cannot be told by a script's words must not be in the way.
#[tokio::test]
async fn every_object_fixture_replaces_itself() {
    let (cluster, mut problems) = (Cluster::newest(), Vec::new());
    for name in object_fixtures() {
        let (source, target) = (with_object_fixture(&cluster, &name).await, with_object_fixture(&cluster, &name).await);
        let script = ScriptFile::new(pg_dump_of(&cluster, &source.url()));
        let done = try_import_source(script.source(), &target.url(), &replacing(), &Run::new()).await;
        if let Err(failure) = &done {
            // A cast between types that every database has is nothing of a schema, and has no name.
            let is_known = name == "cast" && explain(failure).contains("cast from type money to type bigint already exists");
            if !is_known {
                problems.push(format!("{name}: {}", explain(failure)));
            }
            continue;
        }
        let mut differences = oracle::same_schema(&source.url(), &target.url()).err().unwrap_or_default();
        differences.retain(|line| !line.contains("table tables.by_enum_"));
        problems.extend(differences.into_iter().map(|line| format!("{name}: {line}")));
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test]
async fn a_lock_that_somebody_holds_is_waited_for_and_named() {
    let target = TestDb::new().await;
    target.execute("create schema a; create table a.t (id int)").await;
    let holder = target.client().await;
    holder.batch_execute("begin; select from a.t").await.expect("it is there");
    let mut options = replacing();
    options.lock_timeout = Some(1);
    let failure = refused("CREATE SCHEMA a;\nCREATE TABLE a.t (id integer);\n", &target, &options).await;
    assert_eq!(failure.code(), ErrorCode::LockTimeout, "{}", explain(&failure));
    assert!(explain(&failure).contains("pid"), "{}", explain(&failure));
}

#[tokio::test]
async fn a_plan_lists_what_goes() {
    let target = TestDb::new().await;
    target.execute("create schema a; create table a.t (id int); create table a.old (id int)").await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("in.sql");
    std::fs::write(&file, "CREATE SCHEMA a;\nCREATE TABLE a.t (id integer);\n").expect("it can be written");
    let file = file.to_string_lossy();
    let words = ["import", "--from", &file, "--to", &target.url(), "--mode", "replace", "--prune", "--plan"];
    let outcome = Pgstream::new(words).run().await.expect_code(0);
    assert!(outcome.text().contains("table a.old") && outcome.text().contains("table a.t"), "{outcome:?}");
    assert_eq!(target.value("select count(*) from pg_tables where schemaname = 'a'").await, "2");
}
