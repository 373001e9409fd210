//! What the options of a sync change.

use pgstream::export::{ExportOptions, export};
use pgstream::storage::Sink;
use pgstream::sync::SyncOptions;
use pgstream::{ErrorCode, Phase, Proven, Run, TargetState, Verify};
use pgstream_tests::chaos::{ChaosProxy, Direction, End, Fault, Rule, When, Which};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;

use crate::preflight::role;
use crate::syncing::{
    OBJECTS, SLOW_INDEX, Watched, config, destination, explain, hold_slow_index, must_sync, try_sync, try_sync_into, wait_until,
};

/// Runs a sync whose source is changed after it was read, before the target is proven.
async fn sync_with_change(options: &SyncOptions) -> (TestDb, Result<pgstream::sync::SyncReport, pgstream::Failure>) {
    let source = TestDb::new().await;
    source.execute(SLOW_INDEX).await;
    source.execute("create function changed() returns integer language sql as 'select 1'").await;
    let target = TestDb::new().await;
    let holder = hold_slow_index(&target).await;
    let watched = Watched::new();
    let (from, to) = (source.url(), target.url());
    let synced = try_sync(&from, &to, options, &watched.run);
    let change = async {
        watched.wait_for("the index", |event| event.phase == Phase::Indexes).await;
        source.execute("create or replace function changed() returns integer language sql as 'select 2'").await;
        drop(holder);
    };
    let (result, ()) = tokio::join!(synced, change);
    (target, result)
}

#[tokio::test]
async fn what_changed_while_it_was_read_is_named() {
    let (_target, result) = sync_with_change(&SyncOptions::default()).await;
    let report = result.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    let said = report.warnings.iter().filter(|w| w.contains("changed()") && w.contains("while it was read")).count();
    assert_eq!(said, 1, "{:?}", report.warnings);
}

#[tokio::test]
async fn strict_makes_an_error_of_what_changed_and_takes_the_target_back() {
    let mut options = SyncOptions::default();
    options.strict = true;
    let (target, result) = sync_with_change(&options).await;
    let failure = result.expect_err("a function was changed");
    assert_eq!((failure.code(), failure.target), (ErrorCode::CatalogUnstable, TargetState::Restored), "{}", explain(&failure));
    assert!(failure.to_string().contains("changed()"), "{failure}");
    assert_eq!(target.value(OBJECTS).await, "0");
}

/// A base type with its functions, and what stands on it at some distance; a transform, which the server has a function depend on
/// that does not use it; and what has nothing to do with either.
const UNCARRIED: &str = "create type money8;
    create function money8_in(cstring) returns money8 language internal immutable strict as 'int8in';
    create function money8_out(money8) returns cstring language internal immutable strict as 'int8out';
    create type money8 (input = money8_in, output = money8_out, like = bigint);
    create table price (id integer primary key, price money8); insert into price values (1, '5');
    create view prices as select price from price; create view count_of_prices as select count(*) from prices;
    create table sold (id serial primary key, price integer references price); insert into sold (price) values (1);
    create index sold_price on sold (price);
    create function same(internal) returns internal language internal immutable strict as 'prsd_lextype';
    create transform for integer language sql (from sql with function same(internal));
    create function next(integer) returns integer language sql as 'select $1 + 1';
    create table other as select next(i) as n from generate_series(1, 10) i;";

const LEFT: &str = "select string_agg(oid::regclass::text, ' ' order by oid::regclass::text) from pg_class
    where relnamespace = 'public'::regnamespace";

#[tokio::test]
async fn what_stands_on_something_that_cannot_be_carried_is_left_out_and_named() {
    let source = TestDb::new().await;
    source.execute(UNCARRIED).await;
    let target = TestDb::new().await;
    let failure = try_sync(&source.url(), &target.url(), &SyncOptions::default(), &Run::new()).await.expect_err("a base type");
    assert_eq!((failure.code(), failure.target), (ErrorCode::CatalogUnsupportedObject, TargetState::Untouched));
    let mut options = SyncOptions::default();
    options.skip_unsupported = true;
    let report = must_sync(&source.url(), &target.url(), &options).await;
    assert_eq!(target.value(LEFT).await, "other sold sold_id_seq sold_pkey sold_price");
    assert_eq!(target.value("select count(*)::text from pg_proc where oid >= 16384").await, "2", "next and same");
    let all = report.warnings.join("\n");
    for named in
        ["public.money8", "public.price", "public.prices", "public.count_of_prices", "sold_price_fkey", "money8_in(cstring)"]
    {
        assert!(all.contains(named), "{named} is not in {all}");
    }
    assert!(!all.contains("next(integer)"), "{all}");
}

