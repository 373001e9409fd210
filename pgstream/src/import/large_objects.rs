//! Copies the bytes of large objects, and compares them.
//!
//! Small ones go many to a statement; large ones in pieces. What is on its way is bounded, whatever the size of an object.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::archive::TocEntry;
use crate::connection::CopySession;
use crate::data::{LargeObjectContent, LargeObjectHasher, ValueReader, hash_large_objects, read_large_object_lengths};
use crate::ddl::Ddl;
use crate::error::{ConnectionError, DataError, ImportError};
use crate::name::QualifiedName;
use crate::progress::Run;
use crate::report::Verify;

use super::ledger::{Ledger, entry_name};
use super::load::{Loader, is_worth_repeating};
use super::plan::LargeObjects;

/// How much text a statement may have before it is sent: bytes take two digits each.
const STATEMENT: usize = 512 * 1024;

/// How many large objects a statement writes to.
const PER_STATEMENT: usize = 64;

/// How many statements are on their way while the next is being filled.
const IN_FLIGHT: usize = 1;

/// How often statements are sent again without one of them being answered in between.
const MAX_ATTEMPTS: u32 = 5;

/// The pause between two such attempts; it grows with their number.
const PAUSE: Duration = Duration::from_millis(100);

/// How many large objects are made in one transaction. Making one takes no lock, so this is a bound for the length of the text.
pub(crate) const MADE_TOGETHER: usize = 500;

/// What makes large objects that are empty: one statement, for there may be very many.
pub(crate) fn creation<'e>(entries: impl Iterator<Item = &'e TocEntry>) -> Ddl {
    let mut sql = Ddl::new();
    sql.sql("SELECT pg_catalog.lo_create(w.oid) FROM unnest(ARRAY[");
    for (place, entry) in entries.enumerate() {
        sql.sql(if place > 0 { ", " } else { "" }).number(entry.object.oid);
    }
    sql.sql("]::pg_catalog.oid[]) AS w(oid)").end();
    sql
}

/// Makes empty large objects, together with their lines in the ledger.
///
/// # Errors
/// [`ImportError::Apply`] if they cannot be made, because there are such ones already for example.
pub(crate) async fn make(control: &mut CopySession, entries: &[&TocEntry], run: &Run) -> Result<(), ImportError> {
    for some in entries.chunks(MADE_TOGETHER) {
        if run.is_cancelled() {
            return Err(DataError::Cancelled.into());
        }
        let mut sql = creation(some.iter().copied());
        Ledger::record_all(&mut sql, some.iter().map(|entry| (entry.id.0, entry_name(entry), entry.drop.as_str())));
        let made = control.execute(sql.as_str()).await;
        let (first, last) = (some[0].object.oid, some[some.len() - 1].object.oid);
        made.map_err(|source| ImportError::Apply { what: format!("large objects {first} to {last}"), source })?;
    }
    Ok(())
}

/// What large objects are written over.
pub(crate) enum Over<'w, 's> {
    /// Sessions of a worker, the next one when one breaks; that they are copied is written down.
    Sessions(&'w mut Loader<'s>),
    /// A transaction, which is lost with its session.
    Transaction(&'w mut CopySession),
}

impl Over<'_, '_> {
    async fn session(&mut self) -> Result<&mut CopySession, ImportError> {
        match self {
            Self::Sessions(loader) => loader.session().await,
            Self::Transaction(session) => Ok(session),
        }
    }
}

/// Copies the bytes of large objects, which exist in the target and are empty. Gives what was read of each.
///
/// # Errors
/// [`DataError::Values`] for what cannot be read, [`DataError::CopyIn`] for what cannot be written, [`DataError::Cancelled`].
pub(crate) async fn copy(
    some: &LargeObjects,
    values: &mut ValueReader<'_>,
    over: Over<'_, '_>,
    run: &Run,
) -> Result<Vec<LargeObjectContent>, ImportError> {
    let mut writer =
        Writer { over, run, filling: Filling::default(), in_flight: VecDeque::new(), sent: 0, sent_to: None, bytes: 0 };
    let mut contents = Vec::with_capacity(some.oids.len());
    values.expect(some.oids.iter().copied());
    for oid in &some.oids {
        let mut hasher = LargeObjectHasher::new(*oid);
        loop {
            let offset = hasher.bytes();
            let piece = unless_cancelled(run, values.piece(*oid, offset)).await??;
            writer.put(*oid, offset, &piece).await?;
            if hasher.piece(&piece) {
                break;
            }
        }
        contents.push(hasher.content());
    }
    writer.finish(some).await?;
    Ok(contents)
}

/// What `work` gives, unless the run is cancelled first: no answer is waited for then.
async fn unless_cancelled<T>(run: &Run, work: impl Future<Output = T>) -> Result<T, ImportError> {
    tokio::select! {
        biased;
        () = run.cancellation().cancelled() => Err(DataError::Cancelled.into()),
        done = work => Ok(done),
    }
}

/// Compares large objects with what was read.
///
/// # Errors
/// [`ImportError::Mismatch`] if one is missing, or holds something else.
pub(crate) async fn check(session: &mut CopySession, expected: &[LargeObjectContent], verify: Verify) -> Result<(), ImportError> {
    if verify == Verify::None {
        return Ok(());
    }
    let oids: Vec<u32> = expected.iter().map(|content| content.oid).collect();
    let lengths: HashMap<u32, u64> = read_large_object_lengths(session, &oids).await?.into_iter().collect();
    for content in expected {
        match lengths.get(&content.oid) {
            Some(length) if *length == content.bytes => {}
            found => {
                let found = found.map_or_else(|| "nothing".to_owned(), |length| format!("{length} bytes"));
                return Err(mismatch(content.oid, format!("{} bytes", content.bytes), found));
            }
        }
    }
    if verify == Verify::Checksum {
        let found = hash_large_objects(session, &oids).await?;
        if let Some((wanted, found)) = expected.iter().zip(&found).find(|(wanted, found)| wanted != found) {
            return Err(mismatch(wanted.oid, describe(wanted), describe(found)));
        }
    }
    Ok(())
}

fn describe(content: &LargeObjectContent) -> String {
    format!("{} bytes with hash {:032x}", content.bytes, content.hash)
}

fn mismatch(oid: u32, expected: String, found: String) -> ImportError {
    ImportError::Mismatch { relation: format!("large object {oid}"), expected, found }
}

/// A statement that is being filled: `SELECT lo_put(…), lo_put(…)`.
#[derive(Default)]
struct Filling {
    sql: Ddl,
    calls: usize,
}

impl Filling {
    fn add(&mut self, oid: u32, offset: u64, piece: &[u8]) {
        self.sql.sql(if self.calls == 0 { "SELECT " } else { ", " });
        self.sql.sql("pg_catalog.lo_put(").number(oid).sql("::pg_catalog.oid, ").number(offset).sql(", ").bytea(piece).sql(")");
        self.calls += 1;
    }

