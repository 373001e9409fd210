//! Export, import, back up and sync PostgreSQL databases natively over the wire protocol.

pub mod archive;
pub mod catalog;
pub mod connection;
pub mod ddl;
pub mod error;
pub mod export;
pub mod name;
pub mod ordering;

pub use error::{ConnectionError, Error, ErrorCode, Result, Retry, ServerError};
pub use name::QualifiedName;
