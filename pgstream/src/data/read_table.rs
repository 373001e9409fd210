//! Reads one table in a snapshot, to its last row, through broken connections.
//!
//! When a connection breaks, another one joins the same snapshot and the COPY is repeated. A plain scan of a table gives the
//! same rows in the same order then (`synchronize_seqscans` and parallel query are off), so what was passed on is skipped, and
//! its hash is compared: should the bytes differ, the run fails rather than pass a wrong table on.

use std::collections::VecDeque;
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

use crate::catalog::{RELEASE, Reader, SAVEPOINT, Snapshot, TableData};
use crate::connection::{CopyOut, CopySession, Frames, Piece};
use crate::ddl::Ddl;
use crate::error::{CatalogError, ConnectionError, DataError, Retry, ServerError};
use crate::progress::Run;

use super::sink::{RowSink, SinkError};
use super::{ContentHash, CopyFormat, StreamHasher, copy_to_stdout};

/// How often a table is taken up again without a byte of progress in between.
const MAX_BARREN_ATTEMPTS: u32 = 6;

/// The first pause; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How many tables are asked for at once, so that small ones cost no round trip each. The server works on one of them at a
/// time and waits for us to read, so this is no memory here.
const TABLES_AHEAD: usize = 250;

/// Called with the rows and bytes that newly passed.
pub(crate) trait Progressing: FnMut(u64, u64) + Send {}
impl<F: FnMut(u64, u64) + Send> Progressing for F {}

/// Reads tables, one after the other, over a session that is replaced when it breaks.
pub(crate) struct TableReader<'s> {
    snapshot: &'s Snapshot,
    run: &'s Run,
    reader: Option<Reader<'s>>,
    /// What will be read next, in this order.
    coming: VecDeque<TableData>,
    /// The tables whose COPY the session has been sent already.
    sent: VecDeque<u32>,
}

/// What has been passed on of the table that is being read.
struct Passed {
    bytes: u64,
    /// Over all bytes passed, in order.
    digest: Box<Xxh3>,
    rows: StreamHasher,
}

impl Passed {
    fn piece(&mut self, piece: Piece<'_>) {
        self.bytes += piece.bytes.len() as u64;
        self.digest.update(piece.bytes);
        self.rows.piece(piece);
    }
}

/// Why one attempt at a table ended.
enum Failure {
    /// The source: another session may go on.
    Source(ConnectionError),
    /// The lock cannot be had: another session is queued for a stronger one.
    Locked,
    /// Nothing to go on with.
    Final(DataError),
}

impl<'s> TableReader<'s> {
    /// A reader without a session yet.
    pub(crate) fn new(snapshot: &'s Snapshot, run: &'s Run) -> Self {
        Self { snapshot, run, reader: None, coming: VecDeque::new(), sent: VecDeque::new() }
    }

    /// Announces the tables that will be read, in this order, as text and none between them: they are then asked for many at a time.
    pub(crate) fn expect(&mut self, tables: impl IntoIterator<Item = TableData>) {
        self.coming.extend(tables);
    }

    /// Reads all rows of `table` into `sink`, and gives their content hash.
    ///
    /// # Errors
    /// [`DataError::CopyIn`] or [`DataError::Sink`] if the sink failed, [`DataError::Cancelled`] on cancel, anything else if the source
    /// cannot be read on. The COPY of the source is over then.
    pub(crate) async fn read<S: RowSink>(
        &mut self,
        table: &TableData,
        format: CopyFormat,
        sink: &mut S,
        mut progress: impl Progressing,
    ) -> Result<ContentHash, DataError> {
        if self.coming.front().is_some_and(|next| next.relation == table.relation) {
            self.coming.pop_front();
        }
        let mut passed = Passed { bytes: 0, digest: Box::default(), rows: StreamHasher::new(format) };
        let (mut barren, mut pause) = (0, FIRST_PAUSE);
        loop {
            let before = passed.bytes;
            let failure = match self.attempt(table, sink, &mut passed, &mut progress).await {
                Ok(()) => return Ok(passed.rows.content()),
                Err(failure) => failure,
            };
            match failure {
                Failure::Final(error) => {
                    self.stop().await;
                    return Err(error);
                }
                Failure::Locked => {
                    self.give_back().await;
                    self.reader = Some(self.snapshot.keeper().await.map_err(|e| snapshot_error(table, e))?);
                }
                Failure::Source(source) => {
                    self.give_back().await;
                    if let Some(error) = self.final_error(table, format, passed.bytes, &source) {
                        return Err(error);
                    }
                    (barren, pause) = if passed.bytes > before { (0, FIRST_PAUSE) } else { (barren + 1, pause * 2) };
                    if barren > MAX_BARREN_ATTEMPTS || source.retry() != Retry::Now {
                        return Err(DataError::CopyOut { relation: table.name.clone(), bytes: passed.bytes, source });
                    }
                    self.run.log(format!("reading {} again from where it broke off: {source}", table.name));
                    self.pause(pause).await?;
                }
            }
        }
    }

