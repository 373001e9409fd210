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
async fn public_is_like_new_when_it_is_filled_anew() {
    for cluster in Cluster::ends() {
        let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
        let make = "create table t (id serial primary key); create type e as enum ('a'); create domain d as text;
            create function fires() returns event_trigger language plpgsql as 'begin raise exception ''fired''; end';
            create event trigger fires on ddl_command_start execute function fires()";
        source.execute(make).await;
        target.execute("create table t (other text); comment on schema public is 'old'; create view v as table t").await;
        target.execute("grant all on schema public to fixture_writer; alter schema public owner to fixture_reader").await;
        target.execute(&make[make.find("create function").expect("it is there")..]).await;
        let script = ScriptFile::new(pg_dump_of(&cluster, &source.url()));
        let done = try_import_source(script.source(), &target.url(), &replacing(), &Run::new()).await;
        let report = done.unwrap_or_else(|failure| panic!("{}: {}", cluster.major(), explain(&failure)));
        assert_eq!(report.dropped[0].kind, "event trigger", "{:?}", report.dropped);
        oracle::assert_same(&source.url(), &target.url());
    }
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
    assert!(outcome.text().contains("table a.old") && outcome.text().contains("schema a"), "{outcome:?}");
    assert_eq!(target.value("select count(*) from pg_tables where schemaname = 'a'").await, "2");
}
