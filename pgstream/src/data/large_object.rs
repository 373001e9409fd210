//! Large objects: reading their bytes in pieces, and what they hold as numbers.
//!
//! The functions of the server give and take `bytea`, which travels as hexadecimal digits. Most large objects are small, so the
//! beginnings of many are asked for together.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use crate::connection::{CopySession, StatementResult};
use crate::ddl::Ddl;
use crate::error::ConnectionError;

/// Bytes of a large object in one answer, which has them as hexadecimal digits.
const PIECE: u32 = 256 * 1024;

/// Bytes of each large object that are asked for ahead, together with those of others.
const HEAD: u32 = 32 * 1024;

/// Large objects whose heads are asked for at once.
pub(super) const HEADS: usize = 64;

/// Large objects whose lengths are asked for at once: a bound for the length of the text.
const LENGTHS: usize = 1000;

/// What a large object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LargeObjectContent {
    /// Its oid.
    pub(crate) oid: u32,
    /// Its length.
    pub(crate) bytes: u64,
    /// The 128-bit XXH3 of its bytes.
    pub(crate) hash: u128,
}

/// Hashes the pieces of one large object as they pass.
pub(crate) struct LargeObjectHasher {
    oid: u32,
    bytes: u64,
    hash: Box<Xxh3>,
}

impl LargeObjectHasher {
    /// Starts with nothing.
    pub(crate) fn new(oid: u32) -> Self {
        Self { oid, bytes: 0, hash: Box::default() }
    }

    /// How many bytes have passed: where the next piece begins.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds the next piece. Returns whether it was the last one.
    pub(crate) fn piece(&mut self, piece: &[u8]) -> bool {
        let is_last = is_last(self.bytes, piece.len());
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        is_last
    }

    /// What has passed.
    pub(crate) fn content(&self) -> LargeObjectContent {
        LargeObjectContent { oid: self.oid, bytes: self.bytes, hash: self.hash.digest128() }
    }
}

/// Whether the piece that begins at `offset` and has `length` bytes is the last one.
pub(super) fn is_last(offset: u64, length: usize) -> bool {
    length < if offset == 0 { HEAD as usize } else { PIECE as usize }
}

/// The statement that reads the piece from `offset` on.
pub(super) fn get_piece(oid: u32, offset: u64) -> String {
    let mut sql = Ddl::new();
    get(&mut sql, oid, offset, if offset == 0 { HEAD } else { PIECE });
    sql.into_string()
}

/// The statements that read the beginnings of several.
pub(super) fn get_heads(oids: &[u32]) -> String {
    let mut sql = Ddl::new();
    for oid in oids {
        get(&mut sql, *oid, 0, HEAD);
    }
    sql.into_string()
}

fn get(sql: &mut Ddl, oid: u32, offset: u64, length: u32) {
    sql.sql("SELECT pg_catalog.lo_get(").number(oid).sql(", ").number(offset).sql(", ").number(length).sql("); ");
}

/// The bytes in the answer of `server` to one of these statements.
pub(super) fn decode(server: &str, answer: Option<&StatementResult>) -> Result<Bytes, ConnectionError> {
    answer.and_then(|answer| answer.text(0, 0)).and_then(bytes_of_hex).ok_or_else(|| {
        let problem = "lo_get() did not give hexadecimal digits".into();
        ConnectionError::Protocol { server: server.to_owned(), problem }
    })
}

/// Reads what large objects hold, in their order.
///
/// # Errors
/// [`ConnectionError::Server`] when one is not there or cannot be read.
pub(crate) async fn hash_large_objects(
    session: &mut CopySession,
    oids: &[u32],
) -> Result<Vec<LargeObjectContent>, ConnectionError> {
    let mut contents = Vec::with_capacity(oids.len());
    for some in oids.chunks(HEADS) {
        let heads = session.simple(&get_heads(some)).await?;
        for (place, oid) in some.iter().enumerate() {
            let mut hasher = LargeObjectHasher::new(*oid);
            let mut is_last = hasher.piece(&decode(session.describe(), heads.get(place))?);
            while !is_last {
                let answer = session.simple(&get_piece(*oid, hasher.bytes())).await?;
                is_last = hasher.piece(&decode(session.describe(), answer.first())?);
            }
            contents.push(hasher.content());
        }
    }
    Ok(contents)
}

/// The lengths of those large objects among `oids` that are there, in the order of `oids`, without reading their bytes.
///
/// # Errors
/// [`ConnectionError::Server`] when one cannot be read.
pub(crate) async fn read_large_object_lengths(
    session: &mut CopySession,
    oids: &[u32],
) -> Result<Vec<(u32, u64)>, ConnectionError> {
    let mut lengths = Vec::with_capacity(oids.len());
    for some in oids.chunks(LENGTHS) {
        let mut sql = Ddl::new();
        // pg_largeobject has the pages, and only superusers may read it. 262144 is INV_READ, 2 is SEEK_END.
        sql.sql("SELECT f.oid, pg_catalog.lo_lseek64(f.descriptor, 0, 2), pg_catalog.lo_close(f.descriptor) ");
        sql.sql("FROM (SELECT w.oid, pg_catalog.lo_open(w.oid, 262144) AS descriptor FROM unnest(ARRAY[");
        for (place, oid) in some.iter().enumerate() {
            sql.sql(if place > 0 { ", " } else { "" }).number(*oid);
        }
        sql.sql("]::pg_catalog.oid[]) WITH ORDINALITY AS w(oid, place) ");
        sql.sql("JOIN pg_catalog.pg_largeobject_metadata m ON m.oid = w.oid ORDER BY w.place OFFSET 0) f");
        let answer = session.simple(sql.as_str()).await?;
        let rows = answer.first().map_or(0, |a| a.rows.len());
        for row in 0..rows {
            let number = |column| answer.first().and_then(|a| a.text(row, column));
            match (number(0).and_then(|n| n.parse().ok()), number(1).and_then(|n| n.parse().ok())) {
                (Some(oid), Some(length)) => lengths.push((oid, length)),
                _ => {
                    let problem = "lo_lseek64() gave no length".into();
                    return Err(ConnectionError::Protocol { server: session.describe().to_owned(), problem });
                }
            }
        }
    }
    Ok(lengths)
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

    #[test]
    fn the_last_piece_is_shorter_than_what_was_asked_for() {
        let mut hasher = LargeObjectHasher::new(1);
        assert!(!hasher.piece(&vec![0; HEAD as usize]));
        assert!(!hasher.piece(&vec![0; PIECE as usize]));
        assert!(hasher.piece(&[]));
        assert_eq!(hasher.content().bytes, u64::from(HEAD + PIECE));
    }
}
