//! What a reader gathers over several pieces: the statement it is in, and the hash of all it has read.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::input::Input;

/// The statement that is being read.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// What was in earlier pieces.
    pub(super) text: Vec<u8>,
    /// Where the rest begins in this piece.
    pub(super) start: usize,
    pub(super) line: u64,
    pub(super) offset: u64,
    pub(super) commands: u32,
}

impl Assembly {
    /// Copies what is in this piece, up to `end`, because the piece will be gone.
    pub(super) fn keep(&mut self, bytes: &Bytes, end: usize) {
        self.text.extend_from_slice(bytes.get(self.start..end).unwrap_or_default());
        self.start = 0;
    }

    /// The whole text, which is not copied if all of it is in this piece.
    pub(super) fn take(&mut self, bytes: &Bytes, end: usize) -> Bytes {
        if self.text.is_empty() {
            return bytes.slice(self.start..end);
        }
        self.keep(bytes, end);
        std::mem::take(&mut self.text).into()
    }
}

/// The hash of the script before its manifest.
#[derive(Default)]
pub(super) struct Fingerprint {
    pub(super) hash: Xxh3,
    /// Up to where in the script it goes.
    pub(super) end: u64,
    /// The manifest has begun.
    pub(super) is_final: bool,
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fingerprint").field("end", &self.end).finish_non_exhaustive()
    }
}

impl Fingerprint {
    /// Goes on to a place in this piece.
    pub(super) fn extend(&mut self, input: &Input, to: usize) {
        if !self.is_final {
            let from = usize::try_from(self.end.saturating_sub(input.offset_of(0))).unwrap_or(usize::MAX);
            self.hash.update(input.bytes().get(from..to).unwrap_or_default());
            self.end = input.offset_of(to);
        }
    }
}
