//! What the options of a sync change.

use pgstream::export::{ExportOptions, export};
use pgstream::storage::Sink;
use pgstream::sync::SyncOptions;
use pgstream::{ErrorCode, Phase, Run, TargetState};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;

use crate::syncing::{OBJECTS, SLOW_INDEX, Watched, config, explain, hold_slow_index, must_sync, try_sync};

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
