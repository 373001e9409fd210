//! Sync one database into an empty one on this machine, with progress.
//!
//! `cargo run --example sync_once -- SOURCE_URL TARGET_URL [JOBS]`
use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::guard::{AdmitRequest, NamedDatabase, NoMemory, Profiles, admit};
use pgstream::sync::{SyncOptions, sync};
use pgstream::{Event, Run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let environment = Environment::from_process();
    let source = NamedDatabase::unnamed(ConnectionConfig::parse(&words[0], &environment)?);
    let target = NamedDatabase::unnamed(ConnectionConfig::parse(&words[1], &environment)?);
    let profiles = Profiles::none(&environment);
    let destination = admit(AdmitRequest::new(&target, &profiles, &NoMemory).source(Some(&source))).await?;

    let run = Run::named("example", |event: &Event| {
        eprintln!("{:>5.1}% {} {:?} {} rows {:?}", event.percent, event.phase, event.relations, event.rows, event.message);
    });
    let mut options = SyncOptions::default();
    if let Some(jobs) = words.get(2) {
        options.jobs = jobs.parse()?;
    }
    if words.get(3).is_some() {
        options.skip_unsupported = true;
    }
    let report = sync(source.config(), destination, &options, &run).await?;
    println!("{} rows in {} tables, proven: {:?}, {:.2} s", report.rows, report.tables.len(), report.proven, report.seconds);
    Ok(())
}
