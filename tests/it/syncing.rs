//! Runs syncs for the tests of this binary, with a limit of time: a hang is a failure like any other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::guard::{AdmitRequest, Destination, NamedDatabase, NoMemory, Profiles, admit};
use pgstream::sync::{SyncOptions, SyncReport, sync};
use pgstream::{Event, Failure, Run};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::{TestDb, unique_name};

/// No run of a test is as long as this, unless it hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A config in an environment that holds nothing.
pub(crate) fn config(url: &str) -> ConnectionConfig {
    ConnectionConfig::parse(url, &Environment::empty().with_os_user("postgres")).expect("the harness makes good URLs")
}

/// What the guard gives for a target on this machine.
pub(crate) async fn destination(url: &str) -> Destination {
    let target = NamedDatabase::unnamed(config(url));
    let profiles = Profiles::none(&Environment::empty());
    admit(AdmitRequest::new(&target, &profiles, &NoMemory)).await.expect("a loopback target is let pass")
}

/// A run whose sessions at the source can be told from those of all other tests, and what it said.
pub(crate) struct Watched {
    /// For the engine.
    pub(crate) run: Run,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Watched {
    pub(crate) fn new() -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = events.clone();
        let observer = move |event: &Event| kept.lock().expect("no holder panics").push(event.clone());
        Self { run: Run::named(unique_name(), observer), events }
    }

    /// The `application_name` of its sessions at the source.
    pub(crate) fn application(&self) -> String {
        format!("pgstream:{}", self.run.job())
    }

    /// Warnings and log lines.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.events.lock().expect("no holder panics").iter().filter_map(|e| e.message.clone()).collect()
    }

    /// Whether the whole was begun anew.
    pub(crate) fn began_anew(&self) -> bool {
        self.messages().iter().any(|m| m.contains("begun anew"))
    }

    /// Waits for an event of this kind.
    pub(crate) async fn wait_for(&self, what: &str, is_it: impl Fn(&Event) -> bool) {
        wait_until(what, async || self.events.lock().expect("no holder panics").iter().any(&is_it)).await;
    }
}

/// The sample shop, without what cannot be carried yet.
pub(crate) async fn shop(cluster: &Arc<Cluster>) -> TestDb {
    let db = TestDb::create(cluster).await.with_shop(1).await;
    db.execute("drop statistics if exists shop.orders_placed_status").await;
    db
}

/// Asks again and again, without a promise of when.
pub(crate) async fn wait_until(what: &str, is_so: impl AsyncFn() -> bool) {
    let asked = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), asked).await.is_ok(), "never came: {what}");
}

/// Runs a sync to its end.
pub(crate) async fn try_sync(from: &str, to: &str, options: &SyncOptions, run: &Run) -> Result<SyncReport, Failure> {
    let destination = destination(to).await;
    try_sync_into(from, destination, options, run).await
}

/// As [`try_sync`], for a target that was admitted before.
pub(crate) async fn try_sync_into(from: &str, to: Destination, options: &SyncOptions, run: &Run) -> Result<SyncReport, Failure> {
    let source = config(from);
    let done = tokio::time::timeout(LIMIT, sync(&source, to, options, run)).await;
    done.unwrap_or_else(|_| panic!("the sync hangs in phase {}", run.phase()))
}

/// Runs a sync that must succeed.
pub(crate) async fn must_sync(from: &str, to: &str, options: &SyncOptions) -> SyncReport {
    try_sync(from, to, options, &Run::new()).await.unwrap_or_else(|failure| panic!("{}", explain(&failure)))
}

/// A failure with its causes.
pub(crate) fn explain(failure: &Failure) -> String {
    let report = failure.to_report();
    format!("{} [{}] in {}, target {}: {:?}", failure, report.error.code, report.phase, report.target, report.error.causes)
}

/// How many user objects and markers a target has: an empty one has none.
pub(crate) const OBJECTS: &str = "select count(*)::text from (
    select oid from pg_class where relnamespace >= 16384 or relnamespace = 2200
    union all select oid from pg_namespace where oid >= 16384 and nspname !~ '^pg_'
    union all select oid from pg_proc where pronamespace >= 16384 or pronamespace = 2200
    union all select oid from pg_type where typnamespace >= 16384 or typnamespace = 2200
    union all select oid from pg_largeobject_metadata
    union all select oid from pg_extension where extname <> 'plpgsql') t";