    /// Why reading a table cannot go on, if it cannot.
    fn final_error(&self, table: &TableData, format: CopyFormat, bytes: u64, source: &ConnectionError) -> Option<DataError> {
        let (relation, source) = (table.name.clone(), source.clone());
        if source.server_error().is_some_and(ServerError::is_too_large) {
            let format = match format {
                CopyFormat::Text => "text",
                CopyFormat::Binary => "binary",
            };
            return Some(DataError::RowTooLarge { relation, bytes, format, source });
        }
        let is_lost = self.snapshot.one_connection().is_some() && source.retry() == Retry::Now;
        is_lost.then_some(DataError::Snapshot { relation, source: CatalogError::ConnectionLost { source } })
    }

    /// Ends what the session is doing, and the session unless it is lent.
    pub(crate) async fn stop(&mut self) {
        self.sent.clear();
        if let Some(reader) = self.reader.take() {
            reader.stop().await;
        }
    }

    /// Lets a session go that failed.
    async fn give_back(&mut self) {
        self.sent.clear();
        if let Some(reader) = self.reader.take() {
            reader.give_back().await;
        }
    }

    async fn pause(&self, pause: Duration) -> Result<(), DataError> {
        tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => Err(DataError::Cancelled),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    async fn attempt<S: RowSink>(
        &mut self,
        table: &TableData,
        sink: &mut S,
        passed: &mut Passed,
        progress: &mut impl Progressing,
    ) -> Result<(), Failure> {
        if self.reader.is_none() {
            let opened = tokio::select! {
                biased;
                () = self.run.cancellation().cancelled() => return Err(Failure::Final(DataError::Cancelled)),
                opened = self.snapshot.reader() => opened,
            };
            self.reader = Some(opened.map_err(|e| match e {
                // What breaks while a connection is made passes like what breaks later.
                CatalogError::Connection(e) if e.retry() == Retry::Now => Failure::Source(e),
                e => Failure::Final(snapshot_error(table, e)),
            })?);
        }
        let reader = self.reader.as_mut().expect("opened above");
        let is_lent = reader.is_lent();
        let session = reader.session();
        let format = passed.rows.format();
        if self.sent.pop_front() != Some(table.relation) || format != CopyFormat::Text {
            // Left over when tables are read in another order than announced.
            let leftover = if self.sent.is_empty() { Ok(()) } else { session.drain().await };
            leftover.map_err(Failure::Source)?;
            self.sent.clear();
            let ahead = if is_lent { 0 } else { TABLES_AHEAD };
            session.send(&copy_statement(table, format, is_lent)).map_err(Failure::Source)?;
            for table in self.coming.iter().take(ahead) {
                session.send(&copy_statement(table, CopyFormat::Text, is_lent)).map_err(Failure::Source)?;
            }
            self.sent.extend(self.coming.iter().take(ahead).map(|table| table.relation));
        }
        let mut out = tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => return Err(Failure::Final(DataError::Cancelled)),
            out = begin_copy(session) => out?,
        };
        let attempt = Attempt { table, run: self.run, passed, progress };
        attempt.pass_all(&mut out, sink).await?;
        if is_lent {
            self.reader = None;
        }
        Ok(())
    }
}

fn snapshot_error(table: &TableData, source: CatalogError) -> DataError {
    DataError::Snapshot { relation: table.name.clone(), source }
}

/// Locks the table without waiting, and copies it. Waiting for the lock could be a deadlock that no server sees: whoever is
/// queued in front of us waits for our keepers. A session that is lent has the locks, and must outlive an error.
fn copy_statement(table: &TableData, format: CopyFormat, is_lent: bool) -> String {
    let mut sql = Ddl::new();
    if is_lent {
        sql.sql(SAVEPOINT).sql("; ");
    } else if matches!(table.relkind, 'r' | 'p') {
        sql.sql("LOCK TABLE ONLY ").name(&table.name).sql(" IN ACCESS SHARE MODE NOWAIT; ");
    }
    sql.deparsed(&copy_to_stdout(&table.name, &table.columns, format));
    if is_lent {
        sql.sql("; ").sql(RELEASE);
    }
    sql.into_string()
}

