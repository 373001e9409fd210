//! From a live database to an archive.

pub mod plan;
