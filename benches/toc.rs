//! Reading the catalog of 1 000 tables from a throw-away server, and rendering it as a table of contents.

use criterion::{Criterion, criterion_group, criterion_main};
use pgstream::catalog::{Catalog, read};
use pgstream::connection::{Connection, ConnectionConfig, Environment};
use pgstream::export::plan::table_of_contents;
use pgstream::ordering;
use pgstream_tests::database::TestDb;

/// Tables as web applications have them: a serial key, a default, a check, a foreign key, an index and a comment.
const MANY_TABLES: &str = "
    create table groups (id integer primary key);
    do $$ begin
        for n in 1 .. 1000 loop
            execute format('create table t%s (id bigserial primary key, name text not null default %L, at timestamptz
                             , group_id integer references groups, n numeric(12, 2) check (n > 0))', n, 'x');
            execute format('create index on t%s (at, name)', n);
            execute format('comment on table t%s is %L', n, 'Table ' || n);
        end loop;
    end $$";

fn toc(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts");
    let (database, connection, relations) = runtime.block_on(prepare());
    let mut group = criterion.benchmark_group("1 000 tables");
    group.sample_size(10);
    let fetch = || runtime.block_on(read(&connection, &relations)).expect("the catalog can be read");
    group.bench_function("read the catalog", |bencher| bencher.iter(fetch));
    let catalog: Catalog = fetch();
    group.bench_function("order", |bencher| bencher.iter(|| ordering::order(&catalog)));
    let ordered = ordering::order(&catalog);
    let render = || table_of_contents(&catalog, &ordered.order, &ordered.repairs);
    group.bench_function("render the table of contents", |bencher| bencher.iter(render));
    group.finish();
    runtime.block_on(connection.close());
    // Within the runtime: dropping it asks its server.
    runtime.block_on(async { drop(database) });
}

async fn prepare() -> (TestDb, Connection, Vec<u32>) {
    let database = TestDb::new().await;
    database.execute(MANY_TABLES).await;
    let config = ConnectionConfig::parse(&database.url(), &Environment::empty()).expect("the harness gives a URL");
    let connection = Connection::open(&config).await.expect("the harness gives a server");
    let begin = "begin isolation level repeatable read, read only; set local search_path = ''; set local extra_float_digits = 3";
    connection.batch(begin).await.expect("a transaction begins");
    let oids =
        database.query_text("select oid from pg_class where relkind in ('r', 'S') and relnamespace = 'public'::regnamespace");
    let relations = oids.await.iter().map(|row| row[0].as_deref().expect("never null").parse().expect("a number")).collect();
    (database, connection, relations)
}

criterion_group!(benches, toc);
criterion_main!(benches);
