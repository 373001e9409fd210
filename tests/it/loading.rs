//! How a target is filled: in which steps, through which tables, and what of it is compared.

use pgstream::sync::{SyncOptions, SyncReport};
use pgstream::{Failure, Proven, Verify};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;
use tokio::task::JoinHandle;

use crate::sync::carried_by_pg_dump;
use crate::syncing::{OBJECTS, SLOW_INDEX, Watched, explain, hold_slow_index, must_sync, try_sync, wait_until};

fn with_jobs(jobs: u32, verify: Verify) -> SyncOptions {
    let mut options = SyncOptions::default();
    options.jobs = jobs;
    options.verify = verify;
    options
}

/// A sync that does not come to its end before it is let: an index waits for whoever holds a lock.
struct HeldUp {
    source: TestDb,
    target: TestDb,
    watched: Watched,
    running: JoinHandle<Result<SyncReport, Failure>>,
    held: tokio_postgres::Client,
}

impl HeldUp {
    /// Starts it with one worker at the index and one for the rest.
    async fn start(source_sql: &str, verify: Verify) -> Self {
        let source = TestDb::new().await;
        source.execute(SLOW_INDEX).await;
        source.execute(source_sql).await;
        let target = TestDb::new().await;
        let held = hold_slow_index(&target).await;
        let watched = Watched::new();
        let (from, to, run) = (source.url(), target.url(), watched.run.clone());
        let running = tokio::spawn(async move { try_sync(&from, &to, &with_jobs(2, verify), &run).await });
        Self { source, target, watched, running, held }
    }

    /// Waits until the target answers `t`.
    async fn wait_for(&self, question: &str) {
        // The question may name what is not there yet.
        let client = self.target.client().await;
        wait_until(question, async || client.query_one(question, &[]).await.is_ok_and(|row| row.get(0))).await;
    }

    async fn end(self) -> (TestDb, TestDb, Result<SyncReport, Failure>) {
        drop(self.held);
        let ended = self.running.await.expect("no panic");
        (self.source, self.target, ended)
    }
}

/// The key's index is there, and the key is not.
const HALF_A_KEY: &str = "select exists (select from pg_index where indexrelid = to_regclass('slow_key') and indisvalid)
    and not exists (select from pg_constraint where conname = 'slow_key')";

const KEYED: &str = "alter table slow add constraint slow_key primary key (id)";