async fn begin_copy(
    session: &mut CopySession,
) -> Result<CopyOut<'_, impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + use<>>, Failure> {
    match session.copy_out_sent().await {
        Ok(out) => Ok(out),
        Err(e) if e.sqlstate() == Some("55P03") => Err(Failure::Locked),
        Err(e) => Err(Failure::Source(e)),
    }
}

struct Attempt<'a, P> {
    table: &'a TableData,
    run: &'a Run,
    passed: &'a mut Passed,
    progress: &'a mut P,
}

impl<P: Progressing> Attempt<'_, P> {
    async fn pass_all<S, T>(mut self, out: &mut CopyOut<'_, T>, sink: &mut S) -> Result<(), Failure>
    where
        S: RowSink,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    {
        let mut skip = Skip { left: self.passed.bytes, digest: Box::default() };
        while let Some(frames) = self.next(out, sink).await? {
            if skip.left > 0 {
                self.skip(&mut skip, &frames, sink).await?;
            } else {
                self.pass(frames, sink).await?;
            }
        }
        let (sent, arrived) = (out.rows(), self.passed.rows.content().rows());
        match sent == Some(arrived) && skip.left == 0 {
            true => Ok(()),
            false => Err(Failure::Final(DataError::RowsLost {
                relation: self.table.name.clone(),
                sent: sent.unwrap_or_default(),
                arrived,
            })),
        }
    }

    /// Waits for rows while the sink goes on with those it has.
    async fn next<S, T>(&self, out: &mut CopyOut<'_, T>, sink: &mut S) -> Result<Option<Frames>, Failure>
    where
        S: RowSink,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    {
        tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => Err(Failure::Final(DataError::Cancelled)),
            error = sink.work() => Err(self.sink_failed(error)),
            next = out.next() => next.map_err(Failure::Source),
        }
    }

    async fn pass<S: RowSink>(&mut self, frames: Frames, sink: &mut S) -> Result<(), Failure> {
        let (rows, bytes) = (self.passed.rows.content().rows(), self.passed.bytes);
        for piece in frames.pieces() {
            self.passed.piece(piece);
        }
        let taken = tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => return Err(Failure::Final(DataError::Cancelled)),
            taken = sink.frames(frames) => taken,
        };
        taken.map_err(|e| self.sink_failed(e))?;
        (self.progress)(self.passed.rows.content().rows() - rows, self.passed.bytes - bytes);
        Ok(())
    }

    /// Leaves out what was passed on before; from the border on, the rest of these frames passes as bytes.
    async fn skip<S: RowSink>(&mut self, skip: &mut Skip, frames: &Frames, sink: &mut S) -> Result<(), Failure> {
        let rows = self.passed.rows.content().rows();
        let mut fresh = bytes::BytesMut::new();
        for piece in frames.pieces() {
            let known = usize::try_from(skip.left).unwrap_or(usize::MAX).min(piece.bytes.len());
            skip.left -= known as u64;
            skip.digest.update(&piece.bytes[..known]);
            if known == piece.bytes.len() {
                continue;
            }
            let rest =
                Piece { bytes: &piece.bytes[known..], starts_row: piece.starts_row && known == 0, ends_row: piece.ends_row };
            fresh.extend_from_slice(rest.bytes);
            if known > 0 || fresh.len() == rest.bytes.len() {
                self.check_repeated(skip)?;
            }
            self.passed.piece(rest);
        }
        if skip.left == 0 && fresh.is_empty() {
            return self.check_repeated(skip);
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let bytes = fresh.len() as u64;
        sink.bytes(fresh.freeze()).await.map_err(|e| self.sink_failed(e))?;
        (self.progress)(self.passed.rows.content().rows() - rows, bytes);
        Ok(())
    }

    /// What was skipped must be what was passed on, byte for byte.
    fn check_repeated(&self, skip: &Skip) -> Result<(), Failure> {
        match skip.digest.digest128() == self.passed.digest.digest128() {
            true => Ok(()),
            false => {
                let (relation, bytes) = (self.table.name.clone(), self.passed.bytes);
                Err(Failure::Final(DataError::NotRepeatable { relation, bytes }))
            }
        }
    }

    fn sink_failed(&self, error: SinkError) -> Failure {
        let (relation, bytes) = (self.table.name.clone(), self.passed.bytes);
        Failure::Final(match error {
            SinkError::Connection(source) => DataError::CopyIn { relation, bytes, source },
            SinkError::Output(source) => DataError::Sink { relation, bytes, source },
        })
    }
}

/// How much is still to be left out of a repeated COPY.
struct Skip {
    left: u64,
    digest: Box<Xxh3>,
}
