//! Changes rows on their way from one database to another: here the values of one column become their lengths, so that nobody's
//! secrets reach a laptop. Nothing is stored in between, and memory does not grow with the tables.
//!
//! `cargo run --example transform_rows -- SOURCE_URL TARGET_URL SCHEMA.TABLE COLUMN`

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::guard::{AdmitRequest, NamedDatabase, NoMemory, Profiles, admit};
use pgstream::script::{ScriptEvent, ScriptReader, StatementKind};
use pgstream::{ArchiveError, ByteStream, Error, ExportRequest, Importer, Run, ScriptImporter, Source, export_stream};

/// The column that is changed.
struct Column {
    table: String,
    name: String,
}

/// A script on its way: what came is read, what is ready goes on.
struct Transformer {
    script: ByteStream,
    reader: ScriptReader,
    column: Column,
    /// Which column of the rows that flow is the one, if it is one of them.
    place: Option<usize>,
    /// The beginning of a row whose end has not come yet.
    row: BytesMut,
    ready: BytesMut,
    was_seen: bool,
    is_over: bool,
}

impl Transformer {
    /// The next piece of the changed script.
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        while self.ready.len() < 64 * 1024 && !self.is_over {
            match self.reader.next_event() {
                Err(error) => return Some(Err(error.into())),
                Ok(Some(event)) => self.take(event),
                Ok(None) => match self.script.next().await {
                    Some(Ok(piece)) => self.reader.feed(piece),
                    Some(Err(error)) => return Some(Err(error)),
                    None => self.reader.close(),
                },
            }
        }
        if self.is_over && !self.was_seen {
            // A name that was mistyped must not let the values pass. The import fails, and takes everything back.
            let problem = "no rows with it came by; a partitioned table is named by its partitions".into();
            return Some(Err(ArchiveError::OptionValue { what: "column", text: self.column.name.clone(), problem }.into()));
        }
        (!self.ready.is_empty()).then(|| Ok(self.ready.split().freeze()))
    }

    fn take(&mut self, event: ScriptEvent) {
        match event {
            ScriptEvent::Statement(statement) => {
                self.place = match statement.classify().kind {
                    StatementKind::Copy(copy)
                        if copy.relation.as_ref().is_some_and(|name| name.to_string() == self.column.table) =>
                    {
                        copy.columns.iter().position(|name| *name == self.column.name)
                    }
                    _ => None,
                };
                self.was_seen |= self.place.is_some();
                self.ready.put(statement.text);
                self.ready.put_u8(b'\n');
            }
            ScriptEvent::CopyRows(rows) if self.place.is_none() => self.ready.put(rows),
            ScriptEvent::CopyRows(rows) => {
                for part in rows.split_inclusive(|byte| *byte == b'\n') {
                    self.row.put(part);
                    if part.ends_with(b"\n") {
                        self.end_row();
                    }
                }
            }
            ScriptEvent::CopyEnd(_) => self.ready.put(&b"\\.\n"[..]),
            ScriptEvent::End(_) => self.is_over = true,
            // Comments stay behind, and with them the manifest, which tells of other rows. Meta-commands that do anything are errors.
            _ => {}
        }
    }

    /// A whole row is there, in the text format: tabs between the values, `\N` for NULL.
    fn end_row(&mut self) {
        let row = self.row.split();
        let values = row.strip_suffix(b"\n").unwrap_or(&row).split(|byte| *byte == b'\t');
        for (place, value) in values.enumerate() {
            if place > 0 {
                self.ready.put_u8(b'\t');
            }
            match Some(place) == self.place && value != b"\\N" {
                true => self.ready.put(value.len().to_string().as_bytes()),
                false => self.ready.put(value),
            }
        }
        self.ready.put_u8(b'\n');
    }
}

fn transformed(script: ByteStream, column: Column) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    let (row, ready) = (BytesMut::new(), BytesMut::new());
    let transformer =
        Transformer { script, reader: ScriptReader::new(), column, place: None, row, ready, was_seen: false, is_over: false };
    futures_util::stream::unfold(transformer, async |mut transformer| Some((transformer.next().await?, transformer)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [source, target, table, name] = <[String; 4]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "usage: transform_rows SOURCE_URL TARGET_URL SCHEMA.TABLE COLUMN")?;
    let environment = Environment::from_process();
    let source = NamedDatabase::unnamed(ConnectionConfig::parse(&source, &environment)?);
    let target = NamedDatabase::unnamed(ConnectionConfig::parse(&target, &environment)?);
    let profiles = Profiles::none(&environment);
    let destination = admit(AdmitRequest::new(&target, &profiles, &NoMemory).source(Some(&source))).await?;

    let (script, exported) = export_stream(ExportRequest::new(source.config().clone()), Run::new());
    let changed = Box::pin(transformed(script, Column { table, name }));
    let report = ScriptImporter::default().import(Source::Stream(changed), destination, &Run::new()).await?;
    assert_eq!(report.rows, exported.wait().await?.rows);
    println!("{} rows", report.rows);
    Ok(())
}