/// Waits until a server shows no session of a database, or of an application, but the one that asks.
pub(crate) async fn wait_until_gone(cluster: &Cluster, condition: &str) {
    let question = format!("select count(*) from pg_stat_activity where pid <> pg_backend_pid() and {condition}");
    wait_until(condition, async || cluster.admin(&question)[0][0].as_deref() == Some("0")).await;
}

/// A table of 40 MB, more than what lies in buffers between two ends, and two small ones with a sequence and a foreign key.
pub(crate) const LARGE: &str = "create table large (id bigint primary key, payload text);
    alter table large alter payload set storage external;
    insert into large select i, repeat(md5(i::text), 31) from generate_series(1, 40000) i;
    create table note (note text); insert into note select 'n' || i from generate_series(1, 1000) i;
    create table part (id serial primary key, large bigint references large);
    insert into part (large) select i from generate_series(1, 1000) i;";

/// Two tables; the index on one waits for whoever holds [`hold_slow_index`] in the same database.
pub(crate) const SLOW_INDEX: &str = "create function slow(id integer) returns integer language plpgsql immutable as \
    $$ begin perform pg_catalog.pg_advisory_xact_lock_shared(4711); return id; end $$;
    create table slow as select i as id from generate_series(1, 100) i; create index slow_index on slow (slow(id));
    create table other as select i as id from generate_series(1, 10) i;";

/// Holds up the index of [`SLOW_INDEX`] in this database until it is dropped.
pub(crate) async fn hold_slow_index(target: &TestDb) -> tokio_postgres::Client {
    let client = target.client().await;
    client.batch_execute("select pg_advisory_lock(4711)").await.expect("nobody holds it");
    client
}

/// Tables of about 200 kB with keys, an index and a foreign key to the first.
pub(crate) fn many_tables(count: u32) -> String {
    let table = |i: u32| {
        format!(
            "create table t{i} (id serial primary key, other integer references t0, note text, at timestamptz);
             insert into t{i} (other, note, at) select 1 + n % 100, repeat(md5(n::text), 2 + n % 3), 'epoch'::timestamptz + n * interval '1 min'
               from generate_series(1, 2000) n;
             create index on t{i} (note);"
        )
    };
    let first = "create table t0 (id integer primary key, big text); alter table t0 alter big set storage external;
        insert into t0 select i, repeat('Zeile\\n', 5000) from generate_series(1, 100) i;
        select lo_from_bytea(0, decode(repeat('0102ff', 300000), 'hex'));";
    std::iter::once(first.to_owned()).chain((1..count).map(table)).collect()
}

/// After a failure the target is empty again, or has the marker that tells the next run.
pub(crate) async fn assert_whole_or_marked(target: &TestDb, failure: &Failure) {
    let is_marked = target.value("select count(*) from pg_namespace where nspname = 'pgstream_loading'").await == "1";
    let objects = target.value(OBJECTS).await;
    assert!(is_marked || objects == "0", "{objects} objects without a marker after: {}", explain(failure));
    if failure.target != pgstream::TargetState::Changed {
        assert_eq!(objects, "0", "the report says {}: {}", failure.target, explain(failure));
    }
}

/// The largest resident size that a finished `pgstream` had, in bytes, and that it succeeded.
///
/// The program is asked by way of a shell, since only the parent of an ended process can be told what that used.
pub(crate) async fn peak_memory(arguments: &[&str]) -> u64 {
    let program = pgstream_tests::command::binary("pgstream-cli", "pgstream");
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .env("HOME", std::env::temp_dir())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it can be started");
    let status = format!("/proc/{}/status", child.id().expect("it has not been waited for"));
    let mut peak = 0;
    let ended = loop {
        // The highest mark so far: the last look before the end is the one that counts.
        let seen = std::fs::read_to_string(&status).unwrap_or_default();
        let kilobytes = seen.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0) * 1024);
        tokio::select! {
            ended = child.wait() => break ended.expect("it can be waited for"),
            () = tokio::time::sleep(std::time::Duration::from_millis(2)) => {}
        }
    };
    let mut told = String::new();
    let mut errors = child.stderr.take().expect("piped above");
    tokio::io::AsyncReadExt::read_to_string(&mut errors, &mut told).await.expect("it wrote text");
    assert!(ended.success(), "{ended}: {told}");
    peak
}
