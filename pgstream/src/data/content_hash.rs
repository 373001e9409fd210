//! What a table holds, as one number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// The name of the rule by which rows become a hash; another rule gets another name.
const DOMAIN: &str = "text-v1";

/// The content of a table, or of any part of it, whatever the order of its rows.
///
/// Domain `text-v1`: each row is its line of COPY text without the line feed, in UTF-8 (the database's own encoding for
/// SQL_ASCII) and under the settings that an export pins. A row's hash is its 128-bit XXH3 with seed 0; the hashes are added
/// modulo 2¹²⁸. Equal contents have equal hashes; different contents have the same by accident only. It protects
/// against damage, not against somebody who searches for a collision.
///
/// Two of them are equal when hash, rows and bytes are. `Display` shows the hash alone: 32 hexadecimal digits. `serde` and
/// [`FromStr`] use all of it, as `text-v1:<hash>:<rows>:<bytes>`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct ContentHash {
    sum: u128,
    rows: u64,
    bytes: u64,
}

impl ContentHash {
    /// The content of nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a row: its COPY text without the line feed.
    #[inline]
    pub(crate) fn update_row(&mut self, row: &[u8]) {
        self.add(xxh3_128(row), row.len() as u64);
    }

    /// Adds all rows of another part.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.rows += other.rows;
        self.bytes += other.bytes;
    }

    /// How many rows were added.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// How many bytes they have, without line feeds.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[inline]
    fn add(&mut self, hash: u128, bytes: u64) {
        self.sum = self.sum.wrapping_add(hash);
        self.rows += 1;
        self.bytes += bytes;
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.sum)
    }
}

/// The text is not a content hash that this version understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read a content hash: expected {DOMAIN}:<32 hexadecimal digits>:<rows>:<bytes>")]
pub(crate) struct ParseContentHashError;

impl FromStr for ContentHash {
    type Err = ParseContentHashError;

    fn from_str(text: &str) -> Result<Self, ParseContentHashError> {
        let mut parts = text.split(':');
        let mut part = || parts.next().ok_or(ParseContentHashError);
        let (domain, hash, rows, bytes) = (part()?, part()?, part()?, part()?);
        let is_ours = domain == DOMAIN && hash.len() == 32 && part().is_err();
        let is_plain = |s: &str| s.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_ours || ![hash, rows, bytes].into_iter().all(is_plain) {
            return Err(ParseContentHashError);
        }
        Ok(Self {
            sum: u128::from_str_radix(hash, 16).map_err(|_| ParseContentHashError)?,
            rows: rows.parse().map_err(|_| ParseContentHashError)?,
            bytes: bytes.parse().map_err(|_| ParseContentHashError)?,
        })
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{DOMAIN}:{self}:{}:{}", self.rows, self.bytes))
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes rows that may come in pieces. A row of one piece takes the short way.
#[derive(Default)]
pub(crate) struct RowHasher {
    content: ContentHash,
    /// The row that is being hashed and its bytes so far. Kept from row to row: it is half a kilobyte.
    row: Option<Box<Xxh3>>,
    row_bytes: Option<u64>,
}

impl RowHasher {
    /// Starts with no rows.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a row: its COPY text without the line feed.
    #[inline]
    pub(crate) fn update_row(&mut self, row: &[u8]) {
        self.content.update_row(row);
    }

    /// Begins a row that comes in pieces. A row begun before and not ended is forgotten.
    pub(crate) fn begin(&mut self) {
        self.row.get_or_insert_default().reset();
        self.row_bytes = Some(0);
    }

    /// Adds a piece to the row, and begins one if none is open.
    pub(crate) fn extend(&mut self, piece: &[u8]) {
        if self.row_bytes.is_none() {
            self.begin();
        }
        if let (Some(row), Some(bytes)) = (&mut self.row, &mut self.row_bytes) {
            row.update(piece);
            *bytes += piece.len() as u64;
        }
    }

    /// Ends the row that comes in pieces. Does nothing if none is open.
    pub(crate) fn end(&mut self) {
        if let (Some(row), Some(bytes)) = (&self.row, self.row_bytes.take()) {
            self.content.add(row.digest128(), bytes);
        }
    }

    /// Adds a piece of COPY text as a stream gives it: the last piece of a row ends with the row's line feed.
    #[inline]
    pub(crate) fn piece(&mut self, bytes: &[u8], ends_row: bool) {
        if !ends_row {
            return self.extend(bytes);
        }
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if self.row_bytes.is_none() {
            return self.update_row(bytes);
        }
        self.extend(bytes);
        self.end();
    }

    /// Whether a row was begun and not ended.
    pub(crate) fn is_inside_row(&self) -> bool {
        self.row_bytes.is_some()
    }

    /// The rows that were completed so far.
    pub(crate) fn content(&self) -> ContentHash {
        self.content
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash<'a>(rows: impl IntoIterator<Item = &'a Vec<u8>>) -> ContentHash {
        let mut content = ContentHash::new();
        rows.into_iter().for_each(|row| content.update_row(row));
        content
    }

    fn rows() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20)
    }

