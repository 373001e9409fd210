//! Writes what a snapshot holds into an archive, entry by entry.

use crate::archive::{ArchiveHeader, ArchiveWriter, EntryData, LargeObjectsManifest, Manifest, TEXT_DOMAIN};
use crate::archive::{SequencePosition, TableManifest, Toc, TocEntry};
use crate::catalog::{Catalog, SequenceData, Snapshot, TableData};
use crate::data::{CopyFormat, SequenceValue, TableReader, ValueReader};
use crate::error::{DataError, Error};
use crate::progress::{Phase, Run};
use crate::report::{Proven, TableReport};

use super::rows::ArchiveSink;

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) tables: Vec<TableReport>,
    pub(super) manifests: Vec<TableManifest>,
    pub(super) sequences: u64,
    pub(super) large_objects: LargeObjectsManifest,
}

/// One export on its way.
pub(super) struct Work<'s> {
    run: &'s Run,
    tables: TableReader<'s>,
    pub(super) values: ValueReader<'s>,
    /// Where the sequences stand, in the order of the archive; read when the first one is reached.
    sequences: Option<std::vec::IntoIter<SequenceValue>>,
    written: Written,
}

impl<'s> Work<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, run: &'s Run) -> Self {
        let (tables, values) = (TableReader::new(snapshot, run), ValueReader::new(snapshot, run));
        Self { run, tables, values, sequences: None, written: Written::default() }
    }

    /// Ends what the readers are doing on the server.
    pub(super) async fn stop(&mut self) {
        self.tables.stop().await;
        self.values.stop().await;
    }

    /// Writes everything but the end.
    pub(super) async fn write(&mut self, catalog: &Catalog, toc: &Toc, writer: &mut dyn ArchiveWriter) -> Result<(), Error> {
        let mut header = ArchiveHeader::new(catalog.database.server_version.as_str());
        if catalog.database.encoding == "SQL_ASCII" {
            header.encoding.clone_from(&catalog.database.encoding);
        }
        self.expect(toc);
        self.run.enter(Phase::Schema);
        unless_cancelled(self.run, async { Ok(writer.begin(&header, toc).await?) }).await?;
        for entry in &toc.entries {
            match &entry.data {
                None => {
                    if self.run.phase() == Phase::Data && entry.section == crate::catalog::Section::PostData {
                        self.run.enter(Phase::Finish);
                    }
                    unless_cancelled(self.run, async { Ok(writer.entry(entry).await?) }).await?;
                }
                Some(data) => {
                    self.run.enter(Phase::Data);
                    self.write_data(toc, entry, data, writer).await?;
                }
            }
        }
        Ok(())
    }

    /// Fills in what the manifest says about the contents, and gives the account of it.
    pub(super) fn finish(&mut self, manifest: &mut Manifest) -> Written {
        let mut written = std::mem::take(&mut self.written);
        manifest.tables = std::mem::take(&mut written.manifests);
        manifest.sequences = written.sequences;
        manifest.large_objects = written.large_objects;
        written
    }

    fn expect(&mut self, toc: &Toc) {
        let tables: Vec<TableData> = toc.entries.iter().filter_map(table_of).cloned().collect();
        let bytes = tables.iter().map(|table| table.bytes).sum();
        self.run.expect_tables(tables.len() as u64, bytes);
        self.run.expect_work(bytes);
        self.tables.expect(tables);
        self.values.expect(toc.entries.iter().filter_map(|entry| match entry.data {
            Some(EntryData::LargeObject(oid)) => Some(oid),
            _ => None,
        }));
    }

    async fn write_data(
        &mut self,
        toc: &Toc,
        entry: &TocEntry,
        data: &EntryData,
        writer: &mut dyn ArchiveWriter,
    ) -> Result<(), Error> {
        let run = self.run;
        match data {
            EntryData::Table { source, .. } => self.write_rows(entry, source, writer).await,
            EntryData::Sequence(_) => unless_cancelled(run, self.write_sequence(toc, entry, writer)).await,
            EntryData::LargeObject(oid) => unless_cancelled(run, self.write_large_object(entry, *oid, writer)).await,
        }
    }

    async fn write_rows(&mut self, entry: &TocEntry, table: &TableData, writer: &mut dyn ArchiveWriter) -> Result<(), Error> {
        let run = self.run;
        let _working = run.working_on(table.name.to_string());
        unless_cancelled(run, async { Ok(writer.begin_rows(entry).await?) }).await?;
        let mut sink = ArchiveSink::new(writer);
        let mut planned = table.bytes;
        let progress = |rows, bytes| {
            run.moved(rows, bytes);
            let units = planned.min(bytes);
            planned -= units;
            run.work_done(units);
        };
        let content = match self.tables.read(table, CopyFormat::Text, &mut sink, progress).await {
            Ok(content) => content,
            Err(error) => return Err(sink.take_failure().map_or_else(|| error.into(), Error::from)),
        };
        unless_cancelled(run, async { Ok(sink.finish().await?) }).await?;
        run.work_done(planned);
        run.table_done();
        let bytes = content.bytes() + content.rows();
        let mut report = TableReport::new(&table.name, content.rows(), bytes, TEXT_DOMAIN, content.to_string());
        report.proven = Proven::Rows;
        self.written.manifests.push(TableManifest {
            schema: report.schema.clone(),
            name: report.name.clone(),
            rows: report.rows,
            bytes: content.bytes(),
            hash: report.hash.clone(),
            domain: TEXT_DOMAIN.into(),
            columns: table.columns.clone(),
        });
        self.written.tables.push(report);
        Ok(())
    }

    async fn write_sequence(&mut self, toc: &Toc, entry: &TocEntry, writer: &mut dyn ArchiveWriter) -> Result<(), Error> {
        if self.sequences.is_none() {
            let all: Vec<SequenceData> = toc.entries.iter().filter_map(sequence_of).cloned().collect();
            self.sequences = Some(self.values.sequences(&all).await?.into_iter());
        }
        let value = self.sequences.as_mut().and_then(Iterator::next).expect("every sequence of the archive was read");
        let position = SequencePosition { last_value: value.last_value, is_called: value.is_called };
        writer.sequence_value(entry, position).await?;
        self.written.sequences += 1;
        Ok(())
    }

    async fn write_large_object(&mut self, entry: &TocEntry, oid: u32, writer: &mut dyn ArchiveWriter) -> Result<(), Error> {
        writer.large_object_begin(entry).await?;
        let mut offset = 0;
        loop {
            let piece = self.values.piece(oid, offset).await?;
            let length = piece.len();
            if length > 0 {
                writer.large_object_piece(piece).await?;
            }
            let is_last = ValueReader::is_last(offset, length);
            offset += length as u64;
            if is_last {
                break;
            }
        }
        writer.large_object_end().await?;
        self.run.moved(0, offset);
        self.written.large_objects.count += 1;
        self.written.large_objects.bytes += offset;
        Ok(())
    }
}

fn table_of(entry: &TocEntry) -> Option<&TableData> {
    match &entry.data {
        Some(EntryData::Table { source, .. }) => Some(source),
        _ => None,
    }
}

fn sequence_of(entry: &TocEntry) -> Option<&SequenceData> {
    match &entry.data {
        Some(EntryData::Sequence(sequence)) => Some(sequence),
        _ => None,
    }
}

/// A cancel wins over what is ready at the same moment.
pub(super) async fn unless_cancelled<T>(run: &Run, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::select! {
        biased;
        () = run.cancellation().cancelled() => Err(DataError::Cancelled.into()),
        done = work => done,
    }
}
