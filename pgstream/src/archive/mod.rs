//! Archives: a table of contents and one stream of data per entry that has data.
//!
//! This is the hub of pgstream: a live database, a plain script, a custom file and a directory are each a source or a sink
//! of the same thing.
//!
//! [`OutputOptions::select`] decides what is written; an [`ArchiveWriter`] writes it and decides nothing; a [`Manifest`]
//! closes it.

mod compression;
mod decoder;
#[cfg(any(feature = "gzip", feature = "zstd", feature = "lz4"))]
mod encoder;
mod if_exists;
#[cfg(feature = "lz4")]
mod lz4;
mod manifest;
mod options;
mod plain;
#[cfg(test)]
mod test_entry;
mod toc;
mod writer;

pub use compression::{Compression, CompressionMethod, Format};
pub use decoder::{Decoder, decoder, detecting_decoder};
pub use manifest::{
    LargeObjectsManifest, MANIFEST_FORMAT, Manifest, PlainTail, ScriptHash, SourceIdentity, TEXT_DOMAIN, TableManifest,
};
pub use options::OutputOptions;
pub use plain::{PlainWriter, RestrictKey, is_own_script};
pub use toc::{CopyTarget, DumpId, EntryData, Pass, Toc, TocEntry};
pub use writer::{ArchiveHeader, ArchiveWriter, FinishedArchive, SequencePosition};
