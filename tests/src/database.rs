//! A database for one test.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::Client;

use crate::cluster::Cluster;
use crate::sql::{self, Rows, describe, identifier, literal};

/// A database with a name of its own, dropped when this value is dropped, also when the test panics.
#[derive(Debug)]
pub struct TestDb {
    cluster: Arc<Cluster>,
    name: String,
}

impl TestDb {
    /// Creates an empty UTF8 database.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn create(cluster: &Arc<Cluster>) -> Self {
        Self::create_with(cluster, "encoding 'UTF8'").await
    }

    /// Creates an empty database on the shared cluster of the newest major version.
    ///
    /// # Panics
    /// If no server can be had.
    pub async fn new() -> Self {
        Self::create(&Cluster::newest()).await
    }

    /// Creates a database with other options of `CREATE DATABASE` (`encoding 'LATIN1' locale 'C'` and the like).
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn create_with(cluster: &Arc<Cluster>, options: &str) -> Self {
        let db = Self { cluster: cluster.clone(), name: unique_name() };
        let create = format!("create database {} template template0 {options}", identifier(&db.name));
        let admin = connect(&cluster.url("postgres")).await;
        admin.batch_execute(&create).await.unwrap_or_else(|e| panic!("{create}: {}", describe(&e)));
        db
    }

    /// Loads `tests/fixtures/<name>.sql`.
    ///
    /// # Panics
    /// If there is no such fixture, or a statement in it fails.
    pub async fn with_fixture(self, name: &str) -> Self {
        self.execute(&fixture(name)).await;
        self
    }

    /// Loads the web shop. Scale 1 has 1 000 customers and about 30 000 rows in all; it grows in proportion.
    ///
    /// # Panics
    /// If a statement fails.
    pub async fn with_shop(self, scale: u32) -> Self {
        self.execute(&format!("set shop.scale = '{scale}';\n{}", fixture("sample/shop"))).await;
        self
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster that it is in.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// The superuser's URL.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// The superuser's URL through another address, such as a proxy's.
    pub fn url_through(&self, address: &str) -> String {
        self.cluster.url_through(address, &self.name)
    }

    /// A new connection.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await
    }

    /// Runs statements, in one transaction unless they say otherwise.
    ///
    /// # Panics
    /// With the server's error.
    pub async fn execute(&self, sql: &str) {
        if let Err(error) = self.client().await.batch_execute(sql).await {
            let start: String = sql.chars().take(300).collect();
            let detail = error.as_db_error().map(|e| format!("{e:?}")).unwrap_or_default();
            panic!("{}\n{detail}\nin: {start}", describe(&error));
        }
    }

    /// The rows of a query, every value as the server's text.
    ///
    /// # Panics
    /// With the server's error.
    pub async fn query_text(&self, sql: &str) -> Rows {
        let client = self.client().await;
        sql::query_text(&client, sql).await.unwrap_or_else(|e| panic!("{sql}: {}", describe(&e)))
    }

    /// The one value of a query that gives one row of one column, not NULL.
    ///
    /// # Panics
    /// If it gives something else.
    pub async fn value(&self, sql: &str) -> String {
        match self.query_text(sql).await.as_slice() {
            [row] if row.len() == 1 => row[0].clone().unwrap_or_else(|| panic!("{sql}: NULL")),
            rows => panic!("{sql}: one value was expected: {rows:?}"),
        }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let slots = format!(
            "select pg_catalog.pg_drop_replication_slot(slot_name) from pg_catalog.pg_replication_slots \
              where database = {} and not active",
            literal(&self.name)
        );
        let drop = format!("drop database if exists {} with (force)", identifier(&self.name));
        for statement in [slots, drop] {
            // DROP DATABASE waits until every session of the server has looked up, also one that waits for a test which failed
            // and is here now.
            let url = format!("{}?options=-c%20statement_timeout%3D20s", self.cluster.url("postgres"));
            if let Err(problem) = sql::run_blocking(&url, &statement) {
                // A test may have stopped its server; whoever reads a red test wants the test's own words first.
                eprintln!("could not clean up {}: {problem}", self.name);
                return;
            }
        }
    }
}

/// The text of `tests/fixtures/<name>.sql`.
///
/// # Panics
/// If there is no such file.
pub fn fixture(name: &str) -> String {
    let path = fixtures().join(format!("{name}.sql"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The folder `tests/fixtures`.
pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A database or role name that no other test, and no other run on a given server, has.
pub fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("the system has random bytes");
    format!("pgstream_test_{:08x}_{}", u32::from_ne_bytes(random), COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn connect(url: &str) -> Client {
    sql::connect(url).await.unwrap_or_else(|e| panic!("could not connect: {}", describe(&e)))
}