#[tokio::test]
async fn an_export_leaves_out_the_same() {
    let source = TestDb::new().await;
    source.execute(UNCARRIED).await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    let mut options = ExportOptions::default();
    options.skip_unsupported = true;
    export(&config(&source.url()), Sink::Path(file.clone()), &options, &Run::new()).await.expect("what remains is carried");
    let target = TestDb::create(&Cluster::newest()).await;
    oracle::psql_load(&target.url(), &file).expect("the script loads without an error");
    assert_eq!(target.value(LEFT).await, "other sold sold_id_seq sold_pkey sold_price");
}

const LIMIT: &str = "select datconnlimit::text from pg_database where datname = current_database()";

#[tokio::test]
async fn a_hidden_target_lets_nobody_in_until_it_is_proven_and_has_its_limit_back() {
    for is_cancelled in [false, true] {
        let source = TestDb::new().await;
        source.execute(SLOW_INDEX).await;
        let target = TestDb::new().await;
        target.execute(&format!("alter database {} connection limit 7", target.name())).await;
        let holder = hold_slow_index(&target).await;
        let watched = Watched::new();
        let mut options = SyncOptions::default();
        options.hide = true;
        let (from, to) = (source.url(), target.url());
        let look = async {
            watched.wait_for("the index", |event| event.phase == Phase::Indexes).await;
            let during = target.value(LIMIT).await;
            if is_cancelled {
                watched.run.cancel();
            }
            drop(holder);
            during
        };
        let (result, during) = tokio::join!(try_sync(&from, &to, &options, &watched.run), look);
        assert_eq!((result.is_err(), during, target.value(LIMIT).await), (is_cancelled, "0".to_owned(), "7".to_owned()));
    }
}

#[tokio::test]
async fn who_is_no_superuser_is_told_that_the_target_stays_visible() {
    let cluster = Cluster::newest();
    let loader = role(&cluster, "");
    let (source, target) = (TestDb::create(&cluster).await, TestDb::create(&cluster).await);
    source.execute("create table t as select 1 as a").await;
    cluster.admin(&format!("grant create on database {} to {}", target.name(), loader.name));
    target.execute(&format!("grant create on schema public to {}", loader.name)).await;
    let mut options = SyncOptions::default();
    (options.hide, options.no_owner) = (true, true);
    let report = must_sync(&source.url(), &loader.url(&target), &options).await;
    assert!(report.warnings.iter().any(|w| w.contains("visible")), "{:?}", report.warnings);
    assert_eq!(target.value(LIMIT).await, "-1");
}

/// A table whose name sorts before that of the one it references, one that references itself, partitions, sequences.
const RELATED: &str = "create table z_parent (id serial primary key, note text);
    create table a_child (id integer generated by default as identity primary key, parent integer not null references z_parent,
        twice integer generated always as (parent * 2) stored);
    create table by_range (id integer, at date) partition by range (at);
    create table by_range_1 partition of by_range for values from ('2020-01-01') to ('2021-01-01');
    create table by_range_2 partition of by_range for values from ('2021-01-01') to ('2022-01-01');";
const ROWS: &str = "insert into z_parent (note) select 'n' || i from generate_series(1, 1000) i;
    insert into a_child (parent) select i from generate_series(1, 1000) i;
    insert into by_range select i, '2020-01-01'::date + i from generate_series(1, 700) i;";

fn data_only() -> SyncOptions {
    let mut options = SyncOptions::default();
    (options.data_only, options.verify) = (true, Verify::Checksum);
    options
}

async fn related() -> (TestDb, TestDb) {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    source.execute(RELATED).await;
    source.execute(ROWS).await;
    target.execute(RELATED).await;
    (source, target)
}

