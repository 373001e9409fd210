//! A script as it comes from its source, event by event.

use bytes::Bytes;
use memchr::memchr_iter;
use tokio::runtime::Handle;
use xxhash_rust::xxh3::Xxh3;

use crate::archive::detecting_decoder;
use crate::data::{ContentHash, RowHasher};
use crate::error::Error;
use crate::script::{ScriptEvent, ScriptReader};
use crate::storage::{InputQueue, Source};

/// What a script is, as a whole: its size and hash, uncompressed.
pub(super) type Fingerprint = (u64, u128);

/// A script that is being read.
pub(super) struct Script {
    input: InputQueue,
    reader: ScriptReader,
    hash: Xxh3,
    bytes: u64,
    is_closed: bool,
}

impl Script {
    /// Begins to read `source`, compressed or not, on a thread of its own.
    pub(super) fn open(source: Source, encoding: &str) -> Self {
        let runtime = Handle::current();
        let input = InputQueue::start(source.describe(), move |cancel| {
            detecting_decoder(source.open(runtime, cancel)?).map_err(Error::from)
        });
        let reader = ScriptReader::new().with_client_encoding(encoding);
        Self { input, reader, hash: Xxh3::new(), bytes: 0, is_closed: false }
    }

    /// The next part of the script; `None` behind its end.
    ///
    /// # Cancellation
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<ScriptEvent>, Error> {
        loop {
            if let Some(event) = self.reader.next_event()? {
                return Ok(Some(event));
            }
            if self.is_closed {
                return Ok(None);
            }
            match self.input.next().await? {
                Some(block) => self.feed(block),
                None => {
                    self.is_closed = true;
                    self.reader.close();
                }
            }
        }
    }

    fn feed(&mut self, block: Bytes) {
        self.hash.update(&block);
        self.bytes += block.len() as u64;
        self.reader.feed(block);
    }

    /// How many bytes have been taken, uncompressed.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it is as a whole, once it was read to its end.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        (self.bytes, self.hash.digest128())
    }
}

/// Hashes the rows of a `COPY` in text format, piece by piece, as they stand in the script.
#[derive(Default)]
pub(super) struct RowText {
    hasher: RowHasher,
}

impl RowText {
    /// Adds bytes that may begin and end anywhere.
    pub(super) fn add(&mut self, piece: &[u8]) {
        let mut start = 0;
        for at in memchr_iter(b'\n', piece) {
            self.hasher.piece(&piece[start..=at], true);
            start = at + 1;
        }
        if start < piece.len() {
            self.hasher.extend(&piece[start..]);
        }
    }

    /// The rows, of which the last may lack its line feed.
    pub(super) fn finish(mut self) -> ContentHash {
        self.hasher.end();
        self.hasher.content()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_one_hash_however_they_come() {
        let text = b"1\tone\n\n2\ttwo";
        let mut expected = ContentHash::new();
        [&b"1\tone"[..], b"", b"2\ttwo"].iter().for_each(|row| expected.update_row(row));
        for size in 1..=text.len() {
            let mut rows = RowText::default();
            text.chunks(size).for_each(|piece| rows.add(piece));
            assert_eq!(rows.finish(), expected, "{size}");
        }
    }

    #[tokio::test]
    async fn a_script_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sql");
        std::fs::write(&path, "SELECT 1;\nCOPY t FROM stdin;\n1\n\\.\n").unwrap();
        let mut script = Script::open(Source::Path(path), "UTF8");
        let mut events = Vec::new();
        while let Some(event) = script.next().await.unwrap() {
            events.push(event);
        }
        assert!(matches!(events.last(), Some(ScriptEvent::End(_))), "{events:?}");
        assert_eq!((events.len(), script.fingerprint().0), (5, 34));
    }
}
