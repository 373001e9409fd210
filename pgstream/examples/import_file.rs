//! Loads a script of pg_dump's or pgstream's, compressed or not, into an empty database on this machine.
//!
//! `cargo run --example import_file -- FILE TARGET_URL`

use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::guard::{AdmitRequest, NamedDatabase, NoMemory, Profiles, admit};
use pgstream::{Importer, Run, ScriptImporter, Source};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [file, target] = <[String; 2]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "usage: import_file FILE TARGET_URL")?;
    let environment = Environment::from_process();
    let target = NamedDatabase::unnamed(ConnectionConfig::parse(&target, &environment)?);
    let profiles = Profiles::none(&environment);
    let destination = admit(AdmitRequest::new(&target, &profiles, &NoMemory)).await?;

    let importer: &dyn Importer = &ScriptImporter::default();
    match importer.import(Source::parse(&file), destination, &Run::new()).await {
        Ok(report) => println!("{} rows in {} tables", report.rows, report.tables.len()),
        Err(failure) => {
            // All of it was one transaction, unless a statement forbade that.
            eprintln!("{failure}; the target is {}\n{}", failure.target, failure.error.hint());
            std::process::exit(1);
        }
    }
    Ok(())
}
