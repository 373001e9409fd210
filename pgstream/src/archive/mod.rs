//! Archives: a table of contents and one stream of data per entry that has data.
//!
//! This is the hub of pgstream: a live database, a plain script, a custom file and a directory are each a source or a sink
//! of the same thing.

mod toc;

pub use toc::{CopyTarget, DumpId, EntryData, Pass, Toc, TocEntry};
