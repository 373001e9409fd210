//! Makes a backup, verifies all backups in the folder, and loads the newest into an empty database on this machine.
//!
//! `cargo run --example backup_and_restore -- SOURCE_URL FOLDER TARGET_URL`

use pgstream::Run;
use pgstream::backup::{Backup, BackupSet, CreateOptions, Level, PruneOptions, RestoreOptions, Which};
use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::guard::{AdmitRequest, NamedDatabase, NoMemory, Profiles, admit};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [source, folder, target] = <[String; 3]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "usage: backup_and_restore SOURCE_URL FOLDER TARGET_URL")?;
    let environment = Environment::from_process();
    let source = ConnectionConfig::parse(&source, &environment)?;
    let target = NamedDatabase::unnamed(ConnectionConfig::parse(&target, &environment)?);
    let (backups, run) = (BackupSet::in_directory(folder), Run::new());

    let made = backups.create(&source, &CreateOptions::default().label("why", "example"), &run).await?;
    let verified = backups.verify(&Which::All, Level::Contents, &run).await?;
    println!("made {}; {} backups verified", made.id, verified.backups.len());

    let profiles = Profiles::none(&environment);
    let destination = admit(AdmitRequest::new(&target, &profiles, &NoMemory)).await?;
    let restored = backups.restore("latest", destination, &RestoreOptions::default(), &run).await?;
    println!("restored {} rows", restored.report.rows);
    backups.prune(&PruneOptions::keep_last(7), &run).await?;
    Ok(())
}
