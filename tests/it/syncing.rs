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
