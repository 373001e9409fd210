//! Copies one database into an empty one on this machine, and shows how far it is. Ctrl-C ends it and leaves nothing behind.
//!
//! `cargo run --example sync_with_progress -- SOURCE_URL TARGET_URL`

use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::guard::{AdmitRequest, NamedDatabase, NoMemory, Profiles, admit};
use pgstream::sync::{SyncOptions, sync};
use pgstream::{Event, Run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [source, target] = <[String; 2]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "usage: sync_with_progress SOURCE_URL TARGET_URL")?;
    let environment = Environment::from_process();
    let source = NamedDatabase::unnamed(ConnectionConfig::parse(&source, &environment)?);
    let target = NamedDatabase::unnamed(ConnectionConfig::parse(&target, &environment)?);
    let profiles = Profiles::none(&environment);
    let destination = admit(AdmitRequest::new(&target, &profiles, &NoMemory).source(Some(&source))).await?;

    let run = Run::named("example", |event: &Event| {
        eprintln!("{:>5.1} % {} {} rows {}", event.percent, event.phase, event.rows, event.relations.join(", "));
    });
    let stop = run.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel().await;
        }
    });
    let report = sync(source.config(), destination, &SyncOptions::default(), &run).await?;
    println!("{} rows in {} tables, proven: {:?}", report.rows, report.tables.len(), report.proven);
    Ok(())
}
