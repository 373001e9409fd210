//! `embed SOURCE_URL TARGET_URL`: an export that is counted, then a copy. No subscriber, no provider of cryptography, one thread.

use futures_util::StreamExt;
use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::guard::{AdmitRequest, NamedDatabase, NoMemory, Profiles, admit};
use pgstream::sync::{SyncOptions, sync};
use pgstream::{ExportRequest, Run, export_stream};

async fn run(source: &str, target: &str) -> Result<(), Box<dyn std::error::Error>> {
    let nothing = Environment::empty();
    let source = NamedDatabase::unnamed(ConnectionConfig::parse(source, &nothing)?);
    let target = NamedDatabase::unnamed(ConnectionConfig::parse(target, &nothing)?);
    let (mut script, handle) = export_stream(ExportRequest::new(source.config().clone()), Run::new());
    let mut bytes = 0;
    while let Some(block) = script.next().await {
        bytes += block?.len();
    }
    let exported = handle.wait().await?;
    let profiles = Profiles::none(&nothing);
    let destination = admit(AdmitRequest::new(&target, &profiles, &NoMemory).source(Some(&source))).await?;
    let copied = sync(source.config(), destination, &SyncOptions::default(), &Run::new()).await?;
    println!("{} rows exported, {} copied, script of {} bytes: {}", exported.rows, copied.rows, bytes, bytes > 1000);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&words[0], &words[1]))
}
