//! Export, import, back up and sync PostgreSQL databases natively over the wire protocol: no `pg_dump`, no `psql`, no shell, and
//! nothing that is held in memory as a whole.
//!
//! | what | how | as a trait |
//! | --- | --- | --- |
//! | a database into a script | [`export::export`], [`export_stream`] | [`Exporter`] |
//! | a script into a database | [`import::import`] | [`Importer`] |
//! | a database into a database | [`sync::sync`] | |
//! | backups in a folder | [`backup::BackupSet`] | [`Backup`] |
//! | two databases compared | [`sync::verify::verify`] | |
//!
//! A source is read in one snapshot and never written. A [`Destination`] can be had from the [`guard`] alone, which knows
//! production and staging by name, by address and by the marks of the cluster itself, and admits neither:
//!
//! ```no_run
//! use pgstream::connection::{ConnectionConfig, Environment};
//! use pgstream::guard::{AdmitRequest, NamedDatabase, NoMemory, Profiles, admit};
//! use pgstream::sync::{SyncOptions, sync};
//! use pgstream::{Event, Run};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let nothing = Environment::empty();
//! let source = NamedDatabase::unnamed(ConnectionConfig::parse("postgres://reader@db.example.com/shop", &nothing)?);
//! let target = NamedDatabase::unnamed(ConnectionConfig::parse("postgres://me@localhost/shop", &nothing)?);
//! let destination = admit(AdmitRequest::new(&target, &Profiles::none(&nothing), &NoMemory).source(Some(&source))).await?;
//! let run = Run::named("refresh", |event: &Event| println!("{:.0} % {}", event.percent, event.phase));
//! let report = sync(source.config(), destination, &SyncOptions::default(), &run).await?;
//! println!("{} rows, proven: {:?}", report.rows, report.proven);
//! # Ok(()) }
//! ```
//!
//! * **Bytes** go through a [`Sink`] and come from a [`Source`]: a file, a standard stream, or a [`ByteStream`] of the program's own.
//! * **A [`Run`]** is how work is watched and stopped: events with counters and time left go to its [`Observer`], and
//!   [`Run::cancel`] ends it, with the server's backends.
//! * **Passwords** come with the connection, or from a [`CredentialProvider`] at every login.
//! * **A snapshot** is taken by each run, or [given](export::ExportOptions::snapshot) by another session.
//! * **An error** has a stable [code](Failure::code), a [hint](Error::hint), and an answer to [whether to try again](Error::retry);
//!   a [`Failure`] also says what the target holds now.
//!
//! Nothing is read from the environment or from files unless that was asked for ([`connection::Environment::from_process`],
//! [`guard::Profiles::from_env`]), nothing is installed (no subscriber, no provider of cryptography), and a runtime of one thread
//! will do. Features: `tls`, `zstd`, `gzip`, `lz4`, all of them on by default and none of them needed.

pub mod archive;
pub mod backup;
pub mod catalog;
pub mod connection;
pub mod data;
pub mod ddl;
pub mod error;
pub mod export;
pub mod guard;
pub mod import;
pub mod name;
pub mod operation;
pub mod ordering;
pub mod progress;
pub mod report;
pub mod script;
pub mod storage;
pub mod sync;

/// For implementations of this library's traits.
#[doc(no_inline)]
pub use async_trait::async_trait;
pub use backup::Backup;
pub use connection::CredentialProvider;
pub use error::{
    ArchiveError, BackupError, CatalogError, ConnectionError, DataError, Error, ErrorCode, GuardError, GuardRule, ImportError,
    Result, Retry, ScriptError, ServerError, StorageError,
};
pub use export::{DatabaseExporter, ExportRequest, Exporter, export_stream};
pub use guard::Destination;
pub use import::{Importer, ScriptImporter};
pub use name::QualifiedName;
pub use progress::{Ended, Event, EventType, Observer, Phase, Run};
pub use report::{Failure, Mode, Proven, TargetState, Verify};
pub use storage::{ByteStream, Sink, Source};
