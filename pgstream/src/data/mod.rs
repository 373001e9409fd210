//! Rows on their way: reading a table in a snapshot, hashing what passes, and handing it to whoever wants it.
//!
//! Words: a *sink* takes the rows of one table; a *content hash* is what a table holds as one number. Which tables are moved,
//! and in what order, is decided above.

mod content_hash;
mod copy_sql;
mod large_object;
mod read_query;
mod read_table;
mod read_values;
mod sequence_value;
mod sink;
mod stream_hasher;

pub(crate) use content_hash::{ContentHash, RowHasher};
pub(crate) use copy_sql::{CopyFormat, QueryColumn, copy_from_stdin, copy_query_to_stdout, copy_to_stdout};
pub(crate) use large_object::{LargeObjectContent, LargeObjectHasher, hash_large_objects, read_large_object_lengths};
pub(crate) use read_query::hash_copy;
pub(crate) use read_table::TableReader;
pub(crate) use read_values::ValueReader;
pub(crate) use sequence_value::{SequenceValue, read_directions, read_sequence_values};
pub(crate) use sink::{CopyInSink, NullSink, RowSink, SinkError};
pub(crate) use stream_hasher::StreamHasher;