    #[test]
    fn the_domain_is_fixed() {
        // From the reference implementation of XXH3: the hash of no bytes.
        assert_eq!(hash([&vec![]]).to_string(), "99aa06d3014798d86001c324468d497f");
        assert_eq!(ContentHash::new().to_string(), "0".repeat(32));
    }

    #[test]
    fn other_text_is_refused() {
        let good = "text-v1:99aa06d3014798d86001c324468d497f:1:0";
        assert_eq!(good.parse(), Ok(hash([&vec![]])));
        let long = format!("{good}:0");
        let signed = good.replace(":1:", ":+1:");
        for bad in ["", "text-v2:99aa06d3014798d86001c324468d497f:1:0", &good[..40], &long, &signed] {
            assert_eq!(bad.parse::<ContentHash>(), Err(ParseContentHashError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_order_of_rows_does_not_matter(rows in rows(), seed in any::<usize>()) {
            let mut other = rows.clone();
            other.rotate_left(seed % rows.len());
            other.swap(0, seed % rows.len());
            prop_assert_eq!(hash(&rows), hash(&other));
        }

        #[test]
        fn parts_merge_to_the_whole(rows in rows(), at in any::<prop::sample::Index>()) {
            let (a, b) = rows.split_at(at.index(rows.len()));
            let mut merged = hash(a);
            merged.merge(&hash(b));
            prop_assert_eq!(merged, hash(&rows));
        }

        #[test]
        fn one_bit_changes_it(mut rows in rows(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let before = hash(&rows);
            let filled: Vec<usize> = (0..rows.len()).filter(|&i| !rows[i].is_empty()).collect();
            prop_assume!(!filled.is_empty());
            let row = &mut rows[filled[at.index(filled.len())]];
            let byte = at.index(row.len());
            row[byte] ^= 1 << bit;
            prop_assert_ne!(before.to_string(), hash(&rows).to_string());
        }

        #[test]
        fn pieces_of_a_row_hash_as_the_row(rows in rows(), cuts in prop::collection::vec(0..300usize, 0..5)) {
            let mut hasher = RowHasher::new();
            for row in &rows {
                let mut rest = [row.as_slice(), b"\n"].concat();
                for cut in &cuts {
                    // The line feed stays in the last piece.
                    let later = rest.split_off((*cut).min(rest.len() - 1));
                    hasher.piece(&rest, false);
                    rest = later;
                }
                hasher.piece(&rest, true);
            }
            prop_assert_eq!(hasher.content(), hash(&rows));
        }

        #[test]
        fn json_keeps_it(rows in rows()) {
            let text = serde_json::to_string(&hash(&rows)).unwrap();
            prop_assert_eq!(serde_json::from_str::<ContentHash>(&text).unwrap(), hash(&rows));
        }
    }
}
