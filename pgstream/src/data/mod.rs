//! Rows on their way: moving a COPY from one session to another, and hashing what passes.
//!
//! Owns the words *content hash* and *pump*. Which tables are moved, and in what order, is decided above.

mod content_hash;
mod pump;
mod row_splitter;

pub use content_hash::{ContentHash, ParseContentHashError, RowHasher};
pub use pump::{Moved, pump};
pub use row_splitter::RowSplitter;