#[tokio::test]
async fn a_key_is_built_beside_the_other_indexes_of_its_table() {
    let held_up = HeldUp::start(KEYED, Verify::Rows).await;
    held_up.wait_for(HALF_A_KEY).await;
    let (source, target, ended) = held_up.end().await;
    ended.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn half_a_key_is_taken_back() {
    let held_up = HeldUp::start(KEYED, Verify::Rows).await;
    held_up.wait_for(HALF_A_KEY).await;
    held_up.watched.run.cancel();
    let (_, target, ended) = held_up.end().await;
    let failure = ended.expect_err("it was cancelled");
    assert_eq!(target.value(OBJECTS).await, "0", "{}", explain(&failure));
}

/// Every column of the catalogs about keys and their indexes, oids aside.
const KEYS: &str = "
    select c.relname, (to_jsonb(i) - '{indexrelid,indrelid,indclass,indcollation,indcheckxmin}'::text[])::text,
           (select array_agg(o.opcname::text order by n) from unnest(i.indclass) with ordinality as used(oid, n)
              join pg_opclass o on o.oid = used.oid)::text,
           c.reloptions::text, c.reltablespace::text, c.relpersistence::text, obj_description(c.oid, 'pg_class'),
           (to_jsonb(con) - '{oid,connamespace,conrelid,conindid,conparentid}'::text[])::text,
           obj_description(con.oid, 'pg_constraint'),
           (select array_agg((a.attname, a.attnotnull, a.attstattarget)::text order by a.attrelid = c.oid, a.attnum)
              from pg_attribute a where a.attrelid in (c.oid, i.indrelid) and a.attnum > 0)::text,
           (select array_agg((d.classid, d.objsubid, d.refclassid, d.refobjsubid, d.deptype)::text
                      order by d.classid, d.objsubid, d.refclassid, d.refobjsubid, d.deptype)
              from pg_depend d where con.oid in (d.objid, d.refobjid) or c.oid in (d.objid, d.refobjid))::text,
           (select array_agg((g.tgtype, g.tgenabled, g.tgisinternal, g.tgdeferrable, g.tginitdeferred)::text order by g.tgtype)
              from pg_trigger g where g.tgconstraint = con.oid)::text
      from pg_constraint con
      join pg_class c on c.oid = con.conindid
      join pg_index i on i.indexrelid = c.oid
     where con.contype in ('p', 'u', 'x') and con.connamespace >= 2200
     order by 1, con.conrelid::regclass::text";

/// Keys of every sort that takes over an index, and some that do not.
const SORTS_OF_KEYS: &str = r#"
    create table plain (id integer primary key, note text unique);
    create table "Odd ""name""" ("ID x" integer not null, note text collate "C",
        constraint "The Key" primary key ("ID x") include (note) with (fillfactor = 70));
    alter table "Odd ""name""" cluster on "The Key";
    create table deferred (a integer unique deferrable, b integer unique deferrable initially deferred, c integer,
        constraint both_columns unique (b, c) with (deduplicate_items = off));
    create table identified (a integer not null, b integer not null, constraint identifying unique (b, a));
    alter table identified replica identity using index identifying;
    create unlogged table unlogged (id integer primary key);
    create table parent (id integer primary key);
    create table child (primary key (id)) inherits (parent);
    create type pair as (a integer, b text);
    create table typed of pair (primary key (b));
    create table ranges (r int4range primary key, during tsrange, exclude using gist (during with &&));
    create table tree (id integer primary key, note text) partition by range (id);
    create table tree_1 partition of tree for values from (0) to (10);
    create table tree_2 (note text, id integer constraint own_key primary key);
    alter table tree attach partition tree_2 for values from (10) to (20);
    comment on constraint plain_pkey on plain is 'a key';
    comment on index plain_pkey is 'and its index';
    insert into plain select i, 'n' || i from generate_series(1, 100) i;
    insert into tree select i from generate_series(0, 19) i;"#;

#[tokio::test]
async fn a_key_that_took_over_an_index_is_as_any_other() {
    for cluster in Cluster::all() {
        let source = TestDb::create(&cluster).await;
        source.execute(SORTS_OF_KEYS).await;
        if cluster.major() >= 15 {
            source.execute("create table nulls (a integer, b integer, unique nulls not distinct (a) include (b))").await;
        }
        if cluster.major() >= 18 {
            source.execute("create table over_time (id int4range, at daterange, primary key (id, at without overlaps))").await;
        }
        let target = TestDb::create(&cluster).await;
        must_sync(&source.url(), &target.url(), &with_jobs(2, Verify::Rows)).await;
        let (expected, found) =
            (carried_by_pg_dump(&source, &cluster).await.query_text(KEYS).await, target.query_text(KEYS).await);
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(found, expected, "{}", cluster.major());
        }
        assert_eq!(found.len(), expected.len(), "{}", cluster.major());
        oracle::assert_same(&source.url(), &target.url());
    }
}

/// Partitions by hashes of what has other oids in every database, each beside one that is loaded by itself.
fn hashed_by_oids() -> String {
    let labels: Vec<String> = (1..=40).map(|i| format!("'m{i}'")).collect();
    let tables: String = (1..=40).map(|i| format!("create table named_{i} ();")).collect();
    let branch = |number: u32, name: &str, key: &str| {
        format!(
            "create table tree_{name} partition of tree for values in ({number}) partition by hash ({key});
             create table tree_{name}_0 partition of tree_{name} for values with (modulus 2, remainder 0) partition by list (kind);
             create table tree_{name}_0_all partition of tree_{name}_0 default;
             create table tree_{name}_1 partition of tree_{name} for values with (modulus 2, remainder 1);"
        )
    };
    format!(
        "create type mood as enum ({}); {tables}
         create domain moods as mood[];
         create table tree (kind integer, mood mood, moods moods, name regclass) partition by list (kind);
         create table tree_plain partition of tree for values in (0);
         create table tree_rest partition of tree default;
         {} {} {}
         insert into tree select k, ('m' || i)::mood, array[('m' || i)::mood], ('named_' || i)::regclass
           from generate_series(0, 9) k, generate_series(1, 40) i;",
        labels.join(", "),
        branch(1, "enum", "mood"),
        branch(2, "array", "moods"),
        branch(3, "name", "name"),
    )
}

