//! Finds rows in a stream of COPY text that has no frames: a script or a file.

use super::{ContentHash, RowHasher};

/// Hashes COPY text that comes in chunks of any size. A row ends at its line feed: COPY text writes a line feed in a
/// value as `\n`, so no other can occur. The end mark `\.` is not part of the rows; leave it out.
#[derive(Default)]
pub struct RowSplitter {
    hasher: RowHasher,
}

impl RowSplitter {
    /// Starts with no rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk. It may begin and end anywhere.
    pub fn update(&mut self, chunk: &[u8]) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            self.hasher.piece(&chunk[start..=end], true);
            start = end + 1;
        }
        if start < chunk.len() {
            self.hasher.piece(&chunk[start..], false);
        }
    }

    /// The rows that were complete so far.
    pub fn content(&self) -> ContentHash {
        self.hasher.content()
    }

    /// Whether the chunks so far end in the middle of a row.
    pub fn is_inside_row(&self) -> bool {
        self.hasher.is_inside_row()
    }

    /// All rows; what stands behind the last line feed counts as a row.
    pub fn finish(mut self) -> ContentHash {
        self.hasher.end();
        self.hasher.content()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunk_borders_do_not_matter(
            rows in prop::collection::vec("[a-z\\t]{0,40}", 0..20),
            size in 1..50usize,
            is_terminated in any::<bool>(),
        ) {
            let mut text = rows.iter().map(|row| format!("{row}\n")).collect::<String>();
            if !is_terminated && rows.last().is_some_and(|row| !row.is_empty()) {
                text.pop();
            }
            let mut splitter = RowSplitter::new();
            text.as_bytes().chunks(size).for_each(|chunk| splitter.update(chunk));
            let mut expected = ContentHash::new();
            rows.iter().for_each(|row| expected.update_row(row.as_bytes()));
            prop_assert_eq!(splitter.finish(), expected);
        }
    }
}