    fn is_full(&self) -> bool {
        self.calls >= PER_STATEMENT || self.sql.as_str().len() >= STATEMENT
    }

    fn take(&mut self) -> String {
        self.calls = 0;
        std::mem::take(&mut self.sql).into_string()
    }
}

/// Sends statements without waiting for each answer, and again over a new session when one breaks: writing a piece twice does no
/// harm, since it has its place.
struct Writer<'w, 's> {
    over: Over<'w, 's>,
    run: &'w Run,
    filling: Filling,
    /// What was not answered yet, the oldest first.
    in_flight: VecDeque<String>,
    /// How many of these the session was sent.
    sent: usize,
    /// The server process that they were sent to.
    sent_to: Option<i32>,
    /// For errors: what was put into statements so far.
    bytes: u64,
}

impl Writer<'_, '_> {
    async fn put(&mut self, oid: u32, offset: u64, piece: &[u8]) -> Result<(), ImportError> {
        if piece.is_empty() {
            return Ok(());
        }
        self.filling.add(oid, offset, piece);
        self.bytes += piece.len() as u64;
        match self.filling.is_full() {
            true => self.send_filled().await,
            false => Ok(()),
        }
    }

    /// Sends what is left with the line in the ledger, and waits for every answer.
    async fn finish(mut self, some: &LargeObjects) -> Result<(), ImportError> {
        if self.filling.calls > 0 {
            self.send_filled().await?;
        }
        // In a message of its own, behind all bytes: what is written down is there. Repeated, it stays one line.
        let what = format!("the bytes of {} large objects", some.oids.len());
        let mut sql = Ddl::new();
        match self.over {
            Over::Sessions(_) => Ledger::record_once(&mut sql, some.line, &what),
            // There is no ledger; an answer to this is one to all.
            Over::Transaction(_) => drop(sql.sql("SELECT").end()),
        }
        self.send(sql.into_string(), 0).await
    }

    async fn send_filled(&mut self) -> Result<(), ImportError> {
        let sql = self.filling.take();
        self.send(sql, IN_FLIGHT).await
    }

    /// Sends a statement, and waits until at most `left` are unanswered.
    async fn send(&mut self, sql: String, left: usize) -> Result<(), ImportError> {
        self.in_flight.push_back(sql);
        let mut attempt = 1;
        loop {
            let before = self.in_flight.len();
            let run = self.run;
            let error = match unless_cancelled(run, self.try_send(left)).await? {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            attempt = if self.in_flight.len() < before { 1 } else { attempt + 1 };
            if matches!(self.over, Over::Transaction(_)) || attempt > MAX_ATTEMPTS || !is_worth_repeating(&error) {
                return Err(error);
            }
            self.run.log(format!("writing large objects again: {error}"));
            tokio::time::sleep(PAUSE * attempt).await;
        }
    }

    async fn try_send(&mut self, left: usize) -> Result<(), ImportError> {
        let bytes = self.bytes;
        let relation = || QualifiedName::new("pg_catalog", "pg_largeobject");
        let write_error = |source: ConnectionError| DataError::CopyIn { relation: relation(), bytes, source };
        let session = self.over.session().await?;
        if self.sent_to != Some(session.backend_pid()) {
            self.sent_to = Some(session.backend_pid());
            self.sent = 0;
        }
        while let Some(sql) = self.in_flight.get(self.sent) {
            session.send(sql).map_err(write_error)?;
            self.sent += 1;
        }
        while self.in_flight.len() > left {
            if let Err(error) = session.receive().await {
                // A statement that failed is sent again behind the answers to those after it.
                self.sent = 0;
                let _ = session.drain().await;
                return Err(write_error(error).into());
            }
            self.in_flight.pop_front();
            self.sent -= 1;
        }
        Ok(())
    }
}