#[tokio::test]
async fn rows_alone_go_into_tables_that_are_there() {
    let (source, target) = related().await;
    source.execute("select lo_from_bytea(4711, 'abc')").await;
    let report = must_sync(&source.url(), &target.url(), &data_only()).await;
    assert_eq!((report.proven, report.rows, report.sequences, report.large_objects), (Proven::Content, 2700, 2, 1));
    oracle::assert_same(&source.url(), &target.url());
    let failure = try_sync(&source.url(), &target.url(), &data_only(), &Run::new()).await.expect_err("the tables are filled");
    assert_eq!((failure.code(), failure.target), (ErrorCode::PreflightFailed, TargetState::Untouched), "{}", explain(&failure));
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn referenced_rows_go_first_where_foreign_keys_are_checked() {
    let (source, target) = related().await;
    let loader = role(target.cluster(), "");
    let name = &loader.name;
    let grants = format!(
        "grant create on database {} to {name}; grant all on all tables in schema public to {name};
         grant all on all sequences in schema public to {name}",
        target.name()
    );
    target.execute(&grants).await;
    let report = must_sync(&source.url(), &loader.url(&target), &data_only()).await;
    assert_eq!((report.proven, report.rows), (Proven::Content, 2700));
    assert_eq!(target.value("select max(parent)::text from a_child").await, "1000");
    target.execute(&format!("drop owned by {name}; revoke all on database {} from {name}", target.name())).await;
}

#[tokio::test]
async fn everything_that_is_wrong_with_the_tables_is_said_before_the_first_byte() {
    let (source, target) = related().await;
    target
        .execute(
            "insert into z_parent (note) values ('mine'); drop table by_range_2; alter table by_range_1 drop column if exists no;
             alter table a_child drop column parent cascade; alter table a_child add other integer;
             create function f() returns trigger language plpgsql as 'begin return null; end';
             create trigger eater before insert on by_range_1 for each row execute function f();
             alter table by_range_1 enable always trigger eater;",
        )
        .await;
    let before = oracle::contents(&target.url());
    let failure = try_sync(&source.url(), &target.url(), &data_only(), &Run::new()).await.expect_err("nothing fits");
    assert_eq!((failure.code(), failure.target), (ErrorCode::PreflightFailed, TargetState::Untouched), "{}", explain(&failure));
    for named in ["public.z_parent", "public.by_range_2", "public.a_child.parent", "eater on public.by_range_1"] {
        assert!(failure.to_string().contains(named), "{named} is not in {failure}");
    }
    assert_eq!(oracle::contents(&target.url()), before);
}

#[tokio::test]
async fn rows_are_taken_back_when_a_later_table_cannot_be_filled() {
    let (source, target) = related().await;
    target.execute("alter table a_child add constraint never check (parent < 900)").await;
    let before = (oracle::contents(&target.url()), oracle::dump_schema(&target.url()));
    let failure = try_sync(&source.url(), &target.url(), &data_only(), &Run::new()).await.expect_err("the check fails");
    assert_eq!(failure.target, TargetState::Restored, "{}", explain(&failure));
    assert_eq!((oracle::contents(&target.url()), oracle::dump_schema(&target.url())), before);
}

/// The values of both sequences of [`RELATED`].
const VALUES: &str =
    "select (select last_value from z_parent_id_seq)::text || ' ' || (select last_value from a_child_id_seq)::text";

#[tokio::test]
async fn sequences_stand_where_they_stood_when_the_last_transaction_fails() {
    let (source, target) = related().await;
    target.execute("select setval('z_parent_id_seq', 17), setval('a_child_id_seq', 18)").await;
    let first = target.client().await;
    first.batch_execute("begin; lock table z_parent in share update exclusive mode").await.expect("nobody holds it");
    let run = Run::new();
    let (from, to) = (source.url(), target.url());
    let options = data_only();
    let disturb = async {
        let marked = "select (to_regclass('pgstream_loading.ledger') is not null)::text";
        wait_until("the marker", async || target.value(marked).await == "true").await;
        let second = target.client().await;
        second.batch_execute("begin; lock table pgstream_loading.ledger in access share mode").await.expect("it is there");
        drop(first);
        let waiting = "select count(*)::text from pg_stat_activity where datname = current_database() \
            and wait_event_type = 'Lock' and query like '%DROP TABLE%'";
        wait_until("the last transaction", async || target.value(waiting).await == "1").await;
        let during = target.value(VALUES).await;
        target
            .execute("select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
            .await;
        drop(second);
        during
    };
    let (result, during) = tokio::join!(try_sync(&from, &to, &options, &run), disturb);
    let failure = result.expect_err("the last transaction was ended");
    assert_eq!(failure.target, TargetState::Restored, "{}", explain(&failure));
    assert_eq!((during.as_str(), target.value(VALUES).await.as_str()), ("1000 1000", "17 18"));
    assert_eq!(target.value("select count(*)::text from z_parent").await, "0");
}

#[tokio::test]
async fn event_triggers_of_the_target_fire_only_where_that_is_allowed() {
    let (source, target) = related().await;
    target
        .execute(
            "create table fired (what text); grant insert on fired to public;
             create function f() returns event_trigger language plpgsql as 'begin insert into public.fired values (tg_tag); end';
             create event trigger guardian on ddl_command_end execute function f()",
        )
        .await;
    let loader = role(target.cluster(), "");
    let name = &loader.name;
    target.execute("alter event trigger guardian disable").await;
    target
        .execute(&format!(
            "grant create on database {} to {name}; grant all on all tables in schema public to {name};
             grant all on all sequences in schema public to {name}",
            target.name()
        ))
        .await;
    target.execute("alter event trigger guardian enable").await;
    let fired = "select count(*)::text from fired";
    let mut options = data_only();
    let failure = try_sync(&source.url(), &loader.url(&target), &options, &Run::new()).await.expect_err("it would fire");
    assert_eq!((failure.code(), failure.target), (ErrorCode::PreflightFailed, TargetState::Untouched), "{}", explain(&failure));
    assert!(failure.to_string().contains("guardian"), "{failure}");
    must_sync(&source.url(), &target.url(), &options).await;
    assert_eq!(target.value(fired).await, "0", "a superuser switches them off");
    target.execute("truncate z_parent, a_child, by_range").await;
    options.allow_event_triggers = true;
    must_sync(&source.url(), &loader.url(&target), &options).await;
    assert_ne!(target.value(fired).await, "0", "it was let fire");
    target.execute("alter event trigger guardian disable").await;
    target.execute(&format!("drop owned by {name}; revoke all on database {} from {name}", target.name())).await;
}

/// Connections to the target, after those of the guard: the check, the one that holds the lock, the one that loads.
const LOADING: u64 = 3;

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_neither_repeated_nor_forgotten() {
    let (source, target) = related().await;
    let mut whole = None;
    // The last answers of the loading connection: to the COPY, to the line in the ledger, to the COMMIT.
    for before_end in [0_u64, 3, 6, 10, 15, 20, 28, 36, 48, 60, 90, 120] {
        target.execute("truncate z_parent, a_child, by_range").await;
        let proxy = ChaosProxy::plain(source.cluster().address()).await;
        // Without TLS each session is one connection.
        let to = format!("{}?sslmode=disable", target.url_through(proxy.address()));
        let admitted = destination(&to).await;
        let loading = proxy.stats().len() as u64 + LOADING;
        if let Some(bytes) = whole {
            let cut = Fault::End(When::Bytes(Direction::Down, bytes - before_end), End::Reset);
            proxy.set_rules(vec![Rule::new(Which::Number(loading), cut)]);
        }
        let watched = Watched::new();
        let ended = try_sync_into(&source.url(), admitted, &data_only(), &watched.run).await;
        let report = ended.unwrap_or_else(|failure| panic!("{before_end}: {}", explain(&failure)));
        assert_eq!((report.proven, report.rows, watched.began_anew()), (Proven::Content, 2700, false), "{before_end}");
        let was_cut = watched.messages().iter().any(|message| message.starts_with("loading "));
        assert_eq!(was_cut, whole.is_some(), "{before_end}: {:?}", watched.messages());
        whole = whole.or_else(|| proxy.stats().iter().find(|c| c.number == loading).map(|c| c.bytes_down));
        oracle::assert_same(&source.url(), &target.url());
    }
}
