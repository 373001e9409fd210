//! Export, import, back up and sync PostgreSQL databases natively over the wire protocol.

pub mod connection;
pub mod data;
pub mod error;
pub mod name;

pub use error::{ConnectionError, DataError, Error, ErrorCode, Result, Retry, ServerError};
pub use name::QualifiedName;
