//! Reads what is no table: large objects in pieces, and where sequences stand.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::catalog::{Reader, SequenceData, Snapshot};
use crate::connection::{CopySession, StatementResult};
use crate::ddl::Ddl;
use crate::error::{CatalogError, ConnectionError, DataError, Retry};
use crate::progress::Run;

use super::{SequenceValue, read_sequence_values};

/// Bytes of a large object in one answer, which has them as hexadecimal digits.
const PIECE: u32 = 256 * 1024;

/// Bytes of each large object that are asked for ahead, together with those of others: most large objects are small.
const HEAD: u32 = 32 * 1024;

/// Large objects whose heads are asked for at once.
const HEADS: usize = 64;

/// How often a question is asked again over a new connection.
const MAX_ATTEMPTS: u32 = 6;

/// The first pause; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Asks questions in a snapshot, over a session that is replaced when it breaks.
pub(crate) struct ValueReader<'s> {
    snapshot: &'s Snapshot,
    run: &'s Run,
    reader: Option<Reader<'s>>,
    /// Large objects that will be read, in this order, behind those of `heads`.
    coming: VecDeque<u32>,
    heads: VecDeque<(u32, Bytes)>,
}

impl<'s> ValueReader<'s> {
    /// A reader without a session yet.
    pub(crate) fn new(snapshot: &'s Snapshot, run: &'s Run) -> Self {
        Self { snapshot, run, reader: None, coming: VecDeque::new(), heads: VecDeque::new() }
    }

    /// Says goodbye.
    pub(crate) async fn stop(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.give_back().await;
        }
    }

    /// Where each of the sequences stands now, in their order.
    ///
    /// # Errors
    /// [`DataError::Values`], [`DataError::Cancelled`].
    pub(crate) async fn sequences(&mut self, sequences: &[SequenceData]) -> Result<Vec<SequenceValue>, DataError> {
        let (mut attempt, mut pause) = (0, FIRST_PAUSE);
        loop {
            let asked = match self.session().await {
                Ok(session) => read_sequence_values(session, sequences).await,
                Err(e) => Err(e),
            };
            self.give_back_lent();
            match asked {
                Ok(values) => return Ok(values),
                Err(e) => self.survive(e, "the values of sequences", &mut attempt, &mut pause).await?,
            }
        }
    }

    /// The rows of a question's one statement, or of its several.
    ///
    /// # Errors
    /// As for [`sequences`](Self::sequences); `what` names in errors what is read.
    pub(crate) async fn ask(&mut self, what: &str, sql: &str) -> Result<Vec<StatementResult>, DataError> {
        let (mut attempt, mut pause) = (0, FIRST_PAUSE);
        loop {
            let asked = match self.session().await {
                Ok(session) => session.simple(sql).await,
                Err(e) => Err(e),
            };
            self.give_back_lent();
            match asked {
                Ok(results) => return Ok(results),
                Err(e) => self.survive(e, what, &mut attempt, &mut pause).await?,
            }
        }
    }

    /// Announces the large objects that will be read, in this order: their beginnings are then asked for many at a time.
    pub(crate) fn expect(&mut self, oids: impl IntoIterator<Item = u32>) {
        self.coming.extend(oids);
    }

    /// A piece of a large object from `offset` on; an empty one is the end.
    ///
    /// # Errors
    /// As for [`sequences`](Self::sequences).
    pub(crate) async fn piece(&mut self, oid: u32, offset: u64) -> Result<Bytes, DataError> {
        if offset == 0 {
            return self.head(oid).await;
        }
        let what = format!("large object {oid}");
        let answer = self.ask(&what, &get(oid, offset, PIECE)).await?;
        self.decode(&what, answer.first())
    }

    /// Whether the piece that begins at `offset` and has `length` bytes is the last one.
    pub(crate) fn is_last(offset: u64, length: usize) -> bool {
        length < if offset == 0 { HEAD as usize } else { PIECE as usize }
    }

    async fn head(&mut self, oid: u32) -> Result<Bytes, DataError> {
        if self.heads.front().is_none_or(|(next, _)| *next != oid) {
            self.heads.clear();
            if self.coming.front() != Some(&oid) {
                self.coming.push_front(oid);
            }
            let some: Vec<u32> = self.coming.drain(..self.coming.len().min(HEADS)).collect();
            let sql: String = some.iter().map(|oid| get(*oid, 0, HEAD)).collect();
            let what = format!("large object {oid}");
            let answers = self.ask(&what, &sql).await?;
            for (i, oid) in some.into_iter().enumerate() {
                let what = format!("large object {oid}");
                let head = self.decode(&what, answers.get(i))?;
                self.heads.push_back((oid, head));
            }
        }
        Ok(self.heads.pop_front().expect("asked for above").1)
    }

    fn decode(&self, what: &str, answer: Option<&StatementResult>) -> Result<Bytes, DataError> {
        answer.and_then(|answer| answer.text(0, 0)).and_then(bytes_of_hex).ok_or_else(|| {
            let problem = "lo_get() did not give hexadecimal digits".into();
            let source = ConnectionError::Protocol { server: "the source".into(), problem };
            DataError::Values { what: what.to_owned(), source }
        })
    }

    async fn session(&mut self) -> Result<&mut CopySession, ConnectionError> {
        if self.reader.is_none() {
            let opened = self.snapshot.reader().await.map_err(|e| match e {
                CatalogError::Connection(e)
                | CatalogError::SnapshotLost { source: e }
                | CatalogError::ConnectionLost { source: e } => e,
                other => ConnectionError::Protocol { server: "the source".into(), problem: other.to_string() },
            })?;
            self.reader = Some(opened);
        }
        Ok(self.reader.as_mut().expect("opened above").session())
    }

    /// Others wait for a session that is lent.
    fn give_back_lent(&mut self) {
        self.reader.take_if(|reader| reader.is_lent());
    }

    /// Waits before the next attempt, or gives up.
    async fn survive(
        &mut self,
        source: ConnectionError,
        what: &str,
        attempt: &mut u32,
        pause: &mut Duration,
    ) -> Result<(), DataError> {
        self.reader = None;
        *attempt += 1;
        let is_only_one = self.snapshot.one_connection().is_some();
        if is_only_one || source.retry() != Retry::Now || *attempt >= MAX_ATTEMPTS {
            return Err(DataError::Values { what: what.to_owned(), source });
        }
        self.run.log(format!("reading {what} again: {source}"));
        tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => return Err(DataError::Cancelled),
            () = tokio::time::sleep(*pause) => {}
        }
        *pause *= 2;
        Ok(())
    }
}

fn get(oid: u32, offset: u64, length: u32) -> String {
    let mut sql = Ddl::new();
    sql.sql("SELECT pg_catalog.lo_get(").number(oid).sql(", ").number(offset).sql(", ").number(length).sql("); ");
    sql.into_string()
}

/// The bytes of `\x00ff…`.
fn bytes_of_hex(text: &str) -> Option<Bytes> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?)).collect::<Option<Vec<u8>>>().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_from_hexadecimal_digits() {
        for (text, expected) in
            [("\\x", Some(&[][..])), ("\\x00ff7F", Some(&[0, 255, 127][..])), ("\\x0", None), ("\\x0g", None), ("00", None)]
        {
            assert_eq!(bytes_of_hex(text).as_deref(), expected, "{text}");
        }
    }
}
