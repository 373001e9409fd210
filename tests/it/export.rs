//! Exports: what psql makes of them is what was exported.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use pgstream::archive::OutputOptions;
use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::error::ErrorCode;
use pgstream::export::{ExportOptions, ExportReport, export, export_stream, inspect};
use pgstream::storage::Sink;
use pgstream::{Failure, Proven, Run, TargetState};
use pgstream_tests::chaos::{ChaosProxy, End};
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::{TestDb, fixtures};
use pgstream_tests::oracle;

fn config(url: &str) -> ConnectionConfig {
    ConnectionConfig::parse(url, &Environment::empty()).expect("the harness gives a good URL")
}

/// The same key each time, so that scripts can be compared.
fn options() -> ExportOptions {
    let mut options = ExportOptions::default();
    options.restrict_key = Some("key".into());
    options
}

async fn export_to(url: &str, file: &Path, options: &ExportOptions) -> Result<ExportReport, Failure> {
    export(&config(url), Sink::Path(file.to_owned()), options, &Run::new()).await
}

/// The script without its manifest, which holds a time.
fn script_of(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("the export wrote a file");
    let end = text.find("-- pgstream manifest: ").expect("the export wrote a manifest");
    text[..end].to_owned()
}

/// Exports a database, loads the script with psql into an empty one, and lets the oracle compare them.
async fn round_trip(db: &TestDb) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    let report = export_to(&db.url(), &file, &options()).await.map_err(|e| format!("{:?}", e.to_report()))?;
    assert_eq!((report.proven, report.target), (Proven::Rows, TargetState::Replaced));
    let copy = TestDb::create(db.cluster()).await;
    oracle::psql_load(&copy.url(), &file)?;
    let mut differences = oracle::same_schema(&db.url(), &copy.url()).err().unwrap_or_default();
    differences.extend(oracle::contents(&db.url()).differences(&oracle::contents(&copy.url())));
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}

/// The fixtures of object kinds, each with those of its `.sinceNN` parts that a major knows.
fn object_fixtures() -> Vec<String> {
    let folder = fixtures().join("objects");
    let names = std::fs::read_dir(folder).expect("there are fixtures").map(|entry| entry.expect("it can be read").path());
    let names = names.map(|path: PathBuf| path.file_stem().expect("a file has a name").to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.contains(".since")).collect();
    names.sort();
    names
}

async fn with_object_fixture(cluster: &Arc<Cluster>, name: &str) -> TestDb {
    let mut db = TestDb::create(cluster).await.with_fixture(&format!("objects/{name}")).await;
    for since in 14..=cluster.major() {
        let part = format!("objects/{name}.since{since}");
        if fixtures().join(format!("{part}.sql")).exists() {
            db = db.with_fixture(&part).await;
        }
    }
    db
}

/// The web shop without its extended statistics, a kind that is refused.
async fn shop(cluster: &Arc<Cluster>) -> TestDb {
    let db = TestDb::create(cluster).await.with_shop(1).await;
    db.execute("drop statistics shop.orders_placed_status").await;
    db
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_comes_back_from_its_script_on_every_major() {
    for cluster in Cluster::all() {
        let db = shop(&cluster).await;
        assert_eq!(round_trip(&db).await, Ok(()), "{}", cluster.major());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_fixture_comes_back_from_its_script_on_every_major() {
    let mut problems = Vec::new();
    for cluster in Cluster::all() {
        for name in object_fixtures() {
            eprintln!("{name} on {}", cluster.major());
            if let Err(problem) = round_trip(&with_object_fixture(&cluster, &name).await).await {
                problems.push(format!("{name} on {}: {problem}", cluster.major()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}
