//! Writes a plain script.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use crate::archive::manifest::{MANIFEST_FORMAT, Manifest, ScriptHash};
use crate::archive::toc::{DumpId, EntryData, Toc, TocEntry};
use crate::archive::writer::{ArchiveHeader, ArchiveWriter, FinishedArchive, SequencePosition};
use crate::error::{ArchiveError, StorageError};
use crate::storage::OutputQueue;

use super::restrict::RestrictKey;
use super::text;

/// Bytes of a large object in one statement, as in pg_dump's scripts.
const LARGE_OBJECT_PIECE: usize = 16 * 1024;

/// Writes an archive as a script for psql. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct PlainWriter {
    out: Script,
    key: RestrictKey,
    position: Position,
    /// Entries that were promised and not written yet, with their tags.
    missing: BTreeMap<DumpId, String>,
    /// `default_tablespace` and `default_table_access_method` as the script has set them so far.
    tablespace: Option<String>,
    access_method: Option<String>,
}

/// The output with what is known of the text so far.
struct Script {
    queue: OutputQueue,
    bytes: u64,
    hash: Xxh3,
}

/// What the script is in the middle of.
#[derive(Debug, PartialEq, Eq)]
enum Position {
    Unbegun,
    BetweenEntries,
    Rows {
        table: String,
        is_row_end: bool,
    },
    LargeObject,
    /// Behind a large object whose transaction is still open, so that the next one can share it.
    BehindLargeObject,
}

impl Position {
    fn describe(&self) -> &'static str {
        match self {
            Self::Unbegun => "before its beginning",
            Self::BetweenEntries => "between two entries",
            Self::Rows { .. } => "within the rows of a table",
            Self::LargeObject => "within a large object",
            Self::BehindLargeObject => "behind a large object",
        }
    }
}

impl PlainWriter {
    /// Writes into `out`, with this key around everything that psql executes.
    pub fn new(out: OutputQueue, key: RestrictKey) -> Self {
        Self {
            out: Script { queue: out, bytes: 0, hash: Xxh3::new() },
            key,
            position: Position::Unbegun,
            missing: BTreeMap::new(),
            tablespace: None,
            access_method: None,
        }
    }

    /// Makes sure that an entry may begin here, and that it was promised and not written yet.
    async fn begin_entry(&mut self, part: &'static str, entry: &TocEntry) -> Result<(), ArchiveError> {
        if self.position == Position::BehindLargeObject {
            self.out.text(text::LARGE_OBJECTS_END).await?;
            self.position = Position::BetweenEntries;
        }
        self.promised(part, entry)
    }

    fn promised(&mut self, part: &'static str, entry: &TocEntry) -> Result<(), ArchiveError> {
        if !matches!(self.position, Position::BetweenEntries | Position::BehindLargeObject) {
            return Err(self.out_of_order(part));
        }
        match self.missing.remove(&entry.id) {
            Some(_) => Ok(()),
            None => Err(ArchiveError::Order { part, state: "that has no such entry, or has it already" }),
        }
    }

    fn out_of_order(&self, part: &'static str) -> ArchiveError {
        ArchiveError::Order { part, state: self.position.describe() }
    }

    /// The settings that `CREATE` depends on, if they have to change.
    fn defaults(&mut self, entry: &TocEntry) -> String {
        let mut sql = String::new();
        if entry.tablespace.is_some() && entry.tablespace != self.tablespace {
            self.tablespace.clone_from(&entry.tablespace);
            sql.push_str(&text::default_tablespace(entry.tablespace.as_deref().unwrap_or_default()));
        }
        if let Some(name) = &entry.access_method
            && entry.access_method != self.access_method
        {
            self.access_method.clone_from(&entry.access_method);
            sql.push_str(&text::default_access_method(name));
        }
        sql
    }

    async fn write_end(&mut self) -> Result<(), ArchiveError> {
        if self.position == Position::BehindLargeObject {
            self.out.text(text::LARGE_OBJECTS_END).await?;
            self.position = Position::BetweenEntries;
        }
        if self.position != Position::BetweenEntries {
            return Err(self.out_of_order("the end"));
        }
        if let Some(example) = self.missing.values().next() {
            let example = text::one_line(example);
            return Err(ArchiveError::EntriesMissing { count: self.missing.len(), example });
        }
        self.out.text(&text::end(&self.key)).await
    }
}

impl Script {
    async fn text(&mut self, text: &str) -> Result<(), ArchiveError> {
        self.count(text.as_bytes());
        Ok(self.queue.write_text(text).await?)
    }

    async fn bytes(&mut self, bytes: Bytes) -> Result<(), ArchiveError> {
        self.count(&bytes);
        Ok(self.queue.write(bytes).await?)
    }

