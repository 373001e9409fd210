//! From a live database to a live database, with nothing in between.

mod options;

pub use options::{Mode, Parts, SyncOptions};
