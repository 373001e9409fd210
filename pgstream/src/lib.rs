//! Export, import, back up and sync PostgreSQL databases natively over the wire protocol.

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

pub use error::{
    ArchiveError, BackupError, CatalogError, ConnectionError, DataError, Error, ErrorCode, GuardError, GuardRule, ImportError,
    Result, Retry, ScriptError, ServerError, StorageError,
};
pub use name::QualifiedName;
pub use progress::{Event, EventType, Observer, Phase, Run};
pub use report::{Failure, Mode, Proven, TargetState, Verify};