/// How many rows each branch of the tree has, and whose they are.
const BRANCHES: &str = "select kind, count(*), sum(hashtext(mood::text || name::text)::bigint) from tree group by 1 order by 1";

#[tokio::test]
async fn partitions_by_a_hash_of_oids_are_filled_without_a_loss_to_their_neighbours() {
    for cluster in Cluster::all() {
        let source = TestDb::create(&cluster).await;
        source.execute(&hashed_by_oids()).await;
        let expected = source.query_text(BRANCHES).await;
        for jobs in [1, 3] {
            let target = TestDb::create(&cluster).await;
            let report = must_sync(&source.url(), &target.url(), &with_jobs(jobs, Verify::Checksum)).await;
            assert_eq!((report.proven, report.rows), (Proven::Content, 400));
            assert_eq!(target.query_text(BRANCHES).await, expected, "{} with {jobs} jobs", cluster.major());
        }
        let target = TestDb::create(&cluster).await;
        let mut options = with_jobs(2, Verify::Checksum);
        options.schema_only = true;
        must_sync(&source.url(), &target.url(), &options).await;
        (options.schema_only, options.data_only) = (false, true);
        must_sync(&source.url(), &target.url(), &options).await;
        assert_eq!(target.query_text(BRANCHES).await, expected, "{} rows alone", cluster.major());
    }
}

const LARGE_OBJECTS: &str = "select lo_create(50000); select lo_from_bytea(50001, 'small');
    select lo_from_bytea(50002, decode(repeat('0102ff', 300000), 'hex'));";

const ARE_COPIED: &str = "select exists (select from pgstream_loading.ledger where object = 'the bytes of 3 large objects')";

/// What a run says of a target whose large objects somebody changed before they were compared.
async fn damaged(verify: Verify, change: &str) -> String {
    let held_up = HeldUp::start(LARGE_OBJECTS, verify).await;
    held_up.wait_for(ARE_COPIED).await;
    held_up.target.execute(change).await;
    let (_, target, ended) = held_up.end().await;
    let failure = ended.err().unwrap_or_else(|| panic!("{change}: the run was content"));
    assert_eq!(
        (target.value(OBJECTS).await.as_str(), failure.to_report().error.code.to_string().as_str()),
        ("0", "verification_failed")
    );
    failure.to_string()
}

#[tokio::test]
async fn a_large_object_that_was_damaged_is_found() {
    let longer = damaged(Verify::Rows, "select lo_put(50000, 0, 'x')").await;
    assert_eq!(longer, "verification failed: large object 50000 has 1 bytes in the target and 0 bytes in the source");
    let missing = damaged(Verify::Rows, "select lo_unlink(50001)").await;
    assert_eq!(missing, "verification failed: large object 50001 has nothing in the target and 5 bytes in the source");
    let other = damaged(Verify::Checksum, "select lo_put(50002, 800000, 'x')").await;
    assert!(other.starts_with("verification failed: large object 50002 has 900000 bytes with hash "), "{other}");
}

#[tokio::test]
async fn twenty_thousand_large_objects_are_copied_in_bounded_time() {
    let source = TestDb::new().await;
    source
        .execute(
            "do $$ begin for i in 1..20000 loop
                 perform lo_from_bytea((60000 + i)::oid, convert_to(repeat(i::text, i % 400), 'UTF8'));
                 execute format('alter large object %s owner to fixture_owner', 60000 + i);
                 if i % 1000 = 0 then commit; end if;
             end loop; end $$",
        )
        .await;
    let target = TestDb::new().await;
    let report = must_sync(&source.url(), &target.url(), &with_jobs(2, Verify::Rows)).await;
    assert_eq!((report.proven, report.large_objects), (Proven::Rows, 20_000));
    let sum =
        "select count(*), md5(string_agg(md5(lo_get(oid)) || lomowner::regrole, ',' order by oid)) from pg_largeobject_metadata";
    assert_eq!(target.query_text(sum).await, source.query_text(sum).await);
}