    fn count(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    fn script_hash(&self) -> ScriptHash {
        ScriptHash { bytes: self.bytes, xxh3: format!("{:032x}", self.hash.digest128()) }
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[async_trait]
impl ArchiveWriter for PlainWriter {
    async fn begin(&mut self, header: &ArchiveHeader, toc: &Toc) -> Result<(), ArchiveError> {
        if self.position != Position::Unbegun {
            return Err(self.out_of_order("the beginning"));
        }
        self.missing = toc.entries.iter().map(|e| (e.id, e.tag.clone())).collect();
        self.out.text(&text::head(header, &self.key)).await?;
        for entry in toc.entries.iter().rev().filter(|e| !e.drop.is_empty()) {
            self.out.text(&entry.drop).await?;
        }
        self.position = Position::BetweenEntries;
        Ok(())
    }

    async fn entry(&mut self, entry: &TocEntry) -> Result<(), ArchiveError> {
        self.begin_entry("an entry", entry).await?;
        if entry.data.is_some() {
            return Err(ArchiveError::Order { part: "an entry with data", state: "without its data" });
        }
        let mut sql = self.defaults(entry);
        sql.push_str(&text::title("", entry));
        if !entry.create.is_empty() {
            sql.push_str(&entry.create);
            sql.push_str("\n\n");
        }
        if !entry.set_owner.is_empty() {
            sql.push_str(&entry.set_owner);
            sql.push('\n');
        }
        self.out.text(&sql).await
    }

    async fn begin_rows(&mut self, entry: &TocEntry) -> Result<(), ArchiveError> {
        self.begin_entry("rows", entry).await?;
        let Some(EntryData::Table { target, source }) = &entry.data else {
            return Err(ArchiveError::Order { part: "rows", state: "for an entry that has none" });
        };
        self.out.text(&text::title("Data for ", entry)).await?;
        self.out.text(&text::copy(target)).await?;
        self.position = Position::Rows { table: source.name.to_string(), is_row_end: true };
        Ok(())
    }

    async fn rows(&mut self, chunk: Bytes) -> Result<(), ArchiveError> {
        let Position::Rows { is_row_end, .. } = &mut self.position else { return Err(self.out_of_order("rows")) };
        if let Some(last) = chunk.last() {
            *is_row_end = *last == b'\n';
        }
        self.out.bytes(chunk).await
    }

    async fn end_rows(&mut self) -> Result<(), ArchiveError> {
        match &self.position {
            Position::Rows { is_row_end: true, .. } => {}
            Position::Rows { table, .. } => return Err(ArchiveError::RowUnfinished { table: table.clone() }),
            _ => return Err(self.out_of_order("the end of rows")),
        }
        self.position = Position::BetweenEntries;
        self.out.text("\\.\n\n\n").await
    }

    async fn sequence_value(&mut self, entry: &TocEntry, position: SequencePosition) -> Result<(), ArchiveError> {
        self.begin_entry("the value of a sequence", entry).await?;
        let Some(EntryData::Sequence(sequence)) = &entry.data else {
            return Err(ArchiveError::Order { part: "the value of a sequence", state: "for an entry that has none" });
        };
        let mut sql = text::title("", entry);
        sql.push_str(&text::set_value(&sequence.name, position));
        self.out.text(&sql).await
    }

    async fn large_object_begin(&mut self, entry: &TocEntry) -> Result<(), ArchiveError> {
        self.promised("a large object", entry)?;
        let Some(EntryData::LargeObject(oid)) = &entry.data else {
            return Err(ArchiveError::Order { part: "a large object", state: "for an entry that has none" });
        };
        if self.position == Position::BetweenEntries {
            self.out.text(text::LARGE_OBJECTS_BEGIN).await?;
        }
        self.position = Position::LargeObject;
        self.out.text(&text::open_large_object(*oid)).await
    }

    async fn large_object_piece(&mut self, piece: Bytes) -> Result<(), ArchiveError> {
        if self.position != Position::LargeObject {
            return Err(self.out_of_order("a piece of a large object"));
        }
        for piece in piece.chunks(LARGE_OBJECT_PIECE) {
            self.out.text(&text::write_large_object(piece)).await?;
        }
        Ok(())
    }

    async fn large_object_end(&mut self) -> Result<(), ArchiveError> {
        if self.position != Position::LargeObject {
            return Err(self.out_of_order("the end of a large object"));
        }
        self.position = Position::BehindLargeObject;
        self.out.text(text::LARGE_OBJECT_CLOSE).await
    }

    async fn finish(mut self: Box<Self>, mut manifest: Manifest) -> Result<FinishedArchive, ArchiveError> {
        self.write_end().await?;
        manifest.format = MANIFEST_FORMAT;
        manifest.complete = true;
        manifest.script = Some(self.out.script_hash());
        let tail = manifest.to_plain_tail().map_err(|e| StorageError::Failed {
            action: "describe",
            path: "the script".into(),
            bytes: self.out.bytes,
            source: e.into(),
        })?;
        let mut queue = self.out.queue;
        queue.write_text(&tail).await?;
        let bytes = queue.finish().await?;
        Ok(FinishedArchive { manifest, bytes })
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
